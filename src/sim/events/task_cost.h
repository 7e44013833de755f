// What one execution of an op, or of a copy into a tile, asks of the chip.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "cost/shapes.h"
#include "gir/program.h"
#include "sim/events/chip.h"

namespace smeaton::sim::events {

struct TaskCost {
    int engine = 0;
    TimePs busy_ps = 0;       ///< the engine's own work, transfers apart
    TimePs latency_ps = 0;    ///< from its end until others see the result
    std::vector<Flow> flows;  ///< go on while the engine works; it is free when all are over
    bool in_turn = false;     ///< flows begin when the engine's own work is done
};

/// Tiles and buffers of a kernel by name. Tiles must have names of their own.
class Places {
public:
    Places(const gir::Program&, const gir::Block&, const Chip&);
    int level(Name) const;
    tensor::DType dtype(Name) const;
    const gir::Tile* tile(Name) const;  ///< null: a buffer
    /// Does the dim run along consecutive elements of what the slice names?
    bool consecutive(const gir::Slice&, Name dim) const;

private:
    const gir::Program& program_;
    const Chip& chip_;
    std::map<Name, gir::Tile> tiles_;
};

class TaskCosts {
public:
    /// Of a kernel's body; `overlap`: events.h.
    TaskCosts(const Chip&, const Places&, const gir::Block& body, bool overlap);
    /// By the spelling of the op. InternalError for one without; UserError where the machine lacks
    /// a rate.
    TaskCost of(const gir::Op&) const;
    /// Of a tile that is filled from its source; `part` of its elements are new.
    TaskCost of_copy(const gir::Let&, double part) const;

private:
    struct Counted;
    TaskCost unordered(const gir::Op&) const;
    TaskCost in_turns(TaskCost) const;
    TaskCost moved(const gir::Op&) const;
    TaskCost contracted(const gir::Op&, const cost::ShapeRow&) const;
    TaskCost computed(const gir::Op&) const;
    const cost::ShapeRow* array_for(const gir::Op&) const;
    double arithmetic_ns(const gir::Op&, const Counted&) const;
    double access_ns(const gir::Op&, const Counted&) const;
    double instructions_ns(machine::OpClass, tensor::DType, double count) const;
    double bytes_of(const gir::Op&, const gir::Slice&) const;
    void add_accesses(const gir::Op&, TaskCost&) const;
    double level_latency_ns(const TaskCost&) const;

    const Chip& chip_;
    const Places& places_;
    const machine::Unit* vector_;
    std::vector<cost::ShapeRow> shapes_;
    std::set<machine::OpClass> functions_;
    double in_flight_;
    bool overlap_;
    int array_ = -1;  ///< the engine of the kernel's products beside the vector unit
};

}  // namespace smeaton::sim::events
