#include "cost/streams.h"

#include <algorithm>
#include <cmath>

#include "gir/walk.h"

namespace smeaton::cost {
namespace {

using Steps = std::vector<Step>;

/// The kernel's statements, numbered.
class Reader {
public:
    Reader(const Nest& nest, const machine::Machine& m, Demands& demands, int64_t chunks,
           gir::Region* asked)
        : nest_(nest), m_(m), demands_(demands), chunks_(chunks), asked_(asked) {
        for (const auto& [op, copy] : nest.copies) fills_[copy.let.tile.name] = {op, &copy};
        for (const auto& [name, tile] : nest.tiles)
            if (in_registers(tile)) in_registers_ += bytes_of(tile);
    }

    Steps read() { return block(nest_.body); }
    std::vector<Task> tasks;
    std::vector<int64_t> parts;  ///< of each tile
    int axes() const { return static_cast<int>(axes_.size()); }

private:
    static double bytes_of(const gir::Tile& tile) {
        double elements = 1;
        for (const gir::NamedDim& d : tile.dims) elements *= static_cast<double>(d.extent.value());
        return elements * tensor::bits(tile.dtype) / 8.0;
    }

    Steps block(const gir::Block& body) {
        Steps steps;
        for (const gir::StmtPtr& s : body)
            std::visit([&](const auto& node) { add(steps, node); }, s->node);
        return steps;
    }

    int axis(Name name) {
        return axes_.try_emplace(name, static_cast<int>(axes_.size())).first->second;
    }

    Bound bound(const gir::Affine& a) {
        Bound b{a.constant, {}};
        for (const gir::Term& t : a.terms) b.terms.emplace_back(axis(t.var), t.coefficient);
        return b;
    }

    /// The parties take whole iterations of the outer loops first.
    void add(Steps& steps, const gir::Parallel& p) {
        const int64_t extent = p.extent.value();
        const int64_t parties = std::min(chunks_, std::max<int64_t>(extent, 1));
        const int64_t outer = chunks_;
        chunks_ /= parties;
        add_loop(steps, p.axis, (extent + parties - 1) / parties, true, p.body, {}, {});
        chunks_ = outer;
    }
    void add(Steps& steps, const gir::For& f) {
        add_loop(steps, f.axis, f.extent.value(), false, f.body, f.from, f.to);
    }
    void add_loop(Steps& steps, Name name, int64_t extent, bool parallel, const gir::Block& body,
                  const std::vector<gir::Affine>& from, const std::vector<gir::Affine>& to) {
        Step loop;
        loop.kind = Step::kLoop;
        loop.index = axis(name);
        loop.extent = extent;
        loop.parallel = parallel;
        for (const gir::Affine& a : from) loop.from.push_back(bound(a));
        for (const gir::Affine& a : to) loop.to.push_back(bound(a));
        loop.body = block(body);
        loop.clips = bounds_use(loop.body, loop.index);
        loop.clipped = !loop.from.empty() || !loop.to.empty() ||
                       std::any_of(loop.body.begin(), loop.body.end(),
                                   [](const Step& s) { return s.clipped; });
        steps.push_back(std::move(loop));
    }
    static bool bounds_use(const Steps& steps, int axis) {
        auto uses = [&](const Bound& b) {
            return std::any_of(b.terms.begin(), b.terms.end(),
                               [&](const auto& t) { return t.first == axis; });
        };
        return std::any_of(steps.begin(), steps.end(), [&](const Step& s) {
            return std::any_of(s.from.begin(), s.from.end(), uses) ||
                   std::any_of(s.to.begin(), s.to.end(), uses) || bounds_use(s.body, axis);
        });
    }

