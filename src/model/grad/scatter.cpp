#include "model/grad/scatter.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "model/notes.h"

namespace smeaton::model {

namespace {

size_t at(int64_t d) {
    return static_cast<size_t>(d);
}

Attributes::value_type in_range() {
    return {kIndicesInRange, int64_t{1}};
}

}  // namespace

Expr scatter_elements(Expr data, Expr indices, Expr updates, int64_t axis,
                      const std::string& reduction) {
    return data.composer->node(OpType::kScatterElements, {data, indices, updates},
                               {{"axis", axis}, {"reduction", reduction}, in_range()}, data.dtype(),
                               data.shape());
}

Expr gather_elements(Expr data, Expr indices, int64_t axis) {
    return data.composer->node(OpType::kGatherElements, {data, indices},
                               {{"axis", axis}, in_range()}, data.dtype(), indices.shape());
}

Expr scatter_nd(Expr data, Expr indices, Expr updates, const std::string& reduction) {
    return data.composer->node(OpType::kScatterND, {data, indices, updates},
                               {{"reduction", reduction}, in_range()}, data.dtype(), data.shape());
}

Expr gather_nd(Expr data, Expr indices) {
    const Sizes x = data.shape();
    Sizes shape = indices.shape();
    const int64_t tuple = shape.back();
    shape.pop_back();
    shape.insert(shape.end(), x.begin() + tuple, x.end());
    return data.composer->node(OpType::kGatherND, {data, indices}, {in_range()}, data.dtype(),
                               shape);
}

Expr from_front(Expr indices, int64_t extent) {
    const Expr i = cast(indices, DType::kI64);
    return where(less(i, 0), i + static_cast<double>(extent), i);
}

namespace {

/// The first of consecutive indices; -1 where they are not, or not of rank 0 or 1.
int64_t first_of_run(const Tensor* known, int64_t extent) {
    if (!known || known->shape().size() > 1 || known->elements() == 0) return -1;
    const auto position = [&](int64_t n) {
        const int64_t v = known->at_as_int(n);
        return v < 0 ? v + extent : v;
    };
    for (int64_t n = 1; n < known->elements(); ++n)
        if (position(n) != position(0) + n) return -1;
    return position(0);
}

}  // namespace

Expr gather_adjoint(Expr gradient, Expr indices, const Tensor* known, int64_t axis,
                    const Sizes& shape) {
    const Sizes asked = indices.shape();
    const auto rank = static_cast<int64_t>(shape.size());
    const auto asked_rank = static_cast<int64_t>(asked.size());
    if (const int64_t first = first_of_run(known, shape[at(axis)]); first >= 0) {
        Sizes rows = shape, before(shape.size(), 0), behind(shape.size(), 0);
        rows[at(axis)] = count_of(asked);
        before[at(axis)] = first;
        behind[at(axis)] = shape[at(axis)] - first - count_of(asked);
        return pad(reshape(gradient, rows), before, behind);
    }
    // [before.., asked.., behind..] -> [asked.., before.., behind..], rows added into [axis, ...].
    std::vector<int64_t> perm = axes_between(axis, axis + asked_rank), back = {};
    for (int64_t d = 0; d < axis; ++d) perm.push_back(d);
    for (int64_t d = axis + asked_rank; d < rank - 1 + asked_rank; ++d) perm.push_back(d);
    Sizes moved = {shape[at(axis)]};
    for (int64_t d = 0; d < rank; ++d)
        if (d != axis) moved.push_back(shape[at(d)]);
    for (int64_t d = 0; d < rank; ++d) back.push_back(d < axis ? d + 1 : d == axis ? 0 : d);
    Sizes tuples = asked;
    tuples.push_back(1);
    Composer& c = *gradient.composer;
    const Expr sums = scatter_nd(c.filled(0, gradient.dtype(), moved), reshape(indices, tuples),
                                 transpose(gradient, perm), "add");
    return transpose(sums, back);
}

namespace {

/// By element: the results that read it, with their weights added up.
std::vector<std::map<int64_t, double>> readers(const TapTable& table, int64_t extent) {
    std::vector<std::map<int64_t, double>> by(at(extent));
    for (size_t n = 0; n < table.position.size(); ++n) {
        if (table.weight[n] == 0) continue;
        by[at(table.position[n])][static_cast<int64_t>(n) / table.taps] += table.weight[n];
    }
    return by;
}

}  // namespace

Expr taps_adjoint(Expr gradient, const TapTable& table, int64_t axis, int64_t extent) {
    const std::vector<std::map<int64_t, double>> by = readers(table, extent);
    size_t most = 1;
    for (const auto& row : by) most = std::max(most, row.size());
    Composer& c = *gradient.composer;
    const auto taps = static_cast<int64_t>(most);
    Tensor weight(gradient.dtype(), {extent, taps});
    std::vector<int64_t> position(at(extent * taps), 0);
    bool all_one = true;
    for (int64_t i = 0; i < extent; ++i) {
        int64_t n = i * taps;
        for (const auto& [from, w] : by[at(i)]) {
            position[at(n)] = from;
            weight.set_from_double(n++, w);
        }
        for (int64_t k = i * taps; k < (i + 1) * taps; ++k)
            all_one = all_one && weight.at_as_double(k) == 1;
    }
    Sizes shape = gradient.shape();
    std::vector<int64_t> in_order(at(shape[at(axis)]));
    std::iota(in_order.begin(), in_order.end(), 0);
    if (position != in_order)
        gradient = gather(gradient, c.constant(tensor::of_i64(position), "readers"), axis);
    // [before, extent, taps, behind]
    const Sizes split = {count_of({shape.begin(), shape.begin() + axis}), extent, taps,
                         count_of({shape.begin() + axis + 1, shape.end()})};
    const Expr read = reshape(gradient, split);
    shape[at(axis)] = extent;
    if (all_one) return reshape(sum(read, {2}), shape);
    return reshape(einsum("aetb,et->aeb", {read, c.constant(std::move(weight), "weights")}), shape);
}

}  // namespace smeaton::model
