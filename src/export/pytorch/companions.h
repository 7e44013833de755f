// What lies beside the model's source: a self-check, a README.
#pragma once

#include <string>

#include "export/pytorch/emit.h"

namespace smeaton::pytorch {

std::string check_text(const Source&);
std::string readme_text(const Source&, const ClusterPlan&, const EmitOptions&);

}  // namespace smeaton::pytorch
