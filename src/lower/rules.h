// The table of lowering rules, keyed by operator; one file per family fills its rows.
#pragma once

#include <map>

#include "lower/builder.h"
#include "lower/context.h"

namespace smeaton::lower {

/// Appends kernels (or views) that compute every present output of the node. Throws Refused for
/// what it cannot do.
using Rule = void (*)(NodeContext&);
using RuleTable = std::map<model::OpType, Rule>;

/// All rules. An operator without a row is refused by name.
const RuleTable& rules();

void add_elementwise_rules(RuleTable&);
void add_conv_rules(RuleTable&);
void add_matmul_rules(RuleTable&);
void add_norm_rules(RuleTable&);
void add_pool_rules(RuleTable&);
void add_reduce_rules(RuleTable&);
void add_index_rules(RuleTable&);
void add_move_rules(RuleTable&);
void add_shape_rules(RuleTable&);

}  // namespace smeaton::lower
