#include "sim/layer_table.h"

namespace smeaton::sim {

int64_t macs(const Layer& layer) {
    if (auto* c = std::get_if<Convolution>(&layer.work))
        return c->batch * c->out_channels * c->out_height * c->out_width *
               (c->in_channels / c->groups) * c->kernel_height * c->kernel_width;
    if (auto* c = std::get_if<Contraction>(&layer.work))
        return c->copies * c->rows * c->sum * c->columns;
    return 0;
}

}  // namespace smeaton::sim
