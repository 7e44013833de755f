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
    for_each_stmt(block,
                  [&](const Stmt& s) { found = found || std::holds_alternative<For>(s.node); });
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

// Whether the tile that `store` copies out holds the same to the end of the block.
bool unchanged_after(const Block& block, const Op& store, Name tile) {
    bool stored = false, changed = false;
    for_each_op(block, [&](const Op& op) {
        if (op.dst.target == store.dst.target) stored = true;
        bool writes = op.dst.target == tile || (op.payload && op.payload->target == tile);
        changed = changed || (stored && writes);
    });
    return !changed;
}

bool claims_or_checks(const Block& block, Name target) {
    bool found = false;
    for_each_stmt(block, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node))
            found = found || (let->source && let->source->target == target);
        if (auto* check = std::get_if<Check>(&s.node)) {
            auto* c = std::get_if<Slice>(&check->condition);
            found = found || (c && c->target == target);
        }
    });
    return found;
}

// A buffer that the one kernel writes and the other reads.
struct Travelling {
    const Buffer* buffer = nullptr;
    bool keep = true;  // somebody else reads it, or it is no temp
    Op store;
    std::vector<Slice> reads;
    std::vector<size_t> free_dims;  // dims that no paired axis walks
};

// One attempt to merge a writing and a reading kernel.
struct Merger {
    const Program& program;
    const Rules& rules;
    KernelPtr writer, reader;
    std::vector<Travelling> values;

    Nest first, second;
    std::map<Name, Name> paired;  // reader axis -> writer axis

    bool analyse(bool full_agreement);
    bool find_values();
    void pair_axes();
    bool split_dims();
    bool agree_fully() const;
    bool shapes_allow(bool full_agreement) const;
    bool covers_free_dims(const Travelling&) const;
    Block renamed_reader(std::set<Name>& taken) const;
    KernelPtr merged() const;
};

int64_t width(const std::vector<Loop>& loops) {
    int64_t product = 1;
    for (const Loop& l : loops) product *= l.extent.value();
    return product;
}

bool all_const(const std::vector<Loop>& loops) {
    return std::all_of(loops.begin(), loops.end(),
                       [](const Loop& l) { return l.extent.is_const(); });
}

const Loop* loop_over(const std::vector<Loop>& loops, Name axis) {
    for (const Loop& l : loops)
        if (l.axis == axis) return &l;
    return nullptr;
}

std::optional<Name> only_var(const Coord& c) {
    return c.index ? std::nullopt : c.affine.single_var();
}

// The one reader axis that walks dim `d` in all reads; nothing when they differ.
std::optional<Name> reading_axis(const Travelling& value, size_t d) {
    std::optional<Name> axis;
    for (const Slice& s : value.reads) {
        std::optional<Name> var = only_var(s.at[d]);
        if (!var || (axis && *axis != *var)) return std::nullopt;
        axis = var;
    }
    return axis;
}

bool Merger::find_values() {
    for (Travelling& v : values) {
        const Buffer& buffer = *v.buffer;
        if (!buffer.alias_of.empty() || claims_or_checks(reader->body, buffer.name)) return false;
        std::optional<Op> store = single_store(writer->body, buffer.name);
        if (!store || !std::holds_alternative<Slice>(store->srcs[0])) return false;
        v.store = *store;
        v.reads = reads_of(reader->body, buffer.name);
        for (const Slice& s : v.reads)
            if (s.within) return false;
        std::set<Name> walking;
        for (size_t d = 0; d < buffer.dims.size(); ++d) {
            const Coord& at = v.store.dst.at[d];
            bool fixed = !at.index && at.affine == Affine(0) && buffer.dims[d].extent.is(1);
            if (fixed) continue;
            std::optional<Name> var = only_var(at);
            if (!var || !walking.insert(*var).second) return false;
        }
    }
    return true;
}

// Axes agree where every value that the writer's axis walks is read along one and the same reader
// axis.
void Merger::pair_axes() {
    for (const Loop& a : first.loops) {
        std::optional<Name> partner;
        bool agree = true;
        for (const Travelling& v : values) {
            bool walked = false;
            for (size_t d = 0; d < v.buffer->dims.size(); ++d) {
                if (only_var(v.store.dst.at[d]) != a.axis) continue;
                std::optional<Name> read = reading_axis(v, d);
                const Loop* c = read ? loop_over(second.loops, *read) : nullptr;
                agree = agree && !walked && c && c->extent == a.extent &&
                        (!partner || *partner == *read);
                partner = read;
                walked = true;
            }
            agree = agree && (walked || a.extent.is(1));
        }
        if (agree && partner && paired.count(*partner) == 0) paired[*partner] = a.axis;
    }
}

