// What the emitter knows of an instruction set: a vector width, a register count, and compiler
// flags.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace smeaton::emit {

struct Isa {
    std::string name;       ///< "avx512", "avx512bf16", "avx2", "plain"
    int vector_bytes = 16;  ///< f32 vectors; other dtypes use as many lanes
    int vector_registers = 16;
    bool masks = false;              ///< loads and stores under a mask register
    bool fma = false;                ///< multiplies and adds with one rounding
    std::vector<std::string> flags;  ///< names the CPU's features to the compiler

    int lanes() const { return vector_bytes / 4; }
    bool gathers() const { return vector_bytes > 16; }  ///< one load of f32 from all over
};

/// "avx512", "avx512bf16", "avx2" or "plain" (the baseline of whatever the compiler targets).
/// UserError on another name.
Isa isa_named(std::string_view);

/// Flags for generated code besides the ISA's: -O2, exact floats but for contraction, wrapping
/// ints.
std::vector<std::string> compile_flags(const Isa&);
/// For code sooner and not as fast, with the same results to the last bit.
std::vector<std::string> quick_compile_flags(const Isa&);

}  // namespace smeaton::emit
