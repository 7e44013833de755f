#include "schedule/read/read.h"

#include <filesystem>

#include "base/error.h"
#include "base/mapped_file.h"

namespace smeaton::schedule {

TaskGraph read_task_graph(const std::string& path) {
    std::string ending = std::filesystem::path(path).extension();
    auto read = ending == ".json"  ? read_json
                : ending == ".stg" ? read_stg
                : ending == ".td"  ? read_td
                                   : nullptr;
    if (read == nullptr) throw UserError("{}: a task graph ends in .json, .stg or .td", path);
    MappedFile file = map_file(path);
    TaskGraph graph =
        read(path, {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()});
    verify(graph, path);
    return graph;
}

}  // namespace smeaton::schedule
