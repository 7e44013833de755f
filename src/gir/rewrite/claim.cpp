#include "gir/rewrite/claim.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "gir/kernel_form.h"
#include "gir/layout.h"
#include "gir/rewrite/footprint.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// Share of a cache that is reckoned with: lines of other things drift through the rest.
constexpr double kShare = 0.95;
// A claim must save at least this part of the traffic that it stands for.
constexpr double kWorthwhile = 0.05;

// The loop whose body is looked at.
struct Around {
    Name axis;
    double turn_bytes = 0;
};

struct Candidate {
    Name source;
    Touch touch;
    bool ring = false;
    double saved = 0;
};

struct LoopOf {
    Name axis;
    int64_t extent = 1;
    const Block* body = nullptr;
};

LoopOf loop_of(const Stmt& s) {
    if (auto* p = std::get_if<Parallel>(&s.node)) return {p->axis, p->extent.value(), &p->body};
    if (auto* f = std::get_if<For>(&s.node)) return {f->axis, f->extent.value(), &f->body};
    return {};
}

Extents with(Extents scope, const LoopOf& loop) {
    scope[loop.axis] = loop.extent;
    return scope;
}

int64_t elements(const Touch& t) {
    int64_t n = 0;
    for (const Box& b : t.boxes) n += b.elements();
    return n;
}

// Read several times, not just passing through.
bool held_inside(const Touch& t) {
    constexpr double kSeveral = 1.5;
    return t.asked_bytes > kSeveral * static_cast<double>(elements(t) * t.element_bytes);
}

// The statement, a loop, with no more than two iterations.
Block two_of(const Stmt& s) {
    if (auto* p = std::get_if<Parallel>(&s.node))
        return {stmt(
            Parallel{p->axis, Dim(std::min<int64_t>(2, p->extent.value())), p->scope, p->body})};
    For f = std::get<For>(s.node);
    f.extent = Dim(std::min<int64_t>(2, f.extent.value()));
    return {stmt(std::move(f))};
}

// Does the loop come again to elements that an iteration before touched?
bool comes_again(const Touch& one, const Touch& all, int64_t trips) {
    return elements(all) < trips * elements(one);
}

// Does an iteration of the loop find a part of what the one before touched, and not all of it?
bool overlaps(const Box& box, Name axis) {
    bool moves = std::any_of(box.reach.begin(), box.reach.end(),
                             [&](const Reach& r) { return r.outer.uses(axis); });
    return moves && new_share(box, axis) < 1;
}

// A claim of a level further in keeps what the loop comes to again: this level does not see it.
bool kept_further_in(const Block& body, Name axis, Name source) {
    return std::any_of(body.begin(), body.end(), [&](const StmtPtr& s) {
        auto* let = std::get_if<Let>(&s->node);
        return let && let->source && let->ring == axis && let->source->target == source;
    });
}

struct Claimer {
    const Program& program;
    const Target& target;
    const TargetLevel& level;
    const std::function<Name(Name)>& fresh_name;
    std::map<Name, std::string>& claim_of;  // what each claim made so far is of
    std::set<Name> further_out;             // levels whose tiles can be claimed
    std::set<Name> written;
    FootprintOptions options;
    KnownTiles tiles = {};
    int64_t made = 0;

    bool copies() const { return options.mma_operand >= 0; }
    /// A scratchpad that all operands go through: what is claimed there is copied, and stays.
    bool filled_by_code() const { return level.software_managed && !copies(); }
    Block block(const Block& b, const Extents& scope, const Around& around, bool shared_out,
                int64_t room);
    bool reads_again(const Block& b, const Extents& scope) const;
    Block claim_filled(Block b, const Extents& scope, double capacity, int64_t& room);
    std::vector<Candidate> candidates(const Block& b, const Extents& scope, const Around& around,
                                      double capacity) const;
    double between(const Block& b, const Extents& scope, KnownTiles known, Name source) const;
    double turn_bytes(const Stmt& loop, const Touches& one, const Extents& scope,
                      const KnownTiles& known) const;
    void lose(const Block& b, const Extents& scope, KnownTiles known, double capacity,
              std::set<Name>& lost) const;
    bool gains_here(const Block& b, const Extents& scope, Name source, const Touch& touch) const;
    bool claimable(Name source) const;
    std::vector<NamedDim> dims_of(Name source) const;
    std::string stem_of(Name source) const {
        auto found = claim_of.find(source);
        return found == claim_of.end() ? source.str() : found->second;
    }
    Touches touched(const Block& b, const Extents& scope, const KnownTiles& known) const {
        return touched_by(b, scope, program, known, options);
    }
    void as_it_lies(Name source, std::vector<size_t>& dims) const;
    Block claim(const Candidate& what, Name ring, const Block& b);
};

