#include "run/share.h"

#include <algorithm>

namespace smeaton::run {

namespace {

uint64_t word(int first, int last) {
    return static_cast<uint64_t>(first) << 32 | static_cast<uint32_t>(last);
}
int first_of(uint64_t word) {
    return static_cast<int>(word >> 32);
}
int last_of(uint64_t word) {
    return static_cast<int>(word & 0xffffffffu);
}
int count_of(uint64_t word) {
    return last_of(word) - first_of(word);
}

}  // namespace

Share::Share(int members, int pieces)
    : members_(members),
      pieces_(pieces),
      parts_(std::make_unique<Part[]>(static_cast<size_t>(members))) {
    reset();
}

void Share::reset() {
    const int64_t pieces = pieces_;
    for (int m = 0; m < members_; ++m)
        parts_[static_cast<size_t>(m)].left.store(
            word(static_cast<int>(pieces * m / members_),
                 static_cast<int>(pieces * (m + 1) / members_)),
            std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
}

bool Share::all_taken() const {
    for (int m = 0; m < members_; ++m)
        if (count_of(parts_[static_cast<size_t>(m)].left.load(std::memory_order_relaxed)) > 0)
            return false;
    return true;
}

Pieces Share::take_front(Part& part, int most) {
    uint64_t left = part.left.load(std::memory_order_relaxed);
    while (count_of(left) > 0) {
        const int from = first_of(left), count = std::min((count_of(left) + 1) / 2, most);
        if (part.left.compare_exchange_weak(left, word(from + count, last_of(left)),
                                            std::memory_order_relaxed))
            return {from, from + count};
    }
    return {};
}

Pieces Share::take_back(Part& part, int most) {
    uint64_t left = part.left.load(std::memory_order_relaxed);
    while (count_of(left) > 0) {
        const int to = last_of(left), count = std::min((count_of(left) + 1) / 2, most);
        if (part.left.compare_exchange_weak(left, word(first_of(left), to - count),
                                            std::memory_order_relaxed))
            return {to - count, to};
    }
    return {};
}

Pieces Share::take(int member, int most) {
    const Pieces own = take_front(parts_[static_cast<size_t>(member)], most);
    if (!own.empty()) return own;
    for (;;) {
        int richest = -1, left = 0;
        for (int m = 0; m < members_; ++m) {
            const int has =
                count_of(parts_[static_cast<size_t>(m)].left.load(std::memory_order_relaxed));
            if (has <= left) continue;
            richest = m;
            left = has;
        }
        if (richest < 0) return {};
        const Pieces other = take_back(parts_[static_cast<size_t>(richest)], most);
        if (!other.empty()) return other;
    }
}

bool Share::done(int pieces) {
    return done_.fetch_add(pieces, std::memory_order_acq_rel) + pieces == pieces_;
}

}  // namespace smeaton::run
