#include "gir/memory/arena.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace {

int64_t number(const Dim& d, const Bindings& bindings, Name buffer) {
    Dim bound = d.bind(bindings);
    if (!bound.is_const())
        throw UserError("the size {} of {} is not bound: memory cannot be planned", d.str(),
                        buffer);
    return bound.value();
}

Bindings all_bindings(const Program& program, Bindings bindings) {
    for (const Param& p : program.params)
        if (p.bound) bindings.emplace(p.name, *p.bound);
    return bindings;
}

Buffer bound_to(Buffer b, const Bindings& bindings) {
    for (NamedDim& d : b.dims) d.extent = d.extent.bind(bindings);
    return b;
}

struct Use {
    int position;
    bool read, write, once;
};

struct LoopRange {
    int first, last;
    std::set<Name> throughout;  // roots that its steps hand from one iteration to the next
};

// Where each buffer (by alias root) is used, in text order.
class Uses {
public:
    explicit Uses(const Program& program) : program_(program) { walk(program.steps); }

    std::map<Name, std::vector<Use>> by_root;
    std::vector<LoopRange> loops;
    std::vector<std::pair<int, const RunStep*>> runs;

private:
    void note(Name buffer, bool read, bool write, bool once = false) {
        if (!program_.find_buffer(buffer)) return;
        by_root[root_of(program_, buffer)].push_back({position_, read, write, once});
    }

    void walk(const Steps& steps) {
        for (const Step& s : steps) {
            std::visit([&](const auto& step) { visit(step); }, s.node);
        }
    }
    void visit(const RunStep& step) {
        runs.emplace_back(position_, &step);
        for (Name r : step.kernel->reads) note(r, true, false, step.once);
        for (Name w : step.kernel->writes) note(w, false, true, step.once);
        ++position_;
    }
    void visit(const BranchStep& step) {
        note(step.condition, true, false);
        ++position_;
        walk(step.then_steps);
        walk(step.else_steps);
    }
    void visit(const RepeatStep& step) {
        LoopRange range{position_, position_, {}};
        note(step.counter, false, true);
        range.throughout.insert(root_of(program_, step.counter));
        if (!step.condition.empty()) {
            note(step.condition, true, false);
            range.throughout.insert(root_of(program_, step.condition));
        }
        ++position_;
        walk(step.body);
        for (const auto& c : step.carried) {
            note(c.from, true, false);
            note(c.to, false, true);
            range.throughout.insert(root_of(program_, c.from));
            range.throughout.insert(root_of(program_, c.to));
        }
        range.last = position_++;  // the end of an iteration is a point of its own
        loops.push_back(range);
    }
    void visit(const SettleStep& step) {
        note(step.from, true, false);
        ++position_;
    }

    const Program& program_;
    int position_ = 0;
};

// A buffer that a loop's body uses lives through the whole loop unless each iteration writes it
// anew before reading it and nobody outside looks at it.
void extend_over_loop(const LoopRange& loop, Name root, const std::vector<Use>& uses, int& first,
                      int& last) {
    const Use* first_inside = nullptr;
    bool outside = false;
    for (const Use& u : uses) {
        bool inside = u.position >= loop.first && u.position <= loop.last;
        outside = outside || !inside;
        if (inside && !first_inside) first_inside = &u;
    }
    if (!first_inside) return;
    if (!outside && !first_inside->read && loop.throughout.count(root) == 0) return;
    first = std::min(first, loop.first);
    last = std::max(last, loop.last);
}

LiveRange live_range(const Uses& all, Name root, const std::vector<Use>& uses) {
    LiveRange r{0, uses.front().position, uses.front().position};
    for (const Use& u : uses) {
        r.first = std::min(r.first, u.position);
        r.last = std::max(r.last, u.position);
    }
    // Inner loops end before the loops around them, so one pass outwards is enough.
    for (const LoopRange& loop : all.loops) extend_over_loop(loop, root, uses, r.first, r.last);
    return r;
}

// Same bytes mean the same: equal extents, layout, border and type.
bool same_geometry(const Buffer& a, const Buffer& b) {
    if (a.dtype != b.dtype || !(a.layout == b.layout) || a.dims.size() != b.dims.size())
        return false;
    for (size_t d = 0; d < a.dims.size(); ++d)
        if (a.dims[d].extent != b.dims[d].extent) return false;
    return true;
}

