#include "gir/rewrite/merge.h"

#include <algorithm>
#include <optional>

#include "gir/rewrite/access.h"
#include "gir/rewrite/nest.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

bool has_kind(const Block& block, OpKind kind) {
    bool found = false;
    for_each_op(block, [&](const Op& op) { found = found || op.kind == kind; });
    return found;
}

bool has_for(const Block& block) {
    bool found = false;
    for_each_stmt(block, [&](const Stmt& s) { found = found || std::holds_alternative<For>(s.node); });
    return found;
}

std::optional<Op> single_store(const Block& block, Name target) {
    std::optional<Op> store;
    int count = 0;
    for_each_op(block, [&](const Op& op) {
        if (op.dst.target != target) return;
        ++count;
        store = op;
    });
    if (count != 1 || store->kind != OpKind::Move || store->dst.within || store->accumulate)
        return std::nullopt;
    return store;
}

std::vector<Slice> reads_of(const Block& block, Name target) {
    std::vector<Slice> reads;
    for_each_op(block, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool written) {
            if (!written && s.target == target) reads.push_back(s);
        });
    });
    return reads;
}

bool claims_or_checks(const Block& block, Name target) {
    bool found = false;
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node)) found = found || (let->source && let->source->target == target);
        if (auto* check = std::get_if<Check>(&s.node)) {
            auto* c = std::get_if<Slice>(&check->condition);
            found = found || (c && c->target == target);
        }
    });
    return found;
}

// One attempt to merge a writing and a reading kernel over one temp.
struct Merger {
    const Program& program;
    const Rules& rules;
    const Buffer& temp;
    KernelPtr writer, reader;
    bool keep_temp = true;

    Nest first, second;
    Op store;
    std::vector<Slice> reads;
    std::map<Name, Name> paired;     // reader axis -> writer axis
    std::vector<size_t> free_dims;   // dims of the temp that no paired axis walks

    bool analyse(bool full_agreement);
    bool pair_axes();
    bool shapes_allow(bool full_agreement) const;
    bool covers_free_dims() const;
    KernelPtr merged() const;
    Slice on_tile(const Slice& s, Name tile) const;
};

int64_t width(const std::vector<Loop>& loops) {
    int64_t product = 1;
    for (const Loop& l : loops) product *= l.extent.value();
    return product;
}

bool all_const(const std::vector<Loop>& loops) {
    return std::all_of(loops.begin(), loops.end(), [](const Loop& l) { return l.extent.is_const(); });
}

bool Merger::pair_axes() {
    auto loop = [](const std::vector<Loop>& loops, Name axis) -> const Loop* {
        for (const Loop& l : loops)
            if (l.axis == axis) return &l;
        return nullptr;
    };
    for (size_t d = 0; d < temp.dims.size(); ++d) {
        const Affine& w = store.dst.at[d].affine;
        if (store.dst.at[d].index) return false;
        if (w == Affine(0) && temp.dims[d].extent.is(1)) continue;
        std::optional<Name> wrote = w.single_var();
        if (!wrote) return false;
        const Loop* a = loop(first.loops, *wrote);
        std::optional<Name> read;
        bool agree = a != nullptr;
        for (const Slice& s : reads) {
            std::optional<Name> r = s.at[d].index ? std::nullopt : s.at[d].affine.single_var();
            const Loop* c = r ? loop(second.loops, *r) : nullptr;
            agree = agree && c && a && c->extent == a->extent && (!read || *read == *r);
            if (r) read = r;
        }
        if (agree) {
            auto [at, fresh_pair] = paired.emplace(*read, *wrote);
            if (!fresh_pair && at->second != *wrote) return false;
        } else {
            free_dims.push_back(d);
        }
    }
    // Two reader axes on one writer axis would be a diagonal.
    std::set<Name> used;
    for (const auto& [r, w] : paired)
        if (!used.insert(w).second) return false;
    return true;
}

// Free dims are written whole by loops or op dims inside one iteration of the paired axes.
bool Merger::covers_free_dims() const {
    Extents extents = extents_in(writer->body);
    for (size_t d : free_dims) {
        Name var = *store.dst.at[d].affine.single_var();
        auto found = extents.find(var);
        if (found == extents.end() || !temp.dims[d].extent.is(found->second)) return false;
    }
    return true;
}

