// What the ops of a nest execute: instructions, loads, stores, loop turns.
#pragma once

#include <map>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cost/reuse.h"
#include "cost/scalar_cost.h"

namespace smeaton::cost {

struct Work {
    /// Instructions by class and dtype, of one vector or one element each.
    std::map<std::pair<machine::OpClass, tensor::DType>, double> vector_instructions;
    std::map<std::pair<machine::OpClass, tensor::DType>, double> scalar_instructions;
    double fma_stall = 0;  ///< further fma instructions' time lost where too few are independent
    double loads = 0, stores = 0;              ///< instructions, of a vector or of one element
    double split_loads = 0, split_stores = 0;  ///< of these, across the end of a line
    double gathered = 0;  ///< elements that lie apart, by instructions for whole vectors of them
    double inserted = 0;  ///< elements that lie apart, read or written one by one
    double loop_turns = 0;
    double tests = 0;  ///< of whether an access lies within its bounds, where that takes a branch
    double masks = 0;  ///< of lanes within bounds that hold for some of them
    std::map<Name, double> asked_read_bytes, asked_write_bytes;  ///< of slices, by their own level
    /// Of the read ones: what copies bring in before the work goes on: of copies in one part all,
    /// of others the part of each loop's first iteration.
    std::map<Name, double> waited_bytes;
};

struct WorkShape {
    int fma_in_flight = 8;                      ///< independent vector fmas that fill the unit
    std::set<machine::OpClass> functions = {};  ///< special ones that the unit has
    std::set<Name> parted = {};                 ///< levels in parts: copies into them run ahead
    const machine::Machine* machine = nullptr;  ///< null: nothing is stored sparse
    double line_bytes = 0;  ///< of lines whose ends accesses may cross; 0: that takes no time
};

/// Ops of a nest that units with shapes of their own take (contraction.h).
using TakenOps = std::unordered_set<const gir::Op*>;

/// Of the elements along the lanes, which lie apart, how many are read how, as the op is spelled.
/// What is written goes one by one.
struct ApartElements {
    double gathered = 0, strided = 0, inserted = 0;
    double strided_by = 0;  ///< elements of memory from one lane to the next
};
ApartElements apart_elements(const gir::Op&, const gir::Slice& operand, bool written);

/// All executions of all ops of the nest but for those taken, as they are spelled. InternalError
/// for an op without a spelling.
Work work_of(const Nest&, const WorkShape&, const TakenOps& = {});
/// One execution of an op of the nest, or of the pass that fills a copy, whole.
Work work_of(const Nest&, const gir::Op&, const WorkShape&);

}  // namespace smeaton::cost
