// PHAZE's format:
//
//     {"maxMemoryPerDevice": …, "maxDevices": …, "bandwidth": …, "mbsInBatch": …,
//      "activationRecomputation": true, "optimizerAlgorithm": "SGD" | "Adam",
//      "nodes": {"1": [{"id", "parameterSize", "activationSize", "optimalLatencyFw",
//                       "optimalLatencyBw", "isTensorParallelized"}, …], "2": …},
//      "edges": {"1": [{"sourceId", "destId", "communicationCost"}, …], …},
//      "fixedPP", "fixedTMPC", "fixedDP", "numTransformerLayers"}
#include <map>

#include "place/read/formats.h"

namespace smeaton::place {

namespace {

std::vector<ChainLayer> read_layers(const Fields& at, const Json& list,
                                    std::map<std::string, int>& places) {
    std::vector<ChainLayer> layers;
    for (size_t i = 0; i < list.size(); ++i) {
        const Fields f = at.inside(list[i], fmt::format("nodes[{}]", i));
        ChainLayer layer;
        layer.name = f.word("id");
        layer.id = list[i]["id"].is_number_integer() ? list[i]["id"].get<int64_t>()
                                                     : static_cast<int64_t>(i);
        layer.parameter_bytes = f.amount("parameterSize");
        layer.activation_bytes = f.amount("activationSize");
        layer.forward_time = f.amount("optimalLatencyFw");
        layer.backward_time = f.amount("optimalLatencyBw");
        layer.tensor_parallel = f.truth("isTensorParallelized");
        if (!places.emplace(layer.name, static_cast<int>(i)).second)
            f.fail(fmt::format("the id {} stands twice", layer.name));
        layers.push_back(std::move(layer));
    }
    return layers;
}

ChainWidth read_width(const Fields& root, const std::string& text, const Json& nodes) {
    ChainWidth width;
    if (text.empty() || text.size() > 6 ||
        text.find_first_not_of("0123456789") != std::string::npos || std::stoi(text) < 1)
        root.fail(fmt::format("nodes.{}: a tensor width is a whole number from 1 on", text));
    width.t = std::stoi(text);
    if (!nodes.is_array()) root.fail(fmt::format("nodes.{}: expected a list", text));
    const Json& all = root.object("edges");
    if (!all.contains(text) || !all[text].is_array())
        root.fail(fmt::format("edges.{}: expected a list, as nodes.{} has one", text, text));
    const Fields at = root.inside(all, "t = " + text);
    std::map<std::string, int> places;
    width.layers = read_layers(at, nodes, places);
    for (size_t i = 0; i < all[text].size(); ++i) {
        const Fields f = at.inside(all[text][i], fmt::format("edges[{}]", i));
        width.edges.push_back({place_of(f, "sourceId", places), place_of(f, "destId", places),
                               f.amount("communicationCost")});
        if (width.edges.back().from == width.edges.back().to)
            f.fail("an edge from a node to itself: the layers' edges form a cycle");
    }
    return width;
}

/// Layers in the order that their edges give.
void put_in_order(const std::string& file, ChainWidth& width) {
    std::vector<std::string> names;
    for (const ChainLayer& layer : width.layers) names.push_back(layer.name);
    const std::vector<int> order = chain_order(file, names, width.edges);
    std::vector<ChainLayer> layers;
    std::vector<int> place(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
        layers.push_back(width.layers[static_cast<size_t>(order[i])]);
        place[static_cast<size_t>(order[i])] = static_cast<int>(i);
    }
    width.layers = std::move(layers);
    for (ChainEdge& e : width.edges)
        e.from = place[static_cast<size_t>(e.from)], e.to = place[static_cast<size_t>(e.to)];
}

}  // namespace

ChainProblem read_chain(const Fields& root, const ProblemOverrides& overrides) {
    ChainProblem problem;
    problem.name = root.file();
    problem.memory_bytes =
        overrides.memory_bytes ? *overrides.memory_bytes : root.number("maxMemoryPerDevice");
    problem.devices = overrides.devices ? *overrides.devices : root.whole("maxDevices", -1'000'000);
    problem.bandwidth = root.number("bandwidth");
    problem.microbatches = root.whole("mbsInBatch", -1'000'000);
    problem.recompute =
        root.has("activationRecomputation") && root.truth("activationRecomputation");
    if (root.has("optimizerAlgorithm")) {
        const std::string name = root.word("optimizerAlgorithm");
        if (name != "SGD" && name != "Adam")
            root.fail(fmt::format("'optimizerAlgorithm' is '{}': expected SGD or Adam", name));
        problem.adam = name == "Adam";
    }
    std::map<int, ChainWidth> widths;
    for (const auto& [t, nodes] : root.object("nodes").items()) {
        ChainWidth width = read_width(root, t, nodes);
        put_in_order(root.file(), width);
        widths[width.t] = std::move(width);
    }
    for (auto& [t, width] : widths) problem.widths.push_back(std::move(width));
    if (root.has("fixedPP") && root.has("fixedTMPC") && root.has("fixedDP") &&
        root.has("numTransformerLayers") && root.number("fixedPP") > 0)
        problem.fixed = FixedPlan{root.whole("fixedPP", 1), root.whole("fixedTMPC", 1),
                                  root.whole("fixedDP", 1), root.whole("numTransformerLayers", 1)};
    verify(problem);
    return problem;
}

}  // namespace smeaton::place