bool Claimer::claimable(Name source) const {
    if (written.count(source) > 0) return false;
    auto tile = tiles.find(source);
    if (tile != tiles.end()) return further_out.count(tile->second.tile.level) > 0;
    return program.find_buffer(source) != nullptr;
}

std::vector<NamedDim> Claimer::dims_of(Name source) const {
    auto tile = tiles.find(source);
    return tile != tiles.end() ? tile->second.tile.dims : program.buffer(source).dims;
}

// Bytes that go by between the last reads of the source in one pass over the block and the first in
// the next, those passes whole. A loop that reads all of it in each iteration has it at hand in its
// first and last.
double Claimer::between(const Block& b, const Extents& scope, KnownTiles known, Name source) const {
    double others = 0;
    LoopOf reader;
    KnownTiles known_there;
    int readers = 0;
    for (const StmtPtr& s : b) {
        if (auto* let = std::get_if<Let>(&s->node)) note_tile(*let, known);
        Touches all = touched({s}, scope, known);
        auto found = all.find(source);
        if (found == all.end()) {
            others += footprint_bytes(all);
            continue;
        }
        ++readers;
        reader = loop_of(*s);
        known_there = known;
        if (!reader.body) continue;
        Touches one = touched(*reader.body, with(scope, reader), known);
        if (elements(one.at(source)) != elements(found->second)) reader.body = nullptr;
    }
    if (readers != 1 || !reader.body) {
        double bytes = 0;
        for (const auto& [name, touch] : touched(b, scope, known))
            bytes += touch.lines_bytes * (name != source && held_inside(touch) ? 2 : 1);
        return bytes;
    }
    return others + between(*reader.body, with(scope, reader), known_there, source);
}

// Targets that least-recently-used replacement drops before a loop inside, or a later statement,
// comes to them again: more than the cache holds goes by.
void Claimer::lose(const Block& b, const Extents& scope, KnownTiles known, double capacity,
                   std::set<Name>& lost) const {
    // Per target: bytes that go by after the last statement that reads it.
    std::map<Name, double> since;
    for (const StmtPtr& s : b) {
        if (auto* let = std::get_if<Let>(&s->node)) note_tile(*let, known);
        Touches all = touched({s}, scope, known), one;
        LoopOf loop = loop_of(*s);
        if (loop.body) one = touched(*loop.body, with(scope, loop), known);
        double whole = footprint_bytes(all);
        double by_turn = loop.body ? turn_bytes(*s, one, scope, known) : whole;
        for (const auto& [name, touch] : all) {
            double by = whole;
            if (loop.body) {
                double gap = by_turn;
                if (gap > capacity) gap = between(*loop.body, with(scope, loop), known, name);
                if (elements(one.at(name)) == elements(touch)) by = gap;
                if (gap > capacity && comes_again(one.at(name), touch, loop.extent) &&
                    !kept_further_in(*loop.body, loop.axis, name))
                    lost.insert(name);
            }
            auto before = since.find(name);
            if (before != since.end() && before->second + by > capacity) lost.insert(name);
            since[name] = by - whole;
        }
        for (auto& [name, bytes] : since) bytes += whole;
        if (loop.body) lose(*loop.body, with(scope, loop), known, capacity, lost);
    }
}

// Bytes that go by from anywhere in an iteration of the loop to the same place in the next: what
// one iteration touches, and twice what is held through all of it and another through the next.
double Claimer::turn_bytes(const Stmt& loop, const Touches& one, const Extents& scope,
                           const KnownTiles& known) const {
    double bytes = footprint_bytes(one);
    for (const auto& [name, two] : touched(two_of(loop), scope, known))
        if (held_inside(one.at(name))) bytes += two.lines_bytes - one.at(name).lines_bytes;
    return bytes;
}

