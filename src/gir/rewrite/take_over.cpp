#include "gir/rewrite/take_over.h"

#include <algorithm>
#include <numeric>

#include "gir/rewrite/access.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/nest.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// A top-level statement that is a perfect parallel nest around one move between buffers.
struct PureMove {
    Slice dst, src;
    std::vector<Loop> loops;
};

std::optional<PureMove> pure_move(const Program& program, const StmtPtr& s) {
    LoopNest nest = nest_of(s, true);
    if (nest.body.size() != 1) return std::nullopt;
    auto* op = std::get_if<Op>(&nest.body[0]->node);
    if (!op || op->kind != OpKind::Move || !op->dims.empty() || op->dst.within) return std::nullopt;
    auto* src = std::get_if<Slice>(&op->srcs[0]);
    if (!src || !program.find_buffer(src->target)) return std::nullopt;
    if (!program.find_buffer(op->dst.target))
        return std::nullopt;  // into a tile of a scalar kernel
    for (const Coord& c : op->dst.at)
        if (c.index) return std::nullopt;
    Substitution single;  // an axis of one iteration must not travel with the map
    for (const Loop& l : nest.loops)
        if (l.extent.is(1)) single[l.axis] = Affine(0);
    return PureMove{substitute(op->dst, single), substitute(*src, single), nest.loops};
}

std::optional<int64_t> extent_of(const std::vector<Loop>& loops, Name axis) {
    for (const Loop& l : loops)
        if (l.axis == axis) return l.extent.if_const();
    return std::nullopt;
}

// Which dim of `s` each loop axis walks, when every dim is either 0 of an extent 1 or a distinct
// axis over the whole extent: then `s` names every element of its buffer exactly once.
std::optional<std::map<Name, size_t>> whole_box(const Program& program, const Slice& s,
                                                const std::vector<Loop>& loops) {
    const Buffer& buffer = program.buffer(s.target);
    std::map<Name, size_t> dims;
    if (s.within) return std::nullopt;
    for (size_t i = 0; i < s.at.size(); ++i) {
        if (s.at[i].index) return std::nullopt;
        if (s.at[i].affine == Affine(0) && buffer.dims[i].extent.is(1)) continue;
        std::optional<Name> axis = s.at[i].affine.single_var();
        if (!axis || dims.count(*axis) > 0) return std::nullopt;
        std::optional<int64_t> extent = extent_of(loops, *axis);
        if (!extent || !buffer.dims[i].extent.is(*extent)) return std::nullopt;
        dims[*axis] = i;
    }
    for (const Loop& l : loops)
        if (dims.count(l.axis) == 0 && !l.extent.is(1)) return std::nullopt;
    return dims;
}

// `map` with each axis replaced by the coordinate that `at` has in the dim which the axis walks.
std::optional<Slice> compose(const Slice& map, const std::map<Name, size_t>& axis_dims,
                             const Slice& at) {
    Substitution by;
    for (const auto& [axis, dim] : axis_dims) by[axis] = at.at[dim].affine;
    Slice out = substitute(map, by);
    for (const auto& [axis, dim] : axis_dims) {
        if (!at.at[dim].index) continue;
        // A computed coordinate can only stand where the axis stood alone.
        int count = 0;
        for (size_t i = 0; i < map.at.size(); ++i) {
            if (!map.at[i].affine.uses(axis)) continue;
            if (map.at[i].affine.coefficient(axis) != 1 || out.at[i].index) return std::nullopt;
            out.at[i].index = at.at[dim].index;
            ++count;
        }
        if (count != 1 || (map.within && uses(Slice{map.target, {}, map.within}, axis)))
            return std::nullopt;
    }
    if (at.within) {
        if (out.within && !(out.within->otherwise == at.within->otherwise)) return std::nullopt;
        if (!out.within) out.within = Within{{}, at.within->otherwise};
        out.within->bounds.insert(out.within->bounds.end(), at.within->bounds.begin(),
                                  at.within->bounds.end());
    }
    return out;
}

// Folding the same value again changes nothing.
bool is_idempotent(ScalarFn fn) {
    return fn == ScalarFn::max || fn == ScalarFn::min || fn == ScalarFn::and_ ||
           fn == ScalarFn::or_;
}

