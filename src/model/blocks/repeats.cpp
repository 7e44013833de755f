#include "model/blocks/repeats.h"

#include <algorithm>
#include <tuple>

namespace smeaton::model {

namespace {

constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
constexpr uint64_t kBase = 0x1b3a5c7d9e8f6421 % kPrime;

uint64_t times(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    const uint64_t sum =
        static_cast<uint64_t>(product & kPrime) + static_cast<uint64_t>(product >> 61);
    return sum >= kPrime ? sum - kPrime : sum;
}

uint64_t plus(uint64_t a, uint64_t b) {
    return a + b >= kPrime ? a + b - kPrime : a + b;
}

/// How far a text agrees with itself, in O(log n).
class Agreement {
public:
    explicit Agreement(const std::vector<int32_t>& text) : text_(text), hash_{0}, power_{1} {
        for (int32_t c : text) {
            hash_.push_back(plus(times(hash_.back(), kBase), static_cast<uint32_t>(c) + 1u));
            power_.push_back(times(power_.back(), kBase));
        }
    }

    /// The largest k with text[a, a + k) == text[b, b + k); a <= b.
    size_t forward(size_t a, size_t b) const {
        return largest(text_.size() - b,
                       [&](size_t k) { return part(a, a + k) == part(b, b + k); });
    }
    /// The largest k with text[a - k, a) == text[b - k, b); a <= b.
    size_t backward(size_t a, size_t b) const {
        return largest(a, [&](size_t k) { return part(a - k, a) == part(b - k, b); });
    }
    /// Whether the suffix from a sorts before the one from b; `turned`: by the reverse order of
    /// numbers. A suffix that begins another sorts before it. a < b.
    bool less(size_t a, size_t b, bool turned) const {
        const size_t k = forward(a, b);
        if (b + k == text_.size()) return false;
        return (text_[a + k] < text_[b + k]) != turned;
    }

private:
    uint64_t part(size_t from, size_t to) const {
        return plus(hash_[to], kPrime - times(hash_[from], power_[to - from]));
    }
    template <class Agrees>
    static size_t largest(size_t limit, Agrees agrees) {
        size_t low = 0;
        while (low < limit) {
            const size_t middle = limit - (limit - low) / 2;
            if (agrees(middle)) {
                low = middle;
            } else {
                limit = middle - 1;
            }
        }
        return low;
    }

    const std::vector<int32_t>& text_;
    std::vector<uint64_t> hash_, power_;
};

}  // namespace

// By the theorem, each repetition has, in one of the two orders of the numbers, a period that is
// the longest Lyndon word from where it starts; that word ends where the next smaller suffix
// starts.
std::vector<Repetition> repetitions(const std::vector<int32_t>& text) {
    const Agreement agreement(text);
    std::vector<Repetition> found;
    for (bool turned : {false, true}) {
        std::vector<size_t> smaller = {text.size()};  // suffixes to the right that may end a word
        for (size_t i = text.size(); i-- > 0;) {
            while (smaller.size() > 1 && agreement.less(i, smaller.back(), turned))
                smaller.pop_back();
            const size_t j = smaller.back();
            smaller.push_back(i);
            const size_t begin = i - agreement.backward(i, j);
            const size_t end = j + agreement.forward(i, j);
            if (end - begin >= 2 * (j - i)) found.push_back({begin, end, j - i});
        }
    }
    auto key = [](const Repetition& r) { return std::tuple(r.begin, r.end, r.period); };
    std::sort(found.begin(), found.end(),
              [&](const auto& a, const auto& b) { return key(a) < key(b); });
    found.erase(std::unique(found.begin(), found.end(),
                            [](const auto& a, const auto& b) {
                                return a.begin == b.begin && a.end == b.end;
                            }),
                found.end());
    return found;
}

}  // namespace smeaton::model
