#include "gir/rewrite/stream.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "gir/names.h"
#include "gir/rewrite/nest.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

struct Uses {
    int reads = 0, writes = 0;
};

using AllUses = std::map<Name, Uses>;

AllUses uses_in(const Block& body) {
    AllUses all;
    for_each_op(body, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool written) {
            ++(written ? all[s.target].writes : all[s.target].reads);
        });
    });
    for_each_stmt(body, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node); let && let->source)
            ++all[let->source->target].reads;
        if (auto* check = std::get_if<Check>(&s.node))
            if (auto* slice = std::get_if<Slice>(&check->condition)) ++all[slice->target].reads;
    });
    return all;
}

Uses used(const AllUses& uses, Name n) {
    auto found = uses.find(n);
    return found == uses.end() ? Uses{} : found->second;
}

/// The tile, if the statement declares one of some extent that the kernel writes in one place.
std::optional<Tile> tile_written_once(const Stmt& s, const AllUses& uses) {
    auto* let = std::get_if<Let>(&s.node);
    if (!let || let->kind != TileKind::Memory || let->constant || let->tile.dims.empty() ||
        used(uses, let->tile.name).writes != 1)
        return std::nullopt;
    return let->tile;
}

/// Each coordinate of the slice is a variable of its own, which runs over the whole of its dim.
template <class ExtentOf>
bool walks_whole(const Slice& s, const Tile& tile, ExtentOf&& extent_of) {
    if (s.within || s.at.size() != tile.dims.size()) return false;
    std::set<Name> seen;
    for (size_t d = 0; d < s.at.size(); ++d) {
        const std::optional<Name> var = s.at[d].index ? std::nullopt : s.at[d].affine.single_var();
        if (!var || !seen.insert(*var).second) return false;
        const std::optional<Dim> extent = extent_of(*var);
        if (!extent || !(*extent == tile.dims[d].extent)) return false;
    }
    return true;
}

const Op* op_at(const Block& body, size_t i) {
    return std::get_if<Op>(&body[i]->node);
}

/// The sum that alone reads the tile, from `from` on in the block.
std::optional<size_t> sum_of(const Block& body, size_t from, const Tile& tile) {
    for (size_t i = from; i < body.size(); ++i) {
        const Op* op = op_at(body, i);
        if (!op || op->kind != OpKind::Reduce || op->fn != ScalarFn::add || op->accumulate)
            continue;
        auto* src = std::get_if<Slice>(&op->srcs[0]);
        if (!src || src->target != tile.name || !op->dst.at.empty()) continue;
        auto extent = [&](Name n) -> std::optional<Dim> {
            for (const NamedDim& d : op->dims)
                if (d.name == n) return d.extent;
            return std::nullopt;
        };
        if (op->dims.size() == tile.dims.size() && walks_whole(*src, tile, extent)) return i;
        return std::nullopt;
    }
    return std::nullopt;
}

struct Filled {
    LoopNest nest;
    size_t store = 0;  ///< in the nest's body
};

/// The nest that alone writes the tile, at each point once.
std::optional<Filled> filling_nest(const StmtPtr& s, const Tile& tile) {
    if (!std::holds_alternative<Parallel>(s->node)) return std::nullopt;
    Filled f{nest_of(s, true), 0};
    auto extent = [&](Name n) -> std::optional<Dim> {
        for (const Loop& l : f.nest.loops)
            if (l.axis == n) return l.extent;
        return std::nullopt;
    };
    size_t wide = 0;
    for (const Loop& l : f.nest.loops) wide += l.extent.is(1) ? 0 : 1;
    for (size_t i = 0; i < f.nest.body.size(); ++i) {
        const Op* op = op_at(f.nest.body, i);
        if (!op || op->dst.target != tile.name) continue;
        auto* src = op->kind == OpKind::Move ? std::get_if<Slice>(&op->srcs[0]) : nullptr;
        if (!src || !src->at.empty() || !op->dims.empty() || src->within) return std::nullopt;
        if (wide > tile.dims.size() || !walks_whole(op->dst, tile, extent)) return std::nullopt;
        f.store = i;
        return f;
    }
    return std::nullopt;
}

