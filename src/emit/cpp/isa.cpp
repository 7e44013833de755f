#include "emit/cpp/isa.h"

#include "base/error.h"

namespace smeaton::emit {

Isa isa_named(std::string_view name) {
    std::vector<std::string> avx2 = {"-mavx2", "-mfma",   "-mf16c",  "-mbmi",
                                     "-mbmi2", "-mlzcnt", "-mprfchw"};
    if (name == "plain") return {"plain", 16, 16, false, false, {}};
    if (name == "avx2") return {"avx2", 32, 16, false, true, avx2};
    if (name == "avx512" || name == "avx512bf16") {
        Isa isa{std::string(name), 64, 32, true, true, avx2};
        for (const char* feature : {"f", "cd", "bw", "dq", "vl"})
            isa.flags.push_back(std::string("-mavx512") + feature);
        if (name == "avx512bf16") isa.flags.push_back("-mavx512bf16");
        return isa;
    }
    throw UserError("unknown instruction set '{}': expected avx512, avx512bf16, avx2 or plain",
                    name);
}

static std::vector<std::string> flags_for(const Isa& isa, std::vector<std::string> level) {
    // -fno-strict-aliasing: scratch memory holds tiles of several dtypes one after another.
    std::vector<std::string> flags = {
        "-std=c++17",      "-fPIC",     isa.fma ? "-ffp-contract=fast" : "-ffp-contract=off",
        "-fno-math-errno", "-fwrapv",   "-fno-strict-aliasing",
        "-fno-exceptions", "-fno-rtti", "-w",
        "-Wno-psabi"};
    flags.insert(flags.begin() + 1, level.begin(), level.end());
    flags.insert(flags.end(), isa.flags.begin(), isa.flags.end());
    return flags;
}

std::vector<std::string> compile_flags(const Isa& isa) {
    // What runs along vectors is spelled. Where GCC looks for more it leaves loops around a tile of
    // registers in a form in which half of the tile goes through memory.
    return flags_for(isa, {"-O2", "-fno-tree-vectorize"});
}

std::vector<std::string> quick_compile_flags(const Isa& isa) {
    // GCC contracts multiply-adds in a pass that -O1 leaves out; clang does so at any level, and
    // takes the flag.
    return flags_for(isa, {"-O1", "-fexpensive-optimizations"});
}

}  // namespace smeaton::emit
