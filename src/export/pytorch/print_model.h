// model.py
#pragma once

#include <map>
#include <string>
#include <vector>

#include "export/pytorch/classes.h"
#include "export/pytorch/emit.h"

namespace smeaton::pytorch {

struct ModelFile {
    std::string text;
    std::vector<std::vector<int>> lines;  ///< by class: line numbers of the lines of forward
};

ModelFile print_model(const Source&, const Tree&, const Classes&, const std::vector<TiedPair>& tied,
                      const EmitOptions&);

/// "x [batch, 64, 56, 56], mask [1, 128] -> [batch, 256, 56, 56]"
std::string shapes_text(const Source&, const Unit&, const std::vector<std::string>& arguments);
/// Names of nodes, for comments: without what all begin with, each without the scope of the one
/// before.
std::string nodes_text(const Source&, const std::vector<NodeId>&, size_t prefix = 0);
std::string return_type(size_t outputs);

}  // namespace smeaton::pytorch
