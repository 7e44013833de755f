// Gradients of operators that only move elements: the move back, sums where elements were repeated.
#include "model/shape/move.h"

#include <cstdlib>

#include "model/grad/rule.h"
#include "model/grad/scatter.h"

namespace smeaton::model {

namespace {

size_t at(int64_t d) {
    return static_cast<size_t>(d);
}

void view_back(Pullback& p) {
    p.give(0, reshape(p.grad(), p.in_shape()));
}

void transpose_back(Pullback& p) {
    const std::vector<int64_t> perm = transpose_perm(p.view());
    std::vector<int64_t> back(perm.size());
    for (size_t d = 0; d < perm.size(); ++d) back[at(perm[d])] = static_cast<int64_t>(d);
    p.give(0, transpose(p.grad(), back));
}

void concat_rule(Pullback& p) {
    const int64_t axis = move_axis(p.view());
    int64_t offset = 0;
    for (size_t k = 0; k < p.node().inputs.size(); ++k) {
        const int64_t size = p.in_shape(k)[at(axis)];
        if (p.wants(k)) p.give(k, slice(p.grad(), axis, offset, size));
        offset += size;
    }
}

void split_rule(Pullback& p) {
    const int64_t axis = move_axis(p.view());
    const std::vector<Dim> sizes = split_sizes(p.view());
    std::vector<Expr> parts;
    for (size_t k = 0; k < sizes.size(); ++k) {
        Sizes shape = p.in_shape();
        shape[at(axis)] = sizes[k].value();
        parts.push_back(p.has_grad(k) ? p.grad(k) : p.composer().filled(0, p.in().dtype(), shape));
    }
    p.give(0, concat(parts, axis));
}

/// Elements of `axis` set apart: step - 1 zeros after each.
Expr set_apart(Expr e, int64_t axis, int64_t step) {
    Sizes shape = e.shape(), split(shape.begin(), shape.begin() + axis + 1);
    split.push_back(1);
    split.insert(split.end(), shape.begin() + axis + 1, shape.end());
    Sizes before(split.size(), 0), behind(split.size(), 0);
    behind[at(axis) + 1] = step - 1;
    const Expr wide = pad(reshape(e, split), before, behind);
    shape[at(axis)] *= step;
    return reshape(wide, shape);
}

void slice_rule(Pullback& p) {
    const SliceRange range = slice_range(p.view());
    const Sizes shape = p.in_shape();
    Expr g = p.grad();
    if (count_of(g.shape()) == 0) return p.give(0, p.composer().filled(0, g.dtype(), shape));
    Sizes before(shape.size(), 0), behind(shape.size(), 0);
    for (size_t d = 0; d < shape.size(); ++d) {
        const auto axis = static_cast<int64_t>(d);
        const int64_t count = g.shape()[d];
        int64_t first = range.starts[d].value(), step = range.steps[d];
        if (step < 0 && count > 1) {
            first += (count - 1) * step;
            g = slice(g, axis, count - 1, count, -1);
        }
        step = count > 1 ? std::abs(step) : 1;
        if (step > 1) g = set_apart(g, axis, step);
        before[d] = first;
        behind[d] = shape[d] - first - count * step;  // what stands behind the last may be cut off
    }
    p.give(0, pad(g, before, behind));
}

void expand_rule(Pullback& p) {
    p.give(0, p.grad());
}

void tile_rule(Pullback& p) {
    const Sizes shape = p.in_shape(), out = p.grad().shape();
    if (count_of(shape) == 0 || count_of(out) == 0)
        return p.give(0, p.composer().filled(0, p.grad().dtype(), shape));
    Sizes split;
    std::vector<int64_t> axes;
    for (size_t d = 0; d < shape.size(); ++d) {
        axes.push_back(static_cast<int64_t>(split.size()));
        split.push_back(out[d] / shape[d]);
        split.push_back(shape[d]);
    }
    p.give(0, sum(reshape(p.grad(), split), axes, false));
}

void trilu_rule(Pullback& p) {
    const TriluChoice choice = trilu_of(p.view());
    Tensor k(DType::kI64, {});
    k.set_from_int(0, choice.k);
    Composer& c = p.composer();
    p.give(0, c.node(OpType::kTrilu, {p.grad(), c.constant(std::move(k), "diagonal")},
                     {{"upper", int64_t{choice.upper}}}, p.grad().dtype(), p.in_shape()));
}

/// Where result element i of one padded axis comes from.
TapTable padded_axis(const std::string& mode, int64_t extent, int64_t before, int64_t behind) {
    TapTable table;
    for (int64_t i = -before; i < extent + behind; ++i) {
        table.position.push_back(padded_source(mode, i, extent));
        table.weight.push_back(1);
    }
    return table;
}

void pad_rule(Pullback& p) {
    const Padding padding = padding_of(p.view());
    const Sizes shape = p.in_shape();
    Expr g = p.grad();
    if (padding.mode != "constant") {
        for (size_t d = 0; d < shape.size(); ++d) {
            if (padding.begins[d] == 0 && padding.ends[d] == 0) continue;
            const TapTable table =
                padded_axis(padding.mode, shape[d], padding.begins[d], padding.ends[d]);
            g = taps_adjoint(g, table, static_cast<int64_t>(d), shape[d]);
        }
        return p.give(0, g);
    }
    Sizes before, behind;
    for (size_t d = 0; d < shape.size(); ++d) {
        before.push_back(-padding.begins[d]);
        behind.push_back(-padding.ends[d]);
    }
    const Expr inner = pad(g, before, behind);
    p.give(0, inner);
    if (!p.wants(2)) return;
    const std::vector<int64_t> all = axes_between(0, g.rank());
    p.give(2, reshape(sum(g, all, false) - sum(inner, all, false), p.in_shape(2)));
}

// [n, c', h, w] -> [n, c, h b, w b]: the depth c' is (block row, block column, c) or (c, row,
// column).
void depth_to_space_rule(Pullback& p) {
    const int64_t b = p.view().attr("blocksize", 1);
    const Sizes x = p.in_shape(), y = p.grad().shape();
    const Expr blocks = reshape(p.grad(), {x[0], y[1], x[2], b, x[3], b});
    const bool dcr = depth_first(p.view());
    p.give(0,
           reshape(transpose(blocks, dcr ? Sizes{0, 3, 5, 1, 2, 4} : Sizes{0, 1, 3, 5, 2, 4}), x));
}

void space_to_depth_rule(Pullback& p) {
    const int64_t b = p.view().attr("blocksize", 1);
    const Sizes x = p.in_shape(), y = p.grad().shape();
    const Expr blocks = reshape(p.grad(), {x[0], b, b, x[1], y[2], y[3]});
    p.give(0, reshape(transpose(blocks, {0, 3, 4, 1, 5, 2}), x));
}

}  // namespace

void add_move_gradients(GradientTable& table) {
    using enum OpType;
    for (OpType op : {kReshape, kFlatten, kSqueeze, kUnsqueeze, kIdentity})
        row(table, op) = {view_back};
    row(table, kTranspose) = {transpose_back};
    row(table, kConcat) = {concat_rule};
    row(table, kSplit) = {split_rule};
    row(table, kSlice) = {slice_rule};
    row(table, kExpand) = {expand_rule};
    row(table, kTile) = {tile_rule};
    row(table, kTrilu) = {trilu_rule};
    row(table, kPad) = {pad_rule};
    row(table, kDepthToSpace) = {depth_to_space_rule};
    row(table, kSpaceToDepth) = {space_to_depth_rule};
}

}  // namespace smeaton::model
