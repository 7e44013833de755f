#include "driver/study/picture.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "driver/scheduling/graphviz.h"

namespace smeaton::driver {

namespace {

constexpr size_t kNodesOneByOne = 24;  // up to here each node is a box of its own
constexpr size_t kMostBoxes = 300;     // beyond, nobody sees anything

using TimeOf = std::map<std::string, const TimeGroup*>;

void add_time(PictureBox& box, const TimeOf& time_of, const std::string& name) {
    if (auto found = time_of.find(name); found != time_of.end()) {
        box.time_us += found->second->time_us;
        box.share += found->second->share;
    }
}

void add_nodes(PictureBox& box, const model::Graph& graph,
               const std::vector<model::NodeId>& nodes) {
    box.nodes += static_cast<int>(nodes.size());
    for (model::NodeId id : nodes) {
        const std::string& op = graph.at(id).op_name;
        if (std::find(box.operators.begin(), box.operators.end(), op) == box.operators.end())
            box.operators.push_back(op);
    }
}

/// Boxes from blocks; which box each block is in.
std::vector<int> fold_blocks(const model::Graph& graph, const model::Blocks& blocks,
                             const TimeOf& time_of, Picture& picture) {
    std::map<int, int> count_at;
    for (const model::Run& run : blocks.runs) count_at[run.first] = run.count;
    std::vector<int> box_of;
    for (size_t b = 0; b < blocks.blocks.size();) {
        auto run = count_at.find(static_cast<int>(b));
        const int count = run == count_at.end() ? 1 : run->second;
        PictureBox box;
        box.name = blocks.blocks[b].name;
        box.blocks = count;
        for (int k = 0; k < count; ++k, ++b) {
            add_nodes(box, graph, blocks.blocks[b].nodes);
            add_time(box, time_of, blocks.blocks[b].name);
            box_of.push_back(static_cast<int>(picture.boxes.size()));
        }
        picture.boxes.push_back(std::move(box));
    }
    return box_of;
}

/// By value: the box that makes it.
using MadeBy = std::map<model::ValueId, int>;

MadeBy boxes_of_blocks(const model::Graph& graph, const model::Blocks& blocks, const TimeOf& layers,
                       Picture& picture) {
    const std::vector<int> box_of = fold_blocks(graph, blocks, layers, picture);
    MadeBy made_by;
    for (size_t b = 0; b < blocks.blocks.size(); ++b)
        for (model::NodeId id : blocks.blocks[b].nodes)
            for (model::ValueId v : graph.at(id).outputs)
                if (v.valid()) made_by[v] = box_of[b];
    return made_by;
}

MadeBy boxes_of_nodes(const model::Graph& graph, const TimeOf& nodes, Picture& picture) {
    MadeBy made_by;
    for (const model::Node& node : graph.nodes) {
        PictureBox box;
        box.name = node.name;
        box.nodes = 1;
        box.operators = {node.op_name};
        for (const std::string& origin : node.origins) add_time(box, nodes, origin);
        for (model::ValueId v : node.outputs)
            if (v.valid()) made_by[v] = static_cast<int>(picture.boxes.size());
        picture.boxes.push_back(std::move(box));
    }
    return made_by;
}

int add_port(Picture& picture, BoxKind kind, const std::string& name) {
    PictureBox box;
    box.kind = kind;
    box.name = name;
    picture.boxes.push_back(std::move(box));
    return static_cast<int>(picture.boxes.size()) - 1;
}

void add_edges(const model::Graph& graph, MadeBy made_by, Picture& picture) {
    std::set<std::pair<int, int>> edges;
    const MadeBy inside = made_by;
    for (model::ValueId v : graph.inputs)
        if (!graph.at(v).constant) made_by[v] = add_port(picture, BoxKind::Input, graph.at(v).name);
    for (const model::Node& node : graph.nodes) {
        int to = -1;
        for (model::ValueId v : node.outputs)
            if (v.valid()) to = inside.at(v);
        for (model::ValueId v : node.inputs) {
            auto from = v.valid() ? made_by.find(v) : made_by.end();
            if (from != made_by.end() && to >= 0 && from->second != to)
                edges.insert({from->second, to});
        }
    }
    for (model::ValueId v : graph.outputs) {
        auto from = made_by.find(v);
        if (from != made_by.end())
            edges.insert({from->second, add_port(picture, BoxKind::Output, graph.at(v).name)});
    }
    picture.edges.assign(edges.begin(), edges.end());
}

std::string quoted(const std::string& text) {
    std::string out;
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
    return out;
}

std::string operators_text(const PictureBox& box) {
    constexpr size_t kShown = 4;
    std::string text;
    for (size_t i = 0; i < std::min(box.operators.size(), kShown); ++i)
        text += (text.empty() ? "" : ", ") + box.operators[i];
    return text + (box.operators.size() > kShown ? ", …" : "");
}

/// 0: takes no time; 5: half of all time or more.
int heat_of(double share) {
    if (share < 0.0005) return 0;
    return std::clamp(1 + static_cast<int>(std::floor(share * 8)), 1, 5);
}

std::string label_of(const PictureBox& box) {
    std::string name = quoted(box.name);
    if (box.kind != BoxKind::Block) return name;
    if (box.blocks > 1) name += fmt::format(" and {} alike", box.blocks - 1);
    return fmt::format("{}\\n{}\\n{:.1f} %", name, quoted(operators_text(box)), 100 * box.share);
}

}  // namespace

Picture picture_of(const model::Graph& graph, const model::Blocks& blocks,
                   const std::vector<TimeGroup>& layers, const std::vector<TimeGroup>& nodes) {
    TimeOf layer_time, node_time;
    for (const TimeGroup& g : layers) layer_time[g.name] = &g;
    for (const TimeGroup& g : nodes) node_time[g.name] = &g;
    Picture picture;
    const bool one_by_one = graph.nodes.size() <= kNodesOneByOne && blocks.runs.empty();
    add_edges(graph,
              one_by_one ? boxes_of_nodes(graph, node_time, picture)
                         : boxes_of_blocks(graph, blocks, layer_time, picture),
              picture);
    return picture;
}

std::string dot_text(const Picture& picture) {
    std::string out =
        "digraph model {\n"
        "  bgcolor=transparent; rankdir=TB; nodesep=0.25; ranksep=0.3;\n"
        "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=12, "
        "margin=\"0.14,0.06\"];\n"
        "  edge [arrowsize=0.6];\n";
    for (size_t i = 0; i < picture.boxes.size(); ++i) {
        const PictureBox& box = picture.boxes[i];
        out += fmt::format(
            "  n{} [label=\"{}\", class=\"{}\"{}];\n", i, label_of(box),
            box.kind == BoxKind::Block ? fmt::format("heat{}", heat_of(box.share)) : "port",
            box.kind == BoxKind::Block ? "" : ", shape=plaintext, style=\"\"");
    }
    for (auto [from, to] : picture.edges) out += fmt::format("  n{} -> n{};\n", from, to);
    return out + "}\n";
}

void draw(Picture& picture) {
    if (picture.boxes.size() > kMostBoxes) {
        picture.missing = fmt::format("the graph has {} parts that are not alike, too many to see",
                                      picture.boxes.size());
        return;
    }
    Drawing drawing = draw_graph(dot_text(picture));
    picture.svg = std::move(drawing.svg);
    picture.missing = std::move(drawing.missing);
}

}  // namespace smeaton::driver
