// Waiting for another thread: a short spin, then sleep.
#pragma once

#include <atomic>
#include <cstdint>

namespace smeaton::run {

using Word = std::atomic<uint32_t>;
/// How many threads sleep on the words that share it: at 0, who writes one has nobody to wake.
using Sleepers = std::atomic<int>;

/// How long a thread spins before it sleeps, ns: where nobody may come for long, and where another
/// that has a core of its own works on what it waits for. To wake up takes 20 to 30 us on virtual
/// machines, as long as several small kernels.
inline constexpr int64_t kSpinNs = 30'000, kSpinForWorkNs = 200'000;

/// Of a clock that only goes on.
int64_t now_ns();

/// Spins a little while `word` holds `value`; false when all such spins together have taken
/// `spin_ns`: then the thread had better sleep. `deadline_ns`: 0 before the first of them.
bool spin_some(const Word& word, uint32_t value, int64_t& deadline_ns, int64_t spin_ns);
/// Spins for a bounded time while `word` holds `value`; true when it changed.
bool spin_while(const Word& word, uint32_t value, int64_t spin_ns);

/// Sleeps until `word` no longer holds `value`.
void sleep_while(Word& word, uint32_t value, Sleepers&);
/// Spins first.
void wait_while(Word& word, uint32_t value, Sleepers&, int64_t spin_ns);
/// Behind a sequentially consistent write of `word`.
void wake_all(Word& word, const Sleepers&);

}  // namespace smeaton::run
