// Axes of softmax and the normalisations, and by whose statistics they go.
#pragma once

#include "model/shape/view.h"

namespace smeaton::model {

/// Dims [begin, end) that a node normalises over together.
struct AxisRange {
    int64_t begin = 0;
    int64_t end = 0;
};

/// Softmax, LogSoftmax: one axis since version 13, all dims from `axis` on before.
AxisRange softmax_axes(const NodeView&);
/// LayerNormalization, RMSNormalization: all dims from `axis` on.
AxisRange layer_norm_axes(const NodeView&);
/// BatchNormalization by the statistics of its own first operand: training_mode, before version 14
/// more results than the first.
bool batch_norm_trains(const NodeView&);

}  // namespace smeaton::model
