#include "driver/resume.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "driver/stages.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"
#include "model/text/text.h"

namespace smeaton::driver {

namespace {

std::string stage_list(const std::vector<std::string>& stages) {
    std::string list;
    for (const std::string& s : stages) list += (list.empty() ? "" : ", ") + s;
    return list;
}

/// Names and lifetimes of what is fed and given, in order.
std::vector<std::pair<Name, gir::Lifetime>> ports_of(const gir::Program& p) {
    std::vector<std::pair<Name, gir::Lifetime>> out;
    for (const gir::Buffer& b : p.buffers)
        if (b.lifetime == gir::Lifetime::Input || b.lifetime == gir::Lifetime::Output)
            out.emplace_back(b.name, b.lifetime);
    return out;
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
    std::string head = r.text.substr(0, r.text.find('\n'));
    const std::string mark = dump_head("").substr(0, dump_head("").size() - 1);
    if (head.rfind(mark, 0) != 0)
        throw UserError(
            "--resume {}: expected a dump, whose first line is '# after STAGE'; "
            "--dump DIR writes them",
            path);
    r.stage = head.substr(mark.size());
    if (std::find(stages.begin(), stages.end(), r.stage) == stages.end())
        throw UserError("--resume {}: the stage '{}' cannot be taken up; those that can are {}",
                        path, r.stage, stage_list(stages));
    if (r.text.find("\n(unchanged)") != std::string::npos)
        throw UserError("--resume {}: this stage changed nothing; take the dump before it", path);
    return r;
}

gir::Program resumed_program(const Resume& r, const gir::Program& lowered) {
    gir::Program p = gir::parse_program(r.text, r.file, gir::large_constants(lowered));
    if (ports_of(p) != ports_of(lowered))
        throw UserError("--resume {}: its input and output buffers are not those of the model",
                        r.file);
    std::vector<std::string> faults = gir::find_faults(p);
    if (!faults.empty()) throw UserError("--resume {}: {}", r.file, faults[0]);
    return p;
}

model::Graph resumed_graph(const Resume& r, const model::Graph& graph) {
    return model::parse(r.text, r.file, model::large_constants(graph));
}

}  // namespace smeaton::driver
