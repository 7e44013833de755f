// What all rewrites share: which rules run, whom they ask what a kernel costs, and the log of what
// they did and were refused (--skip, --explain). engine.h applies rules by these.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/workers.h"
#include "gir/ledger/levels.h"
#include "gir/ledger/traffic.h"
#include "gir/names.h"
#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

/// Microseconds that a spelled kernel of the program takes on the target. `asked` (null: no matter)
/// gets, by level, for which capacities the answer is the same.
using Oracle = std::function<double(const Program&, const Kernel&, Region* asked)>;

class Prices;        // engine.h
struct Question;     // engine.h
struct KeptPrices;   // engine.h
struct KeptKernels;  // kept.h

/// What kernels move and take in one run; those that run at load only count nothing.
struct Effect {
    std::vector<LevelBytes> levels;  ///< as in a ledger: outermost first, cumulated inwards
    std::optional<double> us;        ///< nothing without an oracle, or where sizes are open
};

struct RuleLog {
    std::string rule;
    std::string what;       ///< "softmax_4 into scale_3 over T_12", or the kernel's name
    std::string refused{};  ///< why the proposal was not taken; empty: it was
    Effect before{}, after{};
    bool tiling = false;  ///< priced as it stands; else as what will be tiled (engine.h)
};

struct Rules {
    std::set<std::string> skip = {};      ///< names of rules left out
    std::vector<RuleLog>* log = nullptr;  ///< may be null
    Capacity rows_in = {};  ///< has room for the tiles that a merge puts between loops
    /// The part of the model that an origin belongs to. Kernels of several parts stay apart, but
    /// for moves between them; null: any may merge.
    std::function<std::string(const std::string& origin)> part_of = nullptr;
    int64_t wide = 1;     ///< parallel iterations that a merge need not exceed
    bool verify = false;  ///< the program after each rule, not only each stage
    Levels levels = {};   ///< that bytes are counted at, of the target
    /// Prices what a rule cannot judge by bytes; without one such proposals are refused.
    Oracle oracle = nullptr;
    std::shared_ptr<Prices> prices = nullptr;    ///< of the oracle, made by sized_for
    std::vector<Question>* questions = nullptr;  ///< gets what was asked; may be null
    /// From targets that differ in capacities alone; null: nothing is kept.
    std::shared_ptr<KeptPrices> kept_prices = nullptr;
    /// Of one shaped program, from targets of the same levels; null: nothing is kept.
    KeptKernels* kept_kernels = nullptr;
    /// Gets what the oracle asks of capacities while a kernel is tiled, and what was asked for what
    /// is kept; null: no matter. What rules ask besides is noted by the target.
    Region* asked = nullptr;
    /// Share the kernels of a program; null: this thread does them all. Nothing depends on it.
    Workers* workers = nullptr;

    bool on(const std::string& rule) const { return skip.count(rule) == 0; }
};

/// Parallel iterations wanted for each core, so that a static split is even.
constexpr int64_t kIterationsPerCore = 8;

/// The rules with a target's sizes: rows that its first level holds; iterations enough for all its
/// cores, whether at work or not (what is merged may not depend on the number of threads).
Rules sized_for(const Target&, Rules = {});

/// Names of all rules, for --skip to check against, in the order in which they are first tried.
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
