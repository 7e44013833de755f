#include "driver/resume.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "driver/stages.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "model/shape/known.h"
#include "model/text/text.h"

namespace smeaton::driver {

namespace {

std::string stage_list(const std::vector<std::string>& stages) {
    std::string list;
    for (const std::string& s : stages) list += (list.empty() ? "" : ", ") + s;
    return list;
}

/// What is fed, given and kept, in order: memory that others hand in, so of the sizes that they
/// know. Views of it are the program's own.
std::vector<std::string> ports_of(const gir::Program& p) {
    std::vector<std::string> out;
    for (const gir::Buffer& b : p.buffers) {
        const bool state = b.lifetime == gir::Lifetime::State;
        const bool port =
            state || b.lifetime == gir::Lifetime::Input || b.lifetime == gir::Lifetime::Output;
        if (!port || !b.alias_of.empty()) continue;
        std::vector<tensor::Dim> sizes;
        for (const gir::NamedDim& d : b.dims) sizes.push_back(d.extent);
        out.push_back(fmt::format(
            "{} {} {}{}{}", gir::name(b.lifetime), b.name, model::describe(b.dtype, sizes),
            b.layout.dense() ? "" : " in a layout", state ? " of " + b.value_name : ""));
    }
    return out;
}

/// Outputs without sizes, which the stages behind find anew.
std::vector<std::string> ports_of(const model::Graph& graph) {
    std::vector<std::string> out;
    for (model::ValueId id : graph.inputs) {
        const model::Value& v = graph.at(id);
        out.push_back(fmt::format("input {} {}", v.name, model::describe(v.dtype, v.shape)));
    }
    for (model::ValueId id : graph.outputs) out.push_back("output " + graph.at(id).name);
    for (const model::StatePair& s : graph.states)
        out.push_back(fmt::format("{} into {}", graph.at(graph.outputs[s.output]).name,
                                  graph.at(graph.inputs[s.input]).name));
    return out;
}

void check_ports(const std::string& file, const std::vector<std::string>& found,
                 const std::vector<std::string>& wanted) {
    if (found == wanted) return;
    const auto [f, w] = std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end());
    throw UserError(
        "--resume {}: its inputs, outputs and states are not those of the model: {} in place of {}",
        file, f == found.end() ? "nothing" : "'" + *f + "'",
        w == wanted.end() ? "nothing" : "'" + *w + "'");
}

}  // namespace

Resume read_resume(const std::string& path) {
    std::ifstream in(path);
    if (!in) throw UserError("--resume {}: cannot read it", path);
    Resume r;
    r.file = path;
    r.text.assign(std::istreambuf_iterator<char>(in), {});
    static const std::vector<std::string> stages = {"bind", "shapes", "simplify", "lower",
                                                    "fuse", "layout", "tile",     "spell"};
    const std::optional<std::string> stage = dumped_stage(r.text);
    if (!stage)
        throw UserError(
            "--resume {}: expected a dump, whose first line is '# after STAGE'; "
            "--dump DIR writes them",
            path);
    r.stage = *stage;
    if (std::find(stages.begin(), stages.end(), r.stage) == stages.end())
        throw UserError("--resume {}: the stage '{}' cannot be taken up; those that can are {}",
                        path, r.stage, stage_list(stages));
    if (is_unchanged(r.text))
        throw UserError("--resume {}: this stage changed nothing; take the dump before it", path);
    return r;
}

gir::Program resumed_program(const Resume& r, const gir::Program& lowered) {
    gir::Program p = gir::parse_program(r.text, r.file, gir::large_constants(lowered));
    check_ports(r.file, ports_of(p), ports_of(lowered));
    std::vector<std::string> faults = gir::find_faults(p);
    if (!faults.empty()) throw UserError("--resume {}: {}", r.file, faults[0]);
    return p;
}

model::Graph resumed_graph(const Resume& r, const model::Graph& graph) {
    model::Graph resumed = model::parse(r.text, r.file, model::large_constants(graph));
    check_ports(r.file, ports_of(resumed), ports_of(graph));
    return resumed;
}

}  // namespace smeaton::driver
