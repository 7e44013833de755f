#include "export/pytorch/speller.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace smeaton::pytorch {

using model::KnownPtr;

std::vector<ValueId> reads_of(const Statement& s) {
    std::vector<ValueId> reads;
    for (const Mark& m : marks_of(s.expression)) {
        const ValueId id{m.number};
        if (m.kind == Mark::Kind::Value && std::find(reads.begin(), reads.end(), id) == reads.end())
            reads.push_back(id);
    }
    return reads;
}

Speller::Speller(const Source& source, const model::Node& node, NodeId id)
    : NodeView(
          source.graph, node,
          [&graph = source.graph, &known = source.known](ValueId v, bool) -> KnownPtr {
              const auto& constant = graph.at(v).constant;
              if (constant) return model::known_from(*constant);
              return known[static_cast<size_t>(v.v)];
          },
          [](ValueId, const std::string& message) { throw UserError(message); }),
      source_(source) {
    statement_.nodes = {id};
}

bool Speller::wants(size_t k) const {
    return k < node().outputs.size() && node().outputs[k].valid();
}

const model::Shape& Speller::result_shape(size_t k) const {
    return *graph().at(node().outputs[k]).shape;
}

DType Speller::result_dtype(size_t k) const {
    return *graph().at(node().outputs[k]).dtype;
}

bool Speller::is_weight(size_t k) const {
    const Tensor* t = constant(k);
    return t != nullptr && tensor::is_float(t->dtype());
}

std::vector<int64_t> Speller::const_shape(size_t k, const char* why) const {
    const auto sizes = model::const_shape(shape(k));
    if (!sizes) fail("{} must be numbers {}; give --dim", operand(k), why);
    return *sizes;
}

std::string Speller::in(size_t k) {
    const ValueId id = node().inputs[k];
    if (!has_dtype(dtype(k)))
        fail("{}: PyTorch does not calculate with {}", operand(k), tensor::name(dtype(k)));
    if (graph().at(id).constant) return tensor(id, "constant");
    const KnownPtr& known = source_.known[static_cast<size_t>(id.v)];
    if (!known || tensor::is_float(known->dtype)) return value_mark(id.v);
    // A size or several, as a tensor.
    std::string elements = dims_text(known->ints);
    if (known->shape.size() == 1) elements = "[" + elements + "]";
    std::string made = fmt::format("torch.tensor({}, dtype={}, device={})", elements,
                                   dtype_text(known->dtype), device_mark());
    if (known->shape.size() > 1)
        made = "torch.tensor([" + elements + "]" + made.substr(13 + elements.size()) + ".reshape(" +
               numbers_text(known->shape) + ")";
    return made;
}

std::optional<std::string> Speller::number_in(size_t k) const {
    if (const Tensor* t = constant(k); t != nullptr && t->elements() == 1)
        return element_text(*t, 0);
    const KnownPtr known = try_known(k);
    if (known && known->elements() == 1 && known->ints.size() == 1)
        return dim_text(known->ints[0], true);
    return std::nullopt;
}

std::string Speller::number_or_in(size_t k) {
    const auto number = number_in(k);
    if (!number || !has_dtype(dtype(k))) return in(k);
    // Some other operand must be a tensor that gives the result its rank and dtype.
    const size_t rank = result_shape().size();
    for (size_t other = 0; other < input_count(); ++other)
        if (other != k && has(other) && !number_in(other) && shape(other).size() == rank &&
            dtype(other) == dtype(k))
            return *number;
    return in(k);
}

std::string Speller::module(Module m) {
    statement_.modules.push_back(std::move(m));
    return module_mark(static_cast<int>(statement_.modules.size()) - 1);
}

std::string Speller::module(const std::string& type, std::vector<Argument> arguments,
                            const std::string& base) {
    Module m;
    m.type = type;
    m.arguments = std::move(arguments);
    m.base = base;
    return module(std::move(m));
}

std::string Speller::tensor(ValueId id, const std::string& base) {
    if (auto found = tensors_.find(id.v); found != tensors_.end()) return found->second;
    const Tensor& t = *graph().at(id).constant;
    if (!has_dtype(t.dtype()))
        fail("'{}': PyTorch does not calculate with {}", graph().at(id).name,
             tensor::name(t.dtype()));
    Module m;
    const bool trains = tensor::is_float(t.dtype()) && t.elements() > 1;
    m.kind = trains ? Module::Kind::Parameter : Module::Kind::Buffer;
    m.weights = {{"", id}};
    m.base = base;
    m.shape = t.shape();
    m.dtype = t.dtype();
    return tensors_[id.v] = module(std::move(m));
}

void Speller::give(std::string expression, const std::string& hint) {
    statement_.expression = std::move(expression);
    statement_.results = {node().outputs[0]};
    statement_.hint = hint;
}

void Speller::give_all(std::string expression) {
    statement_.expression = std::move(expression);
    statement_.results = node().outputs;
}

const SpellTable& spell_table() {
    static const SpellTable table = [] {
        SpellTable t;
        add_elementwise_spelling(t);
        add_conv_spelling(t);
        add_pool_spelling(t);
        add_matmul_spelling(t);
        add_norm_spelling(t);
        add_reduce_spelling(t);
        add_index_spelling(t);
        add_move_spelling(t);
        add_resize_spelling(t);
        add_shape_spelling(t);
        return t;
    }();
    return table;
}

Statement spell(const Source& source, NodeId id) {
    const model::Node& node = source.graph.at(id);
    Speller s(source, node, id);
    const auto rule = spell_table().find(node.op);
    if (rule == spell_table().end())
        s.fail("it has no spelling in PyTorch here; take the model apart there, or use --as cpp");
    for (size_t k = 0; k < node.outputs.size(); ++k)
        if (s.wants(k) && !has_dtype(s.result_dtype(k)))
            s.fail("its result is {}, with which PyTorch does not calculate",
                   tensor::name(s.result_dtype(k)));
    rule->second(s);
    return s.take();
}

}  // namespace smeaton::pytorch
