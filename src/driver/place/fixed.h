// The words of `place --fixed`: only plans that have them are looked at.
#pragma once

#include <optional>
#include <string>

namespace smeaton::driver {

struct FixedWords {
    std::optional<int> t, p, d, microbatch;
    std::optional<bool> recompute;
};

/// "t=2,p=4,recompute=full". UserError naming a word that is none, or a value that no plan has.
FixedWords parse_fixed(const std::string& text);

}  // namespace smeaton::driver
