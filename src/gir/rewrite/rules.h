// What all rewrites share: which rules run, and the log of what they did (--skip, --explain).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gir/names.h"
#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

struct RuleLog {
    std::string rule;
    std::string what;  ///< "softmax_4 into scale_3 over T_12"
};

struct Rules {
    std::set<std::string> skip;           ///< names of rules left out
    std::vector<RuleLog>* log = nullptr;  ///< may be null
    int64_t row_bytes = INT64_MAX;        ///< largest tile that a merge may put between two loops
    int64_t wide = 1;                     ///< parallel iterations that a merge need not exceed

    bool on(const std::string& rule) const { return skip.count(rule) == 0; }
    void note(const std::string& rule, const std::string& what) const {
        if (log) log->push_back({rule, what});
    }
};

/// Parallel iterations wanted for each core, so that a static split is even.
constexpr int64_t kIterationsPerCore = 8;

/// The rules with a target's sizes: rows that its first level holds; iterations enough for all its
/// cores, whether at work or not (what is merged may not depend on the number of threads).
Rules sized_for(const Target&, Rules = {});

/// Names of all rules, for --skip to check against.
const std::vector<std::string>& rule_names();

/// Who writes and reads each buffer under this very name, by index into the program's straight-line
/// steps; views and steps inside branches and repeats are not followed.
struct Uses {
    std::vector<size_t> writers;
    std::vector<size_t> readers;  ///< each reading step once
};
std::map<Name, Uses> uses_of(const Program&);
/// Gives a step another kernel (null: none any more) and keeps `uses` true.
void replace_kernel(Program&, size_t step, KernelPtr, std::map<Name, Uses>& uses);

/// The kernel of a step, null when the step is no RunStep.
KernelPtr kernel_of(const Step&);

/// A branch, repeat or settle step touches the buffer.
bool touched_by_control(const Program&, Name);

/// A temp that only kernels of plain steps touch, without views, and without a border (who reads
/// that reads what no map of another buffer has): free to be rewritten away.
bool is_free_temp(const Program&, const Buffer&);

}  // namespace smeaton::gir::rewrite