bool spoils_border(const Program& program, const ArenaEntry& own, const Buffer& buffer,
                   const ArenaEntry& other, const Bindings& bindings) {
    bool apart = own.offset + own.bytes <= other.offset || other.offset + other.bytes <= own.offset;
    if (apart) return false;
    if (other.buffers.empty() || own.offset != other.offset) return true;
    return std::any_of(other.buffers.begin(), other.buffers.end(), [&](Name n) {
        return !same_geometry(bound_to(program.buffer(n), bindings), buffer);
    });
}

void find_spoilt_borders(const Program& program, const Bindings& bindings, ArenaPlan& plan) {
    for (const ArenaEntry& own : plan.entries) {
        for (Name n : own.buffers) {
            if (!has_border(program.buffer(n), bindings)) continue;
            Buffer buffer = bound_to(program.buffer(n), bindings);
            bool spoilt = own.buffers.size() > 1 &&
                          std::any_of(own.buffers.begin(), own.buffers.end(), [&](Name m) {
                              return !same_geometry(bound_to(program.buffer(m), bindings), buffer);
                          });
            for (const ArenaEntry& other : plan.entries)
                spoilt = spoilt ||
                         (&other != &own && spoils_border(program, own, buffer, other, bindings));
            if (spoilt) plan.needs_border_fill.push_back(n);
        }
    }
}

}  // namespace

void for_each_step(const Program& program,
                   const std::function<void(int position, const Step&)>& visit) {
    // The same numbers as Uses gives: a repeat takes one more position for its end.
    std::function<int(const Steps&, int)> walk = [&](const Steps& steps, int position) {
        for (const Step& s : steps) {
            visit(position++, s);
            if (auto* branch = std::get_if<BranchStep>(&s.node)) {
                position = walk(branch->then_steps, position);
                position = walk(branch->else_steps, position);
            }
            if (auto* repeat = std::get_if<RepeatStep>(&s.node))
                position = walk(repeat->body, position) + 1;
        }
        return position;
    };
    walk(program.steps, 0);
}

bool has_border(const Buffer& buffer, const Bindings& bindings) {
    if (!buffer.layout.border || buffer.layout.dense()) return false;
    Buffer b = bound_to(buffer, bindings);
    Dim logical(1);
    for (const NamedDim& d : b.dims) logical *= d.extent;
    return physical_elements(b) != logical;
}

// The positions of the steps that use each range: what tells who may be alive beside whom.
static MayOverlap overlap_of(const std::vector<std::vector<int>>& positions,
                             const std::vector<bool>& apart, const MemoryOptions& options,
                             const Uses& uses) {
    if (!options.before) return {};
    SMEATON_CHECK(uses.loops.empty(), "steps of a repeat have no order but that of the text");
    return [&](size_t a, size_t b) {
        if (apart[a] || apart[b]) return true;
        auto all_before = [&](size_t first, size_t second) {
            for (int i : positions[first])
                for (int j : positions[second])
                    if (i >= j || !options.before(i, j)) return false;
            return true;
        };
        return !all_before(a, b) && !all_before(b, a);
    };
}

ArenaPlan plan_arena(const Program& program, const MemoryOptions& options, bool once) {
    Bindings bindings = all_bindings(program, options.bindings);
    Uses uses(program);
    ArenaPlan plan;
    std::map<Name, std::vector<Name>> members;  // by root, in program order
    for (const Buffer& b : program.buffers) members[root_of(program, b.name)].push_back(b.name);
    std::vector<LiveRange> ranges;
    std::vector<std::vector<int>> positions;  // by range
    std::vector<bool> apart;                  // by range
    int last = 0;
    for_each_step(program, [&](int position, const Step&) { last = position; });
    for (const Buffer& b : program.buffers) {
        if (!b.alias_of.empty() || b.lifetime != Lifetime::Temp) continue;
        auto used = uses.by_root.find(b.name);
        if (used == uses.by_root.end()) continue;
        auto is_once = [](const Use& u) { return u.once; };
        bool at_load = std::any_of(used->second.begin(), used->second.end(), is_once);
        bool each_run = !std::all_of(used->second.begin(), used->second.end(), is_once);
        int64_t bytes = 0;
        for (Name m : members[b.name])
            bytes = std::max(bytes, number(physical_bytes(program.buffer(m)), bindings, m));
        if (at_load && each_run) {
            plan.kept.insert(plan.kept.end(), members[b.name].begin(), members[b.name].end());
            plan.kept_bytes += bytes;
            continue;
        }
        if (at_load != once) continue;
        LiveRange r = live_range(uses, b.name, used->second);
        r.bytes = bytes;
        apart.push_back(std::find(options.apart.begin(), options.apart.end(), b.name) !=
                        options.apart.end());
        if (apart.back()) r = {bytes, 0, last};
        ranges.push_back(r);
        positions.emplace_back();
        for (const Use& u : used->second) positions.back().push_back(u.position);
        plan.entries.push_back({members[b.name], 0, bytes, r.first, r.last});
    }
    for (const auto& [position, step] : uses.runs) {
        if (step->once != once || !options.scratch_bytes) continue;
        int64_t bytes = options.scratch_bytes(*step->kernel);
        if (bytes == 0) continue;
        ranges.push_back({bytes, position, position});
        apart.push_back(false);
        positions.push_back({position});
        plan.entries.push_back({{}, 0, bytes, position, position});
    }
    std::vector<int64_t> offsets;
    plan.arena_bytes =
        pack(ranges, options.alignment_bytes, offsets, overlap_of(positions, apart, options, uses));
    plan.lower_bound_bytes = max_live_bytes(ranges);
    for (size_t i = 0; i < plan.entries.size(); ++i) {
        ArenaEntry& e = plan.entries[i];
        e.offset = offsets[i];
        for (Name n : e.buffers) plan.offsets[n] = e.offset;
        if (e.buffers.empty()) plan.scratch_offsets[e.first] = e.offset;
    }
    find_spoilt_borders(program, bindings, plan);
    return plan;
}

