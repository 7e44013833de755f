// Scales and shifts per channel (BatchNormalization in inference; Mul, Add, Sub, Div with a
// constant that varies along dim 1 only) go into the constant weights of the Conv, ConvTranspose or
// Gemm before them, or behind them where that is exact; else into a BatchNormalization before them.
//
//     a = Conv(x, w)
//     b = BatchNormalization(a, scale, bias, mean, var)     =>    y = Conv(x, w', bias')
//     y = Mul(b, 0.5)
//
// Behind: legal where the convolution pads nothing (a padded zero is not shifted) or where nothing
// is shifted; for Gemm without transA. The value between the two must have no other reader. Before:
// a shaped graph. After: such pairs are gone; new weights and biases are constants.
#pragma once

#include "model/rewrite/pass.h"

namespace smeaton::model {

Rewritten fold_affine(ShapedGraph);

}  // namespace smeaton::model
