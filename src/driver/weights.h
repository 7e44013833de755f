// Which constants a session need not hold any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

#include "driver/pipeline.h"
#include "gir/program.h"
#include "model/graph.h"

namespace smeaton::driver {

/// Whether a constant is worth letting go: a packed copy of it, or a second reading, is cheap
/// beside what it takes.
bool is_weighty(const tensor::Tensor&);

/// Buffers with data that steps of a run read, not only those that run once.
std::set<Name> constants_of_runs(const gir::Program&);

/// The same without weighty constants; the program keeps those of `kept`. Buffers and values stand
/// where they stood, as weights and values without data.
Tuned without_weights(const Tuned&, const std::set<Name>& kept);

/// Lets pages of mapped files go that hold weighty constants of the program; they come back when
/// somebody reads them.
void forget_weights(const gir::Program&);

/// The bytes of weighty constants that are copies in memory of their own, and whether any lies in
/// another mapping than that of `file`.
struct HeldWeights {
    int64_t copied_bytes = 0;
    bool elsewhere = false;
};
HeldWeights held_weights(const model::Graph&, std::span<const std::byte> file);

}  // namespace smeaton::driver
