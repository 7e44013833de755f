// Gradients of Resize and Upsample: along one axis after the other, what each element was read
// with.
#include "model/shape/resize.h"

#include "model/grad/rule.h"
#include "model/grad/scatter.h"
#include "model/shape/resize_table.h"

namespace smeaton::model {

namespace {

void resize(Pullback& p) {
    const ResizeChoice choice = resize_of(p.view());
    Expr g = p.grad();
    const Sizes in = p.in_shape(), out = g.shape();
    if (choice.keeps(p.view().shape(0))) return p.give(0, g);
    if (count_of(in) == 0 || count_of(out) == 0)
        return p.give(0, p.composer().filled(0, g.dtype(), in));
    for (size_t d = 0; d < in.size(); ++d) {
        if (choice.antialias && in[d] == out[d]) continue;
        const ResizeTable table = resize_table(
            choice, {in[d], out[d], choice.scales[d], choice.roi_start[d], choice.roi_end[d]});
        if (table.identity(in[d])) continue;
        g = taps_adjoint(g, {table.taps, table.position, table.weight}, static_cast<int64_t>(d),
                         in[d]);
    }
    p.give(0, g);
}

}  // namespace

void add_resize_gradients(GradientTable& table) {
    row(table, OpType::kResize) = {resize, 1};
    row(table, OpType::kUpsample) = {resize, 1};
}

}  // namespace smeaton::model
