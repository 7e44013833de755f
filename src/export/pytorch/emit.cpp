#include "export/pytorch/emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "export/pytorch/classes.h"
#include "export/pytorch/companions.h"
#include "export/pytorch/print_clusters.h"
#include "export/pytorch/print_model.h"
#include "export/pytorch/tied.h"
#include "export/pytorch/train.h"
#include "export/pytorch/weights.h"

namespace smeaton::pytorch {

namespace {

double bytes_of(const model::Value& v, const tensor::Bindings& bind) {
    double elements = 1;
    for (const Dim& d : *v.shape) {
        const Dim bound = d.bind(bind);
        SMEATON_CHECK(bound.is_const(), "'{}' has the open size {}", v.name, bound.str());
        elements *= static_cast<double>(bound.value());
    }
    return elements * tensor::bits(*v.dtype) / 8;
}

}  // namespace

Export::Export(model::Inferred simplified) : inferred_(std::move(simplified)) {
    tree_ = make_tree(source());
    order_ = statement_order(tree_);
}

schedule::TaskGraph Export::tasks(const tensor::Bindings& bind) const {
    schedule::TaskGraph tasks;
    std::map<int32_t, int> maker;
    for (size_t k = 0; k < order_.size(); ++k) {
        const Statement& s = tree_.statements[static_cast<size_t>(order_[k])];
        schedule::Task task;
        task.name =
            s.nodes.empty() ? graph().at(s.results.at(0)).name : graph().at(s.nodes.back()).name;
        task.durations_us = {0};
        for (ValueId id : s.results)
            if (id.valid()) task.output_bytes += bytes_of(graph().at(id), bind);
        const int number = static_cast<int>(k);
        for (ValueId id : reads_of(s)) {
            const auto made = maker.find(id.v);
            if (made == maker.end()) continue;
            tasks.edges.push_back({{made->second}, {number}, 0, bytes_of(graph().at(id), bind)});
        }
        for (ValueId id : s.results)
            if (id.valid()) maker[id.v] = number;
        tasks.tasks.push_back(std::move(task));
    }
    schedule::merge_edges(tasks);
    return tasks;
}

namespace {

/// Where each node and initializer of the file went.
std::string map_text(const Source& source, const Tree& tree, const Classes& classes,
                     const Paths& paths, const ModelFile& model, const ClustersFile& clusters,
                     const std::vector<StoredTensor>& tensors) {
    nlohmann::ordered_json nodes = nlohmann::ordered_json::object();
    std::map<int32_t, int> statement_of;
    for (size_t s = 0; s < tree.statements.size(); ++s)
        for (NodeId n : tree.statements[s].nodes) statement_of[n.v] = static_cast<int>(s);
    for (size_t u = 0; u < tree.units.size(); ++u) {
        const auto c = static_cast<size_t>(classes.class_of[u]);
        for (size_t k = 0; k < classes.nodes[u].size(); ++k)
            for (NodeId n : classes.nodes[u][k]) {
                const model::Node& node = source.graph.at(n);
                nlohmann::ordered_json row;
                row["operator"] = node.op_name;
                row["class"] = classes.classes[c].name;
                row["module"] = paths.keys[u];
                row["line"] = model.lines[c][k];
                const int s = statement_of.at(n.v);
                row["cluster"] = clusters.cluster_of.at(s);
                row["clusters_line"] = clusters.line_of.at(s);
                if (node.origins.size() > 1) row["stands_for"] = node.origins;
                nodes[node.name] = std::move(row);
            }
    }
    nlohmann::ordered_json weights = nlohmann::ordered_json::object();
    for (const StoredTensor& t : tensors)
        if (t.weight.from != Weight::From::Zero)
            weights[source.graph.at(t.weight.constant).name].push_back(t.name);
    nlohmann::ordered_json all = {{"nodes", nodes}, {"initializers", weights}};
    return all.dump(1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

constexpr const char* kRuff =
    "# What the source is formatted to; ruff's own lines are 88 columns.\nline-length = 100\n";

}  // namespace

Emitted emit(const Export& what, const ClusterPlan& plan, const EmitOptions& options) {
    const Source source = what.source();
    const Classes classes = make_classes(source, what.tree());
    const Paths paths = paths_of(what.tree(), classes);
    Emitted out;
    out.tensors = stored_tensors(source, what.tree(), classes, paths);
    const ModelFile model = print_model(source, what.tree(), classes,
                                        tied_parameters(source.graph, out.tensors), options);
    const ClustersFile clusters =
        print_clusters(source, what.tree(), classes, plan, what.order(), options);
    out.files = {{"model.py", model.text},
                 {"clusters.py", clusters.text},
                 {"model_map.json",
                  map_text(source, what.tree(), classes, paths, model, clusters, out.tensors)},
                 {"check.py", check_text(source)},
                 {"README.md", readme_text(source, plan, options)},
                 {"ruff.toml", kRuff}};
    if (options.train) out.files.push_back({"train.py", train_text(source, *options.train)});
    return out;
}

}  // namespace smeaton::pytorch
