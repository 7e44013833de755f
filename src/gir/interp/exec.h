// Execution of a resolved kernel. Internal.
#pragma once

#include <random>
#include <vector>

#include "gir/interp/rows.h"

namespace smeaton::gir::interp {

/// Counts and traces as the run goes; see account.cpp.
class Account;

struct Context {
    std::vector<int64_t> axes;
    Account* account = nullptr;  ///< null: neither counting nor tracing
    bool poison_tiles = true;
    double sum_slack = 0;
    std::mt19937 random;  ///< of sum_slack
};

void run_op(OpNode&, Context&);
void run_check(const CheckNode&, Context&);
void run_nodes(const Nodes&, Context&);
/// The kernel's statements, its outermost parallel nest restricted to `range`.
void run_body(const Nodes&, Context&, const IterationRange& range);
/// Loops of the parallel nest that starts at `loop`, flattened: outermost first.
std::vector<LoopNode*> parallel_nest(LoopNode* loop);

}  // namespace smeaton::gir::interp
