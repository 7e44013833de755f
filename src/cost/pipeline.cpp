#include "cost/pipeline.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <optional>

#include "base/error.h"
#include "cost/demand.h"
#include "cost/shared_line.h"
#include "gir/walk.h"

namespace smeaton::cost {
namespace {

// ---- the state of the machine: times, in ns ----

/// When a task's result may be used: by its own engine, which chains, and by others.
struct Mark {
    int engine = -1;  ///< -1: none
    double chained_ns = 0, done_ns = 0;
    double seen_by(int other) const { return engine == other ? chained_ns : done_ns; }
};

/// One part of a tile's room.
struct Part {
    Mark writer;
    std::vector<Mark> readers;  ///< since it was written, the last of each engine
    bool fresh = false;         ///< taken over, not touched yet

    void read_by(const Mark& mark) {
        for (Mark& m : readers)
            if (m.engine == mark.engine) {
                m.chained_ns = std::max(m.chained_ns, mark.chained_ns);
                m.done_ns = std::max(m.done_ns, mark.done_ns);
                return;
            }
        readers.push_back(mark);
    }
    double all_seen_by(int engine) const {
        double ns = writer.engine < 0 ? 0 : writer.seen_by(engine);
        for (const Mark& m : readers) ns = std::max(ns, m.seen_by(engine));
        return ns;
    }
};

/// Parts are taken in turn.
struct TileState {
    std::vector<Part> parts;
    size_t newest = 0;
    int64_t opens = 0;
    int64_t waited_at = -1;  ///< of these, the last that a task waited for

    /// Did anyone wait for one of the parts that there are?
    bool short_of_room() const {
        return waited_at >= 0 && opens - waited_at <= static_cast<int64_t>(parts.size());
    }
    Part& at(size_t back) { return parts[(newest + parts.size() - back) % parts.size()]; }
    void open() {
        newest = (newest + 1) % parts.size();
        at(0).fresh = true;
        ++opens;
    }
};

// ---- the kernel, as the recurrences walk it ----

struct Bound {
    int64_t constant = 0;
    std::vector<std::pair<int, int64_t>> terms;  ///< axis, coefficient
};

struct Access {
    int target = 0;
    bool buffer = false, write = false;
};

struct Step;
using Steps = std::vector<Step>;

struct Step {
    enum Kind { kLoop, kOpen, kTask } kind = kTask;
    // a loop
    int axis = -1;
    bool parallel = false;
    bool shapes = false;  ///< bounds of a loop inside depend on it
    int64_t extent = 1;
    std::vector<Bound> from, to;
    Steps body;
    // a tile that is declared
    int tile = -1;
    // a task
    Demand demand, behind_first;
    int ring = -1;           ///< axis; behind its first value the task asks `behind_first`
    std::vector<int> users;  ///< of the demand's lines, by line
    std::vector<Access> accesses;
};

class Builder {
public:
    Builder(const Nest& nest, const machine::Machine& m, Demands& demands, int64_t chunks,
            gir::Region* asked)
        : lines(demands.lines().size()),
          nest_(nest),
          m_(m),
          demands_(demands),
          chunks_(chunks),
          asked_(asked) {
        for (const auto& [op, copy] : nest.copies) fills_[copy.let.tile.name] = {op, &copy};
        for (const auto& [name, tile] : nest.tiles)
            if (in_registers(tile)) in_registers_ += bytes_of(tile);
    }

    Steps build() { return block(nest_.body); }
    std::vector<TileState> tiles;
    std::vector<SharedLine> lines;
    int axes() const { return static_cast<int>(axes_.size()); }
    int buffers() const { return static_cast<int>(buffers_.size()); }

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
        loop.axis = axis(name);
        loop.extent = extent;
        loop.parallel = parallel;
        for (const gir::Affine& a : from) loop.from.push_back(bound(a));
        for (const gir::Affine& a : to) loop.to.push_back(bound(a));
        loop.body = block(body);
        loop.shapes = bounds_use(loop.body, loop.axis);
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
        open.tile = static_cast<int>(tiles.size());
        tile_index_[let.tile.name] = open.tile;
        tiles.emplace_back().parts.resize(parts_of(let));
        steps.push_back(std::move(open));
        auto fill = fills_.find(let.tile.name);
        if (fill == fills_.end()) return;
        steps.push_back(task(*fill->second.first));
        const auto ring = axes_.find(let.ring);
        if (let.ring.empty() || ring == axes_.end()) return;
        steps.back().ring = ring->second;
        steps.back().behind_first = scaled(steps.back().demand, gir::cache::new_share(let));
    }
    static Demand scaled(Demand demand, double share) {
        for (Demand::OnLine& l : demand.lines) l.ns *= share;
        return demand;
    }

