#include "machine/cluster/cluster.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/nearest.h"
#include "machine/yaml_map.h"

namespace smeaton::machine {

namespace {

constexpr double kMostDevices = 1e6;

const std::vector<std::string>& topologies() {
    static const std::vector<std::string> all = {"all_to_all", "ring",     "mesh",
                                                 "torus",      "fat_tree", "graph"};
    return all;
}

NetworkTopology topology_of(YamlMap& map) {
    const std::string word = map.text("topology");
    const auto found = std::find(topologies().begin(), topologies().end(), word);
    if (found == topologies().end())
        map.fail(map.child("topology"),
                 fmt::format("'topology' must be one of {}, got '{}'{}",
                             "all_to_all, ring, mesh, torus, fat_tree, graph", word,
                             nearest_hint(word, topologies())));
    return static_cast<NetworkTopology>(found - topologies().begin());
}

std::array<int, 3> link_of(YamlMap& map, const YAML::Node& node, int count) {
    if (!node.IsSequence() || node.size() != 3)
        map.fail(node, "a link is [device, device, number of links]");
    std::array<int, 3> link{};
    for (size_t i = 0; i < 3; ++i) {
        const auto figure =
            node[i].IsScalar() ? parse_figure(node[i].Scalar(), Quantity::Plain) : std::nullopt;
        const double most = i < 2 ? count - 1 : 1000, least = i < 2 ? 0 : 1;
        if (!figure || *figure < least || *figure > most || *figure != static_cast<int>(*figure))
            map.fail(node[i], fmt::format("a link has devices from 0 to {} and a number from 1 on",
                                          count - 1));
        link[i] = static_cast<int>(*figure);
    }
    if (link[0] == link[1]) map.fail(node, "a link joins two devices");
    return link;
}

NetworkLevel level_of_node(const YAML::Node& node, const std::string& file, size_t number) {
    YamlMap map(node, file, fmt::format("network level {}", number));
    NetworkLevel level;
    level.name = map.text("name");
    level.count = static_cast<int>(map.whole("count", kMostDevices));
    level.topology = topology_of(map);
    const Number bandwidth = map.number("bandwidth_gb_s"), latency = map.number("latency_ns");
    level.bandwidth_gb_s = bandwidth.value, level.latency_ns = latency.value;
    if (!(level.bandwidth_gb_s > 0))
        map.fail(node, fmt::format("'bandwidth_gb_s' is {}: expected a number above 0",
                                   level.bandwidth_gb_s));
    if (level.latency_ns < 0)
        map.fail(node,
                 fmt::format("'latency_ns' is {}: expected a number from 0 on", level.latency_ns));
    for (const YAML::Node& link : map.items("links"))
        level.links.push_back(link_of(map, link, level.count));
    if ((level.topology == NetworkTopology::kGraph) == level.links.empty())
        map.fail(node, "'links' stand with the topology graph, and there alone");
    map.finish();
    return level;
}

Cluster read(const std::string& path, bool groups) {
    const MappedFile mapped = map_file(path);
    YAML::Node root;
    try {
        root = YAML::Load(
            std::string(reinterpret_cast<const char*>(mapped.bytes.data()), mapped.bytes.size()));
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: {}", path, error.mark.line + 1, error.msg);
    }
    YamlMap map(root, path, groups ? "the cluster" : "the network");
    Cluster cluster;
    cluster.file = path;
    cluster.name = map.optional_text("name").value_or(std::filesystem::path(path).stem().string());
    for (const YAML::Node& node : map.items("groups")) {
        YamlMap group(node, path, "a group of devices");
        cluster.groups.push_back(
            {group.text("device"), static_cast<int>(group.whole("count", kMostDevices))});
        group.finish();
    }
    for (const YAML::Node& node : map.items("network"))
        cluster.network.push_back(level_of_node(node, path, cluster.network.size() + 1));
    cluster.protocol = map.optional_text("protocol").value_or("");
    if (!cluster.protocol.empty() && cluster.protocol != "nccl")
        map.fail(map.child("protocol"),
                 fmt::format("'protocol' is '{}': expected nccl, or none", cluster.protocol));
    map.finish();
    if (cluster.network.empty()) map.fail(root, "'network' is to be a list of levels");
    if (groups && cluster.groups.empty())
        map.fail(root, "'groups' is to be a list of {device, count}");
    double members = 1;
    for (const NetworkLevel& level : cluster.network) members *= level.count;
    if (groups && members != cluster.devices())
        map.fail(root, fmt::format("the counts of the network's levels multiply to {}, the groups "
                                   "have {} devices",
                                   members, cluster.devices()));
    return cluster;
}

}  // namespace

int Cluster::devices() const {
    double sum = 0;
    for (const DeviceGroup& group : groups) sum += group.count;
    if (groups.empty()) {
        sum = 1;
        for (const NetworkLevel& level : network) sum *= level.count;
    }
    if (sum > kMostDevices) throw UserError("{}: more than {} devices", file, kMostDevices);
    return static_cast<int>(sum);
}

size_t Cluster::level_of(int devices) const {
    double members = 1;
    for (size_t i = 0; i < network.size(); ++i) {
        members *= network[i].count;
        if (members >= devices) return i;
    }
    return network.size() - 1;
}

Cluster read_cluster(const std::string& path) {
    return read(path, true);
}

Cluster read_network(const std::string& path) {
    return read(path, false);
}

}  // namespace smeaton::machine
