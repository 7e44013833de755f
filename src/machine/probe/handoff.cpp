#include "machine/probe/handoff.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace smeaton::machine {
namespace {

/// Two workers take turns: worker w runs when the turn has its parity.
template <class Wait, class Signal>
double ping_pong(Crew& crew, int turns, Wait&& wait, Signal&& signal) {
    alignas(64) std::atomic<int> turn{0};
    Elapsed elapsed = crew.run(2, [&](int worker) {
        for (int mine = worker; mine < turns; mine += 2) {
            wait(turn, mine);
            turn.store(mine + 1, std::memory_order_release);
            signal(turn);
        }
    });
    return static_cast<double>(elapsed.wall_ns) / turns;
}

long futex(std::atomic<int>& word, int operation, int value) {
    static_assert(sizeof(std::atomic<int>) == sizeof(int));
    return syscall(SYS_futex, reinterpret_cast<int*>(&word), operation, value, nullptr, nullptr, 0);
}

}  // namespace

double spin_handoff_ns(Crew& crew, int turns) {
    auto wait = [](std::atomic<int>& turn, int mine) {
        // A worker that lost its CPU would keep the other spinning for a whole time slice.
        for (int spins = 0; turn.load(std::memory_order_acquire) != mine; ++spins)
            if (spins > 100000) sched_yield();
    };
    return ping_pong(crew, turns, wait, [](std::atomic<int>&) {});
}

double wake_handoff_ns(Crew& crew, int turns) {
    auto wait = [](std::atomic<int>& turn, int mine) {
        for (int now = turn.load(std::memory_order_acquire); now != mine;
             now = turn.load(std::memory_order_acquire))
            futex(turn, FUTEX_WAIT_PRIVATE, now);
    };
    return ping_pong(crew, turns, wait,
                     [](std::atomic<int>& turn) { futex(turn, FUTEX_WAKE_PRIVATE, 1); });
}

}  // namespace smeaton::machine