    size_t parts_of(const gir::Let& let) const {
        const machine::Level& level =
            m_.levels[static_cast<size_t>(demands_.level_index(let.tile.level))];
        if (in_registers(let.tile)) return copies_in(level);
        return static_cast<size_t>(
            std::max(static_cast<double>(let.depth), level.depth ? level.depth->value : 1));
    }

    /// How often the registers hold all that the kernel keeps there; asked as a question of room.
    size_t copies_in(const machine::Level& registers) const {
        const double each = std::max(in_registers_, 1.0);
        const auto index = static_cast<size_t>(&registers - m_.levels.data());
        const gir::Room room{registers.capacity_bytes.value, asked_ ? &asked_->at(index) : nullptr};
        double copies = std::max(1.0, std::floor(registers.capacity_bytes.value / each));
        while (copies > 1 && !room.holds(copies * each)) --copies;
        while (room.holds((copies + 1) * each)) ++copies;
        return static_cast<size_t>(copies);
    }

    void add(Steps& steps, const gir::Op& op) { steps.push_back(task(op)); }
    void add(Steps&, const gir::Check&) {}
    void add(Steps&, const gir::Prefetch&) {}

    Step task(const gir::Op& op) {
        Step step;
        step.kind = Step::kTask;
        step.demand = demands_.of(op);
        for (const auto& [line, ns, most] : step.demand.lines)
            step.users.push_back(lines[static_cast<size_t>(line)].add_user(step.demand.engine));
        gir::for_each_slice(op, [&](const gir::Slice& s, bool write) {
            const Name name = resolved(nest_, s).target;
            if (auto tile = tile_index_.find(name); tile != tile_index_.end())
                step.accesses.push_back({tile->second, false, write});
            else if (nest_.tiles.count(name) == 0)
                step.accesses.push_back({buffer(name), true, write});
        });
        return step;
    }
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

// ---- the recurrences ----

class Recurrence {
public:
    Recurrence(Builder& builder, const Demands& demands)
        : tiles_(std::move(builder.tiles)),
          engines_(demands.engines().size()),
          lines_(std::move(builder.lines)),
          axes_(static_cast<size_t>(builder.axes())),
          begins_(axes_.size()),
          writers_(static_cast<size_t>(builder.buffers())) {}

    void run(const Steps& steps, bool phases) {
        for (const Step& step : steps) {
            if (phases) floor_ns_ = last_ns_;
            walk(step);
        }
    }

    Pipeline result(const Demands& demands) const {
        Pipeline p;
        p.time_ns = last_ns_;
        const Use* longest = nullptr;
        auto look = [&](const Use& use, const std::string& name) {
            if (use.busy_ns <= 0 || (longest && use.busy_ns <= longest->busy_ns)) return;
            longest = &use;
            p.station = name;
        };
        for (size_t e = 0; e < engines_.size(); ++e) look(engines_[e], demands.engines()[e]);
        for (size_t l = 0; l < lines_.size(); ++l) look(lines_[l].use, demands.lines()[l]);
        if (!longest) return p;
        p.before_ns = longest->first_ns;
        p.busy_ns = longest->busy_ns;
        p.idle_ns = longest->end_ns - longest->first_ns - longest->busy_ns;
        p.after_ns = last_ns_ - longest->end_ns;
        return p;
    }

private:
    void walk(const Step& step) {
        switch (step.kind) {
            case Step::kLoop:
                loop(step);
                break;
            case Step::kOpen:
                tiles_[static_cast<size_t>(step.tile)].open();
                break;
            case Step::kTask:
                task(step);
                break;
        }
    }

    void task(const Step& step) {
        const bool first =
            step.ring < 0 || value(step.ring) == begins_[static_cast<size_t>(step.ring)];
        const Demand& demand = first ? step.demand : step.behind_first;
        Use& engine = engines_[static_cast<size_t>(demand.engine)];
        const double start = std::max(engine.end_ns, ready_ns(step, demand.engine));
        for (const auto& [tile, ns] : taken_over_)
            if (ns >= start - 1e-6)
                tiles_[static_cast<size_t>(tile)].waited_at =
                    tiles_[static_cast<size_t>(tile)].opens;
        double end = start + demand.busy_ns;
        for (size_t i = 0; i < demand.lines.size(); ++i) {
            const auto& [line, ns, most] = demand.lines[i];
            SharedLine& on = lines_[static_cast<size_t>(line)];
            end = std::max(end, on.serve(demand.in_turn ? start + demand.busy_ns : start, ns, most,
                                         step.users[i]));
        }
        engine.note(start, end, end - start);
        const Mark mark{demand.engine, std::max(end, start + demand.latency_ns),
                        end + demand.latency_ns};
        last_ns_ = std::max(last_ns_, mark.done_ns);
        leave(step, mark);
    }

