// The hand through which one operator's rule reads its node and says how PyTorch spells it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "export/pytorch/statement.h"
#include "model/shape/view.h"

namespace smeaton::pytorch {

/// The simplified graph and what data propagation knows of its values (shape/infer.h).
struct Source {
    const model::Graph& graph;
    const std::vector<model::KnownPtr>& known;  ///< by value; null where unknown
};

class Speller : public model::NodeView {
public:
    Speller(const Source&, const model::Node&, NodeId);

    // ---- operands: each is the name of a variable, of a buffer, or a literal -------------------
    /// Operand k as a tensor.
    std::string in(size_t k);
    /// Operand k of an operator that broadcasts: a number where it is a constant of one element and
    /// the result has the rank of the others.
    std::string number_or_in(size_t k);
    /// Operand k as a number; nothing where it is no constant of one element.
    std::optional<std::string> number_in(size_t k) const;
    const Tensor* constant(size_t k) const { return constant_input(graph(), node(), k); }
    /// A constant of floats: what PyTorch's modules hold.
    bool is_weight(size_t k) const;
    std::vector<int64_t> const_shape(size_t k, const char* why) const;
    /// By names of the result's dims.
    const model::Shape& result_shape(size_t k = 0) const;
    DType result_dtype(size_t k = 0) const;
    bool wants(size_t k) const;  ///< output k is given

    // ---- the result ----------------------------------------------------------------------------
    /// A module of the class: gives "self.conv" to be called.
    std::string module(Module);
    /// "nn.ReLU", no weights.
    std::string module(const std::string& type, std::vector<Argument> arguments,
                       const std::string& base);
    /// A tensor of the class that is loaded: a parameter where it is of floats.
    std::string tensor(ValueId, const std::string& base);
    /// The statement gives output 0.
    void give(std::string expression, const std::string& hint = "");
    /// ... these outputs, in their order; those that are not wanted as well.
    void give_all(std::string expression);
    Statement take() { return std::move(statement_); }

private:
    Source source_;
    Statement statement_;
    std::map<int32_t, std::string> tensors_;
};

inline Argument positional(std::string key, std::string text) {
    return {std::move(key), std::move(text), true};
}
inline Argument keyword(std::string key, std::string text) {
    return {std::move(key), std::move(text), false};
}
inline std::string text(int64_t n) {
    return std::to_string(n);
}

using SpellRule = std::function<void(Speller&)>;
using SpellTable = std::map<model::OpType, SpellRule>;
/// All rules. An operator without a row is refused by name.
const SpellTable& spell_table();

void add_elementwise_spelling(SpellTable&);
void add_conv_spelling(SpellTable&);
void add_pool_spelling(SpellTable&);
void add_matmul_spelling(SpellTable&);
void add_norm_spelling(SpellTable&);
void add_reduce_spelling(SpellTable&);
void add_index_spelling(SpellTable&);
void add_move_spelling(SpellTable&);
void add_resize_spelling(SpellTable&);
void add_shape_spelling(SpellTable&);

/// UserError "node 'X' (Op): why" where it has no spelling.
Statement spell(const Source&, NodeId);

}  // namespace smeaton::pytorch