// Dims that the map has made a constant of are dims no longer; nullopt where that would fold less:
// a sum or a product takes as many of the same as there were iterations, and bounds may still ask
// which of them it is.
std::optional<Op> without_lost_dims(Op op) {
    const bool folds = op.kind == OpKind::Reduce || op.kind == OpKind::Mma;
    Substitution lost;
    for (const NamedDim& d : op.dims) {
        bool walked = walks(op.dst, d.name), asked = false;
        for (const Operand& o : op.srcs)
            if (auto* s = std::get_if<Slice>(&o)) {
                walked = walked || (folds && walks(*s, d.name));
                asked = asked || uses(*s, d.name);
            }
        if (walked) continue;
        if (d.extent.is(1) || (!asked && op.kind == OpKind::Reduce && is_idempotent(op.fn)))
            lost[d.name] = Affine(0);
        else if (folds)
            return std::nullopt;
    }
    if (lost.empty()) return op;
    std::erase_if(op.dims, [&](const NamedDim& d) { return lost.count(d.name) > 0; });
    return substitute(op, lost);
}

struct SliceRewriter {
    Name target;
    std::function<std::optional<Slice>(const Slice&)> replace;
    bool possible = true;

    void slice(Slice& s) {
        for (Coord& c : s.at)
            if (c.index) {
                Slice inner = *c.index;
                slice(inner);
                c.index = std::make_shared<const Slice>(std::move(inner));
            }
        if (s.target != target) return;
        std::optional<Slice> next = replace(s);
        if (next)
            s = *next;
        else
            possible = false;
    }

    KernelPtr kernel(const KernelPtr& k, bool stores) {
        Block body = map_stmts(k->body, [&](const StmtPtr& s) -> Block {
            if (auto* let = std::get_if<Let>(&s->node); let && let->source) {
                Let next = *let;
                slice(*next.source);
                if (next.kind == TileKind::Claim && next.source->within)
                    possible = false;  // a claim does not pad
                return {stmt(std::move(next))};
            }
            if (auto* check = std::get_if<Check>(&s->node)) {
                Check next = *check;
                if (auto* c = std::get_if<Slice>(&next.condition)) slice(*c);
                return {stmt(std::move(next))};
            }
            auto* op = std::get_if<Op>(&s->node);
            if (!op) return {s};
            Op next = *op;
            for (Operand& o : next.srcs)
                if (auto* src = std::get_if<Slice>(&o)) slice(*src);
            if (stores) slice(next.dst);
            if (stores && next.payload) slice(*next.payload);
            if (next == *op) return {s};
            std::optional<Op> kept = without_lost_dims(next);
            if (!kept) possible = false;
            return {stmt(kept ? *std::move(kept) : std::move(next))};
        });
        Kernel next = *k;
        next.body = body;
        return std::make_shared<const Kernel>(with_uses(next));
    }
};

bool once(const Program& program, size_t step) {
    return std::get<RunStep>(program.steps[step].node).once;
}

/// Whether the readers of the temp, all behind step `step`, take `source` over, which names it with
/// axes that stand for dims of the temp.
bool readers_take_over(Program& program, size_t step, const Buffer& temp, const Slice& source,
                       const std::map<Name, size_t>& dims, std::map<Name, Uses>& all,
                       const Rules& rules) {
    const std::vector<size_t> readers = all.at(temp.name).readers;
    SliceRewriter rewriter{temp.name, [&](const Slice& s) { return compose(source, dims, s); }};
    Proposal proposal{"take-over-reader", kernel_of(program.steps[step])->name.str(), {}, {}};
    for (size_t reader : readers) {
        proposal.before.push_back(kernel_of(program.steps[reader]));
        proposal.after.push_back(rewriter.kernel(proposal.before.back(), false));
    }
    if (!rewriter.possible || !accept(proposal, program, rules)) return false;
    for (size_t i = 0; i < readers.size(); ++i)
        replace_kernel(program, readers[i], proposal.after[i], all);
    return true;
}