// Would a claim further in, in a smaller part, bring in more bytes than one in this block?
bool Claimer::gains_here(const Block& b, const Extents& scope, Name source,
                         const Touch& touch) const {
    if (touch.statements > 1) return true;
    KnownTiles known = tiles;
    for (const StmtPtr& s : b) {
        if (auto* let = std::get_if<Let>(&s->node)) note_tile(*let, known);
        Touches all = touched({s}, scope, known);
        auto here = all.find(source);
        if (here == all.end() || here->second.asked_bytes == 0) continue;
        LoopOf loop = loop_of(*s);
        if (!loop.body) return !std::holds_alternative<Let>(s->node);
        Touches inner = touched(*loop.body, with(scope, loop), known);
        const Touch& one = inner.at(source);
        if (!one.claimable) return true;
        if (!comes_again(one, here->second, loop.extent)) return false;
        // What merely overlaps is left to a ring.
        return !overlaps(one.boxes[0], loop.axis);
    }
    return false;
}

std::vector<Candidate> Claimer::candidates(const Block& b, const Extents& scope,
                                           const Around& around, double capacity) const {
    Touches here = touched(b, scope, tiles);
    std::optional<std::set<Name>> lost;  // dear: found out for those that all else speaks for
    bool ring_holds = !around.axis.empty() && around.turn_bytes <= capacity;
    std::vector<Candidate> found;
    for (const auto& [name, touch] : here) {
        if (!touch.claimable || touch.asked_bytes == 0 || !claimable(name)) continue;
        Candidate c{name, touch};
        auto bytes = static_cast<double>(touch.bytes());
        c.saved = touch.asked_bytes - bytes;
        if (!copies()) {
            if (touch.bytes() < level.line_bytes) continue;
            c.ring = !filled_by_code() && ring_holds && overlaps(touch.boxes[0], around.axis) &&
                     !kept_further_in(b, around.axis, name);
            if (c.ring)
                c.saved = touch.asked_bytes - bytes * new_share(touch.boxes[0], around.axis);
            if (c.saved < kWorthwhile * touch.asked_bytes) continue;
            if (!c.ring && !gains_here(b, scope, name, touch)) continue;
            if (filled_by_code()) {
                found.push_back(c);
                continue;
            }
            if (!lost) lose(b, scope, tiles, capacity, lost.emplace());
            if (lost->count(name) > 0) continue;
        }
        found.push_back(c);
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Candidate& x, const Candidate& y) { return x.saved > y.saved; });
    return found;
}

// The index slices of a destination are read.
void redirect_indices(Slice& dst, const std::function<void(Slice&)>& redirect) {
    for (Coord& c : dst.at) {
        if (!c.index) continue;
        Slice index = *c.index;
        redirect(index);
        c.index = std::make_shared<const Slice>(std::move(index));
    }
}

// (a - base) / step: what of a coordinate walks the tile.
Affine within_tile(const Affine& a, const Affine& base, int64_t step) {
    Affine out = a - base;
    out.constant /= step;
    for (Term& t : out.terms) t.coefficient /= step;
    return out;
}

// A copy has the order in which its source lies: what runs along lanes there does so here.
void Claimer::as_it_lies(Name source, std::vector<size_t>& dims) const {
    const Buffer* buffer = program.find_buffer(source);
    if (!buffer) return;
    std::vector<PhysicalDim> physical = physical_dims(*buffer);
    auto innermost = [&](size_t d) {
        size_t at = 0;
        for (size_t i = 0; i < physical.size(); ++i)
            if (physical[i].dim == static_cast<int>(d)) at = i;
        return at;
    };
    std::stable_sort(dims.begin(), dims.end(),
                     [&](size_t x, size_t y) { return innermost(x) < innermost(y); });
}