    /// When all is there that the task waits for, its engine apart.
    double ready_ns(const Step& step, int engine) {
        double ns = floor_ns_;
        taken_over_.clear();
        for (const Access& a : step.accesses) {
            if (a.buffer) {
                const Writer& w = writers_[static_cast<size_t>(a.target)];
                if (!a.write && w.mark.engine >= 0 && w.iteration == iteration_)
                    ns = std::max(ns, w.mark.seen_by(engine));
                continue;
            }
            Part& part = tiles_[static_cast<size_t>(a.target)].at(0);
            if (part.fresh || a.write) ns = std::max(ns, part.all_seen_by(engine));
            if (part.fresh) {
                if (part.writer.engine >= 0 || !part.readers.empty())
                    taken_over_.emplace_back(a.target, part.all_seen_by(engine));
                part.fresh = false;
                part.writer = {};
                part.readers.clear();
            }
            if (part.writer.engine >= 0) ns = std::max(ns, part.writer.seen_by(engine));
        }
        return ns;
    }

    void leave(const Step& step, const Mark& mark) {
        for (const Access& a : step.accesses) {
            if (a.buffer || a.write) continue;
            tiles_[static_cast<size_t>(a.target)].at(0).read_by(mark);
        }
        for (const Access& a : step.accesses) {
            if (!a.write) continue;
            if (a.buffer) {
                writers_[static_cast<size_t>(a.target)] = {mark, iteration_};
                continue;
            }
            Part& part = tiles_[static_cast<size_t>(a.target)].at(0);
            part.writer = mark;
            part.readers.clear();
        }
    }

    int64_t& value(int axis) { return axes_[static_cast<size_t>(axis)]; }
    int64_t value_of(const Bound& b) const {
        int64_t v = b.constant;
        for (const auto& [axis, coefficient] : b.terms)
            v += coefficient * axes_[static_cast<size_t>(axis)];
        return v;
    }
    std::pair<int64_t, int64_t> range(const Step& loop) const {
        int64_t begin = 0, end = loop.extent;
        for (const Bound& b : loop.from) begin = std::max(begin, value_of(b));
        for (const Bound& b : loop.to) end = std::min(end, value_of(b));
        return {begin, end};
    }

    /// Trips of the clipped loops inside, those between at their first turn.
    void trips_inside(const Steps& steps, std::vector<int64_t>& trips) {
        for (const Step& s : steps) {
            if (s.kind != Step::kLoop) continue;
            auto [begin, end] = range(s);
            trips.push_back(std::max<int64_t>(end - begin, 0));
            value(s.axis) = begin;
            trips_inside(s.body, trips);
        }
    }

    void loop(const Step& step) {
        auto [begin, end] = range(step);
        begins_[static_cast<size_t>(step.axis)] = begin;
        for (int64_t at = begin; at < end;) {
            int64_t until = step.shapes ? at + 1 : end;
            if (step.shapes) {
                std::vector<int64_t> here, there;
                value(step.axis) = at;
                trips_inside(step.body, here);
                for (; until < end; ++until) {
                    there.clear();
                    value(step.axis) = until;
                    trips_inside(step.body, there);
                    if (there != here) break;
                }
            }
            turns(step, at, until);
            at = until;
        }
    }

    // Where no period shows, the mean over some turns, or once around the parts of a tile, stands
    // for it.
    static constexpr int64_t kFewTurns = 5, kMostTurns = 16, kMeanOver = 8;