bool try_reader(Program& program, size_t step, std::map<Name, Uses>& all, const Rules& rules) {
    KernelPtr kernel = kernel_of(program.steps[step]);
    if (!kernel || once(program, step) || kernel->body.size() != 1) return false;
    std::optional<PureMove> move = pure_move(program, kernel->body[0]);
    if (!move) return false;
    const Buffer& temp = program.buffer(move->dst.target);
    auto dims = whole_box(program, move->dst, move->loops);
    if (!dims || !is_free_temp(program, temp)) return false;
    auto found = all.find(temp.name);
    if (found == all.end()) return false;
    const Uses& uses = found->second;
    if (uses.writers.size() != 1 || uses.readers.empty()) return false;
    // The source must still hold the same when the readers run.
    const Name source = root_of(program, move->src.target);
    if (touched_by_control(program, move->src.target)) return false;
    // States are written last: what reads them before that may.
    const bool state = program.buffer(source).lifetime == Lifetime::State;
    for (const auto& [name, use] : all)
        for (size_t writer : use.writers)
            if (writer > step && (!state || writer <= uses.readers.back()) &&
                root_of(program, name) == source)
                return false;
    return readers_take_over(program, step, temp, move->src, *dims, all, rules);
}

// No element is in both slices: some coordinate differs in its range, or modulo what all its steps
// share.
bool apart(const Slice& a, const Extents& a_extents, const Slice& b, const Extents& b_extents) {
    auto known = [](const Coord& c, const Extents& extents) {
        return !c.index && std::all_of(c.affine.terms.begin(), c.affine.terms.end(),
                                       [&](const Term& t) { return extents.count(t.var) > 0; });
    };
    for (size_t d = 0; d < a.at.size(); ++d) {
        if (!known(a.at[d], a_extents) || !known(b.at[d], b_extents)) continue;
        const Affine &p = a.at[d].affine, &q = b.at[d].affine;
        ValueRange i = value_range(p, a_extents), j = value_range(q, b_extents);
        if (i.hi < j.lo || j.hi < i.lo) return true;
        int64_t step = 0;
        for (const Affine* form : {&p, &q})
            for (const Term& t : form->terms) step = std::gcd(step, t.coefficient);
        if (step > 1 && (p.constant - q.constant) % step != 0) return true;
    }
    return false;
}

// Whether no statement of the block uses the elements that the move writes: `reads` and writes, or
// writes alone. Under another name of the same memory nothing is known.
bool leaves_alone(const Program& program, const PureMove& move, const Block& body, bool reads) {
    const Slice& part = move.dst;
    const Name root = root_of(program, part.target);
    Extents extents;
    for (const Loop& l : move.loops)
        if (l.extent.is_const()) extents[l.axis] = l.extent.value();
    const Extents others = extents_in(body);
    bool free = true;
    auto look = [&](const Slice& s) {
        if (!program.find_buffer(s.target) || root_of(program, s.target) != root) return;
        free = free && s.target == part.target && apart(part, extents, s, others);
    };
    for_each_op(body, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool writes) {
            if (reads || writes) look(s);
        });
    });
    for_each_stmt(body, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node); reads && let && let->source) look(*let->source);
    });
    return free;
}

// Whether `part` of `into` may be written as early as step `first` and not only by statement
// `statement` of step `step`: nothing in between writes or reads the same elements.
bool may_come_earlier(const Program& program, const PureMove& move, size_t first, size_t step,
                      size_t statement) {
    for (size_t i = first; i <= step; ++i) {
        KernelPtr kernel = kernel_of(program.steps[i]);
        if (!kernel) return false;
        Block body = kernel->body;
        if (i == step) body.erase(body.begin() + static_cast<long>(statement), body.end());
        if (!leaves_alone(program, move, body, true)) return false;
    }
    return true;
}

// Whether the part still holds what the move put there when step `last` has run: nothing behind
// the statement writes the same elements, as a scatter into a copy of its operand does.
bool stays_until(const Program& program, const PureMove& move, size_t step, size_t statement,
                 size_t last) {
    for (size_t i = step; i <= last; ++i) {
        auto* run = std::get_if<RunStep>(&program.steps[i].node);
        if (!run) return false;
        if (!run->kernel) continue;
        Block body = run->kernel->body;
        if (i == step) body.erase(body.begin(), body.begin() + static_cast<long>(statement) + 1);
        if (!leaves_alone(program, move, body, false)) return false;
    }
    return true;
}

/// A temp that moves fill piece by piece, as a map from its coordinates to those of one source.
struct Pieces {
    Slice source;
    std::map<Name, size_t> dims;  ///< which dim of the temp each axis stands for
};

