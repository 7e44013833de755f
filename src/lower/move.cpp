// Pure data movement: views where the bytes stay in place, else one move per piece through an
// affine map of coordinates.
#include "model/shape/move.h"

#include <algorithm>

#include "lower/rules.h"

namespace smeaton::lower {

using model::OpType;

void pad(NodeContext&);     // pad.cpp
void resize(NodeContext&);  // resize.cpp

void view_of_input(NodeContext& node) {
    node.alias(0, node.in(0));
}

namespace {

/// y[i] <- x[map(i)], or a view when the shapes agree and the map is the identity.
template <class Map>
void move_all(NodeContext& node, Map map) {
    const Buf x = node.in(0), y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    k.move(k.at(y, i), k.at(x, map(i)));
    k.done();
}

/// Dims of extent 1 do not count: the order of the others decides whether bytes move.
void transpose(NodeContext& node) {
    const std::vector<int64_t> perm = model::transpose_perm(node.view());
    const Shape x = node.in_shape(0);
    std::vector<int64_t> moving;
    for (int64_t p : perm)
        if (x[static_cast<size_t>(p)] != 1) moving.push_back(p);
    if (std::is_sorted(moving.begin(), moving.end())) return view_of_input(node);
    move_all(node, [&](const Index& i) {
        Index from(i.size());
        for (size_t d = 0; d < i.size(); ++d) from[static_cast<size_t>(perm[d])] = i[d];
        return from;
    });
}

void expand(NodeContext& node) {
    if (element_count(node.in_shape(0)) == element_count(node.out_shape(0)))
        return view_of_input(node);
    const Buf x = node.in(0), y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    k.move(k.at(y, i), k.broadcast(x, i));
    k.done();
}

void concat(NodeContext& node) {
    const auto axis = static_cast<size_t>(model::move_axis(node.view()));
    std::vector<size_t> parts;
    for (size_t n = 0; n < node.input_count(); ++n)
        if (element_count(node.in_shape(n)) > 0) parts.push_back(n);
    if (parts.size() <= 1) return node.alias(0, node.in(parts.empty() ? 0 : parts[0]));
    const Buf y = node.out(0);
    int64_t offset = 0;
    for (size_t n : parts) {
        const Buf x = node.in(n);
        KernelBuilder k(node, fmt::format("_{}", n));
        const Index from = k.parallel_all(x.shape);
        Index to = from;
        to[axis] += offset;
        k.move(k.at(y, to), k.at(x, from));
        k.done();
        offset += x.shape[axis];
    }
}

void split(NodeContext& node) {
    const auto axis = static_cast<size_t>(model::move_axis(node.view()));
    const Buf x = node.in(0);
    int64_t offset = 0;
    const std::vector<model::Dim> sizes = model::split_sizes(node.view());
    for (size_t n = 0; n < node.output_count(); ++n) {
        if (node.has_out(n)) {
            if (sizes[n].value() == x.shape[axis]) {
                node.alias(n, x);
            } else {
                const Buf y = node.out(n);
                KernelBuilder k(node, fmt::format("_{}", n));
                const Index to = k.parallel_all(y.shape);
                Index from = to;
                from[axis] += offset;
                k.move(k.at(y, to), k.at(x, from));
                k.done();
            }
        }
        offset += sizes[n].value();
    }
}

void slice(NodeContext& node) {
    const model::SliceRange range = model::slice_range(node.view());
    const Shape x = node.in_shape(0);
    bool whole = true;
    for (size_t d = 0; d < x.size(); ++d)
        whole = whole && (x[d] == 1 || range.steps[d] == 1) && range.sizes[d].value() == x[d];
    if (whole) return view_of_input(node);
    move_all(node, [&](const Index& i) {
        Index from;
        for (size_t d = 0; d < i.size(); ++d)
            from.push_back(i[d] * range.steps[d] + range.starts[d].value());
        return from;
    });
}

/// Output position r * extent + j of each axis is input position j.
void tile(NodeContext& node) {
    const Buf x = node.in(0);
    const Shape out = node.out_shape(0);
    if (out == x.shape) return view_of_input(node);
    const Buf y = node.out(0);
    KernelBuilder k(node);
    Index from, to;
    for (size_t d = 0; d < out.size(); ++d) {
        const int64_t repeats = x.shape[d] == 0 ? 0 : out[d] / x.shape[d];
        const Affine r = k.parallel(fmt::format("r{}", d), repeats);
        from.push_back(k.parallel(fmt::format("i{}", d), x.shape[d]));
        to.push_back(r * x.shape[d] + from[d]);
    }
    k.move(k.at(y, to), k.at(x, from));
    k.done();
}

void trilu(NodeContext& node) {
    const model::TriluChoice choice = model::trilu_of(node.view());
    const Buf x = node.in(0), y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    const Affine diagonal = i[i.size() - 1] - i[i.size() - 2];
    const Literal zero = literal(0, x.dtype);
    const Val kept = choice.upper ? k.with_bound(k.at(x, i), diagonal, choice.k, {}, zero)
                                  : k.with_bound(k.at(x, i), diagonal, {}, choice.k + 1, zero);
    k.move(k.at(y, i), kept);
    k.done();
}

/// One axis per block row, block column and channel, so that every map stays affine.
struct Blocks {
    KernelBuilder k;
    Affine n, c, h, bh, w, bw;

