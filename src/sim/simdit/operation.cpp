#include "sim/simdit/operation.h"

namespace smeaton::sim::simdit {

bool on_array(Kind kind) {
    return kind == Kind::kConvolution || kind == Kind::kGemm;
}

const char* class_of(Kind kind) {
    switch (kind) {
        case Kind::kConvolution:
            return "convolution";
        case Kind::kGemm:
            return "contraction";
        case Kind::kRelu:
        case Kind::kReluGrad:
        case Kind::kSoftmax:
            return "activation";
        case Kind::kMeanInvStd:
        case Kind::kBatchNorm:
        case Kind::kBatchNormGrad:
            return "normalisation";
        case Kind::kMaxPool:
        case Kind::kAveragePool:
        case Kind::kMaxPoolGrad:
        case Kind::kAveragePoolGrad:
            return "pooling";
        case Kind::kAdd:
        case Kind::kReduceSum:
            return "elementwise";
        case Kind::kSgd1d:
        case Kind::kSgd2d:
        case Kind::kSgd4d:
            return "optimiser";
        case Kind::kFree:
            break;
    }
    return "data movement";
}

const char* word(Phase phase) {
    if (phase == Phase::kForward) return "forward";
    return phase == Phase::kBackward ? "backward" : "update";
}

int64_t macs(const Operation& operation) {
    if (!on_array(operation.kind)) return 0;
    const Sizes& s = operation.sizes;
    return s.n * s.oc * s.oh * s.ow * s.ic * s.kh * s.kw;
}

}  // namespace smeaton::sim::simdit
