// A kernel as functions: one per phase, with canonical names, so that equal kernels give equal
// text.
#pragma once

#include <string>
#include <vector>

#include "emit/cpp/isa.h"
#include "gir/program.h"

namespace smeaton::emit {

struct PhaseText {
    std::string body;   ///< the function's statements
    int64_t range = 1;  ///< iterations of the flattened parallel axes
    bool parallel = false;
};

struct KernelText {
    std::vector<PhaseText> phases;
    std::vector<Name> buffers;  ///< order of the function's `buffers` argument
    int64_t shared_bytes = 0;   ///< one more buffer behind them, for tiles that phases share
    int64_t scratch_bytes = 0;  ///< per thread
    std::vector<std::string>
        messages;  ///< a function returns 1 + the index of the check that failed
};

KernelText emit_kernel(const gir::Kernel&, const gir::Program&, const Isa&);

}  // namespace smeaton::emit
