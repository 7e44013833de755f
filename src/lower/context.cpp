#include "lower/context.h"

#include <cctype>

#include "gir/walk.h"
#include "tensor/open.h"

namespace smeaton::lower {

static constexpr size_t kLongestName = 64;

int64_t element_count(const Shape& shape) {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
}

std::string identifier(const std::string& text) {
    std::string out;
    for (char c : text) {
        const bool good = std::isalnum(static_cast<unsigned char>(c)) || c == '_';
        if (good) {
            out += c;
        } else if (!out.empty() && out.back() != '_') {
            out += '_';
        }
    }
    while (out.size() > 1 && out.back() == '_') out.pop_back();
    // Exporters write paths: what tells nodes apart stands at the end.
    if (out.size() > kLongestName)
        out = out.substr(out.find_first_not_of('_', out.size() - kLongestName));
    if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0]))) out = "v" + out;
    return out;
}

Shape const_shape(const model::Graph& graph, model::ValueId id) {
    const model::Value& value = graph.at(id);
    if (value.constant) return value.constant->shape();
    SMEATON_CHECK(value.shape, "value {} has no shape", value.name);
    Shape out;
    for (const model::Dim& d : *value.shape) {
        SMEATON_CHECK(d.is_const(), "value {} has the unbound dim {}", value.name, d.str());
        out.push_back(d.value());
    }
    return out;
}

static DType value_dtype(const model::Graph& graph, model::ValueId id) {
    const model::Value& value = graph.at(id);
    if (value.constant) return value.constant->dtype();
    SMEATON_CHECK(value.dtype, "value {} has no dtype", value.name);
    return *value.dtype;
}

// ---- Lowering ----

Buf Lowering::add_buffer(const std::string& wanted, DType dtype, const Shape& shape,
                         gir::Lifetime lifetime, const std::string& value_name) {
    Name unique = identifier(wanted);
    for (int n = 2; names.buffers.contains(unique) || names.locals.contains(unique); ++n)
        unique = fmt::format("{}_{}", identifier(wanted), n);
    names.buffers.insert(unique);

    gir::Buffer buffer;
    buffer.name = unique;
    buffer.dtype = dtype;
    buffer.lifetime = lifetime;
    buffer.value_name = value_name;
    for (size_t i = 0; i < shape.size(); ++i)
        buffer.dims.push_back({fmt::format("i{}", i), shape[i]});
    program.buffers.push_back(std::move(buffer));
    return {unique, dtype, shape};
}

Buf Lowering::buffer_of(model::ValueId id) {
    if (auto found = buffers.find(id); found != buffers.end()) return found->second;
    const model::Value& value = graph.at(id);
    SMEATON_CHECK(value.constant, "value {} is read before it is made", value.name);
    Buf made = add_buffer(value.name, value.constant->dtype(), value.constant->shape(),
                          gir::Lifetime::Weight, value.name);
    if (!tensor::is_open(*value.constant)) program.buffers.back().data = value.constant;
    return buffers[id] = made;
}

Buf Lowering::add_view(const Buf& source, const Shape& shape, const std::string& wanted) {
    const gir::Buffer& target = program.buffer(source.name);
    SMEATON_CHECK(element_count(shape) == element_count(source.shape),
                  "a view of {} has another number of elements", source.name);
    const Name root = target.alias_of.empty() ? source.name : target.alias_of;
    const gir::Lifetime lifetime = target.lifetime;
    Buf view = add_buffer(wanted, source.dtype, shape, lifetime);
    program.buffers.back().alias_of = root;
    return view;
}

// ---- NodeContext ----

bool NodeContext::has_in(size_t k) const {
    return model::has_input(node_, k);
}
bool NodeContext::has_out(size_t k) const {
    return k < node_.outputs.size() && node_.outputs[k].valid() &&
           lowering_.needed.contains(node_.outputs[k]);
}

Buf NodeContext::in(size_t k) {
    SMEATON_CHECK(has_in(k), "node {} has no input {}", node_.name, k);
    return lowering_.buffer_of(node_.inputs[k]);
}