bool Merger::shapes_allow(bool full_agreement) const {
    auto unpaired = [&](const std::vector<Loop>& loops, bool of_writer) {
        int64_t product = 1;
        for (const Loop& l : loops) {
            bool is_paired = false;
            for (const auto& [r, w] : paired) is_paired = is_paired || (of_writer ? w : r) == l.axis;
            if (!is_paired) product *= l.extent.value();
        }
        return product;
    };
    int64_t left = unpaired(first.loops, true), right = unpaired(second.loops, false);
    if (full_agreement) return left == 1 && right == 1 && free_dims.empty();
    if (has_kind(writer->body, OpKind::Mma) && left != 1) return false;
    int64_t together = width(first.loops) / left;
    if (together < std::min({width(first.loops), width(second.loops), rules.wide})) return false;
    int64_t row = tensor::byte_count(temp.dtype, 1);
    for (size_t d : free_dims) row *= temp.dims[d].extent.value();
    return row <= rules.row_bytes;
}

bool Merger::analyse(bool full_agreement) {
    if (writer->body.size() != 1 || reader->body.size() != 1) return false;
    first = nest_of(writer->body[0], true);
    second = nest_of(reader->body[0], true);
    if (first.loops.empty() || second.loops.empty()) return false;
    if (!all_const(first.loops) || !all_const(second.loops)) return false;
    if (width(first.loops) == 0 || width(second.loops) == 0) return false;
    for (const NamedDim& d : temp.dims)
        if (!d.extent.is_const()) return false;
    if (has_kind(reader->body, OpKind::Mma) || has_kind(reader->body, OpKind::Scatter)) return false;
    if (has_kind(writer->body, OpKind::Scatter) || has_for(second.body)) return false;
    if (claims_or_checks(reader->body, temp.name)) return false;
    // Another value that travels between the two would need a pairing of its own.
    for (Name made : writer->writes)
        for (Name needed : reader->reads)
            if (made != temp.name && (needed == made || program.buffer(needed).alias_of == made ||
                                      program.buffer(needed).alias_of == temp.name))
                return false;
    std::optional<Op> found = single_store(writer->body, temp.name);
    if (!found || !std::holds_alternative<Slice>(found->srcs[0])) return false;
    store = *found;
    reads = reads_of(reader->body, temp.name);
    for (const Slice& s : reads)
        if (s.within) return false;
    if (!pair_axes() || !shapes_allow(full_agreement)) return false;
    return free_dims.empty() || covers_free_dims();
}

Slice Merger::on_tile(const Slice& s, Name tile) const {
    Slice out{tile, {}, {}};
    for (size_t d : free_dims) out.at.push_back(s.at[d]);
    return out;
}

KernelPtr Merger::merged() const {
    std::set<Name> taken = declared_names(writer->body);
    for (const Buffer& b : program.buffers) taken.insert(b.name);

    // The reader's names: paired axes take the writer's, all others step aside.
    std::map<Name, Name> vars, tiles;
    for (const auto& [r, w] : paired) vars[r] = w;
    std::set<Name> reader_tiles = tiles_declared(second.body);
    for (Name n : declared_names(reader->body)) {
        if (vars.count(n) > 0) continue;
        Name next = fresh(n, taken);
        (reader_tiles.count(n) > 0 ? tiles : vars)[n] = next;
    }
    // A reader axis of extent 1 or 0-paired dims keep their own loop inside; nothing else to do.
    Nest inner_second{{}, rename_targets(rename_vars(second.body, vars), tiles)};
    for (const Loop& l : second.loops)
        if (paired.count(l.axis) == 0) {
            Loop renamed = l;
            renamed.axis = vars.at(l.axis);
            inner_second.loops.push_back(renamed);
        }
    Nest outer, inner_first{{}, first.body};
    for (const Loop& l : first.loops) {
        bool is_paired = std::any_of(paired.begin(), paired.end(), [&](auto& p) { return p.second == l.axis; });
        (is_paired ? outer : inner_first).loops.push_back(l);
    }

    // The tile in which the value travels: the stored tile itself when a scalar of the same block.
    const Slice& stored = std::get<Slice>(store.srcs[0]);
    bool scalar = free_dims.empty() && inner_first.loops.empty() && stored.at.empty() && !stored.within &&
                  !program.find_buffer(stored.target);
    Name travel = scalar ? stored.target : fresh(temp.name.str() + "_row", taken);
    Block body;
    if (!scalar) {
        Tile tile{travel, "local", temp.dtype, {}, -1};
        for (size_t d : free_dims)
            tile.dims.push_back({*store.dst.at[d].affine.single_var(), temp.dims[d].extent});
        body.push_back(stmt(Let{tile, {}, false, {}, 1, {}}));
    }
    Block head = map_stmts(build(inner_first), [&](const StmtPtr& s) -> Block {
        auto* op = std::get_if<Op>(&s->node);
        if (!op || op->dst.target != temp.name) return {s};
        Block out;
        if (!scalar) {
            Op narrow = *op;
            narrow.dst = on_tile(op->dst, travel);
            out.push_back(stmt(std::move(narrow)));
        }
        if (keep_temp) out.push_back(s);
        return out;
    });
    Block tail = map_ops(build(inner_second), [&](const Op& op) {
        Op next = op;
        for (Operand& o : next.srcs)
            if (auto* s = std::get_if<Slice>(&o); s && s->target == temp.name) *s = on_tile(*s, travel);
        return next;
    });
    body.insert(body.end(), head.begin(), head.end());
    body.insert(body.end(), tail.begin(), tail.end());
    outer.body = body;
    Kernel kernel{writer->name, {}, {}, build(outer), writer->origins};
    kernel.origins.insert(kernel.origins.end(), reader->origins.begin(), reader->origins.end());
    return std::make_shared<const Kernel>(with_uses(kernel));
}

