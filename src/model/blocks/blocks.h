// The repeated structure of a model graph: which nodes form a layer, which layers are the same
// function of their inputs and parameters, which follow each other in a row.
//
//   %a = Gemm(%x, w0); %b = Relu(%a); %c = Gemm(%b, w1); %d = Relu(%c); %y = Softmax(%d)
//
//   blocks of chain: 3 blocks, 2 kinds, 1 run
//     block_0: kind 0, 2 nodes Gemm_0 .. Relu_0
//       in x
//       parameter w0
//       out b
//     block_1: kind 0, 2 nodes Gemm_1 .. Relu_1, after 0
//       in b
//       parameter w1
//       out d
//     block_2: kind 1, 1 node Softmax_0, after 1
//       in d
//       out y
//     run 0..1: kind 0
//       in carried from out 0
#pragma once

#include <string>
#include <vector>

#include "model/graph.h"

namespace smeaton::model {

/// A set of nodes that no path leaves and enters again. Blocks of one kind compute the same
/// function: position k of `nodes`, `inputs`, `parameters` and `outputs` plays the same role in
/// each, and no reading outside differs; only the values of the parameters may.
struct Block {
    std::string name;  ///< of its scope in the file ("encoder/layer.3"), else "block_7"; unique
    int kind = 0;
    std::vector<NodeId> nodes;       ///< topological
    std::vector<ValueId> inputs;     ///< read, made outside, not constant; by first reading
    std::vector<ValueId> constants;  ///< read constants, each once; by first reading
    /// Of `constants`: weights, whose values may differ within a kind. All others are equal.
    std::vector<ValueId> parameters;
    /// Made inside and read outside of this block or, at its place, of any block of the kind.
    std::vector<ValueId> outputs;
    std::vector<int> reads;  ///< blocks that make its inputs, ascending, all before this one
};

/// Where a block of a run, except the first, has an input from.
struct RunInput {
    enum class From {
        kPrevious,  ///< output `output` of the block before it
        kShared,    ///< the same value that the block before it reads in this place
        kOwn        ///< something else
    };
    From from = From::kOwn;
    int output = -1;  ///< for kPrevious
};

/// Two or more neighbours of one kind: blocks first, first + 1, ... first + count - 1.
struct Run {
    int first = 0;
    int count = 0;
    std::vector<RunInput> inputs;  ///< one per input of the kind; holds for all but the first block
};

struct Blocks {
    std::vector<Block> blocks;  ///< topological; every node of the graph stands in exactly one
    int kinds = 0;
    std::vector<Run> runs;  ///< ascending, disjoint, as long as possible
};

/// The graph's blocks, outer repetition first: layers, not what repeats within a layer. Parts that
/// repeat nothing (a stem, a head, layers whose sizes all differ) are blocks of kinds of their own.
/// Found from structure: operators, attributes, dtypes, shapes, constants that are no weights, and
/// wiring. Names and the order of nodes in the file decide no equality. O(n log n) in nodes.
Blocks find_blocks(const Graph&);

/// The text above, for people and tests.
std::string print(const Graph&, const Blocks&);

}  // namespace smeaton::model
