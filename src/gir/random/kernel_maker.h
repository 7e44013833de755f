// Makes one random kernel. Internal to the generator.
#pragma once

#include <random>
#include <set>

#include "gir/random/random_program.h"

namespace smeaton::gir::random {

/// Choices from a seed by one generator; no library distribution, so that machines agree.
class Chooser {
public:
    explicit Chooser(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 0x1234567) {}
    uint64_t next();
    int64_t pick(int64_t lo, int64_t hi);  ///< inclusive
    bool chance(int percent) { return pick(1, 100) <= percent; }
    template <class T>
    const T& of(const std::vector<T>& list) {
        return list[static_cast<size_t>(pick(0, static_cast<int64_t>(list.size()) - 1))];
    }
    template <class T>
    void shuffle(std::vector<T>& list) {
        for (size_t i = list.size(); i > 1; --i)
            std::swap(list[i - 1], list[static_cast<size_t>(pick(0, static_cast<int64_t>(i) - 1))]);
    }

private:
    uint64_t state_;
};

/// The program under construction.
struct Draft {
    const RandomOptions& options;
    Chooser choose;
    RandomCase made;
    int names = 0;
    std::vector<Name> readable;  ///< temps written by earlier kernels
    std::map<Name, bool> exact;  ///< by buffer; inputs are exact
    std::set<Name> indices;      ///< integer inputs that only serve as indices

    Draft(uint64_t seed, const RandomOptions& o) : options(o), choose(seed) {}
    Name fresh(const std::string& base) { return base + std::to_string(names++); }
    Buffer& add_buffer(const std::string& base, DType, const std::vector<int64_t>& extents,
                       Lifetime);
    Buffer& add_input(DType, const std::vector<int64_t>& extents, int64_t below);
    Layout random_layout(const std::vector<int64_t>& extents, DType, bool border);
    bool is_exact(Name buffer) const;
};

/// Adds a kernel that writes all of `out` and a step that runs it.
void add_kernel(Draft&, Name out);

}  // namespace smeaton::gir::random
