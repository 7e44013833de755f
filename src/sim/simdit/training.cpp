#include "base/error.h"
#include "sim/simdit/rows.h"

namespace smeaton::sim::simdit {

namespace {

// The published training tables come from graphs whose vector operands have channels in multiples
// of 32: the 3 channels of an image count as 32, 1000 classes as 1024.
int64_t padded_channels(int64_t channels) {
    return (channels + 31) / 32 * 32;
}

class Training {
public:
    explicit Training(const LayerTable& table) : table_(table), seen_(table.layers.size(), 0) {}

    std::vector<Operation> rows() {
        for (const Layer& layer : table_.layers) forward(layer);
        free(Phase::kForward, "loss", "cross_entropy_loss_ignored", kLoss);
        free(Phase::kBackward, "loss", "cross_entropy_loss_grad_ignored", kLoss);
        for (size_t i = table_.layers.size(); i-- > 0;) {
            backward(table_.layers[i]);
            join(table_.layers[i]);
        }
        return std::move(rows_);
    }

private:
    static constexpr const char* kLoss = "the loss and its gradient cost nothing in SimDIT";
    static constexpr const char* kOrder =
        "data that only changes its order or shape costs nothing in SimDIT";
    static constexpr const char* kFolded =
        "counted in the row of the BatchNormalization's gradient";

    void add(const Layer& layer, const char* part, Kind kind, Phase phase, const char* op,
             const Sizes& sizes) {
        rows_.push_back({kind, phase, sizes, layer.name + "/" + part, op, ""});
    }
    void free(Phase phase, const std::string& name, const char* op, const char* why) {
        rows_.push_back({Kind::kFree, phase, {}, name, op, why});
    }
    void transpose(const Layer& layer) {
        free(Phase::kBackward, layer.name + "/transpose", "tensor_transpose4d_ignored", kOrder);
    }

    void forward(const Layer& layer) {
        Operation row = forward_operation(layer);
        if (row.kind == Kind::kSoftmax) refuse(layer, "the gradient of Softmax");
        auto* c = std::get_if<Convolution>(&layer.work);
        if (c && c->bias)
            refuse(layer,
                   "a convolution's bias in training (it may be a folded BatchNormalization: "
                   "export the model with its BatchNormalizations kept)");
        if (c && (c->out_height != c->out_width || c->in_height != c->in_width))
            refuse(layer, fmt::format("gradients of images that are not square ({}x{})",
                                      c->in_height, c->in_width));
        if (!on_array(row.kind)) row.sizes.oc = padded_channels(row.sizes.oc);
        if (row.kind == Kind::kBatchNorm)
            add(layer, "mean,inv_std", Kind::kMeanInvStd, Phase::kForward, "MeanIstd", row.sizes);
        rows_.push_back(std::move(row));
    }

    void backward(const Layer& layer) {
        Operation row = forward_operation(layer);
        Sizes s = row.sizes;
        if (!on_array(row.kind)) s.oc = padded_channels(s.oc);
        switch (row.kind) {
            case Kind::kConvolution:
                return convolution_grads(layer, std::get<Convolution>(layer.work));
            case Kind::kGemm:
                return gemm_grads(layer, std::get<Contraction>(layer.work));
            case Kind::kRelu:
                return add(layer, "dX", Kind::kReluGrad, Phase::kBackward, kCommon, s);
            case Kind::kBatchNorm:
                return batch_norm_grads(layer, s);
            case Kind::kMaxPool:
                return add(layer, "dX", Kind::kMaxPoolGrad, Phase::kBackward, "MaxPool_Grad", s);
            case Kind::kAveragePool:
                return add(layer, "dX", Kind::kAveragePoolGrad, Phase::kBackward, "AvgPool_Grad",
                           s);
            case Kind::kFree:
                return move_grads(layer);
            default:
                return;  // a sum hands its gradient on
        }
    }

    void move_grads(const Layer& layer) {
        if (layer.op != "Flatten" && layer.op != "Reshape" && layer.op != "Transpose")
            refuse(layer, "the gradient of this move");
        if (layer.op == "Transpose") return transpose(layer);
        free(Phase::kBackward, layer.name + "/dX", "flatten_grad_ignored", kOrder);
    }

