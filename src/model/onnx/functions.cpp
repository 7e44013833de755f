#include "model/onnx/functions.h"

#include <algorithm>

#include "base/error.h"
#include "model/onnx/text.h"
#include "model/onnx/versions.h"

namespace smeaton::model::onnx {

std::string domain_of(const std::string& spelled) {
    return spelled.empty() ? std::string(kOnnxDomain) : spelled;
}

Opsets read_opsets(const google::protobuf::RepeatedPtrField<onnx_format::OpsetImport>& imports,
                   std::string_view owner) {
    Opsets opsets;
    for (const auto& import : imports) {
        const std::string domain = domain_of(import.domain());
        if (domain == kOnnxDomain && (import.version() < 1 || import.version() > kNewestOpset))
            throw UserError("{} imports version {} of ai.onnx; versions {} to {} are supported",
                            owner, import.version(), kOldestOpset, kNewestOpset);
        const int version = static_cast<int>(std::clamp<int64_t>(import.version(), 0, 1 << 30));
        const auto [at, is_new] = opsets.emplace(checked_name(domain, "a domain"), version);
        if (!is_new && at->second != version)
            throw UserError("{} imports {} both at version {} and at version {}", owner,
                            in_quotes(domain), at->second, version);
    }
    return opsets;
}

Functions read_functions(const onnx_format::Model& model) {
    Functions functions;
    for (const auto& function : model.functions()) {
        if (function.name().empty()) throw UserError("a function without a name");
        const FunctionKey key{domain_of(function.domain()), function.name(), function.overload()};
        if (!functions.emplace(key, &function).second)
            throw UserError("function {} of domain {} is defined twice", in_quotes(function.name()),
                            in_quotes(std::get<0>(key)));
    }
    return functions;
}

const onnx_format::Function* find_function(const Functions& functions,
                                           const onnx_format::Node& node) {
    const auto at = functions.find({domain_of(node.domain()), node.op_type(), node.overload()});
    return at == functions.end() ? nullptr : at->second;
}

const onnx_format::Attribute* resolve_attribute(const onnx_format::Attribute& attribute,
                                                const AttributeScope* scope) {
    if (attribute.ref_attr_name().empty()) return &attribute;
    if (scope == nullptr)
        throw UserError(
            "attribute {} refers to a function's attribute {}, but stands in no function",
            in_quotes(attribute.name()), in_quotes(attribute.ref_attr_name()));
    const auto at = scope->find(attribute.ref_attr_name());
    return at == scope->end() ? nullptr : at->second;
}

AttributeScope scope_of_call(const onnx_format::Node& call, const onnx_format::Function& function,
                             const AttributeScope* around) {
    AttributeScope scope;
    for (const auto& attribute : call.attribute()) {
        const onnx_format::Attribute* meant = resolve_attribute(attribute, around);
        if (meant != nullptr) scope.emplace(attribute.name(), meant);
    }
    for (const auto& fallback : function.attribute_proto())
        scope.emplace(fallback.name(), &fallback);
    return scope;
}

}  // namespace smeaton::model::onnx
