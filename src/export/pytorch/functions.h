// The forward functions of units.
#pragma once

#include <string>
#include <vector>

#include "export/pytorch/classes.h"

namespace smeaton::pytorch {

struct Forward {
    std::vector<std::string> arguments;
    std::vector<std::string> sizes;
    std::vector<CodeLine> lines;
    std::string result;
};

/// `sizes`: by unit, of those that this unit calls: the sizes that they are handed.
Forward forward_of(const Source&, const Tree&, int unit, const Attributes&,
                   const std::vector<std::vector<std::string>>& sizes);

/// Symbolic sizes that the text names, each once.
void add_sizes(std::string_view text, std::vector<std::string>& sizes);

}  // namespace smeaton::pytorch
