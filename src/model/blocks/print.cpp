#include <fmt/core.h>

#include "base/text_writer.h"
#include "model/blocks/blocks.h"

namespace smeaton::model {

namespace {

std::string count_of(size_t n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string names_line(const Graph& graph, const char* head, const std::vector<ValueId>& ids) {
    if (ids.empty()) return "";
    std::string text;
    for (ValueId id : ids) text += (text.empty() ? "" : ", ") + name_text(graph.at(id).name);
    return fmt::format("    {} {}\n", head, text);
}

std::string block_text(const Graph& graph, const Block& block) {
    std::string nodes =
        count_of(block.nodes.size(), "node") + " " + name_text(graph.at(block.nodes.front()).name);
    if (block.nodes.size() > 1) nodes += " .. " + name_text(graph.at(block.nodes.back()).name);
    std::string after;
    for (int b : block.reads) after += fmt::format("{}{}", after.empty() ? ", after " : " ", b);
    return fmt::format("  {}: kind {}, {}{}\n", name_text(block.name), block.kind, nodes, after) +
           names_line(graph, "in", block.inputs) +
           names_line(graph, "parameter", block.parameters) +
           names_line(graph, "out", block.outputs);
}

std::string input_text(const RunInput& input) {
    switch (input.from) {
        case RunInput::From::kPrevious:
            return fmt::format("carried from out {}", input.output);
        case RunInput::From::kShared:
            return "shared";
        case RunInput::From::kOwn:
            break;
    }
    return "own";
}

}  // namespace

std::string print(const Graph& graph, const Blocks& blocks) {
    std::string text = fmt::format("blocks of {}: {}, {}, {}\n", name_text(graph.name),
                                   count_of(blocks.blocks.size(), "block"),
                                   count_of(static_cast<size_t>(blocks.kinds), "kind"),
                                   count_of(blocks.runs.size(), "run"));
    for (const Block& block : blocks.blocks) text += block_text(graph, block);
    for (const Run& run : blocks.runs) {
        const Block& first = blocks.blocks[static_cast<size_t>(run.first)];
        text += fmt::format("  run {}..{}: kind {}\n", run.first, run.first + run.count - 1,
                            first.kind);
        for (const RunInput& input : run.inputs)
            text += fmt::format("    in {}\n", input_text(input));
    }
    return text;
}

}  // namespace smeaton::model