    Blocks(NodeContext& node, int64_t batch, int64_t channels, int64_t rows, int64_t columns,
           int64_t block)
        : k(node) {
        n = k.parallel("n", batch);
        c = k.parallel("c", channels);
        h = k.parallel("h", rows);
        bh = k.parallel("bh", block);
        w = k.parallel("w", columns);
        bw = k.parallel("bw", block);
    }
};

void depth_to_space(NodeContext& node) {
    const int64_t block = node.attr("blocksize", 0);
    const Buf x = node.in(0), y = node.out(0);
    Blocks b(node, x.shape[0], y.shape[1], x.shape[2], x.shape[3], block);
    const Affine deep = model::depth_first(node.view())
                            ? b.bh * (block * y.shape[1]) + b.bw * y.shape[1] + b.c
                            : b.c * (block * block) + b.bh * block + b.bw;
    b.k.move(b.k.at(y, {b.n, b.c, b.h * block + b.bh, b.w * block + b.bw}),
             b.k.at(x, {b.n, deep, b.h, b.w}));
    b.k.done();
}

void space_to_depth(NodeContext& node) {
    const int64_t block = node.attr("blocksize", 0);
    const Buf x = node.in(0), y = node.out(0);
    Blocks b(node, x.shape[0], x.shape[1], y.shape[2], y.shape[3], block);
    const Affine deep = b.bh * (block * x.shape[1]) + b.bw * x.shape[1] + b.c;
    b.k.move(b.k.at(y, {b.n, deep, b.h, b.w}),
             b.k.at(x, {b.n, b.c, b.h * block + b.bh, b.w * block + b.bw}));
    b.k.done();
}

}  // namespace

void add_move_rules(RuleTable& t) {
    t[OpType::kReshape] = view_of_input;
    t[OpType::kFlatten] = view_of_input;
    t[OpType::kSqueeze] = view_of_input;
    t[OpType::kUnsqueeze] = view_of_input;
    t[OpType::kIdentity] = view_of_input;
    t[OpType::kTranspose] = transpose;
    t[OpType::kExpand] = expand;
    t[OpType::kConcat] = concat;
    t[OpType::kSplit] = split;
    t[OpType::kSlice] = slice;
    t[OpType::kTile] = tile;
    t[OpType::kTrilu] = trilu;
    t[OpType::kPad] = pad;
    t[OpType::kResize] = resize;
    t[OpType::kUpsample] = resize;
    t[OpType::kDepthToSpace] = depth_to_space;
    t[OpType::kSpaceToDepth] = space_to_depth;
}

}  // namespace smeaton::lower
