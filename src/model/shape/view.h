// NodeView: what a rule may ask about a node's operands. The same questions are answered while
// shapes are being inferred (values known by data propagation) and afterwards (constants of the
// graph), so that shape rules and lowering rules read a node's parameters through one function.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/shape/known.h"

namespace smeaton::model {

/// Thrown when a shape depends on the values that the caller feeds to `inputs`. Feed them to
/// infer_shapes as known values and call it again. Catch it before UserError; with_context() would
/// turn it into a plain UserError.
class NeedsValue : public UserError {
public:
    NeedsValue(const std::string& message, std::vector<std::string> needed)
        : UserError(message), inputs(std::move(needed)) {}
    std::vector<std::string> inputs;  ///< names of graph inputs, sorted
};

class NodeView {
public:
    /// A view of a node of a graph whose shapes are inferred: known values are its constants. Graph
    /// and node must outlive the view.
    NodeView(const Graph&, const Node&);

    const Node& node() const { return *node_; }
    const Graph& graph() const { return *graph_; }
    int version() const { return node_->since_version; }

    /// True when operand k is given (not beyond the list, not left out).
    bool has(size_t k) const;
    size_t input_count() const { return node_->inputs.size(); }
    /// InternalError when operand k is not given; signatures are checked before rules run.
    DType dtype(size_t k) const;
    const Shape& shape(size_t k) const;
    int64_t rank(size_t k) const { return static_cast<int64_t>(shape(k).size()); }

    /// The elements of operand k where they are known; null otherwise. Never throws.
    KnownPtr try_known(size_t k) const;
    /// The elements of operand k. NeedsValue when they come from graph inputs that may be fed as
    /// known values, UserError when they cannot be known before the run. `role` names the operand
    /// in the message ("shape", "axes").
    KnownPtr known(size_t k, const char* role) const;
    std::vector<Dim> dims(size_t k, const char* role) const;        ///< an integer vector or scalar
    std::vector<int64_t> ints(size_t k, const char* role) const;    ///< the same, all numbers
    std::vector<double> numbers(size_t k, const char* role) const;  ///< a float vector

    // Attributes, with the operator's default.
    int64_t attr(const char* key, int64_t otherwise) const;
    std::vector<int64_t> attrs(const char* key, const std::vector<int64_t>& otherwise) const;
    std::string text(const char* key, const char* otherwise) const;
    double number(const char* key, double otherwise) const;
    bool has_attr(const char* key) const;
    /// The text of attribute `key`; UserError when it is none of `allowed`.
    std::string choice(const char* key, const char* otherwise,
                       const std::vector<std::string>& allowed) const;
    /// `axis` counted from the front; UserError unless -rank <= axis < rank.
    int64_t axis(int64_t axis, int64_t rank) const;
    /// Each axis as axis() gives it; UserError when one occurs twice. Order kept.
    std::vector<int64_t> axes(const std::vector<int64_t>& axes, int64_t rank) const;

    /// "'x' f32[1,3,N]"
    std::string operand(size_t k) const;
    /// "node 'Conv_12' (Conv)"
    std::string title() const;
    /// Throws UserError: "node 'Conv_12' (Conv): <message>".
    template <class... Args>
    [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
        fail_with(fmt::format(format, std::forward<Args>(args)...));
    }
    [[noreturn]] void fail_with(const std::string& message) const;

protected:
    /// The elements of a value where they are known. With `needed` it may spend time on finding
    /// out.
    using Lookup = std::function<KnownPtr(ValueId, bool needed)>;
    /// Throws the error for a value that is needed and not known.
    using Explain = std::function<void(ValueId, const std::string& message)>;
    NodeView(const Graph& graph, const Node& node, Lookup lookup, Explain explain)
        : graph_(&graph), node_(&node), lookup_(std::move(lookup)), explain_(std::move(explain)) {}

private:
    const Graph* graph_;
    const Node* node_;
    Lookup lookup_;
    Explain explain_;
};

}  // namespace smeaton::model
