// Several statements that are one module in PyTorch.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "export/pytorch/statement.h"

namespace smeaton::pytorch {

/// Joins, where nothing else reads what lies between, in any order of factors and summands:
///
///   x @ w, + b                                           nn.Linear
///   sigmoid(x), * x                                      nn.SiLU
///   hardsigmoid(x), * x                                  nn.Hardswish
///   x / sqrt(2), erf, + 1, * x, * 0.5                    nn.GELU
///   x**3, * 0.044715, + x, * sqrt(2 / pi), tanh, + 1, * x, * 0.5
///                                                        nn.GELU(approximate="tanh")
///   softmax(q @ k.T * scale + mask) @ v                  F.scaled_dot_product_attention
class Joiner {
public:
    Joiner(const model::Graph&, std::vector<Statement>&);

    /// The activations and attention. What is joined to a later statement becomes an empty one.
    void join_activations();
    /// nn.Linear. `order`: statements of one block; loses those that were joined to a later one.
    void join_layers(std::vector<int>& order);

private:
    struct Reader {
        int statement;
        ValueId other;  ///< its other operand
    };

    Statement& at(int s) const { return statements_[static_cast<size_t>(s)]; }
    const model::Node& node(int s) const { return graph_.at(at(s).nodes.back()); }
    bool is(int s, model::OpType) const;
    bool is_module(int s, const char* type) const;
    int& reads(ValueId id) { return reads_[static_cast<size_t>(id.v)]; }

    void know(const std::vector<int>& order);
    int maker_of_part(ValueId) const;
    std::optional<Reader> only_reader(ValueId, model::OpType) const;
    ValueId other_operand(int s, ValueId) const;
    bool is_number(ValueId, double) const;
    ValueId beside(ValueId, model::OpType, double, std::vector<int>& parts) const;

    void linear(int s);
    void gated(int s);
    void gelu(int s);
    ValueId erf_operand(int s, std::vector<int>& parts) const;
    ValueId tanh_operand(int s, std::vector<int>& parts) const;
    bool is_cubic(ValueId, ValueId x, std::vector<int>& parts) const;
    int half_of_product(ValueId sum, ValueId x, std::vector<int>& parts) const;
    double take_factor(ValueId&, std::vector<int>& parts) const;
    std::string take_keys(ValueId&, std::vector<int>& parts);
    void attention(int s);
    void replace(const std::vector<int>& parts, int last, ValueId x, Module);
    void replace(const std::vector<int>& parts, int last, const std::vector<ValueId>& operands,
                 const std::string& expression);

    const model::Graph& graph_;
    std::vector<Statement>& statements_;
    std::vector<int> reads_;         // by value: statements that read it
    std::map<int32_t, int> maker_;   // by value: statement of the order
    std::map<int32_t, int> reader_;  // by value: the last one of the order
    std::vector<bool> gone_;         // by statement
};

}  // namespace smeaton::pytorch
