// Model-local functions and operator set imports: what a node's domain and type stand for.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "model/onnx/schema.pb.h"

namespace smeaton::model::onnx {

/// domain -> version; the default domain is kOnnxDomain.
using Opsets = std::map<std::string, int>;

/// UserError where a domain is imported at two versions, or ai.onnx at an unknown one. `owner`:
/// "the model", "function 'f'".
Opsets read_opsets(const google::protobuf::RepeatedPtrField<onnx_format::OpsetImport>&,
                   std::string_view owner);

std::string domain_of(const std::string& spelled);

/// (domain, name, overload)
using FunctionKey = std::tuple<std::string, std::string, std::string>;
using Functions = std::map<FunctionKey, const onnx_format::Function*>;

/// UserError where a function has no name or is there twice.
Functions read_functions(const onnx_format::Model&);
const onnx_format::Function* find_function(const Functions&, const onnx_format::Node&);

/// The attributes that are in force in a function body, by name: the call's, then the function's
/// defaults.
using AttributeScope = std::map<std::string_view, const onnx_format::Attribute*>;

/// What `attribute` stands for where `scope` is in force (null: outside of functions): itself, or
/// what it refers to; null when it refers to an attribute that the call leaves out.
const onnx_format::Attribute* resolve_attribute(const onnx_format::Attribute& attribute,
                                                const AttributeScope* scope);

/// The scope of `call`'s function body. An attribute without a default that the call leaves out is
/// not in it: what refers to it is left out too.
AttributeScope scope_of_call(const onnx_format::Node& call, const onnx_format::Function&,
                             const AttributeScope* around);

}  // namespace smeaton::model::onnx
