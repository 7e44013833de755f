// What a lowering rule sees of its node: inputs and outputs as buffers, shapes, attributes, and
// where to put new buffers. Buffers come into being on demand, so that operands which are only read
// while lowering (axes, pads, shapes) never enter the program.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "gir/program.h"
#include "model/graph.h"
#include "model/shape/view.h"

namespace smeaton::lower {

using gir::DType;
using gir::Tensor;
using Shape = std::vector<int64_t>;

/// A buffer of the program as a rule sees it.
struct Buf {
    Name name;
    DType dtype = DType::kF32;
    Shape shape;

    int rank() const { return static_cast<int>(shape.size()); }
};

int64_t element_count(const Shape&);

/// A node that cannot be lowered; `reason` reads after "node X (Op): ".
class Refused : public UserError {
public:
    using UserError::UserError;
};

/// Names already given in a program: buffers, and whatever kernels call their axes and tiles.
struct NameTable {
    std::set<Name> buffers;
    std::set<Name> locals;
    std::set<Name> kernels;
};

/// The state of lowering one graph.
struct Lowering {
    explicit Lowering(const model::Graph& g) : graph(g) {}

    const model::Graph& graph;
    gir::Program program;
    NameTable names;
    std::map<model::ValueId, Buf> buffers;
    std::set<model::ValueId> needed;  ///< values that the outputs depend on, constants excluded

    /// Declares a buffer named after `wanted` (made an identifier, made unique).
    Buf add_buffer(const std::string& wanted, DType, const Shape&, gir::Lifetime,
                   const std::string& value_name = "");
    /// The buffer of a value: made on first use for a constant; InternalError for any other value
    /// that no input, rule or alias has bound.
    Buf buffer_of(model::ValueId);
    /// A view of `source` under another shape of as many elements.
    Buf add_view(const Buf& source, const Shape&, const std::string& wanted);
};

/// Dims of a value; InternalError where one is symbolic.
Shape const_shape(const model::Graph&, model::ValueId);

class NodeContext {
public:
    NodeContext(Lowering& lowering, const model::Node& node) : lowering_(lowering), node_(node) {}

    const model::Node& node() const { return node_; }
    Lowering& lowering() { return lowering_; }
    int version() const { return node_.since_version; }
    /// For the functions of model/shape that resolve a node's parameters.
    model::NodeView view() const { return {lowering_.graph, node_}; }

    // ---- operands ------------------------------------------------------------------------------
    size_t input_count() const { return node_.inputs.size(); }
    size_t output_count() const { return node_.outputs.size(); }
    bool has_in(size_t k) const;
    bool has_out(size_t k) const;  ///< given, and read by something
    Buf in(size_t k);
    Buf out(size_t k);  ///< declares the output's buffer on first use
    Shape in_shape(size_t k) const;
    Shape out_shape(size_t k) const;
    DType in_dtype(size_t k) const;
    DType out_dtype(size_t k) const;

    /// The constant behind input k, null when absent or computed.
    const Tensor* constant(size_t k) const;
    /// Elements of constant input k; refuses the node when it is given but not constant.
    std::vector<int64_t> ints(size_t k, const char* what) const;
    std::vector<double> floats(size_t k, const char* what) const;

    // ---- attributes ----------------------------------------------------------------------------
    bool has(const std::string& key) const { return model::has_attribute(node_, key); }
    int64_t attr(const std::string& key, int64_t otherwise) const;
    double attr_float(const std::string& key, double otherwise) const;
    std::string attr_string(const std::string& key, const std::string& otherwise) const;
    std::vector<int64_t> attr_ints(const std::string& key,
                                   const std::vector<int64_t>& otherwise) const;

    // ---- results other than kernels ------------------------------------------------------------
    /// A constant of our own (tables, counts), stored with the weights.
    Buf weight(const std::string& what, Tensor data);
    Buf temp(const std::string& what, DType, const Shape&);
    /// Output k is this constant.
    void bind(size_t k, Tensor data);
    /// Output k is the same bytes as `source` (a copy where the output must have its own memory).
    void alias(size_t k, const Buf& source);
    /// Refuses the node when a table with one entry for each element of `shape` would be too large.
    void limit_table(const Shape& shape) const;
    /// A view for use inside this node's kernels.
    Buf view(const Buf& source, const Shape&);

    template <class... Args>
    [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
        throw Refused(fmt::format(text, std::forward<Args>(args)...));
    }

private:
    Lowering& lowering_;
    const model::Node& node_;
};

/// A C-like identifier from any text, cut to its last 64 characters; never empty.
std::string identifier(const std::string& text);

}  // namespace smeaton::lower
