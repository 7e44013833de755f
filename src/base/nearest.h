// What a misspelled word may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace smeaton {

/// The word of `known` with the fewest single-letter edits from `word`; empty when none is near
/// (more than a third of the letters differ).
std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// " (nearest: 'fuse')" for a message, or nothing.
std::string nearest_hint(std::string_view word, const std::vector<std::string>& known);

}  // namespace smeaton
