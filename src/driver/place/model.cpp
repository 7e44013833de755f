#include "driver/place/model.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "driver/batch.h"
#include "driver/feeds.h"
#include "driver/model_file.h"
#include "driver/naming.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/blocks/blocks.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/shape/view.h"
#include "model/unsupported.h"

namespace smeaton::driver {

namespace {

using model::Graph;
using model::NodeId;
using model::ValueId;

/// Sizes that are still open, those of the sequence, get its length.
Graph with_sequence(Graph graph, int64_t sequence) {
    std::map<std::string, int64_t> sizes;
    for (const ValueId id : graph.inputs) {
        const model::Value& input = graph.at(id);
        if (!input.shape) continue;
        for (size_t axis = 0; axis < input.shape->size(); ++axis)
            if (!(*input.shape)[axis].is_const())
                sizes[input.name + ":" + std::to_string(axis)] = sequence;
    }
    if (sizes.empty()) return graph;
    if (sequence <= 0)
        throw UserError("sizes of it are open ({}): give --sequence N, or --dim NAME=VALUE",
                        sizes.begin()->first);
    const model::DimBindings bindings = model::dim_bindings(graph, sizes);
    return model::bind_dims(std::move(graph), bindings);
}

model::ShapedGraph shaped_model(const LayersRequest& request) {
    ModelFile file = read_model_file(request.model);
    Graph graph = std::move(file.graph);
    model::refuse_unsupported(graph);
    std::map<std::string, int64_t> dims = parse_dims(request.dims);
    int64_t sequence = request.sequence;
    if (file.facts) {
        if (sequence == 0) sequence = file.facts->max_positions;
        if (file.facts->max_positions > 0 && sequence > file.facts->max_positions)
            throw UserError("--sequence {}: the model takes {} at most", sequence,
                            file.facts->max_positions);
        std::vector<std::string> warnings;
        dims = with_tokens(graph, request.microbatch, sequence, std::move(dims), warnings);
    } else {
        graph = with_batch(std::move(graph), request.microbatch);
    }
    graph = model::bind_dims(graph, model::dim_bindings(graph, dims));
    graph = with_sequence(std::move(graph), sequence);
    model::ShapedGraph shaped = inferred_for_batch(std::move(graph), request.microbatch);
    model::SimplifyOptions options;
    options.skip = {"fold_affine"};  // a training step keeps its norms
    return model::simplify(std::move(shaped), lower::evaluate, options);
}

/// The longest run of layers of one kind.
void find_repeated(LayeredModel& m) {
    const auto count = static_cast<int>(m.layers.size());
    for (int from = 0; from < count;) {
        int end = from + 1;
        while (end < count &&
               m.layers[static_cast<size_t>(end)].kind == m.layers[static_cast<size_t>(from)].kind)
            ++end;
        if (end - from > m.repeated_count) m.repeated_first = from, m.repeated_count = end - from;
        from = end;
    }
}

}  // namespace

LayeredModel layered_model(model::ShapedGraph shaped) {
    LayeredModel m;
    m.figures = model_layers(std::move(shaped));
    for (size_t i = 0; i < m.figures.blocks.blocks.size(); ++i) {
        const model::Block& block = m.figures.blocks.blocks[i];
        const LayerFigures& figures = m.figures.of(i);
        m.layers.push_back({block.name, block.kind, block.nodes,
                            static_cast<double>(figures.parameters), figures.kept,
                            m.figures.boundaries[i]});
    }
    find_repeated(m);
    return m;
}

LayeredModel layered_model(const LayersRequest& request) {
    return naming(request.model, [&] { return layered_model(shaped_model(request)); });
}

double results_bytes(const Graph& graph, const std::vector<NodeId>& nodes, double element_bytes) {
    double sum = 0;
    for (const NodeId n : nodes)
        for (const ValueId id : graph.at(n).outputs)
            if (id.valid() && !graph.at(id).constant)
                sum += element_bytes * static_cast<double>(elements_of(graph, id));
    return sum;
}

}  // namespace smeaton::driver
