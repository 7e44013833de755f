#include "sim/events/walk.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/error.h"
#include "gir/walk.h"
#include "sim/events/guards.h"

namespace smeaton::sim::events {
namespace {

// Tasks that have been handed out and not finished: far more than the parts of any buffer let run
// ahead.
constexpr int64_t kWindow = 1 << 16;

/// One life of a tile: from the entry of its block until all who touch it are done.
struct Instance {
    TaskId writer = kNoTask;
    std::vector<TaskId> readers;  ///< since it was written last
    /// Who lived in the same part before: all who touch that must be done.
    std::shared_ptr<Instance> before;
};
using InstancePtr = std::shared_ptr<Instance>;

/// The parts of a tile's room, taken in turn.
struct TileRow {
    std::vector<InstancePtr> parts;
    size_t next = 0;
    InstancePtr now;  ///< null: its block is left
};

/// A block being walked; of a loop, with its iteration.
struct Frame {
    const gir::Block* block = nullptr;
    size_t next = 0;
    Name axis;
    bool loop = false, parallel = false;
    int64_t value = 0, begin = 0, end = 0;
    std::vector<int> declared;
};

class Walker {
public:
    Walker(const gir::Program& program, const gir::Kernel& kernel, const Chip& chip,
           const EventOptions& options)
        : chip_(chip),
          body_(gir::with_unique_tiles(kernel.body)),
          places_(program, body_, chip),
          costs_(chip, places_, body_, options.overlap),
          runtime_(chip, [this](TaskId id) { finished(id); }),
          phases_(gir::has_several_phases(body_)) {
        if (options.timeline) runtime_.keep_slices(&result_.slices);
        const size_t levels = chip.machine().levels.size();
        result_.read_bytes.assign(levels, 0);
        result_.written_bytes.assign(levels, 0);
        asked_bytes_.assign(chip.links().size(), 0);
        count_instances();
    }

    KernelEvents run() {
        frames_.emplace_back();
        frames_.back().block = &body_;
        advance();
        runtime_.queue().run();
        SMEATON_CHECK(frames_.empty() && runtime_.outstanding() == 0,
                      "the walk of a kernel stopped with work left");
        check_carried();
        result_.time_ps = last_finish_;
        result_.events = runtime_.queue().events_run();
        for (size_t e = 0; e < chip_.engines().size(); ++e)
            result_.busy_ps.push_back(runtime_.busy_ps(static_cast<int>(e)));
        return std::move(result_);
    }

private:
    /// What was asked of each link has crossed it, and nothing else.
    void check_carried() const {
        for (size_t l = 0; l < asked_bytes_.size(); ++l) {
            const double carried = runtime_.carried_bytes(static_cast<int>(l));
            SMEATON_CHECK(std::abs(carried - asked_bytes_[l]) <= 1e-6 * asked_bytes_[l],
                          "{} bytes were asked of '{}', which carried {}", asked_bytes_[l],
                          chip_.links()[l].name, carried);
        }
    }

    /// In a register file each tile gets its share of the room; elsewhere a tile has as many
    /// instances as parts.
    void count_instances() {
        std::vector<const gir::Let*> lets;
        double in_registers = 0;
        gir::for_each_stmt(body_, [&](const gir::Stmt& s) {
            if (auto* let = std::get_if<gir::Let>(&s.node)) lets.push_back(let);
        });
        for (const gir::Let* let : lets)
            if (chip_.level(let->tile.level) == chip_.registers()) in_registers += bytes_of(*let);
        for (const gir::Let* let : lets) {
            const machine::Level& level = chip_.at(chip_.level(let->tile.level));
            int64_t parts;
            if (chip_.level(let->tile.level) == chip_.registers())
                parts = std::max<int64_t>(1, static_cast<int64_t>(level.capacity_bytes.value /
                                                                  std::max(in_registers, 1.0)));
            else
                parts = std::max<int64_t>(
                    let->depth, level.depth ? static_cast<int64_t>(level.depth->value) : 1);
            tile_rows_[let->tile.name] = static_cast<int>(tiles_.size());
            tiles_.emplace_back().parts.resize(static_cast<size_t>(parts));
        }
    }

    static double bytes_of(const gir::Let& let) {
        double elements = 1;
        for (const gir::NamedDim& d : let.tile.dims)
            elements *= static_cast<double>(d.extent.value());
        return elements * tensor::bits(let.tile.dtype) / 8.0;
    }

    /// Hands out what comes next until something has to be waited for.
    void advance() {
        if (advancing_) return;
        advancing_ = true;
        while (!frames_.empty() && step()) {
        }
        advancing_ = false;
    }

    /// One statement, or one end of a block; false: not yet.
    bool step() {
        Frame& frame = frames_.back();
        if (runtime_.outstanding() >= kWindow) return false;
        if (frame.next == frame.block->size()) return end_of_block();
        const bool phase = frames_.size() == 1 && phases_;
        if (phase && runtime_.outstanding() > 0) return false;
        const gir::Stmt& s = *(*frame.block)[frame.next];
        if (!std::visit([&](const auto& node) { return enter(node); }, s.node)) return false;
        return true;
    }

