#include "driver/pipeline.h"

#include <algorithm>

#include "base/error.h"
#include "gir/interp/interp.h"
#include "gir/print.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/tile.h"
#include "gir/verify.h"
#include "lower/lower.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/text/print.h"
#include "model/verify.h"

namespace smeaton::driver {

void check_skip(const std::set<std::string>& skip) {
    std::set<std::string> known = {"simplify", "fuse", "layout"};
    known.insert(gir::rewrite::rule_names().begin(), gir::rewrite::rule_names().end());
    for (const std::string& name : skip) {
        if (known.count(name) > 0) continue;
        std::string list;
        for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
        throw UserError("--skip {}: no such rule or stage; there are {}", name, list);
    }
}

Tuned tune(const model::Graph& graph, const Specialisation& wanted, const gir::Target& target,
           const PipelineOptions& options, StageRunner& runner) {
    Tuned t;
    model::Graph bound;
    auto graph_text = [&] { return model::print(t.graph.graph); };
    auto program_text = [&] { return gir::print(t.program); };
    auto stage_on = [&](const char* name) { return options.skip.count(name) == 0; };
    gir::rewrite::Rules rules;
    rules.skip = options.skip;
    if (options.explain) rules.log = &t.log;

    // Shapes fed win over shapes declared, so they go in before anything is inferred.
    runner.run("bind", [&] { bound = model::bind_dims(graph, wanted.shapes, wanted.dims); },
               [&] { return model::print(bound); });
    runner.run("shapes", [&] { t.graph = model::infer_shapes(bound, wanted.values, evaluate_node); },
               graph_text);
    t.unfolded = t.graph;
    // Folding needs shapes; what it folds gives more shapes, so simplify infers again as it goes.
    runner.run("simplify", [&] { if (stage_on("simplify")) t.graph = model::simplify(t.graph, evaluate_node); },
               graph_text);
    // From here on one description: every byte that moves is in the program.
    runner.run("lower", [&] { t.program = t.lowered = lower::lower(t.graph); }, program_text);
    // Fusing before layouts: a value that stays in a tile needs no layout.
    runner.run("fuse", [&] { if (stage_on("fuse")) t.program = gir::rewrite::fuse(t.program, rules); },
               program_text);
    // Layouts before tiles: the lanes follow from how results lie in memory.
    runner.run("layout", [&] {
        if (!stage_on("layout")) return;
        t.program = gir::rewrite::choose_layouts(t.program, rules);
        t.program = gir::rewrite::add_borders(t.program, rules);
    }, program_text);
    runner.run("tile", [&] { t.program = gir::rewrite::tile(t.program, target); }, program_text);
    return t;
}

std::optional<std::vector<tensor::Tensor>> evaluate_node(
    const model::Node& node, const std::vector<std::optional<tensor::Tensor>>& inputs) {
    model::Graph graph;
    graph.name = "fold";
    model::Node copy = node;
    copy.inputs.clear();
    copy.outputs.clear();
    auto add = [&](std::string name) {
        graph.values.push_back({std::move(name), {}, {}, {}});
        return model::ValueId{static_cast<int32_t>(graph.values.size()) - 1};
    };
    std::map<Name, tensor::Tensor> feeds;
    for (size_t i = 0; i < inputs.size(); ++i) {
        if (!inputs[i]) {
            copy.inputs.push_back({});
            continue;
        }
        model::ValueId id = add(fmt::format("in{}", i));
        graph.at(id).dtype = inputs[i]->dtype();
        graph.at(id).constant = *inputs[i];
        copy.inputs.push_back(id);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
        bool wanted = node.outputs[i].valid();
        copy.outputs.push_back(wanted ? add(fmt::format("out{}", i)) : model::ValueId{});
        if (wanted) graph.outputs.push_back(copy.outputs.back());
    }
    graph.nodes.push_back(copy);
    gir::Program program = lower::lower(model::infer_shapes(graph));
    gir::interp::Result result = gir::interp::run(program, {});
    // Output buffers stand in the graph's order.
    std::vector<tensor::Tensor> made;
    auto next = program.buffers.begin();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
        if (!node.outputs[i].valid()) {
            made.emplace_back();
            continue;
        }
        next = std::find_if(next, program.buffers.end(), [](const gir::Buffer& b) {
            return b.lifetime == gir::Lifetime::Output;
        });
        SMEATON_CHECK(next != program.buffers.end(), "an output of {} is missing", node.name);
        made.push_back(result.outputs.at(next->name));
        ++next;
    }
    return made;
}

}  // namespace smeaton::driver
