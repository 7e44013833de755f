// A line that transfers share, as the recurrences of a pipeline see it. All times in ns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace smeaton::cost {

/// From the first start to the last end of what works on a station.
struct Use {
    double first_ns = -1, end_ns = 0, busy_ns = 0;
    void note(double start, double end, double busy) {
        if (first_ns < 0) first_ns = start;
        first_ns = std::min(first_ns, start);
        end_ns = std::max(end_ns, end);
        busy_ns += busy;
    }
};

/// Transfers share a line fairly. What goes on beside one is known from two turns before: by then
/// those that stand behind it in the program but come earlier, or meanwhile, have been looked at.
/// In its first turns a transfer takes what those before it left over.
class SharedLine {
public:
    Use use;

    /// One who uses the line again and again.
    int add_user(int engine);
    /// End of a transfer that takes `ns` of the line's time from `start` on, and no more than a
    /// share of `most` (0 to 1) of it at a time.
    double serve(double start, double ns, double most, int user);
    /// All that is known happened so much later.
    void shift(double ns);

private:
    static constexpr size_t kTurnsBack = 2, kMostKept = 48, kMostStretches = 24;

    struct Stretch {
        double from = 0, to = 0;
    };
    struct Transfer {
        double from = 0, to = 0, work = 0;
        int user = 0;
    };
    struct User {
        int engine = 0;
        int64_t turns = 0;
        std::vector<double> starts_ns;  ///< of its last turns
    };
    struct Edge {
        double at = 0;
        int others = 0;
        double rate = 0;
    };

    double shared_end(double start, double ns, double most, int engine, double lag);
    double reserve(double start, double ns);

    std::vector<Stretch> taken_;  ///< apart, in order
    std::deque<Transfer> history_;
    std::vector<User> users_;
    std::vector<Edge> edges_;  ///< room for shared_end
    double forgotten_ns_ = 0;  ///< before that all counts as taken
};

}  // namespace smeaton::cost