    void convolution_grads(const Layer& layer, const Convolution& c) {
        // The first convolution reads the image with its border already on.
        const bool stem = layer.operands.empty() || layer.operands[0] == kModelInput;
        const int64_t in =
            stem ? (c.out_height - 1) * c.stride_height + c.kernel_height : c.in_height;
        const int64_t pad = stem ? 0 : c.pad_height;
        const int64_t spread = (c.out_height - 1) * c.stride_height + 1;  // zeros inserted
        const int64_t out = in + pad - spread + 1;
        transpose(layer);
        add(layer, "dX", Kind::kConvolution, Phase::kBackward, "Convolution",
            {.n = c.batch,
             .oc = c.in_channels,
             .oh = in,
             .ow = in,
             .ic = c.out_channels,
             .kh = c.kernel_height,
             .kw = c.kernel_width});
        transpose(layer);
        transpose(layer);
        add(layer, "dW", Kind::kConvolution, Phase::kBackward, "Convolution",
            {.n = c.in_channels,
             .oc = c.out_channels,
             .oh = out,
             .ow = out,
             .ic = c.batch,
             .kh = spread,
             .kw = spread});
        transpose(layer);
        add(layer, "sgd", Kind::kSgd4d, Phase::kUpdate, kCommon,
            {.n = c.out_channels,
             .oc = padded_channels(c.in_channels),
             .oh = c.kernel_height,
             .ow = c.kernel_width});
    }

    void gemm_grads(const Layer& layer, const Contraction& c) {
        const int64_t columns = padded_channels(c.columns);
        add(layer, "dX", Kind::kGemm, Phase::kBackward, "GEMM",
            {.n = c.rows, .oc = c.sum, .ic = c.columns});
        add(layer, "dW", Kind::kGemm, Phase::kBackward, "GEMM",
            {.n = c.sum, .oc = c.columns, .ic = c.rows});
        add(layer, "sgd", Kind::kSgd2d, Phase::kUpdate, kCommon, {.n = c.sum, .oc = columns});
        if (!c.bias) return;
        add(layer, "db", Kind::kReduceSum, Phase::kBackward, kCommon, {.n = c.rows, .oc = columns});
        add(layer, "sgd bias", Kind::kSgd1d, Phase::kUpdate, kCommon, {.oc = columns});
    }

    void batch_norm_grads(const Layer& layer, const Sizes& s) {
        add(layer, "dX", Kind::kBatchNormGrad, Phase::kBackward, "BatchNorm_Backward", s);
        for (const char* part : {"inv_std", "xhat", "dbeta", "dgamma", "dgamma_mul_xhat",
                                 "gamma_inv_std", "scaled_gy", "dx_rhs", "dx"})
            rows_.push_back({Kind::kFree,
                             Phase::kBackward,
                             {},
                             layer.name + "/" + part,
                             fmt::format("batchnorm_grad_{}_ignored", part),
                             kFolded});
        for (const char* part : {"sgd gamma", "sgd beta"})
            add(layer, part, Kind::kSgd1d, Phase::kUpdate, kCommon, {.oc = s.oc});
    }

    /// Where a result has several readers, each further gradient is added to the sum so far.
    void join(const Layer& reader) {
        for (int operand : reader.operands) {
            if (operand == kModelInput || ++seen_[static_cast<size_t>(operand)] == 1) continue;
            const Layer& made = table_.layers[static_cast<size_t>(operand)];
            Sizes s = forward_operation(made).sizes;
            if (std::holds_alternative<Movement>(made.work))
                refuse(made, "a sum of the gradients of a move");
            s.oc = padded_channels(s.oc);
            s.ic = s.kh = s.kw = s.stride = 1;
            add(made, "join", Kind::kAdd, Phase::kBackward, "ElemAdd", s);
        }
    }

    static constexpr const char* kCommon = "Common_SIMD_Backward";
    const LayerTable& table_;
    std::vector<int> seen_;  ///< gradients that have come in, by layer
    std::vector<Operation> rows_;
};

}  // namespace

std::vector<Operation> training_operations(const LayerTable& table) {
    return Training(table).rows();
}

}  // namespace smeaton::sim::simdit
