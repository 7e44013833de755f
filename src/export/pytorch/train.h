// train.py: a loss, an optimiser and a loop.
#pragma once

#include <string>

#include "export/pytorch/emit.h"

namespace smeaton::pytorch {

/// UserError where the model has no such output, or one that the loss does not fit.
std::string train_text(const Source&, const TrainText&);

}  // namespace smeaton::pytorch
