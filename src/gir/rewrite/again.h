// Results that live long give way to results that are computed a second time.
//
//     run f(x -> h); run g(h -> y); ...; run b(h, dy -> dw)
//   =>
//     run f(x -> h); run g(h -> y); ...; run f_again(x -> h_again); run b(h_again, dy -> dw)
//
// For programs on which nothing is left to choose (after spell): the kernel that runs again is the
// same kernel but for the names of its buffers, so what it computes is the same to the last bit.
#pragma once

#include <cstdint>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir::rewrite {

/// A program in two halves, of which the second reads results of the first.
struct Halves {
    size_t first = 0;         ///< steps of the first half: those before this one
    std::vector<bool> again;  ///< by step of the first half: may it run a second time?
    /// By step of the first half; empty: all in one part. Results that one part reads of another
    /// are kept.
    std::vector<int> part;
};

/// Before each step of the second half that reads a temp of the first one: the steps that make it,
/// a second time, into a temp of its own. Kept are temps that a step which may not run again
/// writes, that pass between parts, or whose making reads what has changed since (states). A step
/// runs at most once more.
Program compute_again(const Program&, const Halves&);

/// Bytes of the temps that the first `first` steps write and later ones read; sizes must be bound.
int64_t kept_bytes(const Program&, size_t first);

}  // namespace smeaton::gir::rewrite