    bool end_of_block() {
        Frame& frame = frames_.back();
        for (int tile : frame.declared) tiles_[static_cast<size_t>(tile)].now = nullptr;
        frame.declared.clear();
        if (frame.loop && ++frame.value < frame.end) {
            frame.next = 0;
            if (frame.parallel) ++iteration_;
            return true;
        }
        frames_.pop_back();
        if (!frames_.empty()) ++frames_.back().next;
        return true;
    }

    bool enter(const gir::Parallel& p) {
        ++iteration_;
        return loop(p.axis, 0, p.extent.value(), p.body, true);
    }

    bool enter(const gir::For& f) {
        int64_t begin = 0, end = f.extent.value();
        for (const gir::Affine& a : f.from) begin = std::max(begin, value_of(a));
        for (const gir::Affine& a : f.to) end = std::min(end, value_of(a));
        return loop(f.axis, begin, end, f.body, false);
    }

    bool loop(Name axis, int64_t begin, int64_t end, const gir::Block& body, bool parallel) {
        if (begin >= end) {
            ++frames_.back().next;
            return true;
        }
        frames_.push_back({&body, 0, axis, true, parallel, begin, begin, end, {}});
        return true;
    }

    const Frame* frame_of(Name axis) const {
        for (auto f = frames_.rbegin(); f != frames_.rend(); ++f)
            if (f->loop && f->axis == axis) return &*f;
        return nullptr;
    }

    int64_t value_of(Name axis) const {
        const Frame* frame = frame_of(axis);
        SMEATON_CHECK(frame, "a bound uses the unknown axis {}", axis);
        return frame->value;
    }
    int64_t value_of(const gir::Affine& a) const {
        int64_t value = a.constant;
        for (const gir::Term& t : a.terms) value += t.coefficient * value_of(t.var);
        return value;
    }

    bool enter(const gir::Let& let) {
        const int index = tile_rows_.at(let.tile.name);
        TileRow& row = tiles_[static_cast<size_t>(index)];
        row.now = std::make_shared<Instance>();
        row.now->before = std::exchange(row.parts[row.next], row.now);
        row.next = (row.next + 1) % row.parts.size();
        frames_.back().declared.push_back(index);
        if (let.source) {
            std::vector<TaskId> behind;
            std::vector<InstancePtr> touched;
            note(*let.source, false, behind, touched);
            note_tile(let.tile.name, true, behind, touched);
            const TaskCost& cost = cost_of(let);
            dispatch(cost, let.tile.name, behind, touched, std::nullopt);
        }
        ++frames_.back().next;
        return true;
    }

    bool enter(const gir::Op& op) {
        std::vector<TaskId> behind;
        std::vector<InstancePtr> touched;
        std::optional<Name> written_buffer;
        gir::for_each_slice(op, [&](const gir::Slice& s, bool write) {
            note(s, write, behind, touched);
            if (write && !places_.tile(s.target)) written_buffer = s.target;
            if (write && op.accumulate) note(s, false, behind, touched);
        });
        auto known = op_costs_.find(&op);
        if (known == op_costs_.end())
            known = op_costs_.emplace(&op, std::make_unique<TaskCost>(costs_.of(op))).first;
        if (op.kind == gir::OpKind::Mma)
            result_.macs += guarded_.of(op, [&](Name axis) { return value_of(axis); });
        dispatch(*known->second, op.origins.empty() ? Name(gir::name(op.kind)) : op.origins.front(),
                 behind, touched, written_buffer);
        ++frames_.back().next;
        return true;
    }

    bool enter(const gir::Check&) {
        ++frames_.back().next;
        return true;
    }
    bool enter(const gir::Prefetch&) {
        ++frames_.back().next;
        return true;
    }

    /// The part of a ring's tile that its loop has not brought before.
    double new_part(const gir::Let& let) const {
        const Frame* ring = let.ring.empty() ? nullptr : frame_of(let.ring);
        if (!ring || ring->value == ring->begin) return 1;
        double held = 1;
        for (const gir::Coord& c : let.source->at) {
            int64_t shift = std::abs(c.affine.coefficient(let.ring));
            if (shift == 0) continue;
            double here = 0;
            for (const gir::NamedDim& d : let.tile.dims) {
                int64_t unit = std::abs(c.affine.coefficient(d.name));
                if (unit == 0 || shift % unit != 0) continue;
                auto extent = static_cast<double>(d.extent.value());
                const int64_t moved = shift / unit;
                here = std::max(0.0, extent - static_cast<double>(moved)) / extent;
            }
            held *= here;
        }
        return 1 - held;
    }

    const TaskCost& cost_of(const gir::Let& let) {
        const double part = new_part(let);
        auto& kept = let_costs_[&let];
        for (const auto& [of, cost] : kept)
            if (of == part) return *cost;
        kept.emplace_back(part, std::make_unique<TaskCost>(costs_.of_copy(let, part)));
        return *kept.back().second;
    }