    /// Turns of equal shape.
    void turns(const Step& step, int64_t begin, int64_t end) {
        std::deque<Snapshot> past;
        for (int64_t at = begin; at < end; ++at) {
            value(step.axis) = at;
            if (step.parallel) ++iteration_;
            for (const Step& s : step.body) walk(s);
            const int64_t done = at - begin + 1, left = end - at - 1;
            if (end - begin <= kFewTurns || left <= 1) continue;
            past.push_back(snapshot(past.empty() ? nullptr : &past.back()));
            const std::vector<int64_t> strides = strides_of(past.back(), done + left);
            if (static_cast<int64_t>(past.size()) > std::max(kMeanOver, 2 * strides.back() + 1))
                past.pop_front();
            if (waits_for_room_later(past.back(), done, done + left)) continue;
            const std::optional<Period> period =
                period_of(past, strides, done >= kMostTurns + 2 * strides.back());
            if (!period || left - 1 < period->turns) continue;
            const int64_t jumped = (left - 1) / period->turns * period->turns;
            advance(past.back(), period->per_turn, jumped, done);
            at += jumped;
            past.clear();
        }
    }

    struct Period {
        int64_t turns = 1;
        std::vector<double> per_turn;
    };

    struct Snapshot {
        std::vector<double> times;
        std::vector<int64_t> opens;   ///< of each tile, so far
        std::vector<int64_t> opened;  ///< in the turn
    };

    // Parts of a register file may be many more than turns of a loop.
    static constexpr int64_t kMostToWrap = 512;

    /// Has a tile more parts than the turns so far, but not than all of them, have taken? Then the
    /// turns to come may wait for parts, and these did not.
    bool waits_for_room_later(const Snapshot& now, int64_t turns, int64_t all) const {
        for (size_t t = 0; t < tiles_.size(); ++t) {
            const auto parts = static_cast<int64_t>(tiles_[t].parts.size());
            const int64_t opened = now.opened[t];
            if (opened > 0 && turns < kMostToWrap && turns * opened <= parts + opened &&
                all * opened > parts)
                return true;
        }
        return false;
    }

    /// All times that the next turn may look at; of each tile the parts of the last turn.
    template <class Visit>
    void each_time(const std::vector<int64_t>& opened, Visit&& visit) {
        auto mark = [&](Mark& m) {
            if (m.engine < 0) return;
            visit(m.chained_ns);
            visit(m.done_ns);
        };
        for (Use& e : engines_) {
            visit(e.end_ns);
            visit(e.busy_ns);
        }
        for (SharedLine& l : lines_) {
            visit(l.use.end_ns);
            visit(l.use.busy_ns);
        }
        visit(last_ns_);
        for (Writer& w : writers_) mark(w.mark);
        for (size_t t = 0; t < tiles_.size(); ++t) {
            const auto parts = std::min<size_t>(
                tiles_[t].parts.size(), static_cast<size_t>(std::max<int64_t>(1, opened[t])));
            for (size_t p = 0; p < parts; ++p) {
                mark(tiles_[t].at(p).writer);
                for (Mark& m : tiles_[t].at(p).readers) mark(m);
            }
        }
    }

    Snapshot snapshot(const Snapshot* before) {
        Snapshot s;
        for (size_t t = 0; t < tiles_.size(); ++t) {
            s.opens.push_back(tiles_[t].opens);
            s.opened.push_back(before ? tiles_[t].opens - before->opens[t] : 0);
        }
        each_time(s.opened, [&](double& ns) { s.times.push_back(ns); });
        return s;
    }

    static bool alike(const Snapshot& a, const Snapshot& b) {
        return a.opened == b.opened && a.times.size() == b.times.size();
    }

    /// Turns that a period may have, the longest last: one, two, once around the parts of a tile of
    /// which there are too few.
    std::vector<int64_t> strides_of(const Snapshot& now, int64_t all) const {
        std::vector<int64_t> strides{1, 2};
        for (size_t t = 0; t < tiles_.size(); ++t) {
            if (now.opened[t] == 0 || !tiles_[t].short_of_room()) continue;
            const int64_t around = static_cast<int64_t>(tiles_[t].parts.size()) / now.opened[t];
            if (around > 2 && around < std::min(all, kMostToWrap)) strides.push_back(around);
        }
        std::sort(strides.begin(), strides.end());
        return strides;
    }

    /// The shortest whose steps are equal for as long as the longest; `mean`: else that over it.
    static std::optional<Period> period_of(const std::deque<Snapshot>& past,
                                           const std::vector<int64_t>& strides, bool mean) {
        const auto n = static_cast<int64_t>(past.size());
        auto at = [&](int64_t back) -> const Snapshot& {
            return past[static_cast<size_t>(n - 1 - back)];
        };
        for (int64_t stride : strides) {
            bool equal = n > stride + strides.back();
            for (int64_t back = 1; equal && back <= strides.back(); ++back)
                equal = equal_steps(at(0), at(stride), at(back), at(stride + back));
            if (equal) return Period{stride, mean_step(at(0), at(stride), stride)};
        }
        const int64_t longest = std::min(std::max(kMeanOver, strides.back()), n - 1);
        if (!mean || longest < 1 || !alike(at(0), at(longest))) return std::nullopt;
        return Period{1, mean_step(at(0), at(longest), longest)};
    }

