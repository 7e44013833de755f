// `completion` and `man`: the command line for a shell and for a reader, from what verbs declare.
#pragma once

#include <string>
#include <vector>

#include "cli/verb_text.h"

namespace smeaton::cli {

/// The script that a shell reads at its start; shell: bash, zsh or fish. UserError for another.
std::string completion_script(const std::string& shell, const std::vector<VerbText>&);
/// smeaton(1) as roff text.
std::string man_page(const std::vector<VerbText>&);

/// The verbs that print them for `verbs`, a list that outlives them and may hold them.
Verb completion_verb(const std::vector<Verb>& verbs);
Verb man_verb(const std::vector<Verb>& verbs);

}  // namespace smeaton::cli
