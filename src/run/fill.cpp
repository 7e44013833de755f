#include "run/fill.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace smeaton::run {

template <class Element>
static void set(const PlanFill& f, char* at) {
    std::fill_n(reinterpret_cast<Element*>(at), f.count, static_cast<Element>(f.element));
}

// A border may be as large as what it surrounds: it is set at the speed of memory.
void run_fill(const PlanFill& f, char* at) {
    const uint64_t mask =
        f.element_bytes == 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * f.element_bytes) - 1;
    const uint64_t byte = f.element & 0xff;
    if ((f.element & mask) == (byte * 0x0101010101010101u & mask)) {
        std::memset(at, static_cast<int>(byte), static_cast<size_t>(f.count * f.element_bytes));
        return;
    }
    switch (f.element_bytes) {
        case 2:
            return set<uint16_t>(f, at);
        case 4:
            return set<uint32_t>(f, at);
        case 8:
            return set<uint64_t>(f, at);
        default:
            SMEATON_CHECK(false, "a fill of elements of {} bytes", f.element_bytes);
    }
}

}  // namespace smeaton::run
