// A number that a comparison prints: with its interval, how it came about and what to mind.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "machine/number.h"

namespace smeaton::compare {

/// `basis` is one of measured, simulated, derived, scaled.
struct Quantity {
    machine::Interval v;
    std::string basis = "derived";
    std::vector<std::string> flags, sources;
    std::string formula;

    void flag(const std::string& word) {
        if (std::find(flags.begin(), flags.end(), word) == flags.end()) flags.push_back(word);
    }
    void source(const std::string& text) {
        if (!text.empty() && std::find(sources.begin(), sources.end(), text) == sources.end())
            sources.push_back(text);
    }
};

}  // namespace smeaton::compare