bool merge_one(Block& body) {
    const AllUses uses = uses_in(body);
    for (size_t l = 0; l < body.size(); ++l) {
        const std::optional<Tile> tile = tile_written_once(*body[l], uses);
        if (!tile || used(uses, tile->name).reads != 1) continue;
        for (size_t n = l + 1; n < body.size(); ++n) {
            std::optional<Filled> f = filling_nest(body[n], *tile);
            if (!f) continue;
            const std::optional<size_t> sum = sum_of(body, n + 1, *tile);
            if (!sum) break;
            const Op reduce = *op_at(body, *sum);
            const auto holds = std::find_if(body.begin(), body.end(), [&](const StmtPtr& s) {
                auto* let = std::get_if<Let>(&s->node);
                return let && let->tile.name == reduce.dst.target &&
                       tensor::is_float(let->tile.dtype);
            });
            if (holds == body.end() || used(uses, reduce.dst.target).writes != 1) break;
            Op add = reduce;
            add.accumulate = true;
            add.dims.clear();
            add.srcs = {std::get<Slice>(op_at(f->nest.body, f->store)->srcs[0])};
            Op zero;
            zero.kind = OpKind::Fill;
            zero.dst = reduce.dst;
            zero.srcs = {Literal::of(0)};
            zero.origins = reduce.origins;
            f->nest.body[f->store] = stmt(std::move(add));
            for (Loop& loop : f->nest.loops) loop.parallel = false;
            Block made;
            for (size_t i = 0; i < body.size(); ++i) {
                if (i == l || i == *sum || body[i] == *holds) continue;
                if (i == n) {
                    made.push_back(*holds);
                    made.push_back(stmt(zero));
                    const Block nest = build(f->nest);
                    made.insert(made.end(), nest.begin(), nest.end());
                } else {
                    made.push_back(body[i]);
                }
            }
            body = std::move(made);
            return true;
        }
    }
    return false;
}

// ---- one nest behind another ----

size_t reads_of(const Block& body, Name tile) {
    size_t reads = 0;
    for_each_op(body, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool written) {
            reads += !written && s.target == tile ? 1 : 0;
        });
    });
    return reads;
}

/// Do both declare a name?
bool shadows(const Block& a, const Block& b) {
    const std::set<Name> names = declared_names(a), others = declared_names(b);
    return std::any_of(names.begin(), names.end(), [&](Name n) { return others.count(n) > 0; });
}

struct Touched {
    std::set<Name> read, written;
    bool touches(const std::set<Name>& names, bool writes_alone) const {
        auto any = [&](const std::set<Name>& own) {
            return std::any_of(own.begin(), own.end(), [&](Name n) { return names.count(n) > 0; });
        };
        return any(written) || (!writes_alone && any(read));
    }
};

Touched touched_by(const StmtPtr& s) {
    Touched t;
    for_each_op({s}, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& slice, bool written) {
            (written ? t.written : t.read).insert(slice.target);
            if (written && op.accumulate) t.read.insert(slice.target);
        });
    });
    for_each_stmt({s}, [&](const Stmt& inner) {
        if (auto* let = std::get_if<Let>(&inner.node); let && let->source)
            t.read.insert(let->source->target);
        if (auto* check = std::get_if<Check>(&inner.node))
            if (auto* slice = std::get_if<Slice>(&check->condition)) t.read.insert(slice->target);
    });
    return t;
}

bool meet(const std::set<Name>& a, const std::set<Name>& b) {
    return std::any_of(a.begin(), a.end(), [&](Name n) { return b.count(n) > 0; });
}

/// A nest of whole loops around plain ops.
std::optional<LoopNest> plain_nest(const StmtPtr& s) {
    if (!body_of(*s)) return std::nullopt;
    LoopNest nest = nest_of(s, false);
    for (const Loop& l : nest.loops)
        if (!l.from.empty() || !l.to.empty()) return std::nullopt;
    for (const StmtPtr& inner : nest.body)
        if (!std::holds_alternative<Let>(inner->node) && !std::holds_alternative<Op>(inner->node))
            return std::nullopt;
    return nest;
}

