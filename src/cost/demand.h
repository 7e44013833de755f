// What one execution of an op or copy asks of a machine of scratchpads: an engine for itself, and
// bytes over the lines that transfers share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cost/contraction.h"
#include "cost/kernel_cost.h"

namespace smeaton::cost {

/// Bytes that cross several lines together, at one pace: what one access asks.
struct Flow {
    double bytes = 0;
    std::vector<int> lines;
};

struct Demand {
    int engine = 0;
    double busy_ns = 0;       ///< the engine's own work, transfers apart
    double latency_ns = 0;    ///< from its end until another engine sees the result
    bool in_turn = false;     ///< transfers begin when the engine's own work is done
    std::vector<Flow> flows;  ///< the engine is free when all of them are over
};

/// What transfers share.
struct Line {
    std::string name;
    double bytes_per_ns = 0;  ///< 0: the machine has none
};

/// Engines do one thing at a time: each unit, what fills a level, what empties it. Lines are
/// shared: a level's reads, its writes, both together where it has a copy rate, its port.
class Demands {
public:
    /// `cores` share what is not private to each. The nest must outlive this.
    Demands(const Nest&, const machine::Machine&, const CostOptions&, const WorkShape&,
            int64_t cores);

    /// Of an op of the nest, or of the pass that fills a copy, whole. UserError where the machine
    /// lacks a rate.
    Demand of(const gir::Op&);

    const std::vector<std::string>& engines() const { return engines_; }
    const std::vector<Line>& lines() const { return lines_; }
    /// What no machine has placed lies in the outermost level.
    int level_index(Name) const;

private:
    int moving_engine(const gir::Op&) const;
    int engine_of(Name unit) const;
    void add_lines_of(const machine::Level&);
    void add_flow(Demand&, int level, bool write, double bytes, int near) const;
    void add_flows(Demand&, const gir::Op&, const Work& asked) const;
    void add_flows(Demand&, const std::vector<OperandAccess>&) const;
    void add_latency(Demand&, const Work& asked) const;
    int level_for(machine::OperandRole) const;
    void take_turns(Demand&) const;
    bool inwards(int inner, int outer) const;
    int level_of(Name target) const;

    const Nest& nest_;
    const machine::Machine& m_;
    const CostOptions& options_;
    const WorkShape& shape_;
    int64_t cores_;
    std::vector<ShapeRow> rows_;
    std::set<Name> scratchpads_;
    const machine::Unit& vector_;
    double pipeline_ns_ = 0;  ///< through the vector unit
    int array_ = -1;          ///< the engine of the kernel's products beside the vector unit
    std::vector<std::string> engines_;
    std::vector<Line> lines_;
};

}  // namespace smeaton::cost