bool Merger::split_dims() {
    auto is_paired = [&](Name axis) {
        return std::any_of(paired.begin(), paired.end(), [&](auto& p) { return p.second == axis; });
    };
    for (Travelling& v : values) {
        for (size_t d = 0; d < v.buffer->dims.size(); ++d) {
            std::optional<Name> wrote = only_var(v.store.dst.at[d]);
            if (wrote && !is_paired(*wrote)) v.free_dims.push_back(d);
        }
        if (!covers_free_dims(v)) return false;
    }
    return true;
}

// Free dims are written whole by loops or op dims inside one iteration of the paired axes.
bool Merger::covers_free_dims(const Travelling& v) const {
    Extents extents = extents_in(writer->body);
    for (size_t d : v.free_dims) {
        auto found = extents.find(*only_var(v.store.dst.at[d]));
        if (found == extents.end() || !v.buffer->dims[d].extent.is(found->second)) return false;
    }
    return true;
}

// Every loop of both (those of one iteration aside) has its partner, and nothing travels in rows.
bool Merger::agree_fully() const {
    std::set<Name> of_writer;
    for (const auto& [r, w] : paired) of_writer.insert(w);
    auto partnered = [](const std::vector<Loop>& loops, const auto& partners) {
        return std::all_of(loops.begin(), loops.end(), [&](const Loop& l) {
            return l.extent.is(1) || partners.count(l.axis) > 0;
        });
    };
    return partnered(first.loops, of_writer) && partnered(second.loops, paired) &&
           std::all_of(values.begin(), values.end(),
                       [](const Travelling& v) { return v.free_dims.empty(); });
}

bool Merger::shapes_allow(bool full_agreement) const {
    if (full_agreement) return agree_fully();
    int64_t left = width(first.loops), right = width(second.loops), together = 1;
    for (const auto& [r, w] : paired) together *= loop_over(second.loops, r)->extent.value();
    if (has_kind(writer->body, OpKind::Mma) && together != left) return false;
    if (together < std::min({left, right, rules.wide})) return false;
    int64_t rows = 0;
    for (const Travelling& v : values) {
        int64_t elements = 1;
        for (size_t d : v.free_dims) elements *= v.buffer->dims[d].extent.value();
        rows += tensor::byte_count(v.buffer->dtype, elements);
    }
    return rows <= rules.row_bytes;
}

bool Merger::analyse(bool full_agreement) {
    if (writer->body.size() != 1 || reader->body.size() != 1) return false;
    first = nest_of(writer->body[0], true);
    second = nest_of(reader->body[0], true);
    if (first.loops.empty() || second.loops.empty()) return false;
    // Open sizes can agree, but not be weighed.
    bool open = !all_const(first.loops) || !all_const(second.loops);
    if (open && !full_agreement) return false;
    if (!open && (width(first.loops) == 0 || width(second.loops) == 0)) return false;
    if (has_kind(reader->body, OpKind::Mma) || has_kind(reader->body, OpKind::Scatter))
        return false;
    if (has_kind(writer->body, OpKind::Scatter) || has_for(second.body)) return false;
    if (!find_values()) return false;
    pair_axes();
    return split_dims() && shapes_allow(full_agreement);
}

// The reader's loops and body in names of the merged kernel: paired axes take the writer's (and
// lose their loops), all others step aside.
Block Merger::renamed_reader(std::set<Name>& taken) const {
    std::map<Name, Name> vars, tiles;
    for (const auto& [r, w] : paired) vars[r] = w;
    std::set<Name> reader_tiles = tiles_declared(second.body);
    for (Name n : declared_names(reader->body)) {
        if (vars.count(n) > 0) continue;
        Name next = fresh(n, taken);
        (reader_tiles.count(n) > 0 ? tiles : vars)[n] = next;
    }
    Nest inner{{}, rename_targets(rename_vars(second.body, vars), tiles)};
    for (const Loop& l : second.loops)
        if (paired.count(l.axis) == 0) {
            Loop renamed = l;
            renamed.axis = vars.at(l.axis);
            inner.loops.push_back(renamed);
        }
    return build(inner);
}

