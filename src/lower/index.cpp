// Gathers, TopK: coordinates read from integer tiles. Scatters: scatter.cpp.
#include "lower/index.h"

#include <algorithm>

#include "lower/axis_map.h"
#include "lower/rules.h"
#include "model/notes.h"
#include "model/shape/move.h"
#include "model/shape/reduce.h"

namespace smeaton::lower {

using model::OpType;

void scatter_elements(NodeContext&);  // scatter.cpp
void scatter_nd(NodeContext&);

Val position_from(KernelBuilder& k, NodeContext& node, const Val& index, const Tensor* known,
                  int64_t extent) {
    bool may_be_negative = true;
    bool may_be_outside = node.node().attributes.count(model::kIndicesInRange) == 0;
    if (known && known->elements() > 0) {
        int64_t lo = known->at_as_int(0), hi = lo;
        for (int64_t n = 1; n < known->elements(); ++n) {
            lo = std::min(lo, known->at_as_int(n));
            hi = std::max(hi, known->at_as_int(n));
        }
        if (lo < -extent || hi >= extent)
            node.refuse("index {} is outside an axis of extent {}", lo < -extent ? lo : hi, extent);
        may_be_negative = lo < 0;
        may_be_outside = false;
    }
    Val q = index.dtype == DType::kI64 ? k.copy(index, "q") : k.cast(index, DType::kI64, "q");
    const auto number = [&](int64_t v) { return Val{Literal::of_int(v), DType::kI64}; };
    if (may_be_negative) {
        const Val negative = k.binary(Fn::lt, q, number(0), "c");
        const Val wrapped = k.binary(Fn::add, q, number(extent), "w");
        q = k.select(negative, wrapped, q, "q");
    }
    if (may_be_outside) {
        const Val low = k.binary(Fn::ge, q, number(0), "c");
        const Val high = k.binary(Fn::lt, q, number(extent), "c");
        k.check(k.binary(Fn::and_, low, high, "c"),
                fmt::format("{}: index outside an axis of extent {}", node.node().name, extent));
    }
    return q;
}

namespace {

/// The constant indices of one axis when they are one run (a scalar, or evenly spaced).
std::optional<Run> as_one_run(NodeContext& node, const Tensor* known, int64_t extent) {
    if (!known || known->shape().size() > 1 || known->elements() == 0) return {};
    std::vector<int64_t> sources;
    for (int64_t n = 0; n < known->elements(); ++n) {
        const int64_t v = known->at_as_int(n);
        if (v < -extent || v >= extent)
            node.refuse("index {} is outside an axis of extent {}", v, extent);
        sources.push_back(v < 0 ? v + extent : v);
    }
    const std::vector<Run> runs = runs_of(sources);
    if (runs.size() != 1) return {};
    return runs[0];
}

// y[i.., q.., j..] = x[i.., indices[q..], j..]
void gather(NodeContext& node) {
    const auto axis = static_cast<size_t>(model::move_axis(node.view()));
    const Buf x = node.in(0), y = node.out(0);
    const Shape indices = node.in_shape(1);
    const Tensor* known = node.constant(1);
    const int64_t extent = x.shape[axis];
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    const auto split = [&](size_t at) { return i.begin() + static_cast<std::ptrdiff_t>(at); };
    Index from(i.begin(), split(axis));
    from.emplace_back(0);
    from.insert(from.end(), split(axis + indices.size()), i.end());
    const Index asked(split(axis), split(axis + indices.size()));
    if (const std::optional<Run> run = as_one_run(node, known, extent)) {
        from[axis] = asked.empty() ? Affine(run->base) : asked[0] * run->step + run->base;
        k.move(k.at(y, i), k.at(x, from));
    } else {
        const Val q = position_from(k, node, k.at(node.in(1), asked), known, extent);
        k.move(k.at(y, i), k.computed(k.at(x, from), axis, q));
    }
    k.done();
}

// y[i] = x[i, with i[axis] replaced by indices[i]]
void gather_elements(NodeContext& node) {
    const auto axis = static_cast<size_t>(model::move_axis(node.view()));
    const Buf x = node.in(0), indices = node.in(1), y = node.out(0);
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    const Val q = position_from(k, node, k.at(indices, i), node.constant(1), x.shape[axis]);
    Index from = i;
    from[axis] = 0;
    k.move(k.at(y, i), k.computed(k.at(x, from), axis, q));
    k.done();
}

// y[b.., i.., j..] = x[b.., indices[b.., i.., 0], indices[b.., i.., 1], ..., j..]
void gather_nd(NodeContext& node) {
    const auto batch = static_cast<size_t>(node.attr("batch_dims", 0));
    const Buf x = node.in(0), indices = node.in(1), y = node.out(0);
    const auto tuple = static_cast<size_t>(indices.shape.back());
    KernelBuilder k(node);
    const Index i = k.parallel_all(y.shape);
    const size_t asked = indices.shape.size() - 1;
    Index from(i.begin(), i.begin() + static_cast<std::ptrdiff_t>(batch));
    from.resize(batch + tuple, 0);
    from.insert(from.end(), i.begin() + static_cast<std::ptrdiff_t>(asked), i.end());
    Val source = k.at(x, from);
    for (size_t n = 0; n < tuple; ++n) {
        Index at(i.begin(), i.begin() + static_cast<std::ptrdiff_t>(asked));
        at.emplace_back(static_cast<int64_t>(n));
        const Val q = position_from(k, node, k.at(indices, at), nullptr, x.shape[batch + n]);
        source = k.computed(source, batch + n, q);
    }
    k.move(k.at(y, i), source);
    k.done();
}

/// Sorts a row with its positions (stable: of equals the lower position first) and keeps the head.
void top_k(NodeContext& node) {
    const model::TopKChoice choice = model::top_k_of(node.view());
    const auto axis = static_cast<size_t>(choice.axis);
    const Buf x = node.in(0);
    KernelBuilder k(node);
    Index in(x.shape.size());
    for (size_t d = 0; d < in.size(); ++d)
        if (d != axis) in[d] = k.parallel(fmt::format("i{}", d), x.shape[d]);
    in[axis] = k.dim("v", x.shape[axis]);
    const Val key = k.load_row(k.at(x, in));
    const Val position = k.iota(in[axis]);
    if (x.shape[axis] != 1) k.sort(key, position, in[axis], choice.largest);
    const Affine head = k.dim("h", choice.k.value());
    Index out = in;
    out[axis] = head;
    const auto first = [&](const Val& row) {
        gir::Slice s = row.slice();
        if (!s.at.empty()) s.at[0] = head;
        return Val{s, row.dtype};
    };
    if (node.has_out(0)) k.store(k.at(node.out(0), out), first(key));
    if (node.has_out(1)) k.store(k.at(node.out(1), out), first(position));
    k.done();
}

}  // namespace

void add_index_rules(RuleTable& t) {
    t[OpType::kGather] = gather;
    t[OpType::kGatherElements] = gather_elements;
    t[OpType::kGatherND] = gather_nd;
    t[OpType::kScatterElements] = scatter_elements;
    t[OpType::kScatterND] = scatter_nd;
    t[OpType::kTopK] = top_k;
}

}  // namespace smeaton::lower
