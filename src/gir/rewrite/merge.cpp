#include "gir/rewrite/merge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "gir/contraction.h"
#include "gir/rewrite/access.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/nest.h"
#include "gir/rewrite/vectorize.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// A kernel that has this many statements takes in no more: each merge goes over all of both, and
// compilers take long over a function that long.
constexpr size_t kMostStatements = 512;

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

Program without_gone(Program program) {
    std::erase_if(program.steps, [](const Step& s) {
        auto* run = std::get_if<RunStep>(&s.node);
        return run && !run->kernel;
    });
    return program;
}

// Who makes and who reads what, kept true while kernels merge. Steps keep their places; one that
// is gone has no kernel until the end.
struct Flow {
    Program& program;
    std::map<Name, Uses> uses;
    std::map<Name, Name> roots;                 // of every buffer
    std::map<Name, std::vector<Name>> aliases;  // by root: all names of that memory
    std::set<Name> viewed;
    std::set<Name> taken;                                        // names of all buffers
    std::vector<size_t> control;                                 // steps that are no kernels
    std::optional<std::map<Name, Layout>> layouts_to_come = {};  // when first asked for

    explicit Flow(Program& p);
    /// Merges change no layout that matters to the next: read once.
    const std::map<Name, Layout>* layouts(const Rules& rules) {
        if (!layouts_to_come && rules.prices)
            layouts_to_come = rules.prices->layouts_to_come(without_gone(program));
        return layouts_to_come ? &*layouts_to_come : nullptr;
    }
    bool is_controlled(Name n) const { return !control.empty() && touched_by_control(program, n); }
};

Flow::Flow(Program& p) : program(p), uses(uses_of(p)) {
    for (const Buffer& b : p.buffers) {
        const Name root = root_of(p, b.name);
        roots[b.name] = root;
        aliases[root].push_back(b.name);
        taken.insert(b.name);
        if (!b.alias_of.empty()) viewed.insert(b.alias_of);
    }
    for (size_t i = 0; i < p.steps.size(); ++i)
        if (!std::holds_alternative<RunStep>(p.steps[i].node)) control.push_back(i);
}

// One attempt to merge a writing and a reading kernel.
struct Merger {
    Flow& flow;
    const Rules& rules;
    KernelPtr writer, reader;
    std::vector<Travelling> values;

    LoopNest first, second;
    std::map<Name, Name> paired;  // reader axis -> writer axis

