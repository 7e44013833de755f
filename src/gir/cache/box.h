// Boxes: the coordinates that an access walks while the loops inside run and those around stand
// still, and the lines of memory that hold them. Exact for const extents; trips may be fractions
// where a loop's bounds were averaged.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

#include "gir/program.h"

namespace smeaton::gir::cache {

/// One coordinate: what the axes around contribute, and what those inside add to it:
/// lo, lo + step, …, hi.
struct Reach {
    Affine outer;
    ValueRange inner;
    int64_t step = 0;     ///< divides all coefficients inside; 0: one value
    bool walked = false;  ///< by an axis or dim inside, if only of extent 1
    double distinct = 1;  ///< values that are touched, at most values()

    int64_t values() const { return step == 0 ? 1 : (inner.hi - inner.lo) / step + 1; }
};

/// `trips_of`: of a variable inside; nothing for one around.
template <class TripsOf>
Reach reach_of(const Affine& at, TripsOf&& trips_of) {
    Reach r;
    r.inner = {at.constant, at.constant};
    for (const Term& t : at.terms) {
        const std::optional<double> trips = trips_of(t.var);
        if (!trips) {
            r.outer += Affine(t.var, t.coefficient);
            continue;
        }
        const double turns = std::max(1.0, *trips);
        const int64_t reach = t.coefficient * (static_cast<int64_t>(std::ceil(turns)) - 1);
        (reach < 0 ? r.inner.lo : r.inner.hi) += reach;
        r.step = std::gcd(r.step, t.coefficient);
        r.walked = true;
        r.distinct *= turns;
    }
    r.distinct = std::min(r.distinct, static_cast<double>(r.values()));
    return r;
}

/// Accesses to one target whose outer parts agree.
struct Box {
    std::vector<Reach> reach;  ///< per dim of the target
    int64_t elements() const;  ///< of the whole box, touched or not
};

/// Do the axes around move both by the same?
bool move_alike(const Box&, const Box&);
/// The least box around both.
void widen(Box& into, const Box& other);

/// The part of the box that an iteration of the loop over `axis` does not share with the one
/// before: 1 when they share nothing, 0 when all.
double new_share(const Box&, Name axis);
/// The same of a claim or copy that is a ring.
double new_share(const Let&);
/// Of all that `trips` iterations of the ring ask for; the first finds nothing.
double new_share(const Let&, double trips);

/// A buffer or tile as it lies in memory.
struct Memory {
    tensor::DType dtype = tensor::DType::kF32;
    std::vector<double> extents;      ///< logical
    std::vector<PhysicalDim> layout;  ///< outermost first, spelled out
    double bytes = 0;                 ///< of the layout
    int along = -1;                   ///< dim_along (gir/layout.h)
};
/// Extents must be const.
Memory memory_of(const Buffer&);
Memory memory_of(const Tile&);

/// Range of one logical coordinate that is touched: `range` from the least to the greatest,
/// `distinct` values in it.
struct Touched {
    double range = 1, distinct = 1;
};

/// Bytes of whole lines that hold the touched box; at most those of the memory.
double touched_bytes(const Memory&, const std::vector<Touched>&, double line_bytes);
double touched_bytes(const Memory&, const Box&, double line_bytes);

}  // namespace smeaton::gir::cache
