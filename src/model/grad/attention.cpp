#include "model/grad/attention.h"

#include <set>

#include "model/rewrite/edit.h"

namespace smeaton::model {

namespace {

size_t index_of(ValueId id) {
    return static_cast<size_t>(id.v);
}

/// By value: is it one of `seeds` or made of one?
std::vector<bool> made_of(const Graph& graph, const std::vector<ValueId>& seeds) {
    std::vector<bool> made(graph.values.size());
    for (ValueId id : seeds) made[index_of(id)] = true;
    for (const Node& node : graph.nodes) {
        bool any = false;
        for (ValueId id : node.inputs) any = any || (id.valid() && made[index_of(id)]);
        for (ValueId id : node.outputs)
            if (id.valid() && any) made[index_of(id)] = true;
    }
    return made;
}

bool between(OpType op) {
    return family(op) == OpFamily::Elementwise || only_changes_shape(op) ||
           op == OpType::kIdentity || op == OpType::kTranspose;
}

class Cores {
public:
    Cores(const Graph& graph, const std::vector<ValueId>& data,
          const std::vector<ValueId>& parameters)
        : graph_(graph),
          of_data_(made_of(graph, data)),
          of_parameters_(made_of(graph, parameters)),
          producers_(producers_of(graph)),
          readers_(graph.values.size()),
          found_(graph.nodes.size()) {
        for (size_t n = 0; n < graph.nodes.size(); ++n)
            for (ValueId id : graph.nodes[n].inputs)
                if (id.valid()) readers_[index_of(id)].push_back(n);
    }

    std::vector<bool> run() {
        for (size_t n = 0; n < graph_.nodes.size(); ++n) {
            if (graph_.nodes[n].op != OpType::kSoftmax) continue;
            core_ = {n};
            contractions_ = 0;
            if (!scores(graph_.nodes[n].inputs[0])) continue;
            const bool scored = contractions_ > 0;
            contractions_ = 0;
            weights(graph_.nodes[n].outputs[0]);
            if (!scored || contractions_ == 0) continue;
            for (size_t k : core_) found_[k] = true;
        }
        return found_;
    }

private:
    bool moves(ValueId id) const {
        return id.valid() && of_data_[index_of(id)] && of_parameters_[index_of(id)];
    }

    /// A contraction of two results, so not of a weight.
    bool is_contraction(const Node& node) const {
        if (node.op != OpType::kMatMul && node.op != OpType::kEinsum) return false;
        return node.inputs.size() == 2 && moves(node.inputs[0]) && moves(node.inputs[1]);
    }

    /// Upwards to the contractions that make the scores; false where something else does.
    bool scores(ValueId id) {
        if (!moves(id)) return true;  // a mask
        const int32_t producer = producers_[index_of(id)];
        if (producer < 0) return false;
        const Node& node = graph_.nodes[static_cast<size_t>(producer)];
        const bool contracts = is_contraction(node);
        if (!contracts && !between(node.op)) return false;
        if (!core_.insert(static_cast<size_t>(producer)).second) return true;
        if (contracts) return ++contractions_ > 0;
        for (ValueId operand : node.inputs)
            if (operand.valid() && !scores(operand)) return false;
        return true;
    }

    /// Downwards to the contractions that read the weights.
    void weights(ValueId id) {
        for (size_t n : readers_[index_of(id)]) {
            const Node& node = graph_.nodes[n];
            if (is_contraction(node)) ++contractions_;
            if (is_contraction(node) || !between(node.op) || !core_.insert(n).second) continue;
            for (ValueId result : node.outputs)
                if (result.valid()) weights(result);
        }
    }

    const Graph& graph_;
    std::vector<bool> of_data_, of_parameters_;
    std::vector<int32_t> producers_;
    std::vector<std::vector<size_t>> readers_;
    std::vector<bool> found_;
    std::set<size_t> core_;
    int contractions_ = 0;
};

}  // namespace

std::vector<bool> attention_cores(const Graph& graph, const std::vector<ValueId>& data,
                                  const std::vector<ValueId>& parameters) {
    return Cores(graph, data, parameters).run();
}

}  // namespace smeaton::model
