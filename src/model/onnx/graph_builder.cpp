#include "model/onnx/graph_builder.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "model/onnx/attribute.h"
#include "model/onnx/functions.h"
#include "model/onnx/scope.h"
#include "model/onnx/text.h"
#include "model/onnx/topological.h"
#include "model/onnx/types.h"
#include "model/onnx/versions.h"

namespace smeaton::model::onnx {

namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx_format::Node>;

constexpr int kMaxNesting = 64;                         // calls of functions and subgraphs
constexpr int64_t kCallBytes = 1024;                    // scope and imports of one call
constexpr int64_t kMaxInlinedBytes = int64_t{1} << 28;  // of copies of function bodies

/// What is known of the whole model while its graphs are built.
struct Context {
    Source& source;
    Opsets opsets;
    Functions functions;
    bool may_override = true;  ///< initializers that are inputs too may be fed (from IR 4 on)
    std::unordered_map<const onnx_format::Tensor*, Tensor> tensors =
        {};  // shared by inlined copies
    std::vector<const onnx_format::Function*> calls = {};
    int nesting = 0;
    int64_t spent_bytes = 0;
};

/// What holds for the nodes of one graph or one function body.
struct Surroundings {
    Draft& draft;
    Scope& scope;
    const Opsets& opsets;
    const AttributeScope* attributes;  // null outside of functions
    std::string prefix;                // of the names of an inlined body: "call/"
};

/// Runs `body`; a UserError that leaves it gets "<place>: " in front.
template <class Body>
auto at_place(const std::string& place, Body&& body) {
    try {
        return body();
    } catch (const UserError& error) {
        throw UserError(place + ": " + error.what());
    }
}

std::string words(const std::string& node_name, const onnx_format::Node& node) {
    const std::string domain =
        node.domain().empty() || node.domain() == kOnnxDomain ? "" : node.domain() + ".";
    const std::string op = in_quotes(domain + node.op_type());
    return fmt::format("node {} ({})", in_quotes(node_name), op.substr(1, op.size() - 2));
}

/// Functions that call functions can unfold a small file into a graph without end, and so can
/// branches that list each other's captured values. What stands in the file once is bounded by the
/// scan.
void spend(Context& context, int64_t bytes) {
    context.spent_bytes += bytes;
    if (context.spent_bytes > kMaxInlinedBytes)
        throw UserError("its functions, inlined, take more than {} MiB besides weights",
                        kMaxInlinedBytes >> 20);
}

bool in_function(const Context& context) {
    return !context.calls.empty();
}

struct Nesting {
    explicit Nesting(Context& c) : context(c) {
        if (++context.nesting > kMaxNesting)
            throw UserError("functions and subgraphs nest deeper than {} levels", kMaxNesting);
    }
    ~Nesting() { --context.nesting; }
    Nesting(const Nesting&) = delete;
    Context& context;
};

Tensor constant(Context& context, const onnx_format::Tensor& tensor) {
    auto known = context.tensors.find(&tensor);
    if (known == context.tensors.end())
        known = context.tensors.emplace(&tensor, decode_tensor(tensor, context.source)).first;
    return known->second;
}

std::unique_ptr<Draft> read_graph(Context&, const onnx_format::Graph&, Draft* outer,
                                  Scope* outer_scope, const Opsets&, const AttributeScope*);
void add_nodes(Context&, const Surroundings&, const Nodes&);

int opset_of(const Surroundings& here, const std::string& domain) {
    const auto at = here.opsets.find(domain);
    if (at != here.opsets.end()) return at->second;
    if (domain == kOnnxDomain)
        throw UserError("the model does not say which version of ai.onnx it uses (opset_import)");
    return 0;  // no operator of another domain is known, imported or not
}

/// Takes `node`'s attributes over. Subgraphs are closed afterwards and become attributes then.
struct ReadSubgraphs {
    std::vector<std::string> keys;
    std::vector<std::unique_ptr<Draft>> drafts;
};

ReadSubgraphs read_attributes(Context& context, const Surroundings& here,
                              const onnx_format::Node& node, Node& out) {
    ReadSubgraphs subgraphs;
    std::unordered_set<std::string_view> keys;
    for (const auto& written : node.attribute()) {
        // Names that begin so are private to the tool that wrote the file.
        if (written.name().starts_with("__")) continue;
        const std::string key = checked_name(written.name(), "an attribute's name");
        if (!keys.insert(written.name()).second)
            throw UserError("attribute {} is given twice", in_quotes(key));
        const onnx_format::Attribute* meant = resolve_attribute(written, here.attributes);
        if (meant == nullptr) continue;
        if (in_function(context)) spend(context, attribute_bytes(*meant));
        const AttributeReaders readers{
            [&](const onnx_format::Tensor& tensor) {
                return at_place(fmt::format("the tensor in attribute {}", in_quotes(key)),
                                [&] { return constant(context, tensor); });
            },
            [&](const onnx_format::Graph& graph) -> GraphPtr {
                if (meant != &written)
                    throw UserError(
                        "attribute {} takes a graph from a function's caller, which is not "
                        "supported",
                        in_quotes(key));
                subgraphs.keys.push_back(key);
                subgraphs.drafts.push_back(
                    at_place(fmt::format("the graph in attribute {}", in_quotes(key)), [&] {
                        return read_graph(context, graph, &here.draft, &here.scope, here.opsets,
                                          here.attributes);
                    }));
                return nullptr;
            }};
        ReadAttribute read = read_attribute(*meant, readers);
        if (read.value) {
            out.attributes.emplace(key, std::move(*read.value));
        } else if (out.op != OpType::kUnsupported) {
            out.op = OpType::kUnsupported;
            out.unsupported_reason = std::move(read.unsupported);
        }
    }
    return subgraphs;
}

void attach_subgraphs(Context& context, Node& node, ReadSubgraphs& subgraphs) {
    std::vector<Draft*> drafts;
    for (const auto& draft : subgraphs.drafts) drafts.push_back(draft.get());
    size_t most = 0;
    for (const Draft* draft : drafts) most += draft->captured.size();
    spend(context, static_cast<int64_t>(most * drafts.size() * sizeof(Value)));
    const std::vector<ValueId> captured = close_subgraphs(drafts);
    node.inputs.insert(node.inputs.end(), captured.begin(), captured.end());
    node.attributes["captures"] = static_cast<int64_t>(captured.size());
    for (size_t i = 0; i < drafts.size(); ++i)
        node.attributes[subgraphs.keys[i]] =
            std::make_shared<const Graph>(std::move(drafts[i]->graph));
}

std::vector<ValueId> read_inputs(const Surroundings& here, const onnx_format::Node& node) {
    std::vector<ValueId> inputs;
    for (const std::string& name : node.input()) {
        const std::optional<ValueId> id = look_up(here.draft, here.scope, name);
        if (!id)
            throw UserError("reads {}, which no input, initializer or node of the graph provides",
                            in_quotes(name));
        inputs.push_back(*id);
    }
    return inputs;
}

/// The rules of If that passes rely on.
void check_branches(const onnx_format::Node& node, const ReadSubgraphs& subgraphs) {
    if (node.input_size() != 1 || node.input(0).empty())
        throw UserError("takes one input, the condition, but is given {}", node.input_size());
    for (const char* key : {"then_branch", "else_branch"})
        if (std::find(subgraphs.keys.begin(), subgraphs.keys.end(), key) == subgraphs.keys.end())
            throw UserError("has no graph in attribute '{}'", key);
    for (size_t i = 0; i < subgraphs.drafts.size(); ++i) {
        const Graph& branch = subgraphs.drafts[i]->graph;
        if (!branch.inputs.empty())
            throw UserError("{} has inputs of its own; a branch takes none",
                            in_quotes(subgraphs.keys[i]));
        if (branch.outputs.size() != static_cast<size_t>(node.output_size()))
            throw UserError("{} makes {} values, but the node has {} outputs",
                            in_quotes(subgraphs.keys[i]), branch.outputs.size(),
                            node.output_size());
    }
}

void add_node(Context& context, const Surroundings& here, const onnx_format::Node& node,
              const std::string& name) {
    const std::string domain = domain_of(node.domain());
    Node out;
    out.name = name;
    out.origins = {name};
    out.op_name = domain == kOnnxDomain ? node.op_type() : domain + "." + node.op_type();
    ResolvedOp resolved = resolve_op(domain, node.op_type(), opset_of(here, domain));
    out.op = resolved.op;
    out.since_version = resolved.since_version;
    out.unsupported_reason = std::move(resolved.unsupported_reason);
    out.inputs = read_inputs(here, node);
    ReadSubgraphs subgraphs = read_attributes(context, here, node, out);
    if (out.op == OpType::kIf) check_branches(node, subgraphs);
    if (!subgraphs.drafts.empty())
        attach_subgraphs(context, out, subgraphs);
    else
        while (!out.inputs.empty() && !out.inputs.back().valid()) out.inputs.pop_back();
    for (const std::string& output : node.output())
        out.outputs.push_back(output.empty() ? ValueId{} : here.scope.names.at(output));
    here.draft.graph.nodes.push_back(std::move(out));
}

/// A function output that is one of its inputs.
void pass_through(const Surroundings& here, const Opsets& opsets, ValueId from, ValueId to,
                  const std::string& name) {
    const auto opset = opsets.find(std::string(kOnnxDomain));
    Node node;
    node.op = OpType::kIdentity;
    node.op_name = "Identity";
    node.since_version =
        since_version("Identity", opset == opsets.end() ? kNewestOpset : opset->second).value_or(1);
    node.name = here.draft.node_names.make(name + "/Identity");
    node.origins = {name};
    node.inputs = {from};
    node.outputs = {to};
    here.draft.graph.nodes.push_back(std::move(node));
}

void refuse_recursion(const Context& context, const onnx_format::Function& function) {
    std::string chain;
    for (const onnx_format::Function* call : context.calls) {
        if (!chain.empty() || call == &function) chain += in_quotes(call->name()) + " calls ";
    }
    if (!chain.empty())
        throw UserError("function {} is recursive: {}{}", in_quotes(function.name()), chain,
                        in_quotes(function.name()));
}

/// The formal inputs and outputs of `function`, bound to the values of the call.
Scope bind_call(const Surroundings& here, const onnx_format::Node& node,
                const onnx_format::Function& function) {
    if (node.input_size() > function.input_size() || node.output_size() > function.output_size())
        throw UserError("gives function {} {} inputs and {} outputs; it has {} and {}",
                        in_quotes(function.name()), node.input_size(), node.output_size(),
                        function.input_size(), function.output_size());
    std::vector<ValueId> inputs = read_inputs(here, node);
    inputs.resize(static_cast<size_t>(function.input_size()));
    Scope scope;
    for (int i = 0; i < function.input_size(); ++i)
        if (!scope.names.emplace(function.input(i), inputs[static_cast<size_t>(i)]).second)
            throw UserError("function {} lists its input {} twice", in_quotes(function.name()),
                            in_quotes(function.input(i)));
    for (int i = 0; i < function.output_size(); ++i) {
        const bool wanted = i < node.output_size() && !node.output(i).empty();
        const ValueId actual = wanted ? here.scope.names.at(node.output(i)) : ValueId{};
        if (!scope.preset.emplace(function.output(i), actual).second)
            throw UserError("function {} lists its output {} twice", in_quotes(function.name()),
                            in_quotes(function.output(i)));
    }
    return scope;
}

void inline_call(Context& context, const Surroundings& here, const onnx_format::Node& node,
                 const onnx_format::Function& function, const std::string& name) {
    refuse_recursion(context, function);
    const Nesting nesting(context);
    Scope scope = bind_call(here, node, function);
    Opsets opsets = read_opsets(function.opset_import(), "function " + in_quotes(function.name()));
    opsets.insert(context.opsets.begin(), context.opsets.end());  // what it does not import itself
    spend(context, kCallBytes);
    for (const auto& attribute : node.attribute()) spend(context, attribute_bytes(attribute));
    for (const auto& attribute : function.attribute_proto())
        spend(context, attribute_bytes(attribute));
    const AttributeScope attributes = scope_of_call(node, function, here.attributes);
    context.calls.push_back(&function);
    add_nodes(context, {here.draft, scope, opsets, &attributes, name + "/"}, function.node());
    context.calls.pop_back();
    for (const std::string& output : function.output()) {
        const ValueId actual = scope.preset.at(output);
        if (!actual.valid()) continue;
        const auto made = scope.names.find(output);
        if (made == scope.names.end())
            throw UserError("function {} does not make its output {}", in_quotes(function.name()),
                            in_quotes(output));
        if (made->second == actual) continue;
        if (!made->second.valid())
            throw UserError("function {} passes on its input {}, which the call leaves out",
                            in_quotes(function.name()), in_quotes(output));
        pass_through(here, opsets, made->second, actual, name);
    }
}

/// Unique names for all nodes: the file's own first, then made-up ones.
std::vector<std::string> name_nodes(Draft& draft, const Nodes& nodes, const std::string& prefix) {
    std::vector<std::string> names(static_cast<size_t>(nodes.size()));
    for (int i = 0; i < nodes.size(); ++i)
        if (!nodes[i].name().empty())
            names[static_cast<size_t>(i)] =
                draft.node_names.make(prefix + checked_name(nodes[i].name(), "a node's name"));
    for (int i = 0; i < nodes.size(); ++i) {
        const std::string op = checked_name(nodes[i].op_type(), "a node's operator");
        checked_name(nodes[i].domain(), "a node's domain");
        if (nodes[i].name().empty())
            names[static_cast<size_t>(i)] =
                draft.node_names.make(fmt::format("{}{}_{}", prefix, op.empty() ? "node" : op, i));
        if (op.empty())
            throw UserError("node {} has no operator", in_quotes(names[static_cast<size_t>(i)]));
    }
    return names;
}

/// Bytes that these nodes take with the values that they make.
int64_t bytes_of(const Nodes& nodes, const std::string& prefix) {
    const auto name = static_cast<int64_t>(prefix.size() + 64);
    int64_t bytes = 0;
    for (const auto& node : nodes) {
        bytes += int64_t{sizeof(Node)} + 2 * name + 8 * node.input_size();
        for (const std::string& output : node.output())
            bytes += static_cast<int64_t>(sizeof(Value) + output.size()) + name;
    }
    return bytes;
}

void add_nodes(Context& context, const Surroundings& here, const Nodes& nodes) {
    if (in_function(context)) spend(context, bytes_of(nodes, here.prefix));
    const std::vector<std::string> names = name_nodes(here.draft, nodes, here.prefix);
    for (int i = 0; i < nodes.size(); ++i) {
        const std::string who = words(names[static_cast<size_t>(i)], nodes[i]);
        for (const std::string& output : nodes[i].output())
            if (!output.empty()) declare(here.draft, here.scope, output, here.prefix, who);
    }
    for (int i = 0; i < nodes.size(); ++i) {
        const std::string& name = names[static_cast<size_t>(i)];
        at_place(words(name, nodes[i]), [&] {
            const onnx_format::Function* function = find_function(context.functions, nodes[i]);
            if (function != nullptr)
                inline_call(context, here, nodes[i], *function, name);
            else
                add_node(context, here, nodes[i], name);
        });
    }
}

void add_initializers(Context& context, Draft& draft, Scope& scope,
                      const onnx_format::Graph& graph) {
    if (graph.sparse_initializer_size() > 0)
        throw UserError(
            "initializer {} is sparse, which is not supported; store it as a dense tensor",
            in_quotes(graph.sparse_initializer(0).values().name()));
    for (const auto& initializer : graph.initializer()) {
        const std::string place = "initializer " + in_quotes(initializer.name());
        if (initializer.name().empty()) throw UserError("an initializer without a name");
        const ValueId id = declare(draft, scope, initializer.name(), "", place);
        at_place(place, [&] {
            Value& value = draft.graph.at(id);
            value.constant = constant(context, initializer);
            value.dtype = value.constant->dtype();
            value.shape =
                std::vector<Dim>(value.constant->shape().begin(), value.constant->shape().end());
        });
    }
}

/// The type of a graph's input or output as it is declared.
Value declared_port(const onnx_format::ValueInfo& info) {
    Value value;
    value.name = info.name();
    value.dtype = dtype_of(info.type().tensor_type().elem_type());
    value.shape = input_shape(info.type(), value.name);
    return value;
}

void add_inputs(const Context& context, Draft& draft, Scope& scope,
                const onnx_format::Graph& graph) {
    std::unordered_set<std::string_view> initializers;
    for (const auto& initializer : graph.initializer()) initializers.insert(initializer.name());
    for (const auto& input : graph.input()) {
        if (initializers.count(input.name()) != 0) {
            if (draft.outer == nullptr && context.may_override)
                draft.graph.overridable.push_back(declared_port(input));
            continue;
        }
        if (input.name().empty()) throw UserError("a graph input without a name");
        const std::string place = "graph input " + in_quotes(input.name());
        const ValueId id = declare(draft, scope, input.name(), "", place);
        draft.graph.inputs.push_back(id);
        Value& value = draft.graph.at(id);
        at_place(place, [&] {
            value.dtype = dtype_of(input.type().tensor_type().elem_type());
            value.shape = draft.outer == nullptr ? input_shape(input.type(), value.name)
                                                 : known_shape(input.type());
        });
        if (draft.outer != nullptr || value.dtype) continue;
        const std::string what = non_tensor_words(input.type());
        draft.graph.warnings.push_back(
            what.empty() ? fmt::format("{} has {}, which is not supported", place,
                                       dtype_words(input.type().tensor_type().elem_type()))
                         : fmt::format("{} is {}; only dense tensors are supported", place, what));
    }
}

void add_hint(Draft& draft, const Scope& scope, const onnx_format::ValueInfo& info) {
    const auto at = scope.names.find(info.name());
    if (at == scope.names.end() || !at->second.valid()) return;
    Value& value = draft.graph.at(at->second);
    if (value.constant) return;
    if (!value.dtype) value.dtype = dtype_of(info.type().tensor_type().elem_type());
    if (!value.shape) value.shape = known_shape(info.type());
}

void add_outputs(Draft& draft, Scope& scope, const onnx_format::Graph& graph) {
    for (const auto& output : graph.output()) {
        const std::optional<ValueId> id = look_up(draft, scope, output.name());
        if (!id || !id->valid())
            throw UserError("no node makes the graph output {}", in_quotes(output.name()));
        draft.graph.outputs.push_back(*id);
        if (draft.outer == nullptr) draft.graph.declared_outputs.push_back(declared_port(output));
    }
}

std::unique_ptr<Draft> read_graph(Context& context, const onnx_format::Graph& graph, Draft* outer,
                                  Scope* outer_scope, const Opsets& opsets,
                                  const AttributeScope* attributes) {
    const Nesting nesting(context);
    auto draft = std::make_unique<Draft>();
    draft->outer = outer;
    draft->outer_scope = outer_scope;
    draft->graph.name = checked_name(graph.name(), "the graph's name");
    draft->graph.opsets = opsets;
    Scope scope;
    scope.sees_outer = outer != nullptr;
    if (in_function(context))
        spend(context, int64_t{sizeof(Value)} * (graph.input_size() + graph.initializer_size()));
    add_initializers(context, *draft, scope, graph);
    add_inputs(context, *draft, scope, graph);
    add_nodes(context, {*draft, scope, opsets, attributes, ""}, graph.node());
    add_outputs(*draft, scope, graph);
    for (const auto& info : graph.value_info()) add_hint(*draft, scope, info);
    for (const auto& info : graph.output()) add_hint(*draft, scope, info);
    sort_nodes(draft->graph);
    return draft;
}

}  // namespace

Graph build_graph(const onnx_format::Model& model, Source& source) {
    Context context{source, read_opsets(model.opset_import(), "the model"), read_functions(model),
                    model.ir_version() >= 4};
    // Files of IR 1 and 2 do not state operator sets: they are of the first.
    if (model.ir_version() < 3) context.opsets.emplace(kOnnxDomain, 1);
    return std::move(
        read_graph(context, model.graph(), nullptr, nullptr, context.opsets, nullptr)->graph);
}

}  // namespace smeaton::model::onnx
