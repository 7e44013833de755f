// Task graphs from files; docs/schedule.md describes them.
#pragma once

#include <string>
#include <string_view>

#include "schedule/task_graph.h"

namespace smeaton::schedule {

/// By the ending: .json (ours), .stg (Kasahara's standard task graphs), .td (Davidovic's graphs
/// with messages). UserError naming the file and the key, task or line.
TaskGraph read_task_graph(const std::string& path);

// `file` is what messages name.
/// {"tasks": [{"name", "durations_us": [on 1 core, on 2, ...], "holds": [kinds], "output_bytes"}],
///  "edges": [{"from", "to", "cost_us", "bytes"}], "cores": {kind: count}, "memory_bytes"}. A
/// duration of null: not on so many cores. Without holds: the one kind that there is. Unknown keys
/// are errors.
TaskGraph read_json(const std::string& file, std::string_view text);
/// n, then n + 2 rows: number from 0, time, number of predecessors, predecessors. The first and the
/// last row stand for begin and end; where they take no time they are left out. # starts a comment.
TaskGraph read_stg(const std::string& file, std::string_view text);
/// n, then n rows: number from 1, time, number of successors, pairs of successor and message time.
TaskGraph read_td(const std::string& file, std::string_view text);

}  // namespace smeaton::schedule
