// How names and numbers are written in our text forms; TextReader reads them back to the same
// values.
#pragma once

#include <string>
#include <string_view>

namespace smeaton {

/// "text" with quotes, backslashes and control characters escaped.
std::string quoted(std::string_view text);
/// `text` with control characters as escapes (\n, \t, \x1b), so that a terminal shows it on one
/// line.
std::string printable(std::string_view text);
/// An identifier as it is, anything else quoted.
std::string name_text(std::string_view name);
/// The shortest decimal that reads back to the same value, always recognisable as a float: "1.0",
/// "0.1", "1e-05", "-inf", "nan".
std::string float_text(double value);
std::string float_text(float value);

}  // namespace smeaton
