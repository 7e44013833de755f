#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "place/chain.h"

namespace smeaton::place {

namespace {

constexpr int kMostDevices = 1'000'000;

void require(bool holds, const ChainProblem& problem, const std::string& message) {
    if (!holds) throw UserError("{}: {}", problem.name, message);
}

void verify(const ChainProblem& problem, const ChainWidth& width) {
    const std::string where = fmt::format("t = {}: ", width.t);
    require(width.t >= 1, problem, where + "a width is a whole number from 1 on");
    require(!width.layers.empty(), problem, where + "there are no layers");
    std::vector<std::string> names;
    for (const ChainLayer& layer : width.layers) {
        names.push_back(layer.name);
        for (const double v : {layer.parameter_bytes, layer.activation_bytes, layer.forward_time,
                               layer.backward_time})
            require(
                v >= 0 && std::isfinite(v), problem,
                where + fmt::format("layer '{}': {} is to be a number from 0 on", layer.name, v));
    }
    for (const ChainEdge& e : width.edges)
        require(
            e.bytes >= 0 && std::isfinite(e.bytes), problem,
            where + fmt::format("the edge from '{}' to '{}': {} bytes are to be a number from 0 on",
                                names[static_cast<size_t>(e.from)],
                                names[static_cast<size_t>(e.to)], e.bytes));
    const std::vector<int> order = chain_order(problem.name, names, width.edges);
    require(std::is_sorted(order.begin(), order.end()), problem, where + "layers are out of order");
}

/// One way around a cycle among those that are never ready.
std::string cycle_of(const std::vector<std::string>& layers, const std::vector<ChainEdge>& edges,
                     const std::vector<int>& waits) {
    int at = 0;
    while (waits[static_cast<size_t>(at)] == 0) ++at;
    std::vector<int> way;
    while (std::find(way.begin(), way.end(), at) == way.end()) {
        way.push_back(at);
        for (const ChainEdge& e : edges)
            if (e.to == at && waits[static_cast<size_t>(e.from)] > 0) {
                at = e.from;
                break;
            }
    }
    std::string text = "'" + layers[static_cast<size_t>(at)] + "'";
    for (auto i = way.rbegin(); i != way.rend(); ++i) {
        text += " -> '" + layers[static_cast<size_t>(*i)] + "'";
        if (*i == at) break;
    }
    return text;
}

}  // namespace

std::vector<int> chain_order(const std::string& name, const std::vector<std::string>& layers,
                             const std::vector<ChainEdge>& edges) {
    std::vector<int> waits(layers.size(), 0), order, ready;
    std::vector<std::vector<int>> after(layers.size());
    for (const ChainEdge& e : edges) {
        ++waits[static_cast<size_t>(e.to)];
        after[static_cast<size_t>(e.from)].push_back(e.to);
    }
    for (size_t i = 0; i < layers.size(); ++i)
        if (waits[i] == 0) ready.push_back(static_cast<int>(i));
    while (!ready.empty()) {
        if (ready.size() > 1)
            throw UserError(
                "{}: no chain: no edge orders layers '{}' and '{}'; branches are joined in one "
                "layer, or placed by the format of a partition (maxFPGAs)",
                name, layers[static_cast<size_t>(ready[0])], layers[static_cast<size_t>(ready[1])]);
        const int at = ready.back();
        ready.pop_back();
        order.push_back(at);
        for (const int next : after[static_cast<size_t>(at)])
            if (--waits[static_cast<size_t>(next)] == 0) ready.push_back(next);
    }
    if (order.size() < layers.size())
        throw UserError("{}: the layers' edges form a cycle: {}", name,
                        cycle_of(layers, edges, waits));
    return order;
}

void verify(const ChainProblem& problem) {
    require(problem.devices >= 1 && problem.devices <= kMostDevices, problem,
            fmt::format("{} devices: expected a whole number from 1 to {}", problem.devices,
                        kMostDevices));
    require(problem.memory_bytes > 0 && std::isfinite(problem.memory_bytes), problem,
            fmt::format("a memory of {} bytes a device: expected a number above 0",
                        problem.memory_bytes));
    require(problem.bandwidth > 0 && std::isfinite(problem.bandwidth), problem,
            fmt::format("a bandwidth of {}: expected a number above 0", problem.bandwidth));
    require(
        problem.microbatches >= 1, problem,
        fmt::format("{} microbatches: expected a whole number from 1 on", problem.microbatches));
    require(!problem.widths.empty(), problem, "there are no layers");
    for (const ChainWidth& width : problem.widths) verify(problem, width);
    if (problem.fixed)
        require(problem.fixed->p >= 1 && problem.fixed->t >= 1 && problem.fixed->d >= 1 &&
                    problem.fixed->repeated_layers >= 1,
                problem, "the fixed plan: p, t, d and the number of layers are from 1 on");
}

}  // namespace smeaton::place
