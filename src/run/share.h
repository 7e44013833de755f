// What is left of a phase, for threads that come to it at different times.
//
// The range is cut into pieces. Each member of a team has a part of them, which it takes from the
// front; one that has none left takes from the end of whoever has the most. So a member that comes
// late, or is held up, finds less to do, and rows that a thread wrote are mostly read by it again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "run/wait.h"

namespace smeaton::run {

/// Pieces first to last - 1.
struct Pieces {
    int first = 0, last = 0;
    bool empty() const { return first == last; }
};

class Share {
public:
    Share(int members, int pieces);

    int pieces() const { return pieces_; }
    /// For another run; nobody is at it.
    void reset();
    /// What the member does next: half of what is left where it takes it, at most `most`; empty:
    /// all have been taken.
    Pieces take(int member, int most);
    bool all_taken() const;
    /// Tells that so many have been done. True for whoever tells of the last; that one sees what
    /// all others did before they told.
    bool done(int pieces);

private:
    /// First and last of what is left, in one word.
    struct alignas(64) Part {
        std::atomic<uint64_t> left{0};
    };
    Pieces take_front(Part&, int most);
    Pieces take_back(Part&, int most);

    int members_, pieces_;
    std::unique_ptr<Part[]> parts_;  // by member
    alignas(64) std::atomic<int> done_{0};
};

}  // namespace smeaton::run
