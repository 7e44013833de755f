#include "lower/axis_map.h"

namespace smeaton::lower {

std::vector<Run> runs_of(const std::vector<int64_t>& sources) {
    std::vector<Run> runs;
    const auto size = static_cast<int64_t>(sources.size());
    const auto at = [&](int64_t i) { return sources[static_cast<size_t>(i)]; };
    for (int64_t i = 0; i < size;) {
        Run run{i, 1, at(i), 0};
        if (i + 1 < size) run.step = at(i + 1) - at(i);
        while (i + run.count < size && at(i + run.count) == run.base + run.step * run.count)
            ++run.count;
        i += run.count;
        runs.push_back(run);
    }
    return runs;
}

int64_t repeat_factor(const std::vector<int64_t>& sources) {
    int64_t factor = 0;
    while (factor < static_cast<int64_t>(sources.size()) &&
           sources[static_cast<size_t>(factor)] == 0)
        ++factor;
    if (factor < 2 || static_cast<int64_t>(sources.size()) % factor != 0) return 0;
    for (size_t i = 0; i < sources.size(); ++i)
        if (sources[i] != static_cast<int64_t>(i) / factor) return 0;
    return factor;
}

}  // namespace smeaton::lower
