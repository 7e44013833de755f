// GIR to C++: a bound program in, translation units and what a caller must know to run them out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "emit/cpp/isa.h"
#include "gir/program.h"

namespace smeaton::emit {

struct EmitOptions {
    Isa isa;
    int units = 1;  ///< translation units to spread the functions over
    /// Lines for the comment above a kernel (operators, axes, bytes per level); may be empty.
    std::function<std::string(const gir::Kernel&)> comment;
};

/// int symbol(void* const* buffers, char* scratch, int64 begin, int64 end); 0, or 1 + a message's
/// index.
struct EmittedPhase {
    std::string symbol;
    int64_t range = 1;
    bool parallel = false;  ///< the range may be split among threads, in any way
};

struct EmittedKernel {
    Name name;
    std::vector<EmittedPhase> phases;  ///< run one after another
    std::vector<Name> buffers;         ///< in the order of the `buffers` argument
    int64_t shared_bytes = 0;          ///< > 0: one more entry of `buffers`, 64-byte aligned memory
    int64_t scratch_bytes = 0;         ///< for each thread, 64-byte aligned
    std::vector<std::string> messages;  ///< of the checks
};

struct EmittedProgram {
    std::vector<std::string> units;
    std::vector<EmittedKernel> kernels;  ///< one per run step, `once` steps included, in step order
};

/// Every dim must be bound. Kernels that differ in names alone share their functions.
/// UserError for branch, repeat and settle steps and for dtypes that no code is generated for.
EmittedProgram emit_program(const gir::Program&, const EmitOptions&);

}  // namespace smeaton::emit
