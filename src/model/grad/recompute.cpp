#include "model/grad/recompute.h"

#include <algorithm>

#include "base/error.h"
#include "model/blocks/blocks.h"
#include "model/grad/attention.h"
#include "model/rewrite/edit.h"

namespace smeaton::model {

Recompute recompute_named(const std::string& text) {
    if (text == "none") return Recompute::None;
    if (text == "full") return Recompute::Full;
    if (text == "selective") return Recompute::Selective;
    throw UserError("there is no way '{}' to recompute; expected none, full or selective", text);
}

namespace {

bool is_cheap(OpType op) {
    return family(op) == OpFamily::Elementwise || family(op) == OpFamily::Norm ||
           op == OpType::kIdentity || only_changes_shape(op);
}

}  // namespace

const ForwardNode* ForwardHalf::find(const std::string& name) const {
    for (size_t end = name.size(); end != std::string::npos && end > 0;
         end = name.rfind('.', end - 1)) {
        const auto found = nodes.find(name.substr(0, end));
        if (found != nodes.end()) return &found->second;
    }
    return nullptr;
}

ForwardHalf forward_half(const Graph& forward, const Graph& inference,
                         const std::vector<ValueId>& parameters) {
    std::vector<ValueId> data;
    for (ValueId id : forward.inputs)
        if (std::find(parameters.begin(), parameters.end(), id) == parameters.end())
            data.push_back(id);
    const std::vector<bool> cores = attention_cores(forward, data, parameters);
    ForwardHalf half;
    for (size_t n = 0; n < forward.nodes.size(); ++n) {
        const Node& node = forward.nodes[n];
        const OpFamily of = family(node.op);
        const bool contracts = of == OpFamily::Conv || of == OpFamily::MatMul;
        half.nodes[node.name] = {0, is_cheap(node.op), contracts, cores[n]};
        half.has_attention = half.has_attention || cores[n];
    }
    const Blocks blocks = find_blocks(inference);
    for (size_t b = 0; b < blocks.blocks.size(); ++b)
        for (NodeId id : blocks.blocks[b].nodes)
            half.nodes.at(inference.at(id).name).block = static_cast<int>(b);
    return half;
}

}  // namespace smeaton::model