// Whether the op fills coordinates that the buffer does not have.
static bool fills_border(const Op& op, const Buffer& b) {
    if (op.kind != OpKind::Fill || op.dst.target != b.name) return false;
    Extents extents;
    for (const NamedDim& d : op.dims)
        if (d.extent.is_const()) extents[d.name] = d.extent.value();
    for (size_t d = 0; d < op.dst.at.size(); ++d) {
        const Affine& at = op.dst.at[d].affine;
        if (op.dst.at[d].index || !b.dims[d].extent.is_const()) continue;
        if (!std::all_of(at.terms.begin(), at.terms.end(),
                         [&](const Term& t) { return extents.count(t.var) > 0; }))
            continue;
        const ValueRange range = value_range(at, extents);
        if (range.lo < 0 || range.hi >= b.dims[d].extent.value()) return true;
    }
    return false;
}

bool is_set_by_step(const Program& program, Name buffer) {
    const Buffer& b = program.buffer(buffer);
    bool found = false;
    for (const KernelPtr& k : kernels(program)) {
        if (std::find(k->writes.begin(), k->writes.end(), buffer) == k->writes.end()) continue;
        for_each_op(k->body, [&](const Op& op) { found = found || fills_border(op, b); });
    }
    return found;
}

ArenaPlan plan_arena_with_borders(const Program& program, const MemoryOptions& options) {
    MemoryOptions wanted = options;
    for (;;) {
        ArenaPlan plan = plan_arena(program, wanted);
        std::vector<Name> open;
        for (Name n : plan.needs_border_fill)
            if (!is_set_by_step(program, n)) open.push_back(n);
        plan.needs_border_fill = open;
        if (open.empty()) return plan;
        for (Name n : open) {
            const Name root = root_of(program, n);
            SMEATON_CHECK(
                std::find(wanted.apart.begin(), wanted.apart.end(), root) == wanted.apart.end(),
                "the border of {} is lost though its bytes are its own", n);
            wanted.apart.push_back(root);
        }
    }
}

static int64_t block_tile_bytes(const Block& block, const std::vector<Name>& levels, int64_t units,
                                const Bindings& bindings) {
    int64_t own = 0, inner = 0;
    for (const StmtPtr& s : block) {
        if (auto* let = std::get_if<Let>(&s->node)) {
            bool placed = std::find(levels.begin(), levels.end(), let->tile.level) != levels.end();
            if (let->kind == TileKind::Claim || let->constant || !placed) continue;
            for (const NamedDim& d : let->tile.dims) number(d.extent, bindings, let->tile.name);
            own += (bytes_of(*let, bindings) + 63) / 64 * 64;
        } else if (auto* p = std::get_if<Parallel>(&s->node)) {
            // Parallels inside one another share the units.
            int64_t times = std::min(units, number(p->extent, bindings, p->axis));
            inner = std::max(inner, times * block_tile_bytes(p->body, levels, 1, bindings));
        } else if (auto* f = std::get_if<For>(&s->node)) {
            inner = std::max(inner, block_tile_bytes(f->body, levels, units, bindings));
        }
    }
    return own + inner;
}

int64_t tile_bytes(const Kernel& kernel, const std::vector<Name>& levels, int64_t units,
                   const Bindings& bindings) {
    return block_tile_bytes(kernel.body, levels, units, bindings);
}

}  // namespace smeaton::gir
