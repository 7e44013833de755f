#include "emit/cpp/prefetch.h"

#include <algorithm>

#include "emit/cpp/spell.h"

namespace smeaton::emit {

namespace {

constexpr int64_t kLeastPanel = 16 << 10;  // bytes; less stays in L1
constexpr int64_t kLine = 64;

int64_t coefficient(const Linear& form, VarId v) {
    for (const auto& [var, k] : form.terms)
        if (var == v) return k;
    return 0;
}

/// The loops around the place, seen from one operand.
struct Sweep {
    size_t panel_loop = 0;  ///< each iteration reads another panel
    int64_t repeats = 1;    ///< times that one panel is read
    int64_t footprint = 0;  ///< its elements
    int64_t next = 0;       ///< from one panel to the next
    int64_t step = 0;       ///< from one read to the next, innermost
};

/// The innermost loop that moves the operand and has a loop inside that does not.
bool find_sweep(const Function& f, const Linear& first, int64_t elements, Sweep& sweep) {
    sweep.footprint = elements;
    bool inside = false;
    for (size_t i = f.loops.size(); i-- > 0;) {
        const Function::Loop& loop = f.loops[i];
        int64_t k = coefficient(first, loop.var);
        if (k == 0) {
            sweep.repeats *= loop.extent;
            continue;
        }
        if (k < 0) return false;
        if (sweep.repeats > 1) {
            sweep.panel_loop = i;
            sweep.next = k;
            return inside;
        }
        if (!inside) sweep.step = k;
        inside = true;
        sweep.footprint *= loop.extent;
    }
    return false;
}

}  // namespace

void prefetch_panel(Function& f, const Storage& storage, const Linear& first, int64_t elements) {
    Sweep sweep;
    for (const auto& [v, k] : first.terms)
        if (f.variable(v).in_body) return;
    if (!find_sweep(f, first, elements, sweep)) return;
    int64_t size = size_of(storage.dtype), bytes = sweep.footprint * size;
    bool contiguous = sweep.next == sweep.footprint && sweep.step == elements;
    if (!contiguous || bytes < kLeastPanel || bytes > f.isa().l2_bytes * 3 / 8) return;

    // Position in the next panel: the sweep's share of it, then this read's share of that.
    Linear ahead;
    ahead.constant = first.constant + sweep.next;
    int64_t share = 1;
    for (size_t i = f.loops.size(); i-- > 0;) {
        VarId v = f.loops[i].var;
        int64_t k = coefficient(first, v);
        if (i <= sweep.panel_loop) {
            ahead.add(v, k);
        } else if (k != 0) {
            ahead.add(v, k / sweep.repeats);
        } else {
            ahead.add(v, sweep.footprint / sweep.repeats * share);
            share *= f.loops[i].extent;
        }
    }
    for (const auto& [v, k] : first.terms) {
        bool is_loop = false;
        for (const Function::Loop& loop : f.loops) is_loop = is_loop || loop.var == v;
        if (!is_loop) ahead.add(v, k);
    }
    int64_t line = kLine / size, lines = (elements + line - 1) / line;
    int64_t each = (lines + sweep.repeats - 1) / sweep.repeats;
    for (int64_t i = 0; i < each; ++i) {
        f.line(fmt::format("__builtin_prefetch({}, 0, 2);", f.address(storage, ahead)));
        ahead.constant += line;
    }
}

}  // namespace smeaton::emit