// claim t: level [dims of the box] <- source[outer + lo + step*dim], and the reads turned to
// t.
Block Claimer::claim(const Candidate& what, Name ring, const Block& b) {
    const Name source = what.source;
    Let let;
    let.tile.name = fresh_name(stem_of(source) + "_" + level.name.str());
    let.tile.level = level.name;
    auto known = tiles.find(source);
    let.tile.dtype = known != tiles.end() ? known->second.tile.dtype : program.buffer(source).dtype;
    let.kind = level.software_managed ? TileKind::Copy : TileKind::Claim;
    let.ring = ring;
    let.source = Slice{source, {}, {}};
    std::vector<NamedDim> dims = dims_of(source);
    std::vector<Affine> base;
    std::vector<size_t> kept;  // dims that nothing inside walks are left out of the tile
    std::vector<int64_t> steps;
    std::vector<NamedDim> walked(dims.size());
    for (size_t d = 0; d < dims.size(); ++d) {
        const Reach& r = what.touch.boxes[0].reach[d];
        base.push_back(r.outer + Affine(r.inner.lo));
        steps.push_back(std::max<int64_t>(r.step, 1));
        Affine at = base.back();
        if (r.walked || r.values() > 1) {
            walked[d] = {fresh_name(dims[d].name), Dim(r.values())};
            at += Affine(walked[d].name, steps.back());
            kept.push_back(d);
        }
        let.source->at.emplace_back(at);
    }
    if (level.software_managed) as_it_lies(source, kept);
    for (size_t d : kept) let.tile.dims.push_back(walked[d]);
    std::function<void(Slice&)> redirect = [&](Slice& s) {
        for (Coord& c : s.at)
            if (c.index) {
                Slice index = *c.index;
                redirect(index);
                c.index = std::make_shared<const Slice>(std::move(index));
            }
        if (s.target != source) return;
        Slice next{let.tile.name, {}, s.within};
        for (size_t d : kept) next.at.emplace_back(within_tile(s.at[d].affine, base[d], steps[d]));
        s = next;
    };
    int operand = options.mma_operand;
    Block inside = map_stmts(b, [&](const StmtPtr& s) -> Block {
        if (auto* op = std::get_if<Op>(&s->node)) {
            Op next = *op;
            for (size_t k = 0; k < next.srcs.size(); ++k) {
                bool meant =
                    operand < 0 || (op->kind == OpKind::Mma && static_cast<int>(k) == operand);
                if (auto* slice = std::get_if<Slice>(&next.srcs[k]); slice && meant)
                    redirect(*slice);
            }
            if (operand < 0) redirect_indices(next.dst, redirect);
            return {next == *op ? s : stmt(std::move(next))};
        }
        auto* inner = std::get_if<Let>(&s->node);
        if (!inner || !inner->source || inner->source->target != source || operand >= 0) return {s};
        Let next = *inner;
        redirect(*next.source);
        return {stmt(std::move(next))};
    });
    note_tile(let, tiles);
    claim_of[let.tile.name] = stem_of(source);
    ++made;
    // At the head of the block, or just behind the tile that it reads from.
    auto at = inside.begin();
    for (auto s = inside.begin(); s != inside.end(); ++s)
        if (auto* declared = std::get_if<Let>(&(*s)->node);
            declared && declared->tile.name == source)
            at = s + 1;
    inside.insert(at, stmt(std::move(let)));
    return inside;
}

// Does anything inside come to an element twice? Where nothing does there is nothing to claim.
bool Claimer::reads_again(const Block& b, const Extents& scope) const {
    Touches here = touched(b, scope, tiles);
    return std::any_of(here.begin(), here.end(), [](const auto& entry) {
        const Touch& t = entry.second;
        return t.asked_bytes > static_cast<double>(elements(t) * t.element_bytes);
    });
}