    void note(const gir::Slice& s, bool write, std::vector<TaskId>& behind,
              std::vector<InstancePtr>& touched) {
        if (places_.tile(s.target)) {
            note_tile(s.target, write, behind, touched);
            return;
        }
        if (write) return;
        // A buffer read behind its writer in one parallel iteration; other iterations are
        // independent, other phases are over.
        auto last = buffer_writer_.find(s.target);
        if (last == buffer_writer_.end() || last->second.iteration != iteration_) return;
        auto writer = written_by_.find(last->second.task);
        if (writer != written_by_.end() && writer->second == s.target)
            behind.push_back(last->second.task);
    }

    void note_tile(Name tile, bool write, std::vector<TaskId>& behind,
                   std::vector<InstancePtr>& touched) {
        const InstancePtr& instance = tiles_[static_cast<size_t>(tile_rows_.at(tile))].now;
        if (!instance) return;  // a constant
        if (InstancePtr before = std::exchange(instance->before, nullptr)) {
            if (before->writer != kNoTask) behind.push_back(before->writer);
            behind.insert(behind.end(), before->readers.begin(), before->readers.end());
        }
        if (instance->writer != kNoTask) behind.push_back(instance->writer);
        if (write) behind.insert(behind.end(), instance->readers.begin(), instance->readers.end());
        touched.push_back(instance);
        writes_.push_back(write);
    }

    void dispatch(const TaskCost& cost, Name what, std::vector<TaskId>& behind,
                  std::vector<InstancePtr>& touched, const std::optional<Name>& written_buffer) {
        std::sort(behind.begin(), behind.end());
        behind.erase(std::unique(behind.begin(), behind.end()), behind.end());
        ++result_.tasks;
        for (const Flow& flow : cost.flows) {
            (flow.write ? result_.written_bytes
                        : result_.read_bytes)[static_cast<size_t>(flow.level)] += flow.bytes;
            for (int link : flow.links) asked_bytes_[static_cast<size_t>(link)] += flow.bytes;
        }
        const TaskId id = runtime_.add(cost, what, behind);
        for (size_t i = 0; i < touched.size(); ++i) {
            Instance& instance = *touched[i];
            if (writes_[i]) {
                instance.writer = id;
                instance.readers.clear();
            } else if (instance.writer != id) {
                instance.readers.push_back(id);
            }
        }
        writes_.clear();
        users_[id] = std::move(touched);
        if (written_buffer) {
            buffer_writer_[*written_buffer] = {id, iteration_};
            written_by_[id] = *written_buffer;
        }
    }

    void finished(TaskId id) {
        last_finish_ = runtime_.queue().now_ps();
        auto users = users_.find(id);
        SMEATON_CHECK(users != users_.end(), "a task that nobody knows has finished");
        std::vector<InstancePtr> touched = std::move(users->second);
        users_.erase(users);
        written_by_.erase(id);
        for (const InstancePtr& instance : touched) {
            if (instance->writer == id) instance->writer = kNoTask;
            std::erase(instance->readers, id);
        }
        advance();
    }

    struct BufferWriter {
        TaskId task = kNoTask;
        int64_t iteration = 0;
    };

    const Chip& chip_;
    gir::Block body_;
    Places places_;
    TaskCosts costs_;
    Runtime runtime_;
    GuardedPoints guarded_;
    bool phases_;
    KernelEvents result_;
    std::vector<double> asked_bytes_;  ///< by link
    std::vector<Frame> frames_;
    std::vector<TileRow> tiles_;
    std::map<Name, int> tile_rows_;
    std::unordered_map<const gir::Op*, std::unique_ptr<TaskCost>> op_costs_;
    std::unordered_map<const gir::Let*, std::vector<std::pair<double, std::unique_ptr<TaskCost>>>>
        let_costs_;
    std::unordered_map<TaskId, std::vector<InstancePtr>> users_;
    std::unordered_map<TaskId, Name> written_by_;
    std::map<Name, BufferWriter> buffer_writer_;
    std::vector<bool> writes_;  ///< of the slices noted for the task at hand
    int64_t iteration_ = 0;     ///< of the parallel loops, counted through
    TimePs last_finish_ = 0;
    bool advancing_ = false;
};

}  // namespace

double tasks_of(const gir::Block& body) {
    double tasks = 0;
    for (const gir::StmtPtr& s : body) {
        if (auto* p = std::get_if<gir::Parallel>(&s->node))
            tasks += static_cast<double>(p->extent.value()) * tasks_of(p->body);
        else if (auto* f = std::get_if<gir::For>(&s->node))
            tasks += static_cast<double>(f->extent.value()) * tasks_of(f->body);
        else if (auto* let = std::get_if<gir::Let>(&s->node))
            tasks += let->source ? 1 : 0;
        else if (std::holds_alternative<gir::Op>(s->node))
            ++tasks;
    }
    return tasks;
}

KernelEvents walk(const gir::Program& program, const gir::Kernel& kernel, const Chip& chip,
                  const EventOptions& options) {
    return Walker(program, kernel, chip, options).run();
}

}  // namespace smeaton::sim::events
