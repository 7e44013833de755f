// The form of each operator by version: operands, outputs, attributes, and the dtypes that its
// first operand may have. A row holds from its version until the next row of the same operator.
#include <algorithm>
#include <string_view>

#include "model/notes.h"
#include "model/shape/infer_state.h"

namespace smeaton::model {

namespace {

/// Dtypes of the first operand.
enum class Kind : char { Any, Number, Float, Bool };

struct Signature {
    OpType op;
    int since;
    size_t required;  ///< the first operands that must be given
    size_t most;      ///< operands at most
    size_t outputs;   ///< outputs at most
    Kind kind;
    std::string_view attributes;  ///< separated by blanks; "!" behind one that must be given
};

constexpr size_t kMany = 1 << 20;
constexpr std::string_view kConvKeys = "auto_pad dilations group kernel_shape pads strides";
constexpr std::string_view kReduceKeys = "axes keepdims";
constexpr std::string_view kReduceOperandKeys = "keepdims noop_with_empty_axes";
constexpr std::string_view kLegacyKeys = "axis broadcast";
constexpr std::string_view kResizeKeys =
    "coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value mode "
    "nearest_mode";
constexpr std::string_view kResize18Keys =
    "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
    "extrapolation_value keep_aspect_ratio_policy mode nearest_mode";
constexpr std::string_view kPoolKeys = "auto_pad kernel_shape! pads strides";

using enum OpType;
using enum Kind;

constexpr Signature kSignatures[] = {
    {kConv, 1, 2, 3, 1, Float, kConvKeys},
    {kConvTranspose, 1, 2, 3, 1, Float,
     "auto_pad dilations group kernel_shape output_padding output_shape pads strides"},
    {kLRN, 1, 1, 1, 1, Float, "alpha beta bias size!"},
    {kBatchNormalization, 1, 5, 5, 5, Float, "epsilon is_test momentum spatial"},
    {kBatchNormalization, 7, 5, 5, 5, Float, "epsilon momentum spatial"},
    {kBatchNormalization, 9, 5, 5, 5, Float, "epsilon momentum"},
    {kBatchNormalization, 14, 5, 5, 3, Float, "epsilon momentum training_mode"},
    {kInstanceNormalization, 1, 3, 3, 1, Float, "epsilon"},
    {kGroupNormalization, 18, 3, 3, 1, Float, "epsilon num_groups!"},
    {kGroupNormalization, 21, 3, 3, 1, Float, "epsilon num_groups! stash_type"},
    {kLayerNormalization, 17, 2, 3, 3, Float, "axis epsilon stash_type"},
    {kRMSNormalization, 23, 2, 2, 1, Float, "axis epsilon stash_type"},
    {kSoftmax, 1, 1, 1, 1, Float, "axis"},
    {kLogSoftmax, 1, 1, 1, 1, Float, "axis"},
    {kRelu, 1, 1, 1, 1, Number, ""},
    {kLeakyRelu, 1, 1, 1, 1, Float, "alpha"},
    {kElu, 1, 1, 1, 1, Float, "alpha"},
    {kSoftplus, 1, 1, 1, 1, Float, ""},
    {kClip, 1, 1, 1, 1, Number, "max min"},
    {kClip, 11, 1, 3, 1, Number, ""},
    {kSigmoid, 1, 1, 1, 1, Float, ""},
    {kHardSigmoid, 1, 1, 1, 1, Float, "alpha beta"},
    {kHardSwish, 14, 1, 1, 1, Float, ""},
    {kTanh, 1, 1, 1, 1, Float, ""},
    {kErf, 9, 1, 1, 1, Float, ""},
    {kGelu, 20, 1, 1, 1, Float, "approximate"},
    {kExp, 1, 1, 1, 1, Float, ""},
    {kLog, 1, 1, 1, 1, Float, ""},
    {kNeg, 1, 1, 1, 1, Number, ""},
    {kAbs, 1, 1, 1, 1, Number, ""},
    {kSign, 9, 1, 1, 1, Number, ""},
    {kReciprocal, 1, 1, 1, 1, Float, ""},
    {kFloor, 1, 1, 1, 1, Float, ""},
    {kCeil, 1, 1, 1, 1, Float, ""},
    {kRound, 11, 1, 1, 1, Float, ""},
    {kSin, 7, 1, 1, 1, Float, ""},
    {kCos, 7, 1, 1, 1, Float, ""},
    {kSqrt, 1, 1, 1, 1, Float, ""},
    {kAdd, 1, 2, 2, 1, Number, kLegacyKeys},
    {kAdd, 7, 2, 2, 1, Number, ""},
    {kSub, 1, 2, 2, 1, Number, kLegacyKeys},
    {kSub, 7, 2, 2, 1, Number, ""},
    {kMul, 1, 2, 2, 1, Number, kLegacyKeys},
    {kMul, 7, 2, 2, 1, Number, ""},
    {kDiv, 1, 2, 2, 1, Number, kLegacyKeys},
    {kDiv, 7, 2, 2, 1, Number, ""},
    {kSum, 1, 1, kMany, 1, Number, ""},
    {kMod, 10, 2, 2, 1, Number, "fmod"},
    {kPow, 1, 2, 2, 1, Number, kLegacyKeys},
    {kPow, 7, 2, 2, 1, Number, ""},
    {kMax, 1, 1, kMany, 1, Number, ""},
    {kMin, 1, 1, kMany, 1, Number, ""},
    {kEqual, 1, 2, 2, 1, Any, kLegacyKeys},
    {kEqual, 7, 2, 2, 1, Any, ""},
    {kLess, 1, 2, 2, 1, Number, kLegacyKeys},
    {kLess, 7, 2, 2, 1, Number, ""},
    {kGreater, 1, 2, 2, 1, Number, kLegacyKeys},
    {kGreater, 7, 2, 2, 1, Number, ""},
    {kLessOrEqual, 12, 2, 2, 1, Number, ""},
    {kGreaterOrEqual, 12, 2, 2, 1, Number, ""},
    {kNot, 1, 1, 1, 1, Bool, ""},
    {kAnd, 1, 2, 2, 1, Bool, kLegacyKeys},
    {kAnd, 7, 2, 2, 1, Bool, ""},
    {kOr, 1, 2, 2, 1, Bool, kLegacyKeys},
    {kOr, 7, 2, 2, 1, Bool, ""},
    {kWhere, 9, 3, 3, 1, Bool, ""},
    {kCast, 1, 1, 1, 1, Any, "to!"},
    {kCast, 19, 1, 1, 1, Any, "saturate to!"},
    {kCast, 24, 1, 1, 1, Any, "round_mode saturate to!"},
    {kMaxPool, 1, 1, 1, 1, Number, kPoolKeys},
    {kMaxPool, 8, 1, 1, 2, Number, "auto_pad kernel_shape! pads storage_order strides"},
    {kMaxPool, 10, 1, 1, 2, Number,
     "auto_pad ceil_mode dilations kernel_shape! pads storage_order strides"},
    {kAveragePool, 1, 1, 1, 1, Float, kPoolKeys},
    {kAveragePool, 7, 1, 1, 1, Float, "auto_pad count_include_pad kernel_shape! pads strides"},
    {kAveragePool, 10, 1, 1, 1, Float,
     "auto_pad ceil_mode count_include_pad kernel_shape! pads strides"},
    {kAveragePool, 19, 1, 1, 1, Float,
     "auto_pad ceil_mode count_include_pad dilations kernel_shape! pads strides"},
    {kGlobalAveragePool, 1, 1, 1, 1, Float, ""},
    {kGlobalMaxPool, 1, 1, 1, 1, Float, ""},
    {kGemm, 1, 3, 3, 1, Number, "alpha beta broadcast transA transB"},
    {kGemm, 7, 3, 3, 1, Number, "alpha beta transA transB"},
    {kGemm, 11, 2, 3, 1, Number, "alpha beta transA transB"},
    {kMatMul, 1, 2, 2, 1, Number, ""},
    {kEinsum, 12, 1, kMany, 1, Number, "equation!"},
    {kReduceMean, 1, 1, 1, 1, Number, kReduceKeys},
    {kReduceMean, 18, 1, 2, 1, Number, kReduceOperandKeys},
    {kReduceSum, 1, 1, 1, 1, Number, kReduceKeys},
    {kReduceSum, 13, 1, 2, 1, Number, kReduceOperandKeys},
    {kReduceMax, 1, 1, 1, 1, Any, kReduceKeys},
    {kReduceMax, 18, 1, 2, 1, Any, kReduceOperandKeys},
    {kReduceMin, 1, 1, 1, 1, Any, kReduceKeys},
    {kReduceMin, 18, 1, 2, 1, Any, kReduceOperandKeys},
    {kReduceProd, 1, 1, 1, 1, Number, kReduceKeys},
    {kReduceProd, 18, 1, 2, 1, Number, kReduceOperandKeys},
    {kReduceL2, 1, 1, 1, 1, Number, kReduceKeys},
    {kReduceL2, 18, 1, 2, 1, Number, kReduceOperandKeys},
    {kArgMax, 1, 1, 1, 1, Number, "axis keepdims"},
    {kArgMax, 12, 1, 1, 1, Number, "axis keepdims select_last_index"},
    {kTopK, 1, 1, 1, 2, Number, "axis k!"},
    {kTopK, 10, 2, 2, 2, Number, "axis"},
    {kTopK, 11, 2, 2, 2, Number, "axis largest sorted"},
    {kCumSum, 11, 2, 2, 1, Number, "exclusive reverse"},
    {kGather, 1, 2, 2, 1, Any, "axis"},
    {kGatherElements, 11, 2, 2, 1, Any, "axis"},
    {kGatherND, 11, 2, 2, 1, Any, ""},
    {kGatherND, 12, 2, 2, 1, Any, "batch_dims"},
    {kScatterElements, 11, 3, 3, 1, Any, "axis"},
    {kScatterElements, 16, 3, 3, 1, Any, "axis reduction"},
    {kScatterND, 11, 3, 3, 1, Any, ""},
    {kScatterND, 16, 3, 3, 1, Any, "reduction"},
    {kReshape, 1, 1, 1, 1, Any, "shape"},
    {kReshape, 5, 2, 2, 1, Any, ""},
    {kReshape, 14, 2, 2, 1, Any, "allowzero"},
    {kTranspose, 1, 1, 1, 1, Any, "perm"},
    {kConcat, 1, 1, kMany, 1, Any, "axis"},
    {kSplit, 1, 1, 1, kMany, Any, "axis split"},
    {kSplit, 13, 1, 2, kMany, Any, "axis"},
    {kSplit, 18, 1, 2, kMany, Any, "axis num_outputs"},
    {kSlice, 1, 1, 1, 1, Any, "axes ends! starts!"},
    {kSlice, 10, 3, 5, 1, Any, ""},
    {kSqueeze, 1, 1, 1, 1, Any, "axes"},
    {kSqueeze, 13, 1, 2, 1, Any, ""},
    {kUnsqueeze, 1, 1, 1, 1, Any, "axes!"},
    {kUnsqueeze, 13, 2, 2, 1, Any, ""},
    {kFlatten, 1, 1, 1, 1, Any, "axis"},
    {kExpand, 8, 2, 2, 1, Any, ""},
    {kTile, 6, 2, 2, 1, Any, ""},
    {kTrilu, 14, 1, 2, 1, Any, "upper"},
    {kPad, 1, 1, 1, 1, Any, "mode pads! value"},
    {kPad, 11, 2, 3, 1, Any, "mode"},
    {kPad, 18, 2, 4, 1, Any, "mode"},
    {kResize, 10, 2, 2, 1, Any, "mode"},
    {kResize, 11, 1, 4, 1, Any, kResizeKeys},
    {kResize, 18, 1, 4, 1, Any, kResize18Keys},
    {kUpsample, 7, 1, 1, 1, Any, "mode scales!"},
    {kUpsample, 9, 2, 2, 1, Any, "mode"},
    {kDepthToSpace, 1, 1, 1, 1, Any, "blocksize!"},
    {kDepthToSpace, 11, 1, 1, 1, Any, "blocksize! mode"},
    {kSpaceToDepth, 1, 1, 1, 1, Any, "blocksize!"},
    {kShape, 1, 1, 1, 1, Any, ""},
    {kShape, 15, 1, 1, 1, Any, "end start"},
    {kSize, 1, 1, 1, 1, Any, ""},
    {kConstant, 1, 0, 0, 1, Any, "value"},
    {kConstant, 11, 0, 0, 1, Any, "sparse_value value"},
    {kConstant, 12, 0, 0, 1, Any,
     "sparse_value value value_float value_floats value_int value_ints value_string "
     "value_strings"},
    {kConstantOfShape, 9, 1, 1, 1, Number, "value"},
    {kRange, 11, 3, 3, 1, Number, ""},
    {kRange, 27, 3, 3, 1, Number, "stash_type"},
    {kIdentity, 1, 1, 1, 1, Any, ""},
    {kDropout, 1, 1, 1, 2, Float, "is_test ratio"},
    {kDropout, 7, 1, 1, 2, Float, "ratio"},
    {kDropout, 12, 1, 3, 2, Float, "seed"},
    {kIf, 1, 1, kMany, kMany, Bool, "captures else_branch! then_branch!"},
};

const Signature* signature_of(const Node& node) {
    const Signature* found = nullptr;
    for (const Signature& s : kSignatures) {
        if (s.op == node.op && s.since <= std::max(node.since_version, 1)) found = &s;
    }
    return found;
}

/// Calls `each(name, required)` for the attributes of a row.
template <class Each>
void for_each_attribute(std::string_view list, Each&& each) {
    while (!list.empty()) {
        const size_t blank = list.find(' ');
        std::string_view name = list.substr(0, blank);
        const bool required = name.back() == '!';
        if (required) name.remove_suffix(1);
        each(name, required);
        list = blank == std::string_view::npos ? std::string_view{} : list.substr(blank + 1);
    }
}

void check_attributes(const NodeView& view, const Signature& form) {
    for (const auto& [key, value] : view.node().attributes) {
        bool known = is_note(key);
        std::string all;
        for_each_attribute(form.attributes, [&](std::string_view name, bool) {
            known |= name == key;
            all += (all.empty() ? "" : ", ") + std::string(name);
        });
        if (!known) {
            view.fail("unknown attribute {} (version {} has {})", key, view.version(),
                      all.empty() ? "none" : all);
        }
    }
    for_each_attribute(form.attributes, [&](std::string_view name, bool required) {
        if (required && !view.has_attr(std::string(name).c_str())) {
            view.fail("attribute {} is missing", name);
        }
    });
}

bool fits(Kind kind, DType dtype) {
    const auto cls = tensor::dtype_class(dtype);
    switch (kind) {
        case Any:
            return true;
        case Number:
            return cls == tensor::DTypeClass::Int || cls == tensor::DTypeClass::UInt ||
                   cls == tensor::DTypeClass::Float;
        case Float:
            return cls == tensor::DTypeClass::Float;
        case Bool:
            return cls == tensor::DTypeClass::Bool;
    }
    return false;
}

std::string_view kind_name(Kind kind) {
    return kind == Float ? "a float type" : kind == Bool ? "bool" : "a number type";
}

}  // namespace

void check_signature(const NodeView& view) {
    const Node& node = view.node();
    const Signature* form = signature_of(node);
    if (!form) view.fail("version {} of this operator is not supported", node.since_version);
    for (size_t k = 0; k < form->required; ++k) {
        if (!view.has(k)) view.fail("operand {} is missing", k);
    }
    const bool variadic = form->most == kMany;
    for (size_t k = 0; variadic && k < node.inputs.size(); ++k) {
        if (!view.has(k)) view.fail("operand {} is missing", k);
    }
    if (node.inputs.size() > form->most) {
        view.fail("it has {} operands; version {} takes {} at most", node.inputs.size(),
                  node.since_version, form->most);
    }
    if (node.outputs.empty() || node.outputs.size() > form->outputs) {
        view.fail("it has {} outputs; version {} makes 1 to {}", node.outputs.size(),
                  node.since_version, form->outputs);
    }
    check_attributes(view, *form);
    if (view.has(0) && !fits(form->kind, view.dtype(0))) {
        view.fail("operand {} must be {}", view.operand(0), kind_name(form->kind));
    }
}

}  // namespace smeaton::model