// A tile that the block fills and then only reads can be claimed once it is filled.
Block Claimer::claim_filled(Block b, const Extents& scope, double capacity, int64_t& room) {
    std::map<Name, size_t> filled;  // tiles of this block -> the last statement that writes it
    for (size_t i = 0; i < b.size(); ++i) {
        auto* let = std::get_if<Let>(&b[i]->node);
        if (let && let->kind == TileKind::Memory && written.count(let->tile.name) > 0) filled[let->tile.name] = i;
        for_each_op({b[i]}, [&](const Op& op) {
            for (Name n : {op.dst.target, op.payload ? op.payload->target : Name()})
                if (auto at = filled.find(n); at != filled.end()) at->second = i;
        });
    }
    for (const auto& [name, last] : filled) {
        written.erase(name);
        Block rest(b.begin() + static_cast<std::ptrdiff_t>(last) + 1, b.end());
        std::vector<Candidate> found = candidates(rest, scope, {}, capacity);
        written.insert(name);
        for (const Candidate& c : found) {
            if (c.source != name || c.touch.bytes() > room) continue;
            Block claimed = claim(c, Name(), rest);
            room -= c.touch.bytes();
            b.resize(last + 1);
            b.insert(b.end(), claimed.begin(), claimed.end());
            return claim_filled(std::move(b), scope, capacity, room);
        }
    }
    return b;
}

Block Claimer::block(const Block& b, const Extents& scope, const Around& around, bool shared_out,
                     int64_t room) {
    for (const StmtPtr& s : b)
        if (auto* let = std::get_if<Let>(&s->node)) {
            note_tile(*let, tiles);
            if (let->tile.level != level.name || let->kind == TileKind::Claim ||
                claim_of.count(let->tile.name) > 0)
                continue;
            room -= bytes_of(*let);
        }
    Block current = b;
    // Cores at work share what they do not own.
    double share = shared_out ? 1.0 / static_cast<double>(target.sharers(level)) : 1;
    double capacity = kShare * share * static_cast<double>(level.capacity_bytes);
    for (const Candidate& c : candidates(b, scope, around, capacity)) {
        int64_t bytes = c.touch.bytes();
        if (static_cast<double>(bytes) > share * static_cast<double>(room)) continue;
        current = claim(c, c.ring ? around.axis : Name(), current);
        room -= bytes;
    }
    if (!copies() && !filled_by_code()) current = claim_filled(current, scope, capacity, room);
    if (!copies() && !reads_again(current, scope)) return current;
    Block out;
    for (const StmtPtr& s : current) {
        LoopOf loop = loop_of(*s);
        if (!loop.body) {
            out.push_back(s);
            continue;
        }
        auto* parallel = std::get_if<Parallel>(&s->node);
        Touches one = touched(*loop.body, with(scope, loop), tiles);
        Around inside{loop.axis, turn_bytes(*s, one, scope, tiles)};
        // Iterations share a level out that is not each one's own.
        bool shares = parallel && target.depth(parallel->scope) > target.depth(level.scope);
        Block body = block(*loop.body, with(scope, loop), inside, shared_out || shares, room);
        if (body == *loop.body) {
            out.push_back(s);
        } else if (parallel) {
            Parallel changed = *parallel;
            changed.body = body;
            out.push_back(stmt(std::move(changed)));
        } else {
            For changed = std::get<For>(s->node);
            changed.body = body;
            out.push_back(stmt(std::move(changed)));
        }
    }
    return out;
}

bool plain_loops(const Block& b) {
    bool plain = true;
    for_each_stmt(b, [&](const Stmt& s) {
        if (auto* f = std::get_if<For>(&s.node))
            plain = plain && f->from.empty() && f->to.empty() && f->extent.is_const() &&
                    f->extent.value() > 0;
        if (auto* p = std::get_if<Parallel>(&s.node))
            plain = plain && p->extent.is_const() && p->extent.value() > 0;
        if (auto* o = std::get_if<Op>(&s.node))
            for (const NamedDim& d : o->dims)
                plain = plain && d.extent.is_const() && d.extent.value() > 0;
    });
    return plain;
}

/// A scratchpad for whatever is computed with: all roles, or those of a kernel without
/// contractions.
bool holds_operands(const TargetLevel& level, bool contracts) {
    if (!level.software_managed || !level.takes(OperandRole::Vector)) return false;
    return !contracts || (level.takes(OperandRole::A) && level.takes(OperandRole::B));
}

// The software-managed level that is there for this operand.
const TargetLevel* scratchpad_for(const Target& target, OperandRole role) {
    for (const TargetLevel& level : target.levels)
        if (level.software_managed && !level.roles.empty() && level.takes(role) &&
            !holds_operands(level, true))
            return &level;
    return nullptr;
}