    void add(Steps& steps, const gir::Let& let) {
        if (let.kind == gir::TileKind::Claim || let.constant) return;
        Step open;
        open.kind = Step::kOpen;
        open.index = static_cast<int>(parts.size());
        tile_index_[let.tile.name] = open.index;
        parts.push_back(parts_of(let));
        steps.push_back(std::move(open));
        auto fill = fills_.find(let.tile.name);
        if (fill == fills_.end()) return;
        add(steps, *fill->second.first);
        const auto ring = axes_.find(let.ring);
        if (let.ring.empty() || ring == axes_.end()) return;
        tasks.back().ring = ring->second;
        tasks.back().later_share = gir::cache::new_share(let);
    }

    int64_t parts_of(const gir::Let& let) const {
        const machine::Level& level =
            m_.levels[static_cast<size_t>(demands_.level_index(let.tile.level))];
        if (in_registers(let.tile)) return copies_in(level);
        return static_cast<int64_t>(
            std::max(static_cast<double>(let.depth), level.depth ? level.depth->value : 1));
    }

    /// How often the registers hold all that the kernel keeps there; asked as a question of room.
    int64_t copies_in(const machine::Level& registers) const {
        const double each = std::max(in_registers_, 1.0);
        const auto index = static_cast<size_t>(&registers - m_.levels.data());
        const gir::Room room{registers.capacity_bytes.value, asked_ ? &asked_->at(index) : nullptr};
        double copies = std::max(1.0, std::floor(registers.capacity_bytes.value / each));
        while (copies > 1 && !room.holds(copies * each)) --copies;
        while (room.holds((copies + 1) * each)) ++copies;
        return static_cast<int64_t>(copies);
    }

    void add(Steps& steps, const gir::Op& op) {
        Step step;
        step.index = static_cast<int>(tasks.size());
        Task task;
        task.demand = demands_.of(op);
        gir::for_each_slice(op, [&](const gir::Slice& s, bool write) {
            const Name name = resolved(nest_, s).target;
            if (auto tile = tile_index_.find(name); tile != tile_index_.end())
                task.accesses.push_back({tile->second, false, write});
            else if (nest_.tiles.count(name) == 0)
                task.accesses.push_back({buffer(name), true, write});
        });
        tasks.push_back(std::move(task));
        steps.push_back(std::move(step));
    }
    void add(Steps&, const gir::Check&) {}
    void add(Steps&, const gir::Prefetch&) {}

    int buffer(Name name) {
        return buffers_.try_emplace(name, static_cast<int>(buffers_.size())).first->second;
    }

    const Nest& nest_;
    const machine::Machine& m_;
    Demands& demands_;
    int64_t chunks_;
    gir::Region* asked_;
    double in_registers_ = 0;
    std::map<Name, std::pair<const gir::Op*, const gir::cache::Copying*>> fills_;
    std::map<Name, int> axes_, tile_index_, buffers_;
};

/// Who waits for whom.
class Linker {
public:
    Linker(Streams& all, const std::vector<int64_t>& parts)
        : all_(all), parts_(parts), tiles_(parts.size()) {}

    void link() {
        visit(all_.steps, -1, false);
        for (size_t t = 0; t < tiles_.size(); ++t) add_room(static_cast<int>(t));
    }

    /// Users whose last touch of a part is in a loop: they leave at its end.
    std::map<const Step*, std::vector<std::pair<int, int>>> leave_behind;  ///< engine, user

private:
    struct Level {
        const Steps* block = nullptr;
        size_t at = 0;
        int axis = -1;
        bool parallel = false;
    };
    struct Tile {
        const Steps* life = nullptr;  ///< the block that it is declared in
        size_t from = 0;              ///< behind this statement
        size_t depth = 0;             ///< of that block
        int first = -1;               ///< task
    };

    void visit(const Steps& block, int axis, bool parallel) {
        path_.push_back({&block, 0, axis, parallel});
        for (size_t i = 0; i < block.size(); ++i) {
            path_.back().at = i;
            const Step& step = block[i];
            if (step.kind == Step::kLoop) visit(step.body, step.index, step.parallel);
            if (step.kind == Step::kOpen)
                tiles_[static_cast<size_t>(step.index)] = {&block, i, path_.size() - 1, -1};
            if (step.kind == Step::kTask) add_waits(step.index);
        }
        path_.pop_back();
    }

