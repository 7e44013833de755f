#include "driver/pipeline.h"

#include "base/error.h"
#include "gir/rewrite/claim.h"
#include "gir/rewrite/fuse.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/spell/spell.h"
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

void check_skip(const std::set<std::string>& skip) {
    std::set<std::string> known = {"simplify", "fuse", "layout"};
    known.insert(gir::rewrite::rule_names().begin(), gir::rewrite::rule_names().end());
    for (const std::string& pass : model::simplify_passes()) known.insert(pass);
    for (const std::string& name : skip) {
        if (known.count(name) > 0) continue;
        std::string list;
        for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
        throw UserError("--skip {}: no such rule, pass or stage; there are {}", name, list);
    }
}

static model::Graph bind(const model::Graph& graph, const Specialisation& wanted) {
    model::DimBindings bindings = model::dim_bindings(graph, wanted.dims);
    bindings.fed_shapes = wanted.shapes;
    model::Graph bound = model::bind_dims(graph, bindings);
    model::require_sized_states(bound);
    return bound;
}

Tuned tune(const model::Graph& graph, const Specialisation& wanted, const gir::Target& target,
           const PipelineOptions& options, StageRunner& runner) {
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
    gir::rewrite::Rules rules = gir::rewrite::sized_for(target);
    rules.skip = options.skip;
    if (options.explain) rules.log = &t.log;

    // Shapes fed win over shapes declared, so they go in before anything is inferred.
    runner.run(
        "bind", [&] { bound = bind(graph, wanted); }, [&] { return model::print(bound); });
    runner.run(
        "shapes",
        [&] {
            t.graph = model::infer_shapes(bound, wanted.values, lower::evaluate);
            model::check_states(t.graph.graph);
        },
        graph_text);
    t.unfolded = t.graph;
    // Folding needs shapes; what it folds gives more shapes, so simplify infers again as it goes.
    runner.run(
        "simplify",
        [&] {
            if (!stage_on("simplify")) return;
            model::SimplifyOptions simplify;
            for (const std::string& pass : model::simplify_passes())
                if (options.skip.count(pass) > 0) simplify.skip.insert(pass);
            t.graph = model::simplify(t.graph, lower::evaluate, simplify);
        },
        graph_text);
    // From here on one description: every byte that moves is in the program.
    runner.run(
        "lower",
        [&] {
            t.program = t.lowered = lower::lower(t.graph);
            verified("lower");
        },
        program_text);
    // Fusing before layouts: a value that stays in a tile needs no layout.
    runner.run(
        "fuse",
        [&] {
            if (stage_on("fuse")) t.program = gir::rewrite::fuse(t.program, rules);
            verified("fuse");
        },
        program_text);
    // Layouts before tiles: the lanes follow from how results lie in memory.
    runner.run(
        "layout",
        [&] {
            if (!stage_on("layout")) return;
            t.program = gir::rewrite::choose_layouts(t.program, target, rules);
            t.program = gir::rewrite::add_borders(t.program, target, rules);
            verified("layout");
        },
        program_text);
    runner.run(
        "tile",
        [&] {
            t.program = gir::rewrite::tile(t.program, target);
            t.program = gir::rewrite::claim_residents(t.program, target, rules);
            verified_on_target("tile");
        },
        program_text);
    // What is still open becomes text; from here on nobody chooses.
    runner.run(
        "spell",
        [&] {
            t.program = gir::rewrite::spell(t.program, target);
            verified("spell");
        },
        program_text);
    return t;
}

}  // namespace smeaton::driver
