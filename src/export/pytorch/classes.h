// Units as classes: equal ones are one class, and numbers in which they differ its parameters.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "export/pytorch/naming.h"
#include "export/pytorch/tree.h"

namespace smeaton::pytorch {

/// A line of a function, and the nodes of the model that it computes.
struct CodeLine {
    std::string text;
    std::vector<NodeId> nodes;  ///< of the class's first instance
    int depth = 0;              ///< in a loop
};

struct Class {
    std::string name;
    std::vector<int> units;  ///< instances, in order; the first one is what comments tell of
    std::vector<std::string> parameters;
    /// A number in __init__: by place (see numbers_of), which parameter; -1: the number itself.
    std::vector<int> parameter_of;
    std::set<std::string> in_place;      ///< modules that write over what they are given
    std::vector<std::string> arguments;  ///< of forward
    std::vector<std::string> sizes;      ///< of forward, behind them: ints
    std::vector<CodeLine> forward;       ///< without the return
    std::string result;                  ///< "x", "x, y"
};

struct Classes {
    std::vector<Class> classes;          ///< what a class makes stands before it; the last is Model
    std::vector<int> class_of;           ///< by unit
    std::vector<Attributes> attributes;  ///< by unit
    std::vector<std::vector<std::string>> values;         ///< by unit: of its class's parameters
    std::vector<std::vector<std::vector<NodeId>>> nodes;  ///< by unit: of each line of forward
};

Classes make_classes(const Source&, const Tree&);

/// Of a class's parameter: it stands in front, and is given without its name.
bool counts_channels(const std::string& parameter);

/// "batch" for a symbolic size of the model.
std::string size_name(const std::string& symbol);

/// By unit: "layer1.0" as a state dict has it, and "layer1[0]" as Python has it. Empty for the
/// model.
struct Paths {
    std::vector<std::string> keys, python;
};
Paths paths_of(const Tree&, const Classes&);

}  // namespace smeaton::pytorch
