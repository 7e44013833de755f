// Runs a GIR program in the interpreter and as emitted code, on equal memory, and compares every
// byte.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emit/cpp/emit.h"
#include "gir/interp/interp.h"
#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::emitted {

/// Seeded values for the program's inputs (and weights without data): floats around zero, integers
/// and bools in a small range. Integer inputs whose name starts with "ids" are indices 0..limit-1,
/// the limit written after an underscore ("ids_7").
std::map<Name, tensor::Tensor> random_inputs(const gir::Program&, uint64_t seed);

struct Comparison {
    std::vector<std::string> differences;  ///< one line per buffer that differs
};

/// Compiles for the instruction set, runs both, compares all buffers byte by byte where nothing was
/// stored and within `tolerance` (relative to the largest magnitude of the buffer) where something
/// was.
Comparison compare(const gir::Program&, const std::map<Name, tensor::Tensor>& inputs,
                   const std::string& isa, double tolerance = 2e-5);

/// A target with the instruction set's registers and common cache sizes.
gir::Target target_of(const emit::Isa&);

/// The same, which reads lanes that lie apart as fast as the seed says: makes of CPU differ in
/// that.
gir::Target target_of(const emit::Isa&, uint64_t seed);

/// The folder for compiled tests.
std::string cache_folder();

}  // namespace smeaton::emitted
