// What a verb takes, as data: messages, completions and the man page are made of it.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"

namespace smeaton::cli {

struct OptionText {
    std::vector<std::string> names;  ///< "-o", "--out"; of a positional: "MODEL"
    std::string what;                ///< placeholder of its value; empty: a flag or a positional
    std::string help;
    std::vector<std::string> words;  ///< the values that there are; empty: any
    bool positional = false, required = false;
};

struct VerbText {
    std::string name, summary, example;
    std::vector<OptionText> options;
};

VerbText text_of(const Verb&);
/// "--threads", "-o", ... in the order declared; --help too.
std::vector<std::string> option_names(const VerbText&);
/// UserError naming the nearest and all verbs unless one has this name.
void require_verb(const std::vector<Verb>&, const std::string& name);
/// The help of an option with the list of its words behind.
std::string with_words(const std::string& help, const std::vector<std::string>& words);

}  // namespace smeaton::cli