    Task& task(int index) { return all_.tasks[static_cast<size_t>(index)]; }

    bool touches(int index, const Task::Access& target, bool reads, bool writes) {
        const auto& accesses = task(index).accesses;
        return std::any_of(accesses.begin(), accesses.end(), [&](const Task::Access& a) {
            return a.target == target.target && a.buffer == target.buffer &&
                   (a.write ? writes : reads);
        });
    }

    void add_waits(int index) {
        const std::vector<Task::Access> accesses = task(index).accesses;
        for (const Task::Access& a : accesses) {
            if (a.buffer) {
                // Behind its writer in one parallel iteration; others are independent.
                if (!a.write) wait_for_writer(index, a, parallel_depth());
                continue;
            }
            Tile& tile = tiles_[static_cast<size_t>(a.target)];
            if (tile.first < 0) tile.first = index;
            wait_for_writer(index, a, tile.depth);
            if (a.write) wait_for_readers(index, a, tile.depth);
        }
    }

    size_t parallel_depth() const {
        size_t depth = path_.size();
        while (--depth > 0)
            if (path_[depth].parallel) break;
        return depth;
    }

    /// The last task before `end` in the block that writes the target; -1: none.
    int last_writer(const Steps& block, size_t end, const Task::Access& target) {
        while (end-- > 0) {
            const Step& step = block[end];
            if (step.kind == Step::kTask && touches(step.index, target, false, true))
                return step.index;
            if (step.kind != Step::kLoop) continue;
            if (int inside = last_writer(step.body, step.body.size(), target); inside >= 0)
                return inside;
        }
        return -1;
    }

    /// Of those that wrote before, the last: nearer in a turn before, or further out.
    void wait_for_writer(int index, const Task::Access& target, size_t life) {
        for (size_t depth = path_.size(); depth-- > life;) {
            const Level& level = path_[depth];
            if (int w = last_writer(*level.block, level.at, target); w >= 0)
                return add_wait(index, w, {});
            if (depth == life) return;
            int w = last_writer(*level.block, level.block->size(), target);
            if (w >= 0) add_wait(index, w, {level.axis});
        }
    }

    void wait_for_readers(int index, const Task::Access& target, size_t life) {
        std::vector<int> loops;  // of the tile's life around this task, at a depth
        for (size_t depth = life; depth < path_.size(); ++depth) {
            const Level& level = path_[depth];
            if (depth > life) loops.push_back(level.axis);
            const bool inmost = depth + 1 == path_.size();
            for (size_t i = 0; i < level.block->size(); ++i) {
                const Step& step = (*level.block)[i];
                if (i == level.at && !inmost) continue;
                const bool before = i < level.at;
                if (before || !loops.empty())
                    wait_for_readers_in(step, index, target, before ? std::vector<int>() : loops);
            }
        }
    }

    void wait_for_readers_in(const Step& step, int index, const Task::Access& target,
                             const std::vector<int>& beyond_first) {
        if (step.kind == Step::kTask && touches(step.index, target, true, false))
            add_wait(index, step.index, beyond_first);
        for (const Step& s : step.body) wait_for_readers_in(s, index, target, beyond_first);
    }

    void add_wait(int index, int other, const std::vector<int>& beyond_first) {
        const Demand &here = task(index).demand, &there = task(other).demand;
        const bool same = here.engine == there.engine;
        if (same && there.latency_ns <= there.busy_ns) return;  // its engine is in order
        for (Wait& w : task(index).waits) {
            if (w.task != other) continue;
            if (beyond_first.empty() || w.beyond_first.empty())
                w.beyond_first.clear();
            else
                for (int axis : beyond_first) add_once(w.beyond_first, axis);
            return;
        }
        task(index).waits.push_back({other, same, beyond_first});
    }
    static void add_once(std::vector<int>& in, int value) {
        if (std::find(in.begin(), in.end(), value) == in.end()) in.push_back(value);
    }

