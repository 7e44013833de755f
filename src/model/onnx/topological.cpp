#include "model/onnx/topological.h"

#include <functional>
#include <queue>
#include <vector>

#include "base/error.h"
#include "model/onnx/text.h"

namespace smeaton::model::onnx {

namespace {

constexpr size_t kNamedInCycle = 6;

/// The node that makes each value; -1: none.
std::vector<int32_t> producers(const Graph& graph) {
    std::vector<int32_t> producer(graph.values.size(), -1);
    for (size_t n = 0; n < graph.nodes.size(); ++n)
        for (const ValueId id : graph.nodes[n].outputs)
            if (id.valid()) producer[static_cast<size_t>(id.v)] = static_cast<int32_t>(n);
    return producer;
}

/// `waiting`: inputs of each node that never came. Every such node waits for another such node:
/// follow them until one comes again.
[[noreturn]] void fail_cycle(const Graph& graph, const std::vector<int32_t>& producer,
                             const std::vector<int>& waiting) {
    size_t at = 0;
    while (waiting[at] == 0) ++at;
    std::vector<size_t> way;
    std::vector<bool> seen(graph.nodes.size());
    while (!seen[at]) {
        seen[at] = true;
        way.push_back(at);
        for (const ValueId id : graph.nodes[at].inputs) {
            const int32_t from = id.valid() ? producer[static_cast<size_t>(id.v)] : -1;
            if (from >= 0 && waiting[static_cast<size_t>(from)] > 0) {
                at = static_cast<size_t>(from);
                break;
            }
        }
    }
    std::string text;
    size_t named = 0;
    bool in_cycle = false;
    for (auto step = way.begin(); step != way.end(); ++step) {
        in_cycle = in_cycle || *step == at;
        if (!in_cycle || ++named > kNamedInCycle) continue;
        const Node& node = graph.nodes[*step];
        text += fmt::format("{} ({}) reads from ", in_quotes(node.name), node.op_name);
    }
    if (named > kNamedInCycle) text += fmt::format("{} more, and on to ", named - kNamedInCycle);
    throw UserError("the graph has a cycle: {}{}", text, in_quotes(graph.nodes[at].name));
}

}  // namespace

void sort_nodes(Graph& graph) {
    const std::vector<int32_t> producer = producers(graph);
    const size_t count = graph.nodes.size();
    std::vector<int> waiting(count);
    std::vector<std::vector<size_t>> readers(count);
    for (size_t n = 0; n < count; ++n)
        for (const ValueId id : graph.nodes[n].inputs) {
            const int32_t from = id.valid() ? producer[static_cast<size_t>(id.v)] : -1;
            if (from < 0) continue;
            readers[static_cast<size_t>(from)].push_back(n);
            ++waiting[n];
        }
    std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
    for (size_t n = 0; n < count; ++n)
        if (waiting[n] == 0) ready.push(n);
    std::vector<size_t> order;
    order.reserve(count);
    while (!ready.empty()) {
        const size_t n = ready.top();
        ready.pop();
        order.push_back(n);
        for (const size_t reader : readers[n])
            if (--waiting[reader] == 0) ready.push(reader);
    }
    if (order.size() != count) fail_cycle(graph, producer, waiting);
    std::vector<Node> sorted;
    sorted.reserve(count);
    for (const size_t n : order) sorted.push_back(std::move(graph.nodes[n]));
    graph.nodes = std::move(sorted);
}

}  // namespace smeaton::model::onnx
