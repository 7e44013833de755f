// Messages of the driver name options as the command line spells them; here they become arguments.
#pragma once

#include <string>
#include <string_view>

namespace smeaton::python {

/// "give --dim N=VALUE" -> "give dims={'N': VALUE}"; "--skip fuze: ..." -> "skip fuze: ...". What
/// stands in `backquotes` is a command and stays.
std::string python_words(std::string_view message);

}  // namespace smeaton::python
