// What a string of numbers repeats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace smeaton::model {

/// text[i] == text[i + period] for begin <= i < end - period; at least two periods long; no longer
/// to either side; no smaller period does.
struct Repetition {
    size_t begin = 0, end = 0, period = 1;

    friend bool operator==(const Repetition&, const Repetition&) = default;
};

/// All of them, by begin, then end. Fewer than the text is long (Bannai, I, Inenaga, Nakashima,
/// Takeda, Tsuruta: The "runs" theorem, 2017); O(n log n). Positions are compared by hashes: with
/// a chance of about n^2 / 2^61 one is wrong, so that who builds on one looks at the numbers.
std::vector<Repetition> repetitions(const std::vector<int32_t>& text);

}  // namespace smeaton::model
