// Devices on a network, as a file says them (docs/place.md):
//
//     name: dgx-a100
//     groups: [{device: "A100 SXM4 80GB", count: 64}]
//     network:                              # innermost first; counts multiply to the devices
//       - {name: node, count: 8, topology: all_to_all, bandwidth_gb_s: 300, latency_ns: 1000}
//       - {name: cluster, count: 8, topology: fat_tree, bandwidth_gb_s: 25, latency_ns: 5000}
//     protocol: nccl
//
// A network file has no groups. A level of topology `graph` names its links: [device, device,
// number of links].
#pragma once

#include <array>
#include <string>
#include <vector>

namespace smeaton::machine {

enum class NetworkTopology { kAllToAll, kRing, kMesh, kTorus, kFatTree, kGraph };

struct NetworkLevel {
    std::string name;
    int count = 1;  ///< members of one group of the level
    NetworkTopology topology = NetworkTopology::kAllToAll;
    double bandwidth_gb_s = 0;  ///< of one device into the level, one direction; of one link
    double latency_ns = 0;
    std::vector<std::array<int, 3>> links;  ///< of a graph
};

struct DeviceGroup {
    std::string device;  ///< a name of `devices`, or a file
    int count = 1;
};

struct Cluster {
    std::string file, name;
    std::vector<DeviceGroup> groups;  ///< numbered in this order
    std::vector<NetworkLevel> network;
    std::string protocol;  ///< empty: none

    int devices() const;
    /// Bytes a second between one device and the members of a group of the level `level`.
    double link_bytes_per_s(size_t level) const { return network[level].bandwidth_gb_s * 1e9; }
    /// The innermost level whose groups hold so many neighbouring devices.
    size_t level_of(int devices) const;
};

/// A cluster: has groups. UserError names file, line and key: what is no YAML, unknown or missing
/// keys, counts below 1, counts that do not multiply to the devices, links that leave the level.
Cluster read_cluster(const std::string& path);
/// A network: has none; what a cluster says besides its groups stands here too.
Cluster read_network(const std::string& path);

}  // namespace smeaton::machine
