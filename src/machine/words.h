// The spellings of the machine description's closed word lists.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.h"

namespace smeaton::machine {

std::string_view text(OperandRole);
std::string_view text(OpClass);
std::string_view text(Managed);
std::string_view text(UnitKind);
std::string_view text(Dataflow);
std::string_view text(Technology);
std::string_view text(Topology);

/// The word's value, or nothing; T is one of the enums above.
template <class T>
std::optional<T> parse_word(std::string_view word);
/// All spellings of T, in order.
template <class T>
std::vector<std::string> all_words();

}  // namespace smeaton::machine
