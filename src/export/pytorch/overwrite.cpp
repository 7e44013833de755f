#include "export/pytorch/overwrite.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace smeaton::pytorch {

namespace {

/// Those of PyTorch that take `inplace`.
bool can_overwrite(const Module& m) {
    static constexpr std::array<std::string_view, 5> kTypes = {
        "nn.ReLU", "nn.ReLU6", "nn.LeakyReLU", "nn.SiLU", "nn.Hardswish"};
    return std::find(kTypes.begin(), kTypes.end(), m.type) != kTypes.end();
}

/// Its result is memory of its own (no view of another tensor), and its gradient does not need
/// the result.
bool makes_own_memory(const model::Graph& graph, const Statement& s) {
    if (s.nodes.empty() || s.results.size() != 1) return false;
    if (!s.modules.empty()) {
        const std::string_view type = s.modules[0].type;
        return s.expression.starts_with(module_mark(0) + "(") && s.expression.ends_with(')') &&
               (type.starts_with("nn.Conv") || type.starts_with("nn.BatchNorm") ||
                type == "nn.Linear");
    }
    const model::OpType op = graph.at(s.nodes.back()).op;
    const bool several = graph.at(s.nodes.back()).inputs.size() > 1;
    return several &&
           (op == model::OpType::kAdd || op == model::OpType::kSum || op == model::OpType::kConcat);
}

}  // namespace

void mark_overwriting(const model::Graph& graph, const std::vector<std::vector<int>>& blocks,
                      std::vector<Statement>& statements) {
    std::vector<int> reads(graph.values.size());
    std::vector<bool> own(graph.values.size());
    for (ValueId id : graph.outputs) ++reads[static_cast<size_t>(id.v)];
    for (const std::vector<int>& block : blocks)
        for (int s : block) {
            const Statement& made = statements[static_cast<size_t>(s)];
            for (ValueId id : reads_of(made)) ++reads[static_cast<size_t>(id.v)];
            if (makes_own_memory(graph, made)) own[static_cast<size_t>(made.results[0].v)] = true;
        }
    for (const std::vector<int>& block : blocks)
        for (int s : block) {
            Statement& made = statements[static_cast<size_t>(s)];
            if (made.modules.size() != 1 || !can_overwrite(made.modules[0])) continue;
            const std::vector<ValueId> in = reads_of(made);
            const bool alone =
                in.size() == 1 &&
                made.expression == fmt::format("{}({})", module_mark(0), value_mark(in[0].v));
            made.modules[0].overwrites = alone && own[static_cast<size_t>(in[0].v)] &&
                                         reads[static_cast<size_t>(in[0].v)] == 1;
        }
}

}  // namespace smeaton::pytorch