Slice on_tile(const Slice& s, const Travelling& v, Name tile) {
    Slice out{tile, {}, {}};
    for (size_t d : v.free_dims) out.at.push_back(s.at[d]);
    return out;
}

// The slice with every read of the travelling value, indices included, turned to its tile.
void read_from_tile(Slice& s, const Travelling& v, Name tile) {
    for (Coord& c : s.at)
        if (c.index) {
            Slice index = *c.index;
            read_from_tile(index, v, tile);
            c.index = std::make_shared<const Slice>(std::move(index));
        }
    if (s.target == v.buffer->name) s = on_tile(s, v, tile);
}

// Whether the value is stored by the block itself, not by a loop in it.
bool stores_here(const Block& block, Name buffer) {
    return std::any_of(block.begin(), block.end(), [&](const StmtPtr& s) {
        auto* op = std::get_if<Op>(&s->node);
        return op && op->dst.target == buffer;
    });
}

KernelPtr Merger::merged() const {
    std::set<Name> taken = declared_names(writer->body);
    for (const Buffer& b : program.buffers) taken.insert(b.name);
    Block tail = renamed_reader(taken);
    Nest outer, inner_first{{}, first.body};
    for (const Loop& l : first.loops) {
        bool is_paired =
            std::any_of(paired.begin(), paired.end(), [&](auto& p) { return p.second == l.axis; });
        (is_paired ? outer : inner_first).loops.push_back(l);
    }
    Block head = build(inner_first), lets;
    for (const Travelling& v : values) {
        // The tile in which the value travels: the stored tile itself when a scalar of the same
        // block that nothing overwrites.
        const Slice& stored = std::get<Slice>(v.store.srcs[0]);
        bool scalar = v.free_dims.empty() && inner_first.loops.empty() && stored.at.empty() &&
                      !stored.within && !program.find_buffer(stored.target) &&
                      stores_here(first.body, v.buffer->name) &&
                      unchanged_after(first.body, v.store, stored.target);
        Name travel = scalar ? stored.target : fresh(v.buffer->name.str() + "_row", taken);
        if (!scalar) {
            Tile tile{travel, "local", v.buffer->dtype, {}, -1};
            for (size_t d : v.free_dims)
                tile.dims.push_back({*only_var(v.store.dst.at[d]), v.buffer->dims[d].extent});
            lets.push_back(stmt(Let{tile, {}, false, {}, 1, {}}));
        }
        head = map_stmts(head, [&](const StmtPtr& s) -> Block {
            auto* op = std::get_if<Op>(&s->node);
            if (!op || op->dst.target != v.buffer->name) return {s};
            Block out;
            if (!scalar) {
                Op narrow = *op;
                narrow.dst = on_tile(op->dst, v, travel);
                out.push_back(stmt(std::move(narrow)));
            }
            if (v.keep) out.push_back(s);
            return out;
        });
        tail = map_ops(tail, [&](const Op& op) {
            Op next = op;
            for (Operand& o : next.srcs)
                if (auto* s = std::get_if<Slice>(&o)) read_from_tile(*s, v, travel);
            read_from_tile(next.dst, v, travel);
            if (next.payload) read_from_tile(*next.payload, v, travel);
            return next;
        });
    }
    outer.body = lets;
    outer.body.insert(outer.body.end(), head.begin(), head.end());
    outer.body.insert(outer.body.end(), tail.begin(), tail.end());
    Kernel kernel{writer->name, {}, {}, build(outer), writer->origins};
    kernel.origins.insert(kernel.origins.end(), reader->origins.begin(), reader->origins.end());
    return std::make_shared<const Kernel>(with_uses(kernel));
}

