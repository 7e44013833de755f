// Pad: a bounded read for constants, affine pieces for the other modes.
#include "lower/axis_map.h"
#include "lower/rules.h"
#include "model/shape/move.h"

namespace smeaton::lower {

void pad(NodeContext&);

namespace {

/// One axis of a piece: a run, or (where runs would be too many) a table of all positions.
struct PadAxis {
    Run run;
    std::optional<Buf> table;
};
constexpr size_t kMostRuns = 5;

std::vector<PadAxis> pad_axes(NodeContext& node, const model::Padding& p, size_t d, int64_t in,
                              int64_t out) {
    if (in == 0 && out > 0) node.refuse("mode {} has nothing to repeat along axis {}", p.mode, d);
    node.limit_table({out});
    std::vector<int64_t> sources;
    for (int64_t i = 0; i < out; ++i)
        sources.push_back(model::padded_source(p.mode, i - p.begins[d], in));
    std::vector<PadAxis> axes;
    for (const Run& run : runs_of(sources)) axes.push_back({run, {}});
    if (axes.size() <= kMostRuns) return axes;
    const Buf table = node.weight(fmt::format("positions{}", d), tensor::of_i64(sources));
    return {{{0, out, 0, 0}, table}};
}

/// Every combination of one part per axis is a piece with a map of its own; one nest each.
void pad_by_pieces(NodeContext& node, const model::Padding& p) {
    const Buf x = node.in(0), y = node.out(0);
    std::vector<std::vector<PadAxis>> pieces = {{}};
    for (size_t d = 0; d < x.shape.size(); ++d) {
        const std::vector<PadAxis> axes = pad_axes(node, p, d, x.shape[d], y.shape[d]);
        std::vector<std::vector<PadAxis>> next;
        for (const std::vector<PadAxis>& head : pieces)
            for (const PadAxis& axis : axes) {
                next.push_back(head);
                next.back().push_back(axis);
            }
        pieces = std::move(next);
    }
    KernelBuilder k(node);
    for (const std::vector<PadAxis>& piece : pieces) {
        Index from, to;
        for (size_t d = 0; d < piece.size(); ++d) {
            const Run& run = piece[d].run;
            const Affine i = k.parallel(fmt::format("i{}", d), run.count);
            to.push_back(i + run.start);
            from.push_back(i * run.step + run.base);
        }
        Val source = k.at(x, from);
        for (size_t d = 0; d < piece.size(); ++d)
            if (piece[d].table)
                source = k.computed(source, d, k.copy(k.at(*piece[d].table, {to[d]}), "q"));
        k.move(k.at(y, to), source);
        k.close_all();
    }
    k.done();
}

/// The value is computed: fill the output with it, then move the input in.
void pad_with_computed(NodeContext& node, const model::Padding& p) {
    const Buf x = node.in(0), y = node.out(0), value = node.in(2);
    {
        KernelBuilder k(node, "_fill");
        const Index i = k.parallel_all(y.shape);
        k.move(k.at(y, i), k.at(value, Index(value.shape.size(), 0)));
        k.done();
    }
    KernelBuilder k(node);
    Index from, to;
    for (size_t d = 0; d < x.shape.size(); ++d) {
        const int64_t first = std::max<int64_t>(0, -p.begins[d]);
        const int64_t last = std::min(x.shape[d], y.shape[d] - p.begins[d]);
        from.push_back(k.parallel(fmt::format("i{}", d), std::max<int64_t>(0, last - first)) +
                       first);
        to.push_back(from[d] + p.begins[d]);
    }
    k.move(k.at(y, to), k.at(x, from));
    k.done();
}

}  // namespace

void pad(NodeContext& node) {
    const model::Padding p = model::padding_of(node.view());
    bool none = true;
    for (size_t d = 0; d < p.begins.size(); ++d) none = none && p.begins[d] == 0 && p.ends[d] == 0;
    if (none) return node.alias(0, node.in(0));
    if (p.mode != "constant") return pad_by_pieces(node, p);
    const DType t = node.in_dtype(0);
    Literal value = literal(node.version() < 11 ? node.attr_float("value", 0) : 0, t);
    if (node.version() >= 11 && node.has_in(2)) {
        const Tensor* constant = node.constant(2);
        if (!constant) return pad_with_computed(node, p);
        if (constant->elements() > 0)
            value = tensor::is_float(t) ? Literal::of(constant->at_as_double(0))
                                        : Literal::of_int(constant->at_as_int(0));
    }
    const Buf x = node.in(0), y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    Index from = i;
    for (size_t d = 0; d < i.size(); ++d) from[d] -= p.begins[d];
    k.move(k.at(y, i), k.at_or(x, from, value));
    k.done();
}

}  // namespace smeaton::lower
