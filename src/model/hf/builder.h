// Writes a model graph from front to back: nodes of ai.onnx, weights by shape only.
//
//     Builder b("llama");
//     ValueId x = b.input("x", DType::kF32, {b.symbol("batch"), 64});
//     auto layer = b.scope("layers.0");
//     x = b.linear(x, "up_proj", 64, 256);   // /layers.0/up_proj/MatMul, layers.0.up_proj.weight
//
// No shapes are written but those of inputs and weights: infer_shapes finds the others.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/graph.h"
#include "model/hf/facts.h"

namespace smeaton::model::hf {

/// The operator set whose operators are written.
inline constexpr int kOpset = 23;

/// Of experts that share a token: it goes through `active` of `all`.
struct Share {
    int64_t active = 1, all = 1;
};

class Builder {
public:
    explicit Builder(const std::string& name);

    Facts facts;

    /// Names of nodes and weights made while it lives lie inside of `part`.
    class Scope {
    public:
        Scope(Builder& b, const std::string& part) : b_(b) { b_.path_.push_back(part); }
        ~Scope() { b_.path_.pop_back(); }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Builder& b_;
    };
    [[nodiscard]] Scope scope(const std::string& part) { return {*this, part}; }

    // ---- leaves
    ValueId input(const std::string& name, DType, const std::vector<Dim>& shape);
    /// An f32 weight of the scope; of experts, those of all of them, [all, ...].
    ValueId weight(const std::string& name, const std::vector<int64_t>& shape, Share = {});
    ValueId constant(const std::string& wanted, Tensor);
    ValueId ints(const std::vector<int64_t>&);  ///< i64 vector
    ValueId integer(int64_t);                   ///< i64 of rank 0
    ValueId number(double);                     ///< f32 of rank 0

    // ---- nodes
    ValueId node(OpType, const std::vector<ValueId>& inputs, Attributes = {});
    std::vector<ValueId> nodes(OpType, const std::vector<ValueId>& inputs, Attributes,
                               size_t results);
    ValueId add(ValueId a, ValueId b) { return node(OpType::kAdd, {a, b}); }
    ValueId sub(ValueId a, ValueId b) { return node(OpType::kSub, {a, b}); }
    ValueId mul(ValueId a, ValueId b) { return node(OpType::kMul, {a, b}); }
    ValueId mul(ValueId a, double b) { return mul(a, number(b)); }
    ValueId matmul(ValueId a, ValueId b) { return node(OpType::kMatMul, {a, b}); }
    /// 0 copies a size, -1 is what is left.
    ValueId reshape(ValueId, const std::vector<int64_t>& shape);
    ValueId transpose(ValueId, const std::vector<int64_t>& perm);
    ValueId unsqueeze(ValueId, int64_t axis);
    ValueId concat(const std::vector<ValueId>&, int64_t axis);
    /// Elements [from, to) of an axis.
    ValueId slice(ValueId, int64_t axis, int64_t from, int64_t to);
    std::vector<ValueId> split(ValueId, int64_t axis, const std::vector<int64_t>& sizes);
    ValueId softmax(ValueId, int64_t axis = -1);
    ValueId gather(ValueId data, ValueId indices, int64_t axis = 0);
    ValueId cast(ValueId, DType);
    ValueId size_of(ValueId, int64_t axis);  ///< i64 of rank 0

    /// x w (+ bias), its weight [in, out] as the exporter folds it.
    ValueId linear(ValueId x, const std::string& name, int64_t in, int64_t out, bool bias = false);
    struct Embedded {
        ValueId rows, table;
    };
    /// Rows of a table of `count`.
    Embedded embedding(ValueId ids, const std::string& name, int64_t count, int64_t width);
    /// x times the transposed table of an embedding: a tied head.
    ValueId by_rows_of(ValueId x, ValueId table, int64_t count, int64_t width);

    void output(ValueId, const std::string& name);

    /// The finished graph.
    Graph take();

private:
    ValueId add_value(Value);
    std::string joined(char between, const std::string& last) const;
    std::string fresh(const std::string& wanted);

    Graph graph_;
    std::vector<std::string> path_;
    std::unordered_map<std::string, int> names_;
    std::unordered_map<std::string, ValueId> constants_;
};

}  // namespace smeaton::model::hf