/// The reader's variables by the writer's, where every read names the element that the store wrote
/// in the same turn; nothing otherwise.
std::optional<OtherNames> same_turn(const LoopNest& writer, const Op& store, const LoopNest& reader,
                                    Name tile) {
    OtherNames vars;
    bool same = true;
    for (const StmtPtr& s : reader.body) {
        auto* op = std::get_if<Op>(&s->node);
        if (!op) continue;
        for_each_slice(*op, [&](const Slice& slice, bool) {
            if (slice.target != tile) return;
            same = same && !slice.within && op->dims.empty();
            for (size_t d = 0; same && d < slice.at.size(); ++d) {
                const auto r = slice.at[d].index ? std::nullopt : slice.at[d].affine.single_var();
                const auto w = store.dst.at[d].affine.single_var();
                same = r && w && vars.emplace(*r, *w).first->second == *w;
            }
        });
    }
    auto extent = [](const LoopNest& nest, Name n) -> std::optional<Dim> {
        for (const Loop& l : nest.loops)
            if (l.axis == n) return l.extent;
        return std::nullopt;
    };
    size_t wide = 0;
    for (const Loop& l : reader.loops) {
        if (l.extent.is(1)) continue;
        ++wide;
        auto var = vars.find(l.axis);
        same = same && var != vars.end() && extent(writer, var->second) == l.extent;
    }
    return same && wide == vars.size() ? std::optional(vars) : std::nullopt;
}

/// Statements of `between` that must stand before the first nest, so that the second may join it;
/// nothing where one of them needs that nest, or what follows would see too little.
std::optional<std::vector<bool>> ahead_of(const Block& between, const Touched& first,
                                          const Touched& second) {
    std::vector<bool> ahead(between.size());
    std::set<Name> needed = second.read;
    for (size_t i = between.size(); i-- > 0;) {
        const Touched t = touched_by(between[i]);
        if (std::holds_alternative<Let>(between[i]->node)) {
            ahead[i] = true;
        } else if (meet(t.written, needed)) {
            if (meet(t.read, first.written) || t.touches(first.written, false) ||
                meet(t.written, first.read))
                return std::nullopt;
            ahead[i] = true;
            needed.insert(t.read.begin(), t.read.end());
        } else if (meet(t.read, second.written) || meet(t.written, second.written)) {
            return std::nullopt;
        }
    }
    // What goes ahead must not overtake what it reads, or what reads or writes what it writes.
    for (size_t i = 0; i < between.size(); ++i) {
        if (!ahead[i]) continue;
        const Touched t = touched_by(between[i]);
        for (size_t j = 0; j < i; ++j) {
            if (ahead[j]) continue;
            const Touched stays = touched_by(between[j]);
            if (meet(t.read, stays.written) || stays.touches(t.written, false)) return std::nullopt;
        }
    }
    return ahead;
}

/// The second nest's turns behind those of the first, reading what that stored from its own tile.
Block joined(const Filled& first, const LoopNest& second, const OtherNames& vars, Name row) {
    LoopNest nest = first.nest;
    const Op store = *op_at(nest.body, first.store);
    for (Loop& l : nest.loops)
        for (const Loop& other : second.loops)
            if (!other.parallel) l.parallel = false;
    const Slice source = std::get<Slice>(store.srcs[0]);
    Substitution single;
    for (const Loop& l : second.loops)
        if (l.extent.is(1)) single[l.axis] = Affine(0);
    Block tail = rename_vars(substitute(second.body, single), vars);
    tail = map_ops(tail, [&](const Op& op) {
        Op next = op;
        for (Operand& o : next.srcs)
            if (auto* slice = std::get_if<Slice>(&o); slice && slice->target == row)
                *slice = source;
        return next;
    });
    nest.body.erase(nest.body.begin() + static_cast<long>(first.store));
    nest.body.insert(nest.body.end(), tail.begin(), tail.end());
    return build(nest);
}

/// Does what was stored change later in the block?
bool changed_behind(const Block& body, size_t store) {
    const Name source = std::get<Slice>(op_at(body, store)->srcs[0]).target;
    for (size_t i = store + 1; i < body.size(); ++i)
        if (const Op* op = op_at(body, i); op && op->dst.target == source) return true;
    return false;
}

