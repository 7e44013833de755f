// Notes: attributes by which one stage tells a later one what it knows of a node. Their names begin
// with "__", as no operator's do; files are read and written without them.
#pragma once

#include <string_view>

namespace smeaton::model {

/// Of gathers and scatters: every index is known to lie inside its axis, counted from the front or
/// from the end, so that none need be checked.
inline constexpr const char* kIndicesInRange = "__in_range";

inline bool is_note(std::string_view attribute) {
    return attribute.starts_with("__");
}

}  // namespace smeaton::model
