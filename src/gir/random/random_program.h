// Random GIR programs with inputs: verified, of moderate size, made from a seed. What rewrites, the
// ledger and emitted code are compared with the interpreter on.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

struct RandomOptions {
    std::vector<DType> floats = {DType::kF32};
    std::vector<DType> integers = {DType::kI64, DType::kI32};
    int max_kernels = 3;
    int64_t max_points = 4096;  ///< of one kernel's output
    bool gathers = true;
    bool scatters = true;
    bool sorts = true;
    bool claims = true;
    bool layouts = true;  ///< blocks, permutations and borders on temps and weights
    bool serial_loops = true;
    Name memory = "memory";  ///< level of buffers
    Name local = "local";    ///< level of tiles
    Name scope = "any";
};

struct RandomCase {
    Program program;
    std::map<Name, Tensor> inputs;  ///< by buffer name
    /// No output depends on a sum of floats or on exp, log, ...: equal bits are to be expected.
    bool exact = true;
};

/// The case of this seed, the same on every machine. What the verifier rejects is made again from a
/// derived seed; InternalError if nothing passes.
RandomCase random_case(uint64_t seed, const RandomOptions& = {});

/// One attempt, verified or not (for tests of the generator itself).
RandomCase random_attempt(uint64_t seed, const RandomOptions& = {});

}  // namespace smeaton::gir
