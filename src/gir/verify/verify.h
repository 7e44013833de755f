// The verifier: what must hold of every GIR program, checked after every rewrite. docs/gir.md lists
// the rules; each has its file here (structure, kinds, bounds, races, coverage, claims).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

struct VerifyOptions {
    /// What tiles and claims that live at once may take at a level, in bytes; levels not named are
    /// unbounded. One unit's share where a level is private to units.
    std::map<Name, int64_t> capacity_bytes;
};

/// Broken rules, one sentence each, in program order; empty when the program is sound. Parameters
/// that the program leaves unbound are tried at a few values. What cannot be decided with bounded
/// work (bounds or overlaps that hang on several conditions at once) is not reported.
std::vector<std::string> find_faults(const Program&, const VerifyOptions& = {});

/// InternalError "after <pass>: <first fault>" when there is one.
void verify(const Program&, std::string_view pass, const VerifyOptions& = {});

}  // namespace smeaton::gir
