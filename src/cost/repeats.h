// Turns of a loop that go as turns before: they are added at once.
#pragma once

#include <array>

#include "cost/run_state.h"

namespace smeaton::cost {

/// Looks at the machine whenever a turn of a loop is over. Where it stands as some turns before
/// (what runs, what is left of it, who waits for whom), all that follows goes as it did from there
/// on, as long as no loop ends, no engine beside comes to its end, and what ran ahead has room.
class Repeats {
public:
    explicit Repeats(const Streams&);

    /// The loop is begun anew.
    void forget(int axis) {
        history_[static_cast<size_t>(axis)].turns = history_[static_cast<size_t>(axis)].seen = 0;
    }
    /// A turn of the loop is over; adds as many as go alike. False: none.
    bool turn_over(const Step& loop, RunState&);

private:
    static constexpr size_t kMostKept = 12;

    struct Snapshot {
        double now_ns = 0;
        int64_t moment = 0;
        std::vector<int64_t> standing;  ///< where everyone is, the loop's own turns apart
        std::vector<int64_t> turns;     ///< of the loop, by engine
        std::vector<int64_t> counts;    ///< which grow evenly
        std::vector<double> left_ns;    ///< of what goes on
        std::vector<int> left_of;       ///< engines
        std::vector<double> busy_ns;    ///< by engine
    };
    struct History {
        std::array<Snapshot, kMostKept> snapshots;  ///< of the last turns, in turn
        size_t turns = 0;                           ///< since the loop began, or turns were added
        size_t seen = 0;                            ///< since the loop began
    };

    void look(const Step& loop, const RunState&, Snapshot& now) const;
    int64_t times_alike(const Step& loop, const RunState&, const Snapshot& then,
                        const Snapshot& now, double tolerance) const;
    int64_t times_of_turns(const Step& loop, const RunState&, const Snapshot& then,
                           const Snapshot& now) const;
    int64_t times_of_left(const Snapshot& then, const Snapshot& now, double tolerance) const;
    int64_t times_of_waits(const RunState&, const Snapshot& then, const Snapshot& now) const;
    int64_t times_of_task(const RunState&, const Snapshot& then, const Snapshot& now, size_t engine,
                          size_t task) const;
    int64_t times_of_stopped(const RunState&, const Snapshot& then, const Snapshot& now,
                             size_t engine) const;
    void add(const Step& loop, RunState&, const Snapshot& then, const Snapshot& now,
             int64_t times) const;

    const Streams& streams_;
    std::vector<History> history_;  ///< by axis
    std::vector<bool> rings_;       ///< by axis: does a copy keep a part from turn to turn?
    std::vector<bool> lasts_;       ///< by axis: does its last turn differ in who leaves when?
};

}  // namespace smeaton::cost