bool join_one(Block& body) {
    const AllUses uses = uses_in(body);
    for (size_t l = 0; l < body.size(); ++l) {
        const std::optional<Tile> tile = tile_written_once(*body[l], uses);
        if (!tile) continue;
        for (size_t n = l + 1; n < body.size(); ++n) {
            if (!body_of(*body[n]) || !touched_by(body[n]).written.count(tile->name)) continue;
            const std::optional<LoopNest> plain = plain_nest(body[n]);
            if (!plain) break;
            LoopNest as_parallel = *plain;
            for (Loop& loop : as_parallel.loops) loop.parallel = true;
            std::optional<Filled> first = filling_nest(build(as_parallel)[0], *tile);
            if (!first) break;
            for (size_t k = 0; k < first->nest.loops.size(); ++k)
                first->nest.loops[k].parallel = plain->loops[k].parallel;
            if (changed_behind(first->nest.body, first->store)) break;
            size_t m = n + 1;
            while (m < body.size() && touched_by(body[m]).read.count(tile->name) == 0) ++m;
            if (m == body.size()) break;
            const std::optional<LoopNest> second = plain_nest(body[m]);
            if (!second || static_cast<size_t>(used(uses, tile->name).reads) !=
                               reads_of(second->body, tile->name))
                break;
            const auto vars =
                same_turn(first->nest, *op_at(first->nest.body, first->store), *second, tile->name);
            const Touched a = touched_by(body[n]);
            Touched b = touched_by(body[m]);
            b.read.erase(tile->name);
            if (!vars || meet(b.read, a.written) || meet(b.written, a.read) ||
                meet(b.written, a.written) || shadows(first->nest.body, second->body))
                break;
            const Block between(body.begin() + static_cast<long>(n) + 1,
                                body.begin() + static_cast<long>(m));
            const auto ahead = ahead_of(between, a, b);
            if (!ahead) break;
            Block made(body.begin(), body.begin() + static_cast<long>(n));
            made.erase(made.begin() + static_cast<long>(l));
            for (size_t i = 0; i < between.size(); ++i)
                if ((*ahead)[i]) made.push_back(between[i]);
            const Block nest = joined(*first, *second, *vars, tile->name);
            made.insert(made.end(), nest.begin(), nest.end());
            for (size_t i = 0; i < between.size(); ++i)
                if (!(*ahead)[i]) made.push_back(between[i]);
            made.insert(made.end(), body.begin() + static_cast<long>(m) + 1, body.end());
            body = std::move(made);
            return true;
        }
    }
    return false;
}

// ---- one row for all who read it ----

bool same_move(const Op& a, const Op& b) {
    return a.kind == OpKind::Move && b.kind == OpKind::Move && a.dims == b.dims &&
           a.srcs == b.srcs && a.dst.at == b.dst.at && a.dst.within == b.dst.within;
}

/// The block without the move that fills `second`, where one to `first` stands before it that moves
/// the same to the same place; nothing where that is not so, or something in between sees it.
std::optional<Block> filled_as(const Block& body, Name first, Name second) {
    for (size_t i = 0; i < body.size(); ++i) {
        if (const Block* inner = body_of(*body[i])) {
            std::optional<Block> made = filled_as(*inner, first, second);
            if (!made) continue;
            Block out = body;
            out[i] = with_body(*body[i], std::move(*made));
            return out;
        }
        const Op* op = op_at(body, i);
        if (!op || op->dst.target != first) continue;
        std::set<Name> held = {first, second};
        for (const Operand& o : op->srcs)
            if (auto* s = std::get_if<Slice>(&o)) held.insert(s->target);
        for (size_t j = i + 1; j < body.size(); ++j) {
            const Op* twin = op_at(body, j);
            if (twin && twin->dst.target == second) {
                if (!same_move(*op, *twin)) return std::nullopt;
                Block out = body;
                out.erase(out.begin() + static_cast<long>(j));
                return out;
            }
            const Touched t = touched_by(body[j]);
            if (!op_at(body, j) || meet(t.written, held) || t.touches({first, second}, false))
                return std::nullopt;
        }
    }
    return std::nullopt;
}

bool share_one(Block& body) {
    const AllUses uses = uses_in(body);
    for (size_t l = 0; l < body.size(); ++l) {
        const std::optional<Tile> first = tile_written_once(*body[l], uses);
        for (size_t m = l + 1; first && m < body.size(); ++m) {
            const std::optional<Tile> second = tile_written_once(*body[m], uses);
            if (!second || second->dims != first->dims || second->dtype != first->dtype ||
                second->level != first->level)
                continue;
            std::optional<Block> made = filled_as(body, first->name, second->name);
            if (!made) made = filled_as(body, second->name, first->name);
            if (!made) continue;
            made->erase(made->begin() + static_cast<long>(m));
            body = rename_targets(*made, {{second->name, first->name}});
            return true;
        }
    }
    return false;
}

}  // namespace

Block sum_as_it_comes(const Block& body) {
    Block out;
    for (const StmtPtr& s : body) {
        auto* p = std::get_if<Parallel>(&s->node);
        const Block inside = p ? sum_as_it_comes(p->body) : Block{};
        out.push_back(p && inside != p->body ? with_body(*s, inside) : s);
    }
    while (merge_one(out) || join_one(out)) {
    }
    while (share_one(out)) {
    }
    return out;
}

