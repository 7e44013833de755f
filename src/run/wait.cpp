#include "run/wait.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <climits>

namespace smeaton::run {

namespace {

static_assert(sizeof(Word) == 4);

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

bool spin_some(const Word& word, uint32_t value, int64_t& deadline_ns, int64_t spin_ns) {
    for (int i = 0; i < 64; ++i) {
        if (word.load(std::memory_order_acquire) != value) return true;
        relax();
    }
    const int64_t now = now_ns();
    if (deadline_ns == 0) deadline_ns = now + spin_ns;
    return now < deadline_ns;
}

bool spin_while(const Word& word, uint32_t value, int64_t spin_ns) {
    int64_t deadline = 0;
    while (spin_some(word, value, deadline, spin_ns))
        if (word.load(std::memory_order_acquire) != value) return true;
    return false;
}

void sleep_while(Word& word, uint32_t value, Sleepers& sleepers) {
    sleepers.fetch_add(1);
    while (word.load() == value)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
    sleepers.fetch_sub(1);
}

void wait_while(Word& word, uint32_t value, Sleepers& sleepers, int64_t spin_ns) {
    if (!spin_while(word, value, spin_ns)) sleep_while(word, value, sleepers);
}

void wake_all(Word& word, const Sleepers& sleepers) {
    if (sleepers.load() > 0)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace smeaton::run
