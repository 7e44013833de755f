#include "driver/scheduling/graphviz.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "base/output_file.h"
#include "base/temporary_folder.h"
#include "run/process.h"

namespace smeaton::driver {

Drawing draw_graph(const std::string& text) {
    const std::string dot = run::find_program("dot");
    if (dot.empty())
        return {"", "Graphviz draws it, and there is no `dot` on PATH (apt-get install graphviz)"};
    const TemporaryFolder folder;
    const std::string in = folder.path + "/graph.dot", out = folder.path + "/graph.svg",
                      log = folder.path + "/log";
    write_file(in, text);
    const run::Ended ended = run::run_commands({{{dot, "-Tsvg", "-o", out, in}, log}}, 1)[0];
    std::ifstream file(out, std::ios::binary);
    const std::string svg{std::istreambuf_iterator<char>(file), {}};
    const size_t begin = svg.find("<svg");
    if (!ended.well() || begin == std::string::npos)
        return {"", fmt::format("{} failed ({})", dot, run::describe(ended))};
    return {svg.substr(begin), ""};
}

}  // namespace smeaton::driver
