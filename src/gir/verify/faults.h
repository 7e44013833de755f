// Faults found so far, with the place that they belong to. Internal to the verifier.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

namespace smeaton::gir::verifying {

struct Faults {
    std::vector<std::string> list;

    /// `place` is "kernel conv: `move …`", "buffer x", …
    void add(const std::string& place, const std::string& message) {
        std::string text = place + ": " + message;
        if (std::find(list.begin(), list.end(), text) == list.end())
            list.push_back(std::move(text));
    }
};

}  // namespace smeaton::gir::verifying