// Where the merged kernel may stand: nobody between may read what the writer makes (then: at the
// reader), or all that the reader needs is there before the writer (then: at the writer).
std::optional<size_t> place(const Program& program, size_t at_writer, size_t at_reader,
                            const std::map<Name, Uses>& uses) {
    KernelPtr writer = kernel_of(program.steps[at_writer]),
              reader = kernel_of(program.steps[at_reader]);
    bool late = true, early = true;
    std::set<Name> made, needed;
    for (Name n : writer->writes) made.insert(root_of(program, n));
    for (Name n : reader->reads) needed.insert(root_of(program, n));
    for (const auto& [name, use] : uses) {
        const Name root = root_of(program, name);
        if (made.count(root) > 0)
            for (size_t r : use.readers) late = late && !(r > at_writer && r < at_reader);
        if (needed.count(root) > 0)
            for (size_t w : use.writers) early = early && w <= at_writer;
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

bool viewed(const Program& program, Name buffer) {
    return std::any_of(program.buffers.begin(), program.buffers.end(),
                       [&](const Buffer& b) { return b.alias_of == buffer; });
}

// Kernels that write the memory of a buffer under any of its names.
size_t writers_of(const Program& program, Name root, const std::map<Name, Uses>& uses) {
    size_t count = 0;
    for (const auto& [name, use] : uses)
        if (!use.writers.empty() && root_of(program, name) == root) count += use.writers.size();
    return count;
}

// What travels from the writer to the reader; nothing when it does so through a view or in parts.
std::optional<std::vector<Travelling>> travelling(const Program& program, const Kernel& writer,
                                                  const Kernel& reader,
                                                  const std::map<Name, Uses>& uses) {
    std::vector<Travelling> values;
    std::set<Name> made;
    for (Name n : writer.writes) made.insert(root_of(program, n));
    for (Name needed : reader.reads) {
        const Buffer& b = program.buffer(needed);
        const Name root = root_of(program, needed);
        if (made.count(root) == 0) continue;
        if (root != needed || writers_of(program, root, uses) != 1) return std::nullopt;
        auto own = uses.find(needed);  // the one writer may have written a view
        if (own->second.writers.size() != 1) return std::nullopt;
        if (b.layout.border) return std::nullopt;  // a tile has none to read from
        bool keep = own->second.readers.size() > 1 || b.lifetime != Lifetime::Temp ||
                    viewed(program, needed) || touched_by_control(program, needed);
        values.push_back({&b, keep, {}, {}, {}});
    }
    return values;
}

// Such a kernel stays where it is: others read what the state held before.
bool writes_state(const Program& program, const Kernel& kernel) {
    return std::any_of(kernel.writes.begin(), kernel.writes.end(),
                       [&](Name n) { return program.buffer(n).lifetime == Lifetime::State; });
}

// `all` is kept true to the program.
bool try_merge(Program& program, const Buffer& temp, bool full_agreement, std::map<Name, Uses>& all,
               const Rules& rules) {
    auto found = all.find(temp.name);
    if (found == all.end() || found->second.writers.size() != 1) return false;
    const Uses& uses = found->second;
    size_t at_writer = uses.writers[0];
    for (size_t at_reader : uses.readers) {
        if (at_reader <= at_writer || once(program, at_writer) || once(program, at_reader))
            continue;
        KernelPtr writer = kernel_of(program.steps[at_writer]);
        KernelPtr reader = kernel_of(program.steps[at_reader]);
        if (writes_state(program, *writer) || writes_state(program, *reader)) continue;
        auto values = travelling(program, *writer, *reader, all);
        if (!values) continue;
        Merger merger{program, rules, writer, reader, *values, {}, {}, {}};
        if (!merger.analyse(full_agreement)) continue;
        std::optional<size_t> at = place(program, at_writer, at_reader, all);
        if (!at) continue;
        KernelPtr kernel = merger.merged();
        rules.note("merge-loops",
                   reader->name.str() + " into " + writer->name.str() + " over " + temp.name.str());
        std::get<RunStep>(program.steps[*at].node).kernel = kernel;
        size_t gone = *at == at_writer ? at_reader : at_writer;
        program.steps.erase(program.steps.begin() + static_cast<long>(gone));
        all = uses_of(program);
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
            std::map<Name, Uses> all = uses_of(program);
            for (const Buffer& b : buffers)
                if (b.lifetime != Lifetime::Input && b.lifetime != Lifetime::Weight &&
                    b.alias_of.empty())
                    while (try_merge(program, b, full_agreement, all, rules)) again = true;
        }
    return program;
}

}  // namespace smeaton::gir::rewrite
