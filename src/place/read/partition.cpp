// The format of dnn-partitioning:
//
//     {"maxSizePerFPGA": bytes, "maxFPGAs": k, "maxCPUs": l,
//      "nodes": [{"id", "supportedOnFpga", "cpuLatency", "fpgaLatency", "isBackwardNode",
//                 "colorClass"?, "size"?, "name"?}, …],
//      "edges": [{"sourceId", "destId", "cost", "size"?}, …]}
//
// "FPGA" stands for any accelerator. The cost of an edge belongs to its source: it is the same on
// all edges of a node.
#include <map>

#include "place/read/formats.h"

namespace smeaton::place {

namespace {

/// The number of a thing that is named, new ones from 0 on.
int number_of(std::map<std::string, int>& numbers, const std::string& name) {
    return numbers.emplace(name, static_cast<int>(numbers.size())).first->second;
}

bool coloured(const Json& node) {
    return node.contains("colorClass") && !node["colorClass"].is_null();
}

PartitionNode read_node(const Fields& f, const Json& json, std::map<std::string, int>& colours) {
    PartitionNode node;
    node.id = f.word("id");
    node.on_accelerator = f.truth("supportedOnFpga");
    node.backward = f.truth("isBackwardNode");
    node.cpu_time = f.amount("cpuLatency");
    if (node.on_accelerator || f.has("fpgaLatency"))
        node.accelerator_time = f.amount("fpgaLatency");
    node.bytes = f.amount_or("size", 0);
    node.colour =
        number_of(colours, coloured(json) ? "colour " + f.word("colorClass") : "node " + node.id);
    return node;
}

}  // namespace

PartitionProblem read_partition(const Fields& root, const ProblemOverrides& overrides) {
    PartitionProblem problem;
    problem.name = root.file();
    problem.memory_bytes =
        overrides.memory_bytes ? *overrides.memory_bytes : root.number("maxSizePerFPGA");
    problem.accelerators =
        overrides.devices ? *overrides.devices : root.whole("maxFPGAs", -1'000'000);
    problem.cpus = root.whole("maxCPUs", -1'000'000);
    std::map<std::string, int> colours, places;
    const Json& nodes = root.list("nodes");
    for (size_t i = 0; i < nodes.size(); ++i) {
        const Fields f = root.inside(nodes[i], fmt::format("nodes[{}]", i));
        problem.nodes.push_back(read_node(f, nodes[i], colours));
        const std::string& id = problem.nodes.back().id;
        if (!places.emplace(id, static_cast<int>(i)).second)
            f.fail(fmt::format("the id {} stands twice", id));
    }
    const Json& edges = root.list("edges");
    std::vector<char> priced(problem.nodes.size(), 0);
    for (size_t i = 0; i < edges.size(); ++i) {
        const Fields f = root.inside(edges[i], fmt::format("edges[{}]", i));
        const int from = place_of(f, "sourceId", places), to = place_of(f, "destId", places);
        const double cost = f.amount("cost");
        PartitionNode& source = problem.nodes[static_cast<size_t>(from)];
        if (priced[static_cast<size_t>(from)] && source.send_cost != cost)
            f.fail(
                fmt::format("the cost is {}, on another edge of node {} it is {}: a cost belongs "
                            "to the source",
                            cost, source.id, source.send_cost));
        priced[static_cast<size_t>(from)] = 1;
        source.send_cost = cost;
        problem.edges.emplace_back(from, to);
    }
    verify(problem);
    return problem;
}

}  // namespace smeaton::place
