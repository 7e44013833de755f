// The text form of model graphs: one line per node.
//
//   graph tail
//     opset "" 17
//     input x: f32[N,3,8,8]
//     const w: f32[4,3,3,3] hash 0x9f0c7d3a5b1e2244
//     const axes: i64[1](-1)
//     y: f32[N,4,8,8] = Conv(x, w, _) {pads: [1,1,1,1]} since 11 as Conv_0 from Conv_0, BatchNorm_1
//     z: f32[N,4,8,8], _ = If(c, y) {captures: 1} since 16 as If_1
//       else_branch: graph less
//         ...
//     output z
//
// Absent inputs and outputs are `_`; a value without dtype prints `?`, without shape no brackets.
// Large constants stand by the hash of their contents. Values that nothing defines or uses are left
// out.
#pragma once

#include <string>
#include <string_view>

#include "model/graph.h"
#include "tensor/tensor_text.h"

namespace smeaton::model {

/// Constants by content_hash.
using tensor::ConstantTable;

/// The graph's text; print(parse(x)) == x.
std::string print(const Graph&);

/// Reads a graph back. UserError("FILE:LINE:COL: …") on malformed text, a value that is not defined
/// before its use, or a hash that `constants` lacks. The result is verified.
Graph parse(std::string_view text, const std::string& file, const ConstantTable& constants = {});

/// The constants that print() writes as a hash, of subgraphs and attributes too.
ConstantTable large_constants(const Graph&);

}  // namespace smeaton::model
