// Which threads meet which part of a buffer, so that one kernel's reader is known to be the writer
// before, or another.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gir/cache/nest.h"

namespace smeaton::gir::cache {

/// Places at which a buffer is looked at, evenly over its memory.
constexpr int kPlaces = 64;

/// By place, a bit for each thread; of more than 64 threads each bit stands for a group of them.
using Holders = std::array<uint64_t, kPlaces>;

struct Meeting {
    Holders read{}, written{};
    friend bool operator==(const Meeting&, const Meeting&) = default;
};

/// By array of the nest (which was made for one party). A phase's range is divided as the pool does
/// it: nested parallels that touch are one range, in equal parts; what stands in no parallel is the
/// first thread's. Coordinates that are computed may be anywhere. Scratch is nobody's.
///   parallel h: 4 { move y[h, w] <- x[h, w] over w: 8 }, two threads: the first has the first half
///   of x and y
std::vector<Meeting> meetings_of(const Program&, const Nest&, int threads);

/// Share (0 to 1) of what the meeting's threads meet that lies with them: for each place and each
/// thread that meets it, whether its instance of a cache that `cores_each` cores share is among the
/// holders'. 1 where nothing is met.
double share_at_home(const Meeting&, const Holders&, int threads, int cores_each);

/// Who has copies after the meeting: writers alone, readers beside those who had some.
void meet(Holders&, const Meeting&);

}  // namespace smeaton::gir::cache
