// The traffic ledger of a kernel (gir.md section 4): bytes per level, operations, parallel width,
// as closed formulas over extents and parameters.
//
// One op is one pass: each slice is charged one element per point of the dims that occur in it and
// inside its bounds, times the iterations around it. Levels cumulate inwards. A claim or a copy
// is charged once per entry of its block to the levels it crosses on the
// way in, with `ring` only what is new; one copy per unit where it stands above a parallel at a
// level that units own. Reads of it count from its own level inwards. A copy that
// pads reads its source and is written. Elements of a constant tile that are 0, 1 or -1
// cost no bytes; an mma point with a 0 costs nothing and one with 1 or -1 an addition.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gir/ledger/levels.h"
#include "gir/ledger/traffic.h"

namespace smeaton::gir {

struct LedgerLevel {
    Name level;
    Dim read_bytes, write_bytes;
    /// Traffic of this level itself by length of contiguous access; lengths are of one op's pass.
    struct Run {
        Dim run_bytes, bytes;
    };
    std::vector<Run> runs;
};

struct LedgerBuffer {
    Name level;
    Dim read_bytes, write_bytes;
};

struct Ledger {
    std::vector<LedgerLevel> levels;  ///< outermost first
    std::map<std::pair<LedgerClass, DType>, Dim> operations;
    /// As models are counted: zeros beside an image are multiplied like any element, whether they
    /// lie in a border, were copied, or stand for what a bound keeps out; left out is only what
    /// gives no result, and where both operands are outside their bounds.
    Dim multiply_adds = 0;
    std::map<Name, LedgerBuffer> buffers;
    Dim parallel_width = 1;  ///< independent iterations of the narrowest outermost parallel nest

    const LedgerLevel* find(Name level) const;
    Dim read_bytes(Name level) const;  ///< 0 when the level does not occur
    Dim write_bytes(Name level) const;
};

/// Levels: those of the kernel in their usual order, or as given. UserError when a symbolic size
/// stands where only a number would do (count.h).
Ledger ledger(const Kernel&, const Program&);
Ledger ledger(const Kernel&, const Program&, const Levels&);
/// The same with rows for those levels only that the kernel, its tiles and its buffers name.
Ledger ledger_of_named(const Kernel&, const Program&, const Levels&);
/// Sum over the steps; branches and repeats count their kernels once. `once` steps or the others.
Ledger ledger(const Program&, bool once = false);
Ledger ledger(const Program&, const Levels&, bool once = false);

Ledger& operator+=(Ledger&, const Ledger&);

/// Arithmetic, moves apart: a multiply-add is two operations, counted as models are.
double arithmetic(const Ledger&, const Bindings& = {});

/// The numbers at one binding. UserError when a parameter stays unbound.
Traffic traffic_at(const Ledger&, const Bindings& = {});

/// Average contiguous bytes per access at a level itself (bytes / accesses); 0 when there is none.
double run_bytes(const LedgerLevel&, const Bindings& = {});

/// What must be read and written in any case: for each buffer the kernel reads or writes, its
/// logical bytes or, if fewer, those the ledger says are asked for (a gather, a slice of it).
struct Compulsory {
    Dim read_bytes, write_bytes;
};
Compulsory compulsory(const Kernel&, const Program&, const Ledger&);
/// Inputs, states and weights that are read, outputs that are written; temps cost nothing.
Compulsory compulsory(const Program&, const Ledger&);

/// "dram: read 802816 write 401408 run 256", one line per level, then "ops: f32 add 100352, ...".
std::string str(const Ledger&);

}  // namespace smeaton::gir