std::set<Name> levels_outside(const Target& target, const TargetLevel& level) {
    std::set<Name> names;
    for (const TargetLevel* l = &level; l != &target.outermost();) {
        l = &target.outwards_of(*l);
        names.insert(l->name);
    }
    return names;
}

int64_t tile_bytes_at(const Block& body, Name level) {
    int64_t bytes = 0;
    for_each_stmt(body, [&](const Stmt& s) {
        auto* let = std::get_if<Let>(&s.node);
        if (let && let->tile.level == level) bytes += bytes_of(let->tile);
    });
    return bytes;
}

bool contracts(const Block& body) {
    bool found = false;
    for_each_op(body, [&](const Op& op) { found = found || op.kind == OpKind::Mma; });
    return found;
}

// Tiles that ops fill change while they live.
std::set<Name> written_in(const Kernel& kernel) {
    std::set<Name> written(kernel.writes.begin(), kernel.writes.end());
    for_each_op(kernel.body, [&](const Op& op) {
        written.insert(op.dst.target);
        if (op.payload) written.insert(op.payload->target);
    });
    return written;
}

int64_t claims_in(const Kernel& kernel) {
    int64_t claims = 0;
    for_each_stmt(kernel.body, [&](const Stmt& s) {
        auto* let = std::get_if<Let>(&s.node);
        claims += let && let->kind != TileKind::Memory ? 1 : 0;
    });
    return claims;
}

KernelPtr claim_kernel(const Program& program, const KernelPtr& kernel, const Target& target) {
    if (!plain_loops(kernel->body)) return kernel;
    std::set<Name> taken;  // filled when the first claim needs a name
    const std::function<Name(Name)> fresh_name = [&](Name base) {
        if (taken.empty()) {
            taken = declared_names(kernel->body);
            for (const Buffer& b : program.buffers) taken.insert(b.name);
        }
        return fresh(base, taken);
    };
    Block body = kernel->body;
    std::map<Name, std::string> claim_of;
    const std::set<Name> written = written_in(*kernel);
    int64_t made = 0;
    auto claim_at = [&](const TargetLevel& level, std::set<Name> further_out, int operand,
                        double room) {
        FootprintOptions options{target.registers().name, level.line_bytes, operand};
        Claimer claimer{program, target, level, fresh_name, claim_of, std::move(further_out),
                        written, options};
        body = claimer.block(body, {}, {}, false, static_cast<int64_t>(room));
        made += claimer.made;
    };
    // From the innermost outwards: a level sees what those further in do not hold.
    for (const TargetLevel& level : target.levels) {
        if (&level == &target.registers() || &level == &target.outermost()) continue;
        if (level.capacity_bytes == 0) continue;
        auto capacity = static_cast<double>(level.capacity_bytes);
        if (!level.software_managed)
            claim_at(level, levels_outside(target, level), -1, kShare * capacity);
        else if (holds_operands(level, contracts(body)))
            claim_at(level, levels_outside(target, level), -1,
                     capacity - static_cast<double>(tile_bytes_at(body, level.name)));
    }
    const TargetLevel* scratchpads[] = {scratchpad_for(target, OperandRole::A),
                                        scratchpad_for(target, OperandRole::B)};
    // One that takes both is halved.
    double share = scratchpads[0] == scratchpads[1] ? 0.5 : 1;
    for (int operand : {0, 1})
        if (const TargetLevel* level = scratchpads[operand])
            claim_at(*level, {target.outermost().name}, operand,
                     share * static_cast<double>(level->capacity_bytes));
    if (made == 0) return kernel;
    Kernel next = *kernel;
    next.body = body;
    return std::make_shared<const Kernel>(with_uses(next));
}

}  // namespace

Program claim_residents(Program program, const Target& target, const Rules& rules) {
    if (!rules.on("claim-resident")) return program;
    const Program before = program;
    return map_forms(
        std::move(program),
        [&](const KernelPtr& kernel) { return claim_kernel(before, kernel, target); },
        [&](const KernelPtr& kernel, const KernelPtr& claimed) {
            rules.note("claim-resident", fmt::format("{}: {} claims", kernel->name,
                                                     claims_in(*claimed) - claims_in(*kernel)));
        });
}

}  // namespace smeaton::gir::rewrite
