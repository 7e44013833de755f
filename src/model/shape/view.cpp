#include "model/shape/view.h"

#include <algorithm>

namespace smeaton::model {

NodeView::NodeView(const Graph& graph, const Node& node)
    : graph_(&graph), node_(&node), lookup_([&graph](ValueId id, bool) -> KnownPtr {
          const auto& constant = graph.at(id).constant;
          return constant ? known_from(*constant) : nullptr;
      }) {}

bool NodeView::has(size_t k) const {
    return k < node_->inputs.size() && node_->inputs[k].valid();
}

DType NodeView::dtype(size_t k) const {
    SMEATON_CHECK(has(k), "{} has no operand {}", title(), k);
    const Value& value = graph_->at(node_->inputs[k]);
    SMEATON_CHECK(value.dtype.has_value(), "{}: operand '{}' has no dtype", title(), value.name);
    return *value.dtype;
}

const Shape& NodeView::shape(size_t k) const {
    SMEATON_CHECK(has(k), "{} has no operand {}", title(), k);
    const Value& value = graph_->at(node_->inputs[k]);
    SMEATON_CHECK(value.shape.has_value(), "{}: operand '{}' has no shape", title(), value.name);
    return *value.shape;
}

KnownPtr NodeView::try_known(size_t k) const {
    return has(k) ? lookup_(node_->inputs[k], false) : nullptr;
}

KnownPtr NodeView::known(size_t k, const char* role) const {
    SMEATON_CHECK(has(k), "{} has no operand {} ({})", title(), k, role);
    if (KnownPtr found = lookup_(node_->inputs[k], true)) return found;
    const std::string message =
        fmt::format("{}: its {} {} must be known before the run", title(), role, operand(k));
    if (explain_) explain_(node_->inputs[k], message);
    throw UserError(message);
}

std::vector<Dim> NodeView::dims(size_t k, const char* role) const {
    KnownPtr value = known(k, role);
    if (tensor::is_float(value->dtype)) fail("its {} {} must be integers", role, operand(k));
    if (value->shape.size() > 1) fail("its {} {} must have one dim at most", role, operand(k));
    return value->ints;
}

std::vector<int64_t> NodeView::ints(size_t k, const char* role) const {
    std::vector<int64_t> result;
    for (const Dim& d : dims(k, role)) {
        if (!d.is_const()) {
            fail("its {} {} depends on the unbound dim {}; bind it with --dim {}=VALUE", role,
                 operand(k), d.str(), d.symbols().front().str());
        }
        result.push_back(d.value());
    }
    return result;
}

std::vector<double> NodeView::numbers(size_t k, const char* role) const {
    KnownPtr value = known(k, role);
    if (!tensor::is_float(value->dtype)) fail("its {} {} must be floats", role, operand(k));
    if (value->shape.size() > 1) fail("its {} {} must have one dim at most", role, operand(k));
    return value->floats;
}

int64_t NodeView::attr(const char* key, int64_t otherwise) const {
    return attribute_int(*node_, key, otherwise);
}

std::vector<int64_t> NodeView::attrs(const char* key, const std::vector<int64_t>& otherwise) const {
    return attribute_ints(*node_, key, otherwise);
}

std::string NodeView::text(const char* key, const char* otherwise) const {
    return attribute_string(*node_, key, otherwise);
}

double NodeView::number(const char* key, double otherwise) const {
    return attribute_float(*node_, key, otherwise);
}

bool NodeView::has_attr(const char* key) const {
    return has_attribute(*node_, key);
}

std::string NodeView::choice(const char* key, const char* otherwise,
                             const std::vector<std::string>& allowed) const {
    std::string given = text(key, otherwise);
    if (std::find(allowed.begin(), allowed.end(), given) != allowed.end()) return given;
    std::string list;
    for (const std::string& a : allowed) list += (list.empty() ? "'" : ", '") + a + "'";
    fail("attribute {} is '{}'; expected one of {}", key, given, list);
}

int64_t NodeView::axis(int64_t axis, int64_t rank) const {
    if (axis < -rank || axis >= rank) {
        fail("axis {} is outside the {} dims of {}", axis, rank,
             has(0) ? operand(0) : std::string("its operand"));
    }
    return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> NodeView::axes(const std::vector<int64_t>& given, int64_t rank) const {
    std::vector<int64_t> result;
    for (int64_t a : given) {
        const int64_t normal = axis(a, rank);
        if (std::find(result.begin(), result.end(), normal) != result.end()) {
            fail("axis {} is given twice", a);
        }
        result.push_back(normal);
    }
    return result;
}

std::string NodeView::operand(size_t k) const {
    const Value& value = graph_->at(node_->inputs[k]);
    return fmt::format("'{}' {}", value.name, describe(value.dtype, value.shape));
}

std::string NodeView::title() const {
    return fmt::format("node '{}' ({})", node_->name, node_->op_name);
}

void NodeView::fail_with(const std::string& message) const {
    throw UserError(title() + ": " + message);
}

}  // namespace smeaton::model
