#include "driver/pipeline.h"

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "base/workers.h"
#include "cost/oracle.h"
#include "driver/entry.h"
#include "driver/resume.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/narrow.h"
#include "gir/rewrite/tile.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "lower/evaluate.h"
#include "lower/lower.h"
#include "model/bind_dims.h"
#include "model/rewrite/simplify.h"
#include "model/shape/infer.h"
#include "model/states.h"
#include "model/text/text.h"

namespace smeaton::driver {

std::vector<std::string> skip_names() {
    std::set<std::string> known = {"simplify", "fuse", "layout"};
    known.insert(gir::rewrite::rule_names().begin(), gir::rewrite::rule_names().end());
    for (const std::string& pass : model::simplify_passes()) known.insert(pass);
    return {known.begin(), known.end()};
}

void check_skip(const std::set<std::string>& skip) {
    const std::vector<std::string> known = skip_names();
    for (const std::string& name : skip) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string list;
        for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
        throw UserError("--skip {}: no such rule, pass or stage{}; there are {}", name,
                        nearest_hint(name, known), list);
    }
}

static model::Graph bind(const model::Graph& graph, const Specialisation& wanted) {
    model::DimBindings bindings = model::dim_bindings(graph, wanted.dims);
    bindings.fed_shapes = wanted.shapes;
    model::Graph bound = model::bind_dims(graph, bindings);
    model::require_sized_states(bound);
    return bound;
}

/// A gradient's nodes, and an update's, are the part of one operator or of one parameter; `names`:
/// of all nodes.
static std::string operator_of(const std::string& node, const std::set<std::string>& names) {
    const size_t gradient = node.find(".grad.");
    if (gradient != std::string::npos) return node.substr(0, gradient) + ".grad";
    const std::string update = "optimizer.";
    if (node.rfind(update, 0) == 0) return node.substr(0, node.rfind('.'));
    const std::string before = node.substr(0, node.rfind('.'));
    return names.count(before) > 0 ? before : node;  // what training adds to a node
}

