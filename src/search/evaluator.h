// What a search asks of a cost model: the figures of a point, and figures that no point of a box
// goes below.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "search/space.h"

namespace smeaton::search {

/// Less is better in each. What a cost model does not tell is 0 for every point.
enum Criterion : size_t { kTime, kEnergy, kMemory, kArea };
/// The weighted time of all workloads (cycles, or a ratio to a baseline), pJ, bytes of SRAM, mm2.
using Criteria = std::array<double, 4>;

struct Evaluation {
    Criteria criteria{};
    std::vector<double> cycles;  ///< by workload
    std::string refused;         ///< why this is no machine for the workloads; empty: it is one
};

class Evaluator {
public:
    virtual ~Evaluator() = default;
    /// One of its own for another thread.
    virtual std::unique_ptr<Evaluator> another() const = 0;

    virtual Evaluation evaluate(const Point&) = 0;
    /// No point of the box has less in any criterion; infinite where none is a machine at all.
    virtual Criteria bound(const Box&) = 0;
    /// Of one point: as bound(), but worked harder for, until `by` is at least `enough`.
    virtual Criteria bound_of(const Point& point, Criterion by, double enough) {
        (void)by, (void)enough;
        Box box;
        for (const uint32_t at : point) box.push_back({at, at});
        return bound(box);
    }
    /// Axes that bounds are weak across: boxes are cut along these first.
    virtual std::vector<bool> decisive() const = 0;
    /// Axes along which evaluations share nothing that is kept: points that differ in none of them
    /// are left to one thread. Empty: any thread is as good as another.
    virtual std::vector<bool> costly() const { return {}; }
    /// Bounds say little: a good point is looked for by small steps before boxes are cut.
    virtual bool climbs() const { return false; }
    virtual bool tells(Criterion) const = 0;
    /// Two evaluators with the same identity evaluate every point alike.
    virtual std::string identity() const = 0;
};

}  // namespace smeaton::search
