// Runs inner parallel iterations side by side: `parallel v: 64 { let t[]; op t[] <- a[v]; ... }`
// becomes `let t[v: 64]; op t[v] <- a[v]; ...`. Only the interpreter does this, to spend less time
// per op; what is computed is the same, what is counted is not.
#pragma once

#include "gir/program.h"

namespace smeaton::gir::interp {

/// Parallels whose bodies are small, innermost first. Extents that stay symbolic under the bindings
/// are left alone.
Block widen(const Block&, const Bindings&);

}  // namespace smeaton::gir::interp
