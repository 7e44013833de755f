#include "sim/simdit/rows.h"

#include "base/error.h"

namespace smeaton::sim::simdit {

void refuse(const Layer& layer, const std::string& what) {
    throw UserError("node '{}' ({}): SimDIT does not define {}; --model native costs it",
                    layer.name, layer.op, what);
}

namespace {

Sizes sizes_of(const Layer& layer, const Convolution& c) {
    if (c.groups > 1 && c.groups == c.in_channels)
        refuse(layer, fmt::format("depthwise convolutions ({} groups)", c.groups));
    if (c.groups > 1) refuse(layer, fmt::format("grouped convolutions ({} groups)", c.groups));
    if (c.kernel_height != c.kernel_width)
        refuse(layer,
               fmt::format("kernels that are not square ({}x{})", c.kernel_height, c.kernel_width));
    if (c.stride_height != c.stride_width)
        refuse(layer,
               fmt::format("strides that differ ({} and {})", c.stride_height, c.stride_width));
    if (c.dilation_height != 1 || c.dilation_width != 1)
        refuse(layer,
               fmt::format("dilated kernels (by {} and {})", c.dilation_height, c.dilation_width));
    return {.n = c.batch,
            .oc = c.out_channels,
            .oh = c.out_height,
            .ow = c.out_width,
            .ic = c.in_channels,
            .kh = c.kernel_height,
            .kw = c.kernel_width,
            .stride = c.stride_height};
}

Sizes sizes_of(const Layer& layer, const Contraction& c) {
    if (c.copies != 1 || !c.weights) refuse(layer, "products of two computed operands");
    return {.n = c.rows, .oc = c.columns, .ic = c.sum};
}

/// A result of rank 2 is one pixel per channel.
Sizes sizes_of(const Layer& layer, const VectorOperator& v) {
    const std::vector<int64_t>& shape = v.out_shape;
    if (shape.size() != 2 && shape.size() != 4)
        refuse(layer, fmt::format("tensors of {} dims, only of 2 and 4", shape.size()));
    Sizes s{.n = shape[0], .oc = shape[1]};
    if (shape.size() == 4) s.oh = shape[2], s.ow = shape[3];
    return s;
}

void add_window(const Layer& layer, const VectorOperator& v, Sizes& sizes) {
    if (v.kernel.size() != 2) refuse(layer, "poolings of other than two dims");
    if (v.stride[0] != v.stride[1])
        refuse(layer, fmt::format("strides that differ ({} and {})", v.stride[0], v.stride[1]));
    sizes.kh = v.kernel[0], sizes.kw = v.kernel[1], sizes.stride = v.stride[0];
}

Operation vector_operation(const Layer& layer, const VectorOperator& v) {
    Operation row;
    auto is = [&](Kind kind, const char* published) {
        row.kind = kind;
        row.op = published;
        row.sizes = sizes_of(layer, v);
    };
    switch (v.op) {
        case VectorOp::kRelu:
            is(Kind::kRelu, "ReLU");
            break;
        case VectorOp::kAdd:
            if (v.operands != 2 || !v.same_shapes)
                refuse(layer, "sums other than of two tensors of one shape");
            is(Kind::kAdd, "ElemAdd");
            break;
        case VectorOp::kMaxPool:
            is(Kind::kMaxPool, "MaxPool");
            add_window(layer, v, row.sizes);
            break;
        case VectorOp::kAveragePool:
            is(Kind::kAveragePool, "AvgPool");
            add_window(layer, v, row.sizes);
            break;
        case VectorOp::kBatchNormalization:
            is(Kind::kBatchNorm, "BatchNorm");
            break;
        case VectorOp::kSoftmax:
            if (v.axis != 1) refuse(layer, "a softmax over another dim than the channels");
            is(Kind::kSoftmax, "Softmax");
            break;
        case VectorOp::kOther:
            refuse(layer, "this operator");
    }
    return row;
}

}  // namespace

Operation forward_operation(const Layer& layer) {
    Operation row;
    if (auto* c = std::get_if<Convolution>(&layer.work)) {
        row.kind = Kind::kConvolution;
        row.op = "Convolution";
        row.sizes = sizes_of(layer, *c);
    } else if (auto* m = std::get_if<Contraction>(&layer.work)) {
        row.kind = Kind::kGemm;
        row.op = "GEMM";
        row.sizes = sizes_of(layer, *m);
    } else if (auto* v = std::get_if<VectorOperator>(&layer.work)) {
        row = vector_operation(layer, *v);
    } else {
        row.op = layer.op == "Flatten" || layer.op == "Reshape" ? "coarse_flatten_ignored"
                                                                : layer.op + "_ignored";
        row.free_since = "data that only changes its order or shape costs nothing in SimDIT";
    }
    row.name = layer.name;
    return row;
}

}  // namespace smeaton::sim::simdit