    struct Touches {
        const Step* last = nullptr;  ///< statement of the tile's block
        std::vector<int> tasks;
    };
    void touches_in(const Step& step, const Step& top, const Task::Access& tile,
                    std::map<int, Touches>& by_engine) {
        if (step.kind == Step::kTask && touches(step.index, tile, true, true)) {
            Touches& found = by_engine[task(step.index).demand.engine];
            found.last = &top;
            found.tasks.push_back(step.index);
        }
        for (const Step& s : step.body) touches_in(s, top, tile, by_engine);
    }

    void add_room(int index) {
        const Tile& tile = tiles_[static_cast<size_t>(index)];
        if (tile.first < 0) return;
        std::map<int, Touches> by_engine;
        for (size_t i = tile.from; i < tile.life->size(); ++i)
            touches_in((*tile.life)[i], (*tile.life)[i], {index, false, false}, by_engine);
        const int own = task(tile.first).demand.engine;
        Room room{index, parts_[static_cast<size_t>(index)], {}};
        for (auto& [engine, found] : by_engine) {
            if (engine == own && !chains(found.tasks)) continue;
            const auto user = static_cast<int>(all_.users.size());
            room.users.push_back(user);
            if (found.last->kind == Step::kTask)
                task(found.tasks.back()).leaves.push_back(user);
            else
                leave_behind[found.last].emplace_back(engine, user);
            const bool in_loop = found.last->kind == Step::kLoop;
            all_.users.push_back(
                {engine == own, std::move(found.tasks), in_loop ? found.last : nullptr});
        }
        task(tile.first).rooms.push_back(std::move(room));
    }

    /// Does the engine wait for results of its own?
    bool chains(const std::vector<int>& tasks) {
        return std::any_of(tasks.begin(), tasks.end(), [&](int t) {
            return task(t).demand.latency_ns > task(t).demand.busy_ns;
        });
    }

    Streams& all_;
    const std::vector<int64_t>& parts_;
    std::vector<Tile> tiles_;
    std::vector<Level> path_;
};

/// The part of the kernel that one engine meets.
class Splitter {
public:
    Splitter(const Streams& all, const Linker& linker, int engine)
        : all_(all), linker_(linker), tiles_(static_cast<size_t>(all.tiles)) {
        stream_.engine = engine;
        stream_.counted.resize(all.tasks.size());
        for (const Task& task : all.tasks) {
            if (task.demand.engine != engine) continue;
            for (const Wait& w : task.waits)
                if (!w.same_engine) stream_.counted[static_cast<size_t>(w.task)] = true;
            for (const Room& r : task.rooms) tiles_[static_cast<size_t>(r.tile)] = true;
        }
    }

    Stream split(bool phases) {
        for (const Step& step : all_.steps) {
            add(step);
            if (!phases) continue;
            flush();
            stream_.items.push_back({Item::kBarrier});
        }
        flush();
        stream_.items.push_back({Item::kStop});
        return std::move(stream_);
    }

private:
    const Task& task(int index) const { return all_.tasks[static_cast<size_t>(index)]; }

    void add(const Step& step) {
        switch (step.kind) {
            case Step::kOpen:
                if (tiles_[static_cast<size_t>(step.index)])
                    stream_.items.push_back({Item::kOpen, step.index});
                break;
            case Step::kTask:
                if (task(step.index).demand.engine == stream_.engine) {
                    flush();
                    stream_.items.push_back({Item::kTask, step.index});
                    add_last_touches(step.index);
                } else if (stream_.counted[static_cast<size_t>(step.index)]) {
                    ++pending_[step.index];
                }
                break;
            case Step::kLoop:
                if (any_task(step, [&](int t) { return task(t).demand.engine == stream_.engine; }))
                    add_loop(step);
                else if (any_task(step, [&](int t) { return is_counted(t); }))
                    count_loop(step);
        }
    }
    bool is_counted(int index) const { return stream_.counted[static_cast<size_t>(index)]; }