// Where the merged kernel may stand: nobody between may read what the writer makes (then: at the
// reader), or all that the reader needs is there before the writer (then: at the writer).
std::optional<size_t> place(const Program& program, size_t at_writer, size_t at_reader,
                            const std::map<Name, Uses>& uses) {
    KernelPtr writer = kernel_of(program.steps[at_writer]), reader = kernel_of(program.steps[at_reader]);
    bool late = true, early = true;
    for (Name made : writer->writes)
        for (const auto& [name, use] : uses) {
            bool same = name == made || program.buffer(name).alias_of == made;
            if (!same) continue;
            for (size_t r : use.readers) late = late && !(r > at_writer && r < at_reader);
        }
    for (Name needed : reader->reads) {
        const Buffer& b = program.buffer(needed);
        for (Name n : {needed, b.alias_of}) {
            auto found = n.empty() ? uses.end() : uses.find(n);
            if (found == uses.end()) continue;
            for (size_t w : found->second.writers) early = early && w <= at_writer;
        }
    }
    for (size_t k = at_writer + 1; k < at_reader; ++k)
        if (!kernel_of(program.steps[k])) late = early = false;
    if (late) return at_reader;
    if (early) return at_writer;
    return std::nullopt;
}

bool once(const Program& program, size_t step) {
    return std::get<RunStep>(program.steps[step].node).once;
}

bool try_merge(Program& program, const Buffer& temp, bool full_agreement, const Rules& rules) {
    std::map<Name, Uses> all = uses_of(program);
    const Uses& uses = all[temp.name];
    if (uses.writers.size() != 1) return false;
    bool viewed = !is_free_temp(program, temp);
    if (viewed && temp.lifetime == Lifetime::Temp &&
        std::none_of(program.buffers.begin(), program.buffers.end(),
                     [&](const Buffer& b) { return b.alias_of == temp.name; }))
        return false;
    size_t at_writer = uses.writers[0];
    for (size_t at_reader : uses.readers) {
        if (at_reader <= at_writer || once(program, at_writer) || once(program, at_reader)) continue;
        Merger merger{program, rules, temp, kernel_of(program.steps[at_writer]),
                      kernel_of(program.steps[at_reader]), uses.readers.size() > 1 || viewed,
                      {}, {}, {}, {}, {}, {}};
        if (!merger.analyse(full_agreement)) continue;
        std::optional<size_t> at = place(program, at_writer, at_reader, all);
        if (!at) continue;
        KernelPtr kernel = merger.merged();
        rules.note("merge-loops", merger.reader->name.str() + " into " + merger.writer->name.str() +
                                      " over " + temp.name.str());
        std::get<RunStep>(program.steps[*at].node).kernel = kernel;
        size_t gone = *at == at_writer ? at_reader : at_writer;
        program.steps.erase(program.steps.begin() + static_cast<long>(gone));
        return true;
    }
    return false;
}

}  // namespace

Program merge_loops(Program program, const Rules& rules) {
    if (!rules.on("merge-loops")) return program;
    for (bool full_agreement : {true, false})
        for (bool again = true; again;) {
            again = false;
            const std::vector<Buffer> buffers = program.buffers;
            for (const Buffer& b : buffers)
                if (b.lifetime != Lifetime::Input && b.lifetime != Lifetime::Weight && b.alias_of.empty())
                    while (try_merge(program, b, full_agreement, rules)) again = true;
        }
    return program;
}

}  // namespace smeaton::gir::rewrite