Block bring_operands(const Program& program, const Block& body, Name lane,
                     const std::set<Name>& axes, std::set<Name>& taken) {
    std::set<Name> written;
    for_each_op(body, [&](const Op& op) { written.insert(op.dst.target); });
    std::vector<std::pair<Slice, Slice>> brought;
    Block out;
    for (const StmtPtr& s : body) {
        auto* op = std::get_if<Op>(&s->node);
        const bool computes = op && (op->kind == OpKind::Unary || op->kind == OpKind::Binary ||
                                     op->kind == OpKind::Select);
        if (!computes) {
            out.push_back(s);
            continue;
        }
        Op next = *op;
        for (Operand& o : next.srcs) {
            auto* slice = std::get_if<Slice>(&o);
            if (!slice || !program.find_buffer(slice->target) || written.count(slice->target) > 0)
                continue;
            if (!uses(*slice, lane) ||
                std::none_of(axes.begin(), axes.end(), [&](Name a) { return uses(*slice, a); }))
                continue;
            auto known = std::find_if(brought.begin(), brought.end(),
                                      [&](const auto& b) { return b.first == *slice; });
            if (known == brought.end()) {
                Tile t;
                t.name = fresh(Name(slice->target.str() + "_in"), taken);
                t.level = Name("local");
                t.dtype = program.buffer(slice->target).dtype;
                Op move;
                move.origins = op->origins;
                move.dst.target = t.name;
                for (const NamedDim& d : op->dims)
                    if (uses(*slice, d.name)) {
                        t.dims.push_back(d);
                        move.dst.at.emplace_back(d.name);
                        if (d.name == lane) t.lanes = static_cast<int>(t.dims.size()) - 1;
                    }
                move.dims = t.dims;
                move.srcs = {*slice};
                out.push_back(stmt(Let{t}));
                out.push_back(stmt(move));
                brought.emplace_back(*slice, move.dst);
                known = brought.end() - 1;
            }
            *slice = known->second;
        }
        out.push_back(stmt(std::move(next)));
    }
    return out;
}

namespace {

void index_by(Slice& s, Name axis, const std::set<Name>& tiles) {
    for (Coord& c : s.at)
        if (c.index) {
            Slice inner = *c.index;
            index_by(inner, axis, tiles);
            c.index = std::make_shared<const Slice>(std::move(inner));
        }
    if (tiles.count(s.target) > 0) s.at.emplace_back(Affine(axis));
}

}  // namespace

std::optional<Block> scatter_at_once(const Block& body, Name axis, int64_t part) {
    if (body.empty()) return std::nullopt;
    const Op* scatter = op_at(body, body.size() - 1);
    if (!scatter || scatter->kind != OpKind::Scatter || !scatter->dims.empty()) return std::nullopt;
    Block places(body.begin(), body.end() - 1);
    for (const StmtPtr& s : places) {
        const Op* op = std::get_if<Op>(&s->node);
        const bool plain = op ? op->kind != OpKind::Scatter && op->kind != OpKind::Sort
                              : std::holds_alternative<Let>(s->node);
        // What the scatter changes must not decide where it goes.
        bool reads = false;
        if (op)
            for_each_slice(*op, [&](const Slice& slice, bool written) {
                reads = reads || (!written && slice.target == scatter->dst.target);
            });
        if (!plain || reads) return std::nullopt;
    }
    std::optional<Block> out = absorb(places, axis, Dim(part), true);
    if (!out) return std::nullopt;
    std::set<Name> along;
    for (const StmtPtr& s : *out)
        if (auto* let = std::get_if<Let>(&s->node); let && !let->tile.dims.empty())
            along.insert(let->tile.name);
    Op next = *scatter;
    next.dims.push_back({axis, Dim(part)});
    index_by(next.dst, axis, along);
    for (Operand& o : next.srcs)
        if (auto* slice = std::get_if<Slice>(&o)) index_by(*slice, axis, along);
    out->push_back(stmt(std::move(next)));
    return out;
}

bool moves_beside_units(const Target& target) {
    return std::any_of(target.levels.begin(), target.levels.end(),
                       [&](const TargetLevel& l) { return target.is_scratchpad(l); });
}

int64_t vectors_in_flight(const Target& target) {
    const MmaShape v = target.vector_multiply_add();
    return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(v.latency_cycles * v.per_cycle)));
}

}  // namespace smeaton::gir::rewrite