    template <class Is>
    static bool any_task(const Step& step, const Is& is) {
        if (step.kind == Step::kTask) return is(step.index);
        return std::any_of(step.body.begin(), step.body.end(),
                           [&](const Step& s) { return any_task(s, is); });
    }

    void add_loop(const Step& step) {
        flush();
        const auto begin = static_cast<int>(stream_.items.size());
        int last = -1;
        any_task(step, [&](int t) {
            last = t;
            return false;
        });
        const bool turns = task(last).demand.engine == stream_.engine;
        stream_.items.push_back({Item::kLoop, step.index, 0, &step, turns});
        loops_.push_back(&step);
        for (const Step& s : step.body) add(s);
        loops_.pop_back();
        flush();
        stream_.items[static_cast<size_t>(begin)].other = static_cast<int>(stream_.items.size());
        stream_.items.push_back({Item::kEnd, step.index, begin, &step, turns});
        auto leave = linker_.leave_behind.find(&step);
        if (leave == linker_.leave_behind.end()) return;
        for (const auto& [engine, user] : leave->second)
            if (engine == stream_.engine) stream_.items.push_back({Item::kLeave, user});
    }

    /// Where more of the loop's turn follows: a user leaves before that, in the last turn.
    void add_last_touches(int index) {
        for (size_t u = 0; u < all_.users.size(); ++u) {
            const User& user = all_.users[u];
            if (!user.loop || user.tasks.back() != index) continue;
            const bool more = any_task(*user.loop, [&](int t) {
                return t > index && task(t).demand.engine == stream_.engine;
            });
            if (!more) continue;
            LastTouch last{static_cast<int>(u), {}};
            auto top = std::find(loops_.begin(), loops_.end(), user.loop);
            for (; top != loops_.end(); ++top) last.axes.push_back((*top)->index);
            stream_.items.push_back({Item::kLast, static_cast<int>(stream_.lasts.size())});
            stream_.lasts.push_back(std::move(last));
        }
    }

    void count_loop(const Step& step) {
        if (!step.clipped) return count(step, 1);
        flush();
        stream_.items.push_back({Item::kCountOf, 0, 0, &step});
    }
    void count(const Step& step, int64_t times) {
        if (step.kind == Step::kTask && is_counted(step.index)) pending_[step.index] += times;
        for (const Step& s : step.body) count(s, times * step.extent);
    }

    void flush() {
        if (pending_.empty()) return;
        stream_.items.push_back({Item::kCount, static_cast<int>(stream_.counts.size())});
        stream_.counts.emplace_back(pending_.begin(), pending_.end());
        pending_.clear();
    }

    const Streams& all_;
    const Linker& linker_;
    std::vector<bool> tiles_;         ///< whose parts this engine opens
    std::vector<const Step*> loops_;  ///< around the statement at hand
    Stream stream_;
    std::map<int, int64_t> pending_;
};

}  // namespace

Streams streams_of(const Nest& nest, const machine::Machine& m, Demands& demands, int64_t chunks,
                   gir::Region* asked) {
    Reader reader(nest, m, demands, chunks, asked);
    Streams all;
    all.steps = reader.read();
    all.tasks = std::move(reader.tasks);
    all.axes = reader.axes();
    all.tiles = static_cast<int>(reader.parts.size());
    Linker linker(all, reader.parts);
    linker.link();
    const bool phases = gir::has_several_phases(nest.body);
    std::map<int, int> stream_of_engine;
    for (const Task& task : all.tasks) {
        auto [at, fresh] =
            stream_of_engine.try_emplace(task.demand.engine, static_cast<int>(all.streams.size()));
        if (fresh) all.streams.push_back(Splitter(all, linker, task.demand.engine).split(phases));
        all.stream_of.push_back(at->second);
    }
    return all;
}

}  // namespace smeaton::cost
