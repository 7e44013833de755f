// Scatters: the data is copied, then the updates are written over it in their order. Dims along
// which updates cannot meet run in parallel, the others serially.
#include "lower/index.h"
#include "lower/rules.h"
#include "model/shape/move.h"

namespace smeaton::lower {

void scatter_elements(NodeContext&);
void scatter_nd(NodeContext&);

namespace {

Fn reduction(NodeContext& node) {
    const std::string name = node.attr_string("reduction", "none");
    if (name == "none") return Fn::copy;
    if (name == "add") return Fn::add;
    if (name == "mul") return Fn::mul;
    if (name == "max") return Fn::max;
    if (name == "min") return Fn::min;
    node.refuse("reduction is \"{}\"; expected none, add, mul, max or min", name);
}

void copy_all(NodeContext& node, const Buf& from, const Buf& to, const char* suffix) {
    KernelBuilder k(node, suffix);
    const Index i = k.parallel_all(to.shape);
    k.store(k.at(to, i), k.at(from, i));
    k.done();
}

/// Where the updates go: a copy of the data, in the output, or in f32 where halves are combined.
struct ScatterTarget {
    NodeContext& node;
    Buf y;

    ScatterTarget(NodeContext& n, Fn fn) : node(n), y(n.out(0)) {
        const DType wide = compute_dtype(y.dtype);
        if (fn != Fn::copy && wide != y.dtype) y = node.temp("sum", wide, y.shape);
        copy_all(node, node.in(0), y, "_data");
    }
    /// What is to be stored of the updates.
    Val widened(KernelBuilder& k, const Val& update) const { return k.cast(update, y.dtype); }
    void finish() const {
        const Buf out = node.out(0);
        if (out.name != y.name) copy_all(node, y, out, "_narrow");
    }
};

}  // namespace

// y[i with i[axis] = indices[i]] fn= updates[i]
void scatter_elements(NodeContext& node) {
    const auto axis = static_cast<size_t>(model::move_axis(node.view()));
    const Fn fn = reduction(node);
    const ScatterTarget target(node, fn);
    const Buf indices = node.in(1), updates = node.in(2), y = target.y;
    KernelBuilder k(node);
    Index i(indices.shape.size());
    for (size_t d = 0; d < i.size(); ++d)
        if (d != axis) i[d] = k.parallel(fmt::format("i{}", d), indices.shape[d]);
    if (!i.empty()) i[axis] = k.loop(fmt::format("i{}", axis), indices.shape[axis]);
    const Val q = position_from(k, node, k.at(indices, i), node.constant(1), y.shape[axis]);
    Index to = i;
    to[axis] = 0;
    k.scatter(fn, k.computed(k.at(y, to), axis, q), target.widened(k, k.at(updates, i)));
    k.done();
    target.finish();
}

// y[indices[i.., 0], indices[i.., 1], ..., j..] fn= updates[i.., j..]
void scatter_nd(NodeContext& node) {
    const Fn fn = reduction(node);
    const ScatterTarget target(node, fn);
    const Buf indices = node.in(1), updates = node.in(2), y = target.y;
    const auto tuple = static_cast<size_t>(indices.shape.back());
    KernelBuilder k(node);
    Index to(tuple, 0), within;
    for (size_t d = tuple; d < y.shape.size(); ++d)
        within.push_back(k.parallel(fmt::format("j{}", d), y.shape[d]));
    Index at;
    for (size_t d = 0; d + 1 < indices.shape.size(); ++d)
        at.push_back(k.loop(fmt::format("i{}", d), indices.shape[d]));
    Index from = at;
    from.insert(from.end(), within.begin(), within.end());
    to.insert(to.end(), within.begin(), within.end());
    Val element = k.at(y, to);
    at.emplace_back(0);
    for (size_t n = 0; n < tuple; ++n) {
        at.back() = static_cast<int64_t>(n);
        const Val q = position_from(k, node, k.at(indices, at), nullptr, y.shape[n]);
        element = k.computed(element, n, q);
    }
    k.scatter(fn, element, target.widened(k, k.at(updates, from)));
    k.done();
    target.finish();
}

}  // namespace smeaton::lower
