// Loops that load the memory levels: bandwidth by sweeps, latency by a chain of pointers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "machine/probe/cpu.h"

namespace smeaton::machine {

/// Sweeps over bytes, a multiple of 1024, with the widest loads and stores, wherever they begin.
struct SweepLoops {
    void (*read)(const char* memory, int64_t bytes) = nullptr;
    void (*write)(char* memory, int64_t bytes) = nullptr;
    void (*copy)(const char* from, char* to, int64_t bytes) = nullptr;
    int64_t vector_bytes = 0;
};
SweepLoops sweep_loops(const CpuFeatures&);

/// Memory of its own pages, huge ones where the system gives them.
class Region {
public:
    /// Rounded up to huge pages; UserError when the system refuses.
    explicit Region(int64_t bytes);
    ~Region();
    Region(Region&& other) noexcept;
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    Region& operator=(Region&&) = delete;

    char* data() const { return data_; }
    int64_t bytes() const { return bytes_; }

private:
    char* data_ = nullptr;
    int64_t bytes_ = 0;
};

/// Writes to every page: the system provides it now, near the CPU that touches it first.
void touch(Region&);

/// Makes the first pointer of every line in the memory point to another line, all in one cycle of
/// random order (fixed seed): no prefetcher can guess it. At least two lines.
void* make_chain(char* memory, int64_t bytes, int64_t line_bytes);
/// Follows `steps` pointers from `start`; each load waits for the one before. Returns where it
/// ends.
void* follow_chain(void* start, int64_t steps);

}  // namespace smeaton::machine