    static bool equal_steps(const Snapshot& a, const Snapshot& a0, const Snapshot& b,
                            const Snapshot& b0) {
        if (!alike(a, a0) || !alike(a, b) || a.times.size() != b0.times.size()) return false;
        for (size_t i = 0; i < a.times.size(); ++i) {
            const double tolerance = 1e-6 + 1e-9 * std::abs(a.times[i]);
            if (std::abs(a.times[i] - a0.times[i] - (b.times[i] - b0.times[i])) > tolerance)
                return false;
        }
        return true;
    }

    static std::vector<double> mean_step(const Snapshot& last, const Snapshot& first,
                                         int64_t turns) {
        std::vector<double> mean;
        for (size_t i = 0; i < last.times.size(); ++i)
            mean.push_back((last.times[i] - first.times[i]) / static_cast<double>(turns));
        return mean;
    }

    /// As after `turns` more; `done` are behind.
    void advance(const Snapshot& now, const std::vector<double>& period, int64_t turns,
                 int64_t done) {
        std::vector<double> line_ends;
        for (const SharedLine& l : lines_) line_ends.push_back(l.use.end_ns);
        size_t i = 0;
        each_time(now.opened, [&](double& ns) { ns += static_cast<double>(turns) * period[i++]; });
        for (size_t l = 0; l < lines_.size(); ++l)
            lines_[l].shift(lines_[l].use.end_ns - line_ends[l]);
        fill_parts(now, period, turns, done);
    }

    /// Parts of turns before the last, as those left them; older ones lie further back.
    void fill_parts(const Snapshot& now, const std::vector<double>& period, int64_t turns,
                    int64_t done) {
        size_t at = 2 * (engines_.size() + lines_.size()) + 1;
        for (const Writer& w : writers_) at += w.mark.engine < 0 ? 0 : 2;
        for (size_t t = 0; t < tiles_.size(); ++t) {
            TileState& tile = tiles_[t];
            const auto opened = static_cast<size_t>(now.opened[t]);
            std::vector<size_t> starts;
            for (size_t p = 0; p < std::min(tile.parts.size(), std::max<size_t>(1, opened)); ++p) {
                starts.push_back(at);
                at += tile.at(p).writer.engine < 0 ? 0 : 2;
                at += 2 * tile.at(p).readers.size();
            }
            const size_t filled =
                std::min(tile.parts.size(), opened * static_cast<size_t>(turns + done));
            for (size_t p = tile.parts.size(); opened > 0 && p-- > filled;)
                tile.at(p) = tile.at(p - opened * static_cast<size_t>(turns));
            for (size_t p = opened; p < filled; ++p) {
                const size_t turns_back = p / opened;
                const auto back = static_cast<double>(turns_back);
                size_t i = starts[p % opened];
                Part part = tile.at(p % opened);
                auto earlier = [&](Mark& m) {
                    m.chained_ns -= back * period[i++];
                    m.done_ns -= back * period[i++];
                };
                if (part.writer.engine >= 0) earlier(part.writer);
                for (Mark& m : part.readers) earlier(m);
                tile.at(p) = std::move(part);
            }
        }
    }

    struct Writer {
        Mark mark;
        int64_t iteration = -1;
    };

    std::vector<TileState> tiles_;
    std::vector<Use> engines_;
    std::vector<SharedLine> lines_;
    std::vector<int64_t> axes_, begins_;
    std::vector<Writer> writers_;  ///< of buffers
    int64_t iteration_ = 0;        ///< of the parallel loops, counted through
    double floor_ns_ = 0, last_ns_ = 0;
    std::vector<std::pair<int, double>> taken_over_;  ///< tiles of the task at hand: when free
};

}  // namespace

Pipeline pipeline_of(const Nest& nest, const machine::Machine& m, Demands& demands, int64_t chunks,
                     gir::Region* asked) {
    Builder builder(nest, m, demands, chunks, asked);
    const Steps steps = builder.build();
    Recurrence recurrence(builder, demands);
    recurrence.run(steps, gir::has_several_phases(nest.body));
    return recurrence.result(demands);
}

}  // namespace smeaton::cost
