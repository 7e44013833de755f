// The model's graph as a picture, folded by block; drawn by Graphviz.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "driver/study/groups.h"
#include "model/blocks/blocks.h"
#include "model/graph.h"

namespace smeaton::driver {

enum class BoxKind { Input, Block, Output };

/// Equal neighbours are one box; in a small graph without any, each node is one.
struct PictureBox {
    BoxKind kind = BoxKind::Block;
    std::string name;
    int blocks = 1;                      ///< equal ones, one after the other
    int nodes = 0;                       ///< of all of them
    std::vector<std::string> operators;  ///< that stand in one of them, each once, in order
    double time_us = 0, share = 0;       ///< of the kernels' time
};

struct Picture {
    std::vector<PictureBox> boxes;
    std::vector<std::pair<int, int>> edges;  ///< from, to: boxes
    std::string svg;  ///< an <svg> element whose nodes have the classes heat0 (no time) to heat5
    std::string missing;  ///< why there is no svg
};

/// The boxes and edges of a simplified graph; `layers` give each block's time by its name, `nodes`
/// each node's by any of its origins.
Picture picture_of(const model::Graph&, const model::Blocks&, const std::vector<TimeGroup>& layers,
                   const std::vector<TimeGroup>& nodes);
/// What Graphviz is given.
std::string dot_text(const Picture&);
/// Fills in `svg`, or `missing` where there is no `dot` on PATH or it fails.
void draw(Picture&);

}  // namespace smeaton::driver
