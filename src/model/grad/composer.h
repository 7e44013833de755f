// Composer: writes new nodes of a graph as expressions, with the shape and dtype of every result.
//
//     Composer c(graph);
//     Expr g = c.of(gradient), y = c.of(output);
//     Expr dx = g * y * (1.0 - y);   // Sub, Mul, Mul of ai.onnx 18; shapes broadcast as in ONNX
//
// All sizes must be numbers. Constants go in front as values, nodes are appended in the order in
// which they are written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

using Sizes = std::vector<int64_t>;

class Composer;

/// A value of the graph that is being written. Copyable; the Composer must outlive it.
struct Expr {
    Composer* composer = nullptr;
    ValueId id;

    bool valid() const { return id.valid(); }
    DType dtype() const;
    Sizes shape() const;
    int64_t rank() const { return static_cast<int64_t>(shape().size()); }
};

class Composer {
public:
    /// `opset`: the version of ai.onnx whose operators are written.
    explicit Composer(Graph& graph, int opset = 18);

    Graph& graph() { return *graph_; }
    /// Nodes written from now on stand for `node`: their names begin with its name.
    void stand_for(const Node& node);
    /// Nodes from now on are called "<name>.<operator>".
    void stand_for(const std::string& name);

    Expr of(ValueId id) { return {this, id}; }
    /// The sizes of a value; InternalError where one is symbolic.
    Sizes shape_of(ValueId) const;
    DType dtype_of(ValueId) const;

    // ---- leaves
    Expr constant(Tensor, const std::string& wanted);
    Expr number(double v, DType);                ///< rank 0; one constant for equal numbers
    Expr ints(const Sizes&);                     ///< i64 vector; one constant for equal vectors
    Expr filled(double v, DType, const Sizes&);  ///< a node, so that large ones stay out of memory
    Expr positions(int64_t count);               ///< i64 0, 1, ..., count - 1
    Expr input(const std::string& wanted, DType, const Sizes&);  ///< a new graph input

    // ---- nodes
    /// One node of one result, of the newest version of `op` in the operator set.
    Expr node(OpType op, const std::vector<Expr>& inputs, Attributes, DType, Sizes);
    /// One node of several results; `wanted[k]` false leaves result k out.
    std::vector<Expr> nodes(OpType op, const std::vector<Expr>& inputs, Attributes,
                            const std::vector<std::pair<DType, Sizes>>& results,
                            const std::vector<bool>& wanted);

    /// A free value name.
    std::string fresh_value(const std::string& wanted);

private:
    std::string fresh_node(const std::string& wanted);

    Graph* graph_;
    int opset_;
    std::string about_;
    std::vector<std::string> origins_;
    std::unordered_set<std::string> value_names_, node_names_;
    std::map<std::string, int> next_;
    std::map<std::pair<DType, double>, ValueId> numbers_;
    std::map<Sizes, ValueId> int_vectors_;
    std::map<int64_t, ValueId> positions_;
};

/// The shape that numpy broadcasting gives; InternalError where the two do not fit.
Sizes broadcast_sizes(const Sizes&, const Sizes&);
int64_t count_of(const Sizes&);

// ---- arithmetic, broadcasting; a number takes the other side's dtype
Expr operator+(Expr, Expr);
Expr operator-(Expr, Expr);
Expr operator*(Expr, Expr);
Expr operator/(Expr, Expr);
Expr operator+(Expr, double);
Expr operator-(Expr, double);
Expr operator-(double, Expr);
Expr operator*(Expr, double);
Expr operator/(double, Expr);
Expr operator-(Expr);
Expr pow(Expr base, Expr exponent);

/// Sigmoid, Exp, Log, Sqrt, Abs, Sign, Floor, Reciprocal, Sin, Cos: the same shape and dtype.
Expr unary(OpType op, Expr);

// ---- conditions (bool) and choices
Expr greater(Expr, Expr);
Expr greater(Expr, double);
Expr less(Expr, Expr);
Expr less(Expr, double);
Expr greater_or_equal(Expr, Expr);
Expr less_or_equal(Expr, Expr);
Expr equal(Expr, Expr);
Expr equal(Expr, double);
Expr both(Expr, Expr);
Expr where(Expr condition, Expr then, Expr otherwise);
Expr where(Expr condition, Expr then, double otherwise);
Expr where(Expr condition, double then, Expr otherwise);

// ---- shapes; axes count from the front
Expr cast(Expr, DType);  ///< the operand itself where the dtype is the same
Expr reshape(Expr, const Sizes&);
Expr transpose(Expr, const std::vector<int64_t>& perm);
Expr expand(Expr, const Sizes&);
/// Elements added (or, negative, taken away) before and behind each dim; zeros.
Expr pad(Expr, const Sizes& before, const Sizes& behind);
/// `count` elements of `axis` from `start` on, every `step`-th (a negative step walks backwards).
Expr slice(Expr, int64_t axis, int64_t start, int64_t count, int64_t step = 1);
Expr concat(const std::vector<Expr>&, int64_t axis);
Expr gather(Expr, Expr indices, int64_t axis);

// ---- sums
/// Sums over `axes`, which stay with size 1 where `keep`.
Expr sum(Expr, const std::vector<int64_t>& axes, bool keep = true);
Expr mean(Expr, const std::vector<int64_t>& axes);  ///< axes stay with size 1
/// Sums away what broadcasting `shape` to the operand's shape repeated.
Expr sum_to(Expr, const Sizes& shape);
/// "ij,jk->ik"
Expr einsum(const std::string& equation, const std::vector<Expr>&);

/// begin, begin + 1, ..., end - 1.
std::vector<int64_t> axes_between(int64_t begin, int64_t end);

}  // namespace smeaton::model