Buf NodeContext::out(size_t k) {
    SMEATON_CHECK(k < node_.outputs.size() && node_.outputs[k].valid(), "node {} has no output {}",
                  node_.name, k);
    const model::ValueId id = node_.outputs[k];
    if (auto found = lowering_.buffers.find(id); found != lowering_.buffers.end())
        return found->second;
    const std::string& name = lowering_.graph.at(id).name;
    return lowering_.buffers[id] =
               lowering_.add_buffer(name, out_dtype(k), out_shape(k), gir::Lifetime::Temp, name);
}

Shape NodeContext::in_shape(size_t k) const {
    SMEATON_CHECK(has_in(k), "node {} has no input {}", node_.name, k);
    return const_shape(lowering_.graph, node_.inputs[k]);
}
Shape NodeContext::out_shape(size_t k) const {
    return const_shape(lowering_.graph, node_.outputs[k]);
}
DType NodeContext::in_dtype(size_t k) const {
    return value_dtype(lowering_.graph, node_.inputs[k]);
}
DType NodeContext::out_dtype(size_t k) const {
    return value_dtype(lowering_.graph, node_.outputs[k]);
}

const Tensor* NodeContext::constant(size_t k) const {
    return model::constant_input(lowering_.graph, node_, k);
}

void NodeContext::limit_table(const Shape& shape) const {
    constexpr int64_t kMostEntries = int64_t{1} << 26;
    int64_t entries = 1;
    for (const int64_t size : shape) {
        if (__builtin_mul_overflow(entries, size, &entries) || entries > kMostEntries)
            refuse("a table for {} elements along its dims is too large (at most {})", size,
                   kMostEntries);
    }
}

std::vector<int64_t> NodeContext::ints(size_t k, const char* what) const {
    const Tensor* t = constant(k);
    if (!t) refuse("{} (input {}) must be known when the model is compiled", what, k);
    std::vector<int64_t> out;
    for (int64_t i = 0; i < t->elements(); ++i) out.push_back(t->at_as_int(i));
    return out;
}

std::vector<double> NodeContext::floats(size_t k, const char* what) const {
    const Tensor* t = constant(k);
    if (!t) refuse("{} (input {}) must be known when the model is compiled", what, k);
    std::vector<double> out;
    for (int64_t i = 0; i < t->elements(); ++i) out.push_back(t->at_as_double(i));
    return out;
}

int64_t NodeContext::attr(const std::string& key, int64_t otherwise) const {
    return model::attribute_int(node_, key, otherwise);
}
double NodeContext::attr_float(const std::string& key, double otherwise) const {
    return model::attribute_float(node_, key, otherwise);
}
std::string NodeContext::attr_string(const std::string& key, const std::string& otherwise) const {
    return model::attribute_string(node_, key, otherwise);
}
std::vector<int64_t> NodeContext::attr_ints(const std::string& key,
                                            const std::vector<int64_t>& otherwise) const {
    return model::attribute_ints(node_, key, otherwise);
}

Buf NodeContext::weight(const std::string& what, Tensor data) {
    Buf made = lowering_.add_buffer(node_.name + "_" + what, data.dtype(), data.shape(),
                                    gir::Lifetime::Weight);
    lowering_.program.buffers.back().data = std::move(data);
    return made;
}

Buf NodeContext::temp(const std::string& what, DType dtype, const Shape& shape) {
    return lowering_.add_buffer(node_.name + "_" + what, dtype, shape, gir::Lifetime::Temp);
}

void NodeContext::bind(size_t k, Tensor data) {
    lowering_.buffers[node_.outputs[k]] = weight("value", std::move(data));
}

void NodeContext::alias(size_t k, const Buf& source) {
    const model::ValueId id = node_.outputs[k];
    const std::string& name = lowering_.graph.at(id).name;
    Buf view = lowering_.add_view(source, out_shape(k), name);
    lowering_.program.buffers.back().value_name = name;
    lowering_.buffers[id] = view;
}

Buf NodeContext::view(const Buf& source, const Shape& shape) {
    return lowering_.add_view(source, shape, source.name.str() + "_view");
}

}  // namespace smeaton::lower
