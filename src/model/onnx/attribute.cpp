#include "model/onnx/attribute.h"

#include "base/error.h"
#include "model/onnx/text.h"

namespace smeaton::model::onnx {

namespace {

enum AttributeKind : int32_t {
    kUndefined = 0,
    kFloat = 1,
    kInt = 2,
    kString = 3,
    kTensor = 4,
    kGraph = 5,
    kFloats = 6,
    kInts = 7,
    kStrings = 8,
    kTensors = 9,
    kGraphs = 10,
    kSparseTensor = 11,
    kSparseTensors = 12,
    kType = 13,
    kTypes = 14,
};

/// Old files do not say the kind: it is what is there.
int32_t kind_of(const onnx_format::Attribute& a) {
    if (a.type() != kUndefined) return a.type();
    if (a.has_f()) return kFloat;
    if (a.has_i()) return kInt;
    if (a.has_s()) return kString;
    if (a.has_t()) return kTensor;
    if (a.has_g()) return kGraph;
    if (a.floats_size() > 0) return kFloats;
    if (a.ints_size() > 0) return kInts;
    if (a.strings_size() > 0) return kStrings;
    if (a.tensors_size() > 0) return kTensors;
    if (a.graphs_size() > 0) return kGraphs;
    return kUndefined;
}

ReadAttribute unsupported(const onnx_format::Attribute& a, const char* what) {
    return {{},
            fmt::format("attribute {} is {}, which is not supported", in_quotes(a.name()), what)};
}

}  // namespace

ReadAttribute read_attribute(const onnx_format::Attribute& a, const AttributeReaders& readers) {
    switch (kind_of(a)) {
        // A zero may be left out by the writer: has_f and its like say nothing.
        case kFloat:
            return {double{a.f()}, {}};
        case kInt:
            return {int64_t{a.i()}, {}};
        case kString:
            return {a.s(), {}};
        case kTensor:
            if (!a.has_t()) throw UserError("attribute {} holds no tensor", in_quotes(a.name()));
            return {readers.tensor(a.t()), {}};
        case kGraph:
            if (!a.has_g()) throw UserError("attribute {} holds no graph", in_quotes(a.name()));
            return {readers.graph(a.g()), {}};
        case kFloats:
            return {std::vector<double>(a.floats().begin(), a.floats().end()), {}};
        case kInts:
            return {std::vector<int64_t>(a.ints().begin(), a.ints().end()), {}};
        case kStrings:
            return {std::vector<std::string>(a.strings().begin(), a.strings().end()), {}};
        case kTensors:
            return unsupported(a, "a list of tensors");
        case kGraphs:
            return unsupported(a, "a list of graphs");
        case kSparseTensor:
            return unsupported(a, "a sparse tensor");
        case kSparseTensors:
            return unsupported(a, "a list of sparse tensors");
        case kType:
            return unsupported(a, "a type");
        case kTypes:
            return unsupported(a, "a list of types");
        case kUndefined:
            throw UserError("attribute {} holds no value", in_quotes(a.name()));
        default:
            throw UserError("attribute {} has the unknown kind {}", in_quotes(a.name()), a.type());
    }
}

int64_t attribute_bytes(const onnx_format::Attribute& a) {
    int64_t bytes = 128 + static_cast<int64_t>(a.name().size() + a.s().size());
    bytes += 8 * (int64_t{a.floats_size()} + a.ints_size());
    for (const auto& text : a.strings()) bytes += 32 + static_cast<int64_t>(text.size());
    return bytes;
}

}  // namespace smeaton::model::onnx
