#include "driver/study/groups.h"

#include <algorithm>
#include <set>

namespace smeaton::driver {

namespace {

double number(const Dim& d) {
    return d.is_const() ? static_cast<double>(d.value()) : 0;
}

std::string type_text(const model::Value& value) {
    std::string sizes;
    for (const Dim& d : value.shape.value_or(std::vector<Dim>{}))
        sizes += (sizes.empty() ? "" : ",") + d.str();
    return fmt::format("{}[{}]", value.dtype ? tensor::name(*value.dtype) : "?", sizes);
}

std::string shape_text(const model::Graph& graph, const model::Node& node) {
    constexpr size_t kOperands = 2;
    std::string operands;
    for (size_t k = 0; k < std::min(node.inputs.size(), kOperands); ++k)
        if (node.inputs[k].valid())
            operands += (operands.empty() ? "" : ", ") + type_text(graph.at(node.inputs[k]));
    std::string result;
    for (model::ValueId id : node.outputs)
        if (result.empty() && id.valid()) result = type_text(graph.at(id));
    return fmt::format("{} {} → {}", node.op_name, operands, result);
}

using RowOf = std::map<std::string, const OperatorRow*>;

/// The parts of a kernel's time that its nodes take; they add up to 1.
std::vector<double> shares_of(const MeasuredKernel& k, const RowOf& row_of) {
    std::vector<double> flops;
    double all = 0;
    for (const std::string& node : k.ops) {
        auto found = row_of.find(node);
        flops.push_back(found == row_of.end() ? 0 : number(found->second->flops));
        all += flops.back();
    }
    for (double& f : flops) f = all > 0 ? f / all : 1 / static_cast<double>(k.ops.size());
    return flops;
}

constexpr const char* kNoNode = "(made by the compiler)";

}  // namespace

GroupOf by_operator(const InspectResult& summary) {
    GroupOf groups;
    for (const OperatorRow& row : summary.rows) groups[row.node] = row.op;
    return groups;
}

GroupOf by_shape(const model::Graph& graph) {
    GroupOf groups;
    for (const model::Node& node : graph.nodes) groups[node.name] = shape_text(graph, node);
    return groups;
}

GroupOf by_block(const model::Graph& graph, const model::Blocks& blocks) {
    GroupOf groups;
    for (const model::Block& block : blocks.blocks)
        for (model::NodeId id : block.nodes)
            for (const std::string& origin : graph.at(id).origins) groups[origin] = block.name;
    return groups;
}

std::vector<TimeGroup> time_groups(const InspectResult& summary,
                                   const std::vector<MeasuredKernel>& kernels,
                                   const GroupOf& group_of) {
    RowOf row_of;
    for (const OperatorRow& row : summary.rows) row_of[row.node] = &row;
    std::map<std::string, TimeGroup> by_name;
    std::set<std::string> counted;
    double all_us = 0;
    auto add = [&](const std::string& group, const MeasuredKernel& k, double share) -> TimeGroup& {
        TimeGroup& g = by_name[group];
        g.time_us += share * k.time_us;
        g.bound_us += share * k.efficiency * k.time_us;
        return g;
    };
    for (const MeasuredKernel& k : kernels) {
        all_us += k.time_us;
        if (k.ops.empty()) add(kNoNode, k, 1);
        const std::vector<double> shares = shares_of(k, row_of);
        for (size_t i = 0; i < k.ops.size(); ++i) {
            auto group = group_of.find(k.ops[i]);
            auto row = row_of.find(k.ops[i]);
            TimeGroup& g = add(group == group_of.end() ? kNoNode : group->second, k, shares[i]);
            if (row == row_of.end() || !counted.insert(k.ops[i]).second) continue;
            ++g.nodes;
            g.flops += number(row->second->flops);
            g.bytes += number(row->second->read_bytes) + number(row->second->written_bytes);
        }
    }
    std::vector<TimeGroup> groups;
    for (auto& [name, g] : by_name) {
        g.name = name;
        if (all_us > 0) g.share = g.time_us / all_us;
        if (g.time_us > 0) g.reached = g.bound_us / g.time_us;
        groups.push_back(g);
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) { return a.time_us > b.time_us; });
    return groups;
}

}  // namespace smeaton::driver