/// The map that one piece goes by, were it all of the temp: each dim walked by an axis of its own.
std::optional<Pieces> map_of(const Buffer& temp, const PureMove& piece) {
    Pieces out;
    Substitution from_start;
    for (size_t i = 0; i < piece.dst.at.size(); ++i) {
        if (temp.dims[i].extent.is(1)) continue;
        const Affine& at = piece.dst.at[i].affine;
        if (at.terms.size() != 1 || at.terms[0].coefficient != 1) return std::nullopt;
        const Name axis = at.terms[0].var;
        if (!out.dims.emplace(axis, i).second) return std::nullopt;
        from_start[axis] = Affine(axis) - Affine(at.constant);
    }
    out.source = substitute(piece.src, from_start);
    return out;
}

/// Elements that the loops of a move go over; 0 where that is not known.
int64_t elements_of(const PureMove& move) {
    int64_t elements = 1;
    for (const Loop& l : move.loops) elements *= l.extent.is_const() ? l.extent.value() : 0;
    return elements;
}

/// Whether the pieces fill the temp, each element once.
bool fill_it(const Buffer& temp, const std::vector<PureMove>& pieces) {
    int64_t wanted = 1, filled = 0;
    for (const NamedDim& d : temp.dims) wanted *= d.extent.is_const() ? d.extent.value() : 0;
    std::vector<Extents> extents;
    for (const PureMove& piece : pieces) {
        filled += elements_of(piece);
        extents.emplace_back();
        for (const Loop& l : piece.loops) extents.back()[l.axis] = l.extent.if_const().value_or(0);
    }
    if (wanted == 0 || filled != wanted) return false;
    for (size_t i = 0; i < pieces.size(); ++i)
        for (size_t k = 0; k < i; ++k)
            if (!apart(pieces[i].dst, extents[i], pieces[k].dst, extents[k])) return false;
    return true;
}

/// The one map by which all pieces lie in one source.
std::optional<Pieces> one_map(const Buffer& temp, const std::vector<PureMove>& pieces) {
    std::optional<Pieces> map;
    for (const PureMove& piece : pieces)
        if (!map) map = map_of(temp, piece);
    if (!map) return std::nullopt;
    for (const PureMove& piece : pieces) {
        const std::optional<Slice> at = compose(map->source, map->dims, piece.dst);
        if (!at || !(*at == piece.src)) return std::nullopt;
    }
    return map;
}

/// Parts of one buffer that were put together side by side as they lie there already, as the
/// concatenations of growing lists are:
///     move t[c] <- y[c] over c: 8;  move t[c + 8] <- y[c + 8] over c: 8;  ... t[a] ...  ->  ...
///     y[a] ...
bool try_pieces(Program& program, size_t step, std::map<Name, Uses>& all, const Rules& rules) {
    KernelPtr last = kernel_of(program.steps[step]);
    if (!last || last->writes.size() != 1) return false;
    const Buffer& temp = program.buffer(last->writes[0]);
    auto found = all.find(temp.name);
    if (found == all.end() || !is_free_temp(program, temp)) return false;
    const Uses uses = found->second;
    if (uses.writers.size() < 2 || uses.writers.back() != step || uses.readers.empty() ||
        uses.readers.front() <= step)
        return false;
    std::vector<PureMove> pieces;
    for (size_t writer : uses.writers) {
        const KernelPtr kernel = kernel_of(program.steps[writer]);
        if (once(program, writer) || kernel->body.size() != 1) return false;
        std::optional<PureMove> piece = pure_move(program, kernel->body[0]);
        if (!piece || piece->src.within || piece->src.target == temp.name) return false;
        pieces.push_back(*std::move(piece));
    }
    const Name source = pieces[0].src.target;
    if (touched_by_control(program, source) ||
        program.buffer(root_of(program, source)).lifetime == Lifetime::State)
        return false;
    const std::optional<Pieces> map = one_map(temp, pieces);
    if (!map || !fill_it(temp, pieces)) return false;
    for (size_t i = 0; i < pieces.size(); ++i) {
        const PureMove there{pieces[i].src, pieces[i].dst, pieces[i].loops};
        if (!stays_until(program, there, uses.writers[i], 0, uses.readers.back())) return false;
    }
    return readers_take_over(program, step, temp, map->source, map->dims, all, rules);
}

