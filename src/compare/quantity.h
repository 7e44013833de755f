// A number that a comparison prints: with its interval, how it came about and what to mind.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "machine/device.h"

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
    /// Of a number that nobody read anywhere: "inferred", "recalled".
    void flag_confidence(machine::Confidence c) {
        if (c == machine::Confidence::Inferred || c == machine::Confidence::Recalled)
            flag(std::string(machine::text(c)));
    }
    void source(const std::string& text) {
        if (!text.empty() && std::find(sources.begin(), sources.end(), text) == sources.end())
            sources.push_back(text);
    }
};

/// `q` rests on this number of a device: its source, and a flag where nobody read it anywhere
/// (inferred, recalled). `of`: "H100 peak.fp16".
void rests_on(Quantity& q, const std::string& of, const machine::DeviceNumber&);

}  // namespace smeaton::compare
