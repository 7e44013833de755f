// The format of Piper:
//
//     {"maxMemoryPerDevice", "maxDevices", "bandwidth", "mbsInBatch",
//      "nodes": [{"id", "name"?, "TMPCs": {"1": [{"id", "timePerSample", "parameterSize",
//                 "memoryUsageA", "memoryUsageB", "syncTimeFw": {pred: bytes},
//                 "syncTimeBw": {succ: bytes}}, …], "2": …}}, …],
//      "edges": [{"sourceId", "destId", "communicationCost"}, …]}
#include <algorithm>
#include <map>

#include "place/read/formats.h"

namespace smeaton::place {

namespace {

struct NodeEdges {
    const SplitProblem& problem;
    const SplitNode& node;
};

/// Bytes by neighbour; a neighbour that is not named needs none.
void read_sync(const Fields& f, const char* key, const NodeEdges& at, bool incoming,
               SplitVariant& variant) {
    static const Json none = Json::object();
    const Json& given = f.has(key) ? f.object(key) : none;
    const std::vector<int>& edges = incoming ? at.node.incoming : at.node.outgoing;
    std::map<std::string, double> left;
    for (const auto& [neighbour, bytes] : given.items()) {
        left[neighbour] = f.number_of(bytes, std::string(key) + "." + neighbour);
        if (left[neighbour] < 0) f.fail(fmt::format("'{}' has a number below 0", key));
    }
    std::map<std::string, double> known = left;
    for (const int e : edges) {
        const SplitEdge& edge = at.problem.edges[static_cast<size_t>(e)];
        const std::string& other =
            at.problem.nodes[static_cast<size_t>(incoming ? edge.from : edge.to)].id;
        variant.sync_bytes.push_back(known.contains(other) ? known[other] : 0);
        left.erase(other);
    }
    if (!left.empty())
        f.fail(
            fmt::format("'{}' names node {}, to which there is no edge", key, left.begin()->first));
}

SplitWays read_ways(const Fields& f, const std::string& t, const Json& list, const NodeEdges& at) {
    if (t.empty() || t.size() > 6 || t.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(t) < 1)
        f.fail(fmt::format("TMPCs.{}: a tensor width is a whole number from 1 on", t));
    if (!list.is_array()) f.fail(fmt::format("TMPCs.{}: expected a list", t));
    SplitWays ways;
    ways.t = std::stoi(t);
    for (size_t i = 0; i < list.size(); ++i) {
        const Fields v = f.inside(list[i], fmt::format("TMPCs.{}[{}]", t, i));
        SplitVariant variant;
        variant.id = v.word("id");
        variant.time = v.amount("timePerSample");
        variant.parameter_bytes = v.amount("parameterSize");
        variant.memory_a = v.amount("memoryUsageA");
        variant.memory_b = v.amount("memoryUsageB");
        read_sync(v, "syncTimeFw", at, true, variant);
        read_sync(v, "syncTimeBw", at, false, variant);
        ways.variants.push_back(std::move(variant));
    }
    // The heuristic begins from the one that recomputes nothing.
    std::stable_partition(ways.variants.begin(), ways.variants.end(),
                          [](const SplitVariant& v) { return v.id == "vanilla"; });
    return ways;
}

void read_edges(const Fields& root, const std::map<std::string, int>& places,
                SplitProblem& problem) {
    const Json& edges = root.list("edges");
    for (size_t i = 0; i < edges.size(); ++i) {
        const Fields f = root.inside(edges[i], fmt::format("edges[{}]", i));
        SplitEdge edge{place_of(f, "sourceId", places), place_of(f, "destId", places),
                       f.amount("communicationCost")};
        if (edge.from == edge.to) f.fail("an edge from a node to itself: the edges form a cycle");
        problem.nodes[static_cast<size_t>(edge.from)].outgoing.push_back(static_cast<int>(i));
        problem.nodes[static_cast<size_t>(edge.to)].incoming.push_back(static_cast<int>(i));
        problem.edges.push_back(edge);
    }
}

}  // namespace

SplitProblem read_split(const Fields& root, const ProblemOverrides& overrides) {
    SplitProblem problem;
    problem.name = root.file();
    problem.memory_bytes =
        overrides.memory_bytes ? *overrides.memory_bytes : root.number("maxMemoryPerDevice");
    problem.devices = overrides.devices ? *overrides.devices : root.whole("maxDevices", -1'000'000);
    problem.bandwidth = root.number("bandwidth");
    problem.samples = root.whole("mbsInBatch", -1'000'000);
    const Json& nodes = root.list("nodes");
    std::map<std::string, int> places;
    for (size_t i = 0; i < nodes.size(); ++i) {
        const Fields f = root.inside(nodes[i], fmt::format("nodes[{}]", i));
        SplitNode node;
        node.id = f.word("id");
        if (nodes[i].contains("name")) node.name = f.word("name");
        if (!places.emplace(node.id, static_cast<int>(i)).second)
            f.fail(fmt::format("the id {} stands twice", node.id));
        problem.nodes.push_back(std::move(node));
    }
    read_edges(root, places, problem);
    for (size_t i = 0; i < nodes.size(); ++i) {
        SplitNode& node = problem.nodes[i];
        const Fields f = root.inside(nodes[i], fmt::format("nodes[{}] ({})", i, node.id));
        std::map<int, SplitWays> ways;
        for (const auto& [t, list] : f.object("TMPCs").items()) {
            SplitWays w = read_ways(f, t, list, {problem, node});
            if (!w.variants.empty()) ways[w.t] = std::move(w);
        }
        for (auto& [t, w] : ways) node.ways.push_back(std::move(w));
        if (node.ways.empty()) f.fail("'TMPCs' has no variant");
    }
    verify(problem);
    return problem;
}

}  // namespace smeaton::place