// One statement of the kernel at `step` moves all of a temp into part of another buffer.
bool try_writer(Program& program, size_t step, size_t statement, std::map<Name, Uses>& all,
                const Rules& rules) {
    KernelPtr kernel = kernel_of(program.steps[step]);
    std::optional<PureMove> move = pure_move(program, kernel->body[statement]);
    if (!move) return false;
    const Buffer& temp = program.buffer(move->src.target);
    const Buffer& into = program.buffer(move->dst.target);
    auto dims = whole_box(program, move->src, move->loops);
    if (!dims || !is_free_temp(program, temp) || temp.dtype != into.dtype) return false;
    if (into.lifetime == Lifetime::State) return false;  // others may still read what it held
    auto found = all.find(temp.name);
    if (found == all.end() || found->second.writers.empty()) return false;
    const Uses& uses = found->second;
    for (size_t user : uses.writers)
        if (once(program, user) || user >= step) return false;
    Kernel rest = *kernel;
    rest.body.erase(rest.body.begin() + static_cast<long>(statement));
    rest = with_uses(rest);
    if (std::count(rest.reads.begin(), rest.reads.end(), temp.name) > 0) return false;
    size_t first = *std::min_element(uses.writers.begin(), uses.writers.end());
    if (!may_come_earlier(program, *move, first, step, statement)) return false;
    const size_t last = uses.readers.empty() ? step : uses.readers.back();
    if (last > step && !stays_until(program, *move, step, statement, last)) return false;
    SliceRewriter rewriter{temp.name, [&](const Slice& s) -> std::optional<Slice> {
                               if (s.within) return std::nullopt;
                               return compose(move->dst, *dims, s);
                           }};
    std::map<size_t, KernelPtr> next;
    for (const auto* list : {&uses.writers, &uses.readers})
        for (size_t user : *list) {
            if (user == step || next.count(user) > 0) continue;
            next[user] = rewriter.kernel(kernel_of(program.steps[user]), true);
        }
    if (!rewriter.possible) return false;
    Proposal proposal{"take-over-writer",
                      kernel->name.str() + ": " + temp.name.str() + " in " + into.name.str(),
                      {kernel},
                      {}};
    const KernelPtr left = rest.body.empty() ? nullptr : std::make_shared<const Kernel>(rest);
    if (left) proposal.after.push_back(left);
    for (auto& [user, k] : next) {
        proposal.before.push_back(kernel_of(program.steps[user]));
        proposal.after.push_back(k);
    }
    if (!accept(proposal, program, rules)) return false;
    for (auto& [user, k] : next) replace_kernel(program, user, k, all);
    replace_kernel(program, step, left, all);
    return true;
}

Program taken_over_by_readers(Program program, const Rules& rules) {
    std::map<Name, Uses> all = uses_of(program);
    for (size_t step = 0; step < program.steps.size(); ++step)  // drop_dead removes the moves
        if (!try_reader(program, step, all, rules)) try_pieces(program, step, all, rules);
    return program;
}

Program taken_over_by_writers(Program program, const Rules& rules) {
    std::map<Name, Uses> all = uses_of(program);
    // Backwards, so that a chain of concatenations ends in the last buffer.
    for (size_t step = program.steps.size(); step-- > 0;) {
        KernelPtr kernel = kernel_of(program.steps[step]);
        if (!kernel || once(program, step)) continue;
        for (size_t k = kernel->body.size(); k-- > 0 && kernel_of(program.steps[step]);)
            try_writer(program, step, k, all, rules);
    }
    // Steps keep their places, by which their uses are known, until all is done.
    std::erase_if(program.steps, [](const Step& s) {
        auto* run = std::get_if<RunStep>(&s.node);
        return run && !run->kernel;
    });
    return program;
}

}  // namespace

Program take_over_by_readers(Program program, const Rules& rules) {
    return proposed("take-over-reader", std::move(program), rules,
                    [&](Program p) { return taken_over_by_readers(std::move(p), rules); });
}

Program take_over_by_writers(Program program, const Rules& rules) {
    return proposed("take-over-writer", std::move(program), rules,
                    [&](Program p) { return taken_over_by_writers(std::move(p), rules); });
}

}  // namespace smeaton::gir::rewrite