    bool analyse(bool full_agreement);
    bool find_values();
    void pair_axes();
    bool split_dims();
    bool agree_fully() const;
    bool is_summed(const Travelling&) const;
    bool shapes_allow(bool full_agreement) const;
    bool keeps_contraction(const Kernel& merged) const;
    bool loses_lanes(const Kernel& merged) const;
    bool covers_free_dims(const Travelling&) const;
    Block renamed_reader(std::set<Name>& taken) const;
    KernelPtr merged();
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

/// Bytes of the tiles that a body has already; sizes that are not bound count as nothing.
int64_t tile_bytes_in(const Block& body) {
    int64_t bytes = 0;
    for_each_stmt(body, [&](const Stmt& s) {
        auto* let = std::get_if<Let>(&s.node);
        if (!let || let->kind != TileKind::Memory || let->constant) return;
        int64_t elements = 1;
        for (const NamedDim& d : let->tile.dims)
            elements *= d.extent.is_const() ? d.extent.value() : 0;
        bytes += tensor::byte_count(let->tile.dtype, elements);
    });
    return bytes;
}

// The reader sums it up and does nothing else with it: where sums are made as terms come
// (stream.h), it needs no row.
bool Merger::is_summed(const Travelling& v) const {
    if (!rules.prices || !rules.prices->streams() || v.keep) return false;
    bool summed = true;
    for_each_op(reader->body, [&](const Op& op) {
        for_each_slice(op, [&](const Slice& s, bool) {
            if (s.target != v.buffer->name) return;
            summed = summed && op.kind == OpKind::Reduce && op.fn == ScalarFn::add &&
                     !op.accumulate && op.dims.size() == v.free_dims.size();
        });
    });
    return summed && v.reads.size() == 1;
}

bool Merger::shapes_allow(bool full_agreement) const {
    if (full_agreement) return agree_fully();
    int64_t left = width(first.loops), right = width(second.loops), together = 1;
    for (const auto& [r, w] : paired) together *= loop_over(second.loops, r)->extent.value();
    if (together < std::min({left, right, rules.wide})) return false;
    int64_t rows = 0, longest = 0;
    for (const Travelling& v : values) {
        int64_t elements = 1;
        for (size_t d : v.free_dims) elements *= v.buffer->dims[d].extent.value();
        if (is_summed(v)) continue;
        const int64_t bytes = tensor::byte_count(v.buffer->dtype, elements);
        rows += bytes;
        longest = std::max(longest, bytes);
    }
    // Rows that are in either body live beside them, and one that tiling sets aside.
    const int64_t there = tile_bytes_in(writer->body) + tile_bytes_in(reader->body);
    if (rows > 0 && there > 0) rows += there + longest;
    return rules.rows_in.holds(rows);
}

// Tiling knows the kernel as a contraction: loops around one, and nothing but ops inside.
bool tiles_as_contraction(const Kernel& kernel, const Program& program) {
    if (kernel.body.size() != 1 || !contraction_of(kernel, program)) return false;
    const Block inside = nest_of(kernel.body[0], true).body;
    return std::none_of(inside.begin(), inside.end(), [](const StmtPtr& s) {
        return std::holds_alternative<Parallel>(s->node) || std::holds_alternative<For>(s->node);
    });
}

// What contracts in a form that tiling knows still does. Bytes and operations say nothing of a lost
// form: such a merge asks.
bool Merger::keeps_contraction(const Kernel& merged) const {
    if (!has_kind(writer->body, OpKind::Mma)) return true;
    if (tiles_as_contraction(merged, flow.program)) return true;
    bool whole = std::all_of(first.loops.begin(), first.loops.end(), [&](const Loop& l) {
        return l.extent.is(1) || std::any_of(paired.begin(), paired.end(),
                                             [&](auto& p) { return p.second == l.axis; });
    });
    return whole && !tiles_as_contraction(*writer, flow.program);
}

// Its stores agree on what runs along the lanes, in the layouts to come.
bool has_lanes(const Program& program, const Kernel& kernel,
               const std::map<Name, Layout>& layouts) {
    Program laid;
    for (Name n : kernel.writes) {
        Buffer b = program.buffer(n);
        b.data.reset();
        if (auto to_come = layouts.find(n); to_come != layouts.end()) b.layout = to_come->second;
        laid.buffers.push_back(std::move(b));
    }
    return !lane_axis(laid, nest_of(kernel.body[0], true)).empty();
}

// Two kernels that each run along vectors may make one that does not. Bytes do not say so either.
bool Merger::loses_lanes(const Kernel& merged) const {
    const std::map<Name, Layout>* layouts = flow.layouts(rules);
    if (!layouts || merged.body.size() != 1) return false;
    if (!all_const(first.loops) || !all_const(second.loops)) return false;
    if (tiles_as_contraction(merged, flow.program)) return false;
    return !has_lanes(flow.program, merged, *layouts) &&
           has_lanes(flow.program, *writer, *layouts) && has_lanes(flow.program, *reader, *layouts);
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
    OtherNames vars, tiles;
    for (const auto& [r, w] : paired) vars[r] = w;
    std::set<Name> reader_tiles = tiles_declared(second.body);
    for (Name n : declared_names(reader->body)) {
        if (vars.count(n) > 0) continue;
        Name next = fresh(n, taken);
        (reader_tiles.count(n) > 0 ? tiles : vars)[n] = next;
    }
    LoopNest inner{{}, rename_targets(rename_vars(second.body, vars), tiles)};
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

KernelPtr Merger::merged() {
    // The one set of names serves all merges: what is added for this one goes again.
    std::set<Name>& taken = flow.taken;
    const std::set<Name> of_writer = declared_names(writer->body);
    taken.insert(of_writer.begin(), of_writer.end());
    Block tail = renamed_reader(taken);
    LoopNest outer, inner_first{{}, first.body};
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
                      !stored.within && flow.roots.count(stored.target) == 0 &&
                      stores_here(first.body, v.buffer->name) &&
                      unchanged_after(first.body, v.store, stored.target);
        Name travel = scalar ? stored.target : fresh(v.buffer->name.str() + "_row", taken);
        if (!scalar) {
            Tile tile{travel, "local", v.buffer->dtype, {}, -1};
            for (size_t d : v.free_dims)
                tile.dims.push_back({*only_var(v.store.dst.at[d]), v.buffer->dims[d].extent});
            lets.push_back(stmt(Let{tile}));
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
    const std::set<Name> declared = declared_names(kernel.body);
    for (const std::set<Name>* used : {&of_writer, &declared})
        for (Name n : *used)
            if (flow.roots.count(n) == 0) taken.erase(n);
    return std::make_shared<const Kernel>(with_uses(kernel));
}

// Where the merged kernel may stand: nobody between may read what the writer makes (then: at the
// reader), or all that the reader needs is there before the writer (then: at the writer).
std::optional<size_t> place(const Flow& flow, size_t at_writer, size_t at_reader) {
    auto between = std::upper_bound(flow.control.begin(), flow.control.end(), at_writer);
    if (between != flow.control.end() && *between < at_reader) return std::nullopt;
    const KernelPtr writer = kernel_of(flow.program.steps[at_writer]);
    const KernelPtr reader = kernel_of(flow.program.steps[at_reader]);
    const auto none = [&](const std::vector<Name>& memory, auto list, auto in_the_way) {
        for (Name n : memory)
            for (Name alias : flow.aliases.at(flow.roots.at(n)))
                if (auto use = flow.uses.find(alias); use != flow.uses.end())
                    for (size_t step : use->second.*list)
                        if (in_the_way(step)) return false;
        return true;
    };
    if (none(writer->writes, &Uses::readers,
             [&](size_t r) { return r > at_writer && r < at_reader; }))
        return at_reader;
    if (none(reader->reads, &Uses::writers, [&](size_t w) { return w > at_writer; }))
        return at_writer;
    return std::nullopt;
}

bool once(const Program& program, size_t step) {
    return std::get<RunStep>(program.steps[step].node).once;
}

// Kernels that write the memory of a buffer under any of its names.
size_t writers_of(const Flow& flow, Name root) {
    size_t count = 0;
    for (Name alias : flow.aliases.at(root))
        if (auto use = flow.uses.find(alias); use != flow.uses.end())
            count += use->second.writers.size();
    return count;
}

// What travels from the writer to the reader; nothing when it does so through a view or in parts.
std::optional<std::vector<Travelling>> travelling(const Flow& flow, const Kernel& writer,
                                                  const Kernel& reader) {
    std::vector<Travelling> values;
    std::set<Name> made;
    for (Name n : writer.writes) made.insert(flow.roots.at(n));
    for (Name needed : reader.reads) {
        const Name root = flow.roots.at(needed);
        if (made.count(root) == 0) continue;
        if (root != needed || writers_of(flow, root) != 1) return std::nullopt;
        const Buffer& b = flow.program.buffer(needed);
        auto own = flow.uses.find(needed);  // the one writer may have written a view
        if (own->second.writers.size() != 1) return std::nullopt;
        if (b.layout.border) return std::nullopt;  // a tile has none to read from
        bool keep = own->second.readers.size() > 1 || b.lifetime != Lifetime::Temp ||
                    flow.viewed.count(needed) > 0 || flow.is_controlled(needed);
        values.push_back({&b, keep, {}, {}, {}});
    }
    return values;
}

// Such a kernel stays where it is: others read what the state held before.
bool writes_state(const Program& program, const Kernel& kernel) {
    return std::any_of(kernel.writes.begin(), kernel.writes.end(),
                       [&](Name n) { return program.buffer(n).lifetime == Lifetime::State; });
}

size_t statements(const Kernel& kernel) {
    size_t count = 0;
    for_each_stmt(kernel.body, [&](const Stmt&) { ++count; });
    return count;
}

/// `gone_only`: no pair whose value somebody else reads as well.
bool try_merge(Flow& flow, Name temp, bool full_agreement, bool gone_only, const Rules& rules) {
    Program& program = flow.program;
    auto found = flow.uses.find(temp);
    if (found == flow.uses.end() || found->second.writers.size() != 1) return false;
    const Uses& uses = found->second;
    size_t at_writer = uses.writers[0];
    if (once(program, at_writer)) return false;
    const KernelPtr writer = kernel_of(program.steps[at_writer]);
    const size_t room = statements(*writer);
    if (room >= kMostStatements) return false;
    for (size_t at_reader : uses.readers) {
        if (at_reader <= at_writer || once(program, at_reader)) continue;
        const KernelPtr reader = kernel_of(program.steps[at_reader]);
        if (room + statements(*reader) > kMostStatements) continue;
        if (writes_state(program, *writer) || writes_state(program, *reader)) continue;
        if (rules.prices && rules.prices->refused.count({writer, reader}) > 0) continue;
        auto values = travelling(flow, *writer, *reader);
        if (!values) continue;
        if (gone_only &&
            std::any_of(values->begin(), values->end(), [](const Travelling& v) { return v.keep; }))
            continue;
        Merger merger{flow, rules, writer, reader, *values, {}, {}, {}};
        if (!merger.analyse(full_agreement)) continue;
        std::optional<size_t> at = place(flow, at_writer, at_reader);
        if (!at) continue;
        const KernelPtr kernel = merger.merged();
        Proposal proposal{
            "merge-loops",
            reader->name.str() + " into " + writer->name.str() + " over " + temp.str(),
            {writer, reader},
            {kernel}};
        proposal.asks = !merger.keeps_contraction(*kernel) || merger.loses_lanes(*kernel);
        if (proposal.asks) proposal.layouts = flow.layouts(rules);
        if (!accept(proposal, program, rules)) {
            if (rules.prices) rules.prices->refused.insert({writer, reader});
            continue;
        }
        const size_t gone = *at == at_writer ? at_reader : at_writer;
        replace_kernel(program, gone, nullptr, flow.uses);
        replace_kernel(program, *at, kernel, flow.uses);
        return true;
    }
    return false;
}

Program with_merged_loops(Program program, const Rules& rules) {
    Flow flow(program);
    auto merge = [&](bool full_agreement, bool gone_only) {
        for (bool again = true; again;) {
            again = false;
            for (const Buffer& b : program.buffers)
                if (b.lifetime != Lifetime::Input && b.lifetime != Lifetime::Weight &&
                    b.alias_of.empty())
                    while (try_merge(flow, b.name, full_agreement, gone_only, rules)) again = true;
        }
    };
    // A value that is written neither way saves more than one that is only not read again, and who
    // is merged with its writer cannot be merged with its reader alone. On caches what was just
    // written is read for nothing.
    if (rules.prices && rules.prices->streams()) {
        merge(true, true);
        merge(false, true);
    }
    merge(true, false);
    merge(false, false);
    return without_gone(std::move(program));
}

}  // namespace

Program merge_loops(Program program, const Rules& rules) {
    return proposed("merge-loops", std::move(program), rules,
                    [&](Program p) { return with_merged_loops(std::move(p), rules); });
}

}  // namespace smeaton::gir::rewrite