// Of a graph or of an entry: the other is null.
static Tuned run_stages(const model::Graph* graph, const Entry* entry, const Specialisation& wanted,
                        const gir::Target& target, const PipelineOptions& options,
                        StageRunner& runner) {
    Tuned t;
    model::Graph bound;
    auto graph_text = [&] { return model::print(t.graph.graph); };
    auto program_text = [&] { return gir::print(t.program); };
    auto verified = [&](const char* stage) {
        if (options.verify) gir::verify(t.program, stage);
    };
    auto verified_on_target = [&](const char* stage) {
        if (options.verify) gir::verify(t.program, stage, {gir::capacities(target)});
    };
    auto stage_on = [&](const char* name) { return options.skip.count(name) == 0; };
    // A stage whose dump was handed in makes what stands there; those between the first program and
    // it need not run.
    const std::optional<Resume>& resume = options.resume;
    auto takes = [&](const char* stage) { return resume && resume->stage == stage; };
    auto is_made = [&](const char* stage) {
        return (resume && !is_before(resume->stage, stage)) ||
               (entry && !is_before(entry->stage, stage));
    };
    auto graph_stage = [&](const char* stage, const std::function<void()>& body,
                           const std::function<std::string()>& text) {
        if (graph) runner.run(stage, body, text);
    };
    auto program_stage = [&](const char* stage, const std::function<void()>& body) {
        if (entry && is_before(stage, entry->stage)) return;
        runner.run(
            stage,
            [&] {
                if (!is_made(stage)) body();
                if (takes(stage)) t.program = resumed_program(*resume, t.lowered);
                // A text that is handed in behind `tile` may leave places open.
                if (!is_before(stage, "tile"))
                    t.program = gir::rewrite::placed(std::move(t.program), target);
            },
            program_text);
    };
    auto take_graph = [&](const char* stage) {
        if (takes(stage))
            t.graph = model::infer_shapes(resumed_graph(*resume, t.graph.graph), wanted.values,
                                          lower::evaluate);
    };
    using namespace gir::rewrite;
    Rules rules;
    rules.skip = options.skip;
    rules.oracle = cost::oracle_on(target);
    auto names = std::make_shared<std::set<std::string>>();
    if (options.operators_apart)
        rules.part_of = [&, names](const std::string& node) {
            if (names->empty())
                for (const model::Node& n : t.graph.graph.nodes) names->insert(n.name);
            return operator_of(node, *names);
        };
    rules = sized_for(target, std::move(rules));
    if (options.explain) {
        rules.verify = options.verify;
        rules.log = &t.explained.log;
        for (size_t i = target.levels.size(); i-- > 1;)
            t.explained.levels.push_back(target.levels[i].name.str());
    }
    auto effect = [&](Prices::Kind kind) {
        return options.explain ? effect_of(t.program, rules, kind) : Effect{};
    };

    // Shapes fed win over shapes declared, so they go in before anything is inferred.
    graph_stage(
        "bind",
        [&] {
            bound = bind(*graph, wanted);
            if (takes("bind")) bound = resumed_graph(*resume, bound);
        },
        [&] { return model::print(bound); });
    graph_stage(
        "shapes",
        [&] {
            t.graph = model::infer_shapes(bound, wanted.values, lower::evaluate);
            take_graph("shapes");
            model::check_states(t.graph.graph);
        },
        graph_text);
    t.unfolded = t.graph;
    // Folding needs shapes; what it folds gives more shapes, so simplify infers again as it goes.
    graph_stage(
        "simplify",
        [&] {
            if (!stage_on("simplify")) return take_graph("simplify");
            model::SimplifyOptions simplify;
            for (const std::string& pass : model::simplify_passes())
                if (options.skip.count(pass) > 0) simplify.skip.insert(pass);
            t.graph = model::simplify(t.graph, lower::evaluate, simplify);
            take_graph("simplify");
        },
        graph_text);
    // From here on one description: every byte that moves is in the program.
    auto first_program = [&] {
        t.program = entry ? entered_program(*entry, wanted, target) : lower::lower(t.graph);
        if (options.products)
            t.program = gir::rewrite::narrow_products(std::move(t.program), *options.products);
        t.lowered = t.program;
        verified("lower");
        if (takes("lower")) t.program = t.lowered = resumed_program(*resume, t.lowered);
    };
    if (entry && is_before("lower", entry->stage))
        first_program();
    else
        runner.run("lower", first_program, program_text);
    t.explained.lowered = effect(Prices::Kind::Tiled);
    // Fusing before layouts: a value that stays in a tile needs no layout.
    program_stage("fuse", [&] {
        if (stage_on("fuse")) t.program = fuse(t.program, rules);
        verified("fuse");
    });
    // Layouts before tiles: the lanes follow from how results lie in memory.
    program_stage("layout", [&] {
        if (!stage_on("layout")) return;
        t.program = choose_layouts(t.program, target, rules);
        t.program = add_borders(t.program, target, rules);
        verified("layout");
    });
    t.explained.shaped = effect(Prices::Kind::Tiled);
    t.explained.shaped_as_it_stands = effect(Prices::Kind::Standing);
    // From here on kernels are worked on by themselves, by all cores; nothing depends on how many.
    std::optional<Workers> workers;
    program_stage("tile", [&] {
        rules.workers = &workers.emplace(0);
        t.program = tile(t.program, target, rules);
        t.program = claimed_for(t.program, target, rules);
        t.program = bordered_for(t.program, rules);
        verified_on_target("tile");
    });
    // What is still open becomes text; from here on nobody chooses.
    program_stage("spell", [&] {
        t.program = spelled_for(t.program, target, rules);
        if (options.finish) t.program = options.finish(t.program);
        verified("spell");
    });
    t.explained.spelled = effect(Prices::Kind::Standing);
    return t;
}

Tuned tune(const model::Graph& graph, const Specialisation& wanted, const gir::Target& target,
           const PipelineOptions& options, StageRunner& runner) {
    return run_stages(&graph, nullptr, wanted, target, options, runner);
}

Tuned tune(const Entry& entry, const Specialisation& wanted, const gir::Target& target,
           const PipelineOptions& options, StageRunner& runner) {
    return run_stages(nullptr, &entry, wanted, target, options, runner);
}

}  // namespace smeaton::driver
