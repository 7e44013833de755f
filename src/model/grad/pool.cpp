// Gradients of poolings.
#include "base/error.h"
#include "model/grad/rule.h"
#include "model/grad/scatter.h"
#include "model/shape/window.h"

namespace smeaton::model {

namespace {

/// [n * c, elements of one plane]
Sizes planes_of(const Sizes& shape) {
    return {shape[0] * shape[1], count_of({shape.begin() + 2, shape.end()})};
}

/// For each window the place of its largest element within its plane (the first of equal ones, as
/// in PyTorch): [n * c, windows].
Expr places_of_largest(Pullback& p) {
    Attributes attributes = p.node().attributes;
    attributes.erase("storage_order");
    Composer& c = p.composer();
    const Sizes y = p.grad().shape(), planes = planes_of(p.in_shape());
    const bool made = p.has_out(1) && p.view().attr("storage_order", 0) == 0;
    const Expr places = made ? p.out(1)
                             : c.nodes(OpType::kMaxPool, {p.in()}, std::move(attributes),
                                       {{p.grad().dtype(), y}, {DType::kI64, y}}, {false, true})[1];
    std::vector<int64_t> starts;
    for (int64_t n = 0; n < planes[0]; ++n) starts.push_back(n * planes[1]);
    const Expr offsets = c.constant(tensor::of_i64(starts).reshaped({planes[0], 1}), "planes");
    return reshape(places, planes_of(y)) - offsets;
}

void max_pool(Pullback& p) {
    const Sizes shape = p.in_shape();
    const Expr zeros = p.composer().filled(0, p.in().dtype(), planes_of(shape));
    if (count_of(p.grad().shape()) == 0) return p.give(0, reshape(zeros, shape));
    const Expr g = reshape(p.grad(), planes_of(p.grad().shape()));
    p.give(0, reshape(scatter_elements(zeros, places_of_largest(p), g, 1, "add"), shape));
}

/// The gradient divided by the number of elements that each window averages.
Expr shared_out(Pullback& p, const Window& w) {
    const bool include_pad = p.view().attr("count_include_pad", 0) != 0;
    const Expr g = p.grad();
    const Sizes result = g.shape(), spatial(result.begin() + 2, result.end());
    Tensor share(g.dtype(), spatial);
    bool same = true;
    for (int64_t n = 0; n < share.elements(); ++n) {
        int64_t rest = n, count = 1;
        for (size_t d = spatial.size(); d-- > 0; rest /= spatial[d])
            count *= averaged_taps(w, d, rest % spatial[d], include_pad);
        share.set_from_double(n, 1 / static_cast<double>(count));
        same = same && share.at_as_double(n) == share.at_as_double(0);
    }
    if (same) return g * share.at_as_double(0);
    return g * p.composer().constant(std::move(share), "shares");
}

/// Every element gets what the windows over it share out: a transposed convolution of ones.
void average_pool(Pullback& p) {
    const Window w = pool_window(p.view());
    const Sizes shape = p.in_shape();
    if (count_of(p.grad().shape()) == 0)
        return p.give(0, p.composer().filled(0, p.in().dtype(), shape));
    Sizes ones = {shape[1], 1}, pads = w.pads_begin, ends, missed;
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        ones.push_back(w.kernel[d]);
        const int64_t reach = (w.kernel[d] - 1) * w.dilations[d] + 1;
        const int64_t walked = (p.grad().shape()[d + 2] - 1) * w.strides[d] + reach;
        const int64_t beyond = walked - w.pads_begin[d] - shape[d + 2];
        ends.push_back(std::max<int64_t>(beyond, 0));
        missed.push_back(std::max<int64_t>(-beyond, 0));
    }
    pads.insert(pads.end(), ends.begin(), ends.end());
    const Expr weight = p.composer().filled(1, p.in().dtype(), ones);
    p.give(0, p.composer().node(OpType::kConvTranspose, {shared_out(p, w), weight},
                                {{"dilations", w.dilations},
                                 {"strides", w.strides},
                                 {"group", shape[1]},
                                 {"pads", pads},
                                 {"output_padding", missed}},
                                p.in().dtype(), shape));
}

void global_average_pool(Pullback& p) {
    const int64_t count = std::max<int64_t>(planes_of(p.in_shape())[1], 1);
    p.give(0, expand(p.grad() * (1 / static_cast<double>(count)), p.in_shape()));
}

/// The first of equal elements takes all.
void global_max_pool(Pullback& p) {
    const Sizes shape = p.in_shape(), planes = planes_of(shape), single = {planes[0], 1};
    if (count_of(shape) == 0) return p.give(0, p.composer().filled(0, p.in().dtype(), shape));
    Composer& c = p.composer();
    const Expr place = c.node(OpType::kArgMax, {reshape(p.in(), planes)}, {{"axis", int64_t{1}}},
                              DType::kI64, single);
    const Expr here = equal(c.positions(planes[1]), place);
    p.give(0, reshape(where(here, reshape(p.grad(), single), 0), shape));
}

}  // namespace

void add_pool_gradients(GradientTable& table) {
    row(table, OpType::kMaxPool) = {max_pool};
    row(table, OpType::kAveragePool) = {average_pool};
    row(table, OpType::kGlobalAveragePool) = {global_average_pool};
    row(table, OpType::kGlobalMaxPool) = {global_max_pool};
}

}  // namespace smeaton::model
