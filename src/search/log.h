// Evaluations in a file of SQLite's: appended to, one row a point, never changed. A run that was
// killed goes on from what was committed; a run that is repeated evaluates nothing.
#pragma once

#include <memory>
#include <string>

#include "search/search.h"

namespace smeaton::search {

/// Opens a log or begins one. The table `points` has the point's name first, then its figures; the
/// table `search` says whose they are; `prices` has what parts of evaluations cost. UserError: no
/// log, the log of another search (another space, base, model or cost model), or one that another
/// process is writing.
std::unique_ptr<Store> open_log(const std::string& path, const Space&, const std::string& identity);

}  // namespace smeaton::search
