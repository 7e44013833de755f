// One line of Python for one node of the model (or for two that are one module).
#pragma once

#include <string>
#include <vector>

#include "export/pytorch/text.h"
#include "model/graph.h"

namespace smeaton::pytorch {

using model::NodeId;
using model::ValueId;
using tensor::Dim;
using tensor::DType;
using tensor::Tensor;

/// Of a constructor. Numbers of one class that differ between its instances become parameters.
struct Argument {
    std::string key;   ///< "in_channels"
    std::string text;  ///< "64"
    bool by_position = false;
    bool is_default = false;  ///< PyTorch's own; written where another instance has something else
    friend bool operator==(const Argument&, const Argument&) = default;
};

/// What a parameter or buffer holds.
struct Weight {
    enum class From {
        Constant,
        Transposed,  ///< of a matrix
        Repeated,    ///< each element of a vector, `repeat` times
        Zero         ///< an int64 scalar
    };
    std::string key;  ///< in the module: "weight"; empty: the module is the tensor
    ValueId constant;
    From from = From::Constant;
    int64_t repeat = 1;
};

/// What a class makes in __init__: a module, a parameter, a buffer.
struct Module {
    enum class Kind { Module, Parameter, Buffer };
    Kind kind = Kind::Module;
    std::string type;  ///< "nn.Conv2d"; empty for a tensor
    std::vector<Argument> arguments;
    std::vector<Weight> weights;
    std::string base;                 ///< "conv": what it is called where no name is better
    std::vector<int64_t> shape = {};  ///< of a tensor
    DType dtype = DType::kF32;
    bool named = false;       ///< its scope in the file tells a better name
    bool overwrites = false;  ///< its operand may be written over
};

struct Statement {
    std::vector<NodeId> nodes;  ///< what it computes; the last one names it
    std::vector<ValueId> results;
    std::string expression;  ///< with marks
    std::vector<Module> modules;
    std::string hint;  ///< what a variable may be called that holds the result
};

/// Values that it reads, each once, in the order of reading.
std::vector<ValueId> reads_of(const Statement&);

}  // namespace smeaton::pytorch
