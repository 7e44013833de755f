// Slices of an op made ready for emission: coordinates as coefficients over the op's dims, claims
// replaced by what stands behind them, bounds decided per element where interval analysis can.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emit/cpp/function.h"
#include "gir/program.h"

namespace smeaton::emit {

struct Access;

/// base + sum(by_dim[i] * op dim i) + sum(k * value read through an index slice).
struct Form {
    Linear base;
    std::vector<int64_t> by_dim;
    std::vector<std::pair<int64_t, std::shared_ptr<const Access>>> computed;
};

struct BoundForm {
    Form expr;
    std::optional<int64_t> lo, hi;
};

struct Access {
    const Storage* storage = nullptr;
    std::vector<Form> at;  ///< one per logical dim of the storage
    std::vector<BoundForm> bounds;
    Literal otherwise;
    int gathered_from = 0;  ///< fewest lanes that lie apart and come by one gather; 0: never
    int64_t strided_by =
        0;  ///< from one to the next of whole vectors' lanes that are picked; 0: none

    DType dtype() const { return storage->dtype; }
    bool in_registers() const { return storage->kind == Storage::Kind::Registers; }
    bool uses_dim(size_t dim) const;  ///< index slices and bounds included
    bool computed() const;
};

/// Every name is looked up in the op's dims first, then among the axes of `f`.
Access compile_access(const Function& f, const gir::Slice&, const std::vector<gir::NamedDim>& dims);

Form compile_form(const Function& f, const gir::Affine&, const std::vector<gir::NamedDim>& dims);

/// Where in the op's iteration space code is being written: a form per dim, and a vector along one.
struct Point {
    std::vector<Linear> dims;
    int lane_dim = -1;  ///< -1: scalars
    int count = 1;      ///< lanes in use (of f.lanes())
};

/// How the elements of an access lie along the lanes of a point.
enum class Pattern { Uniform, Contiguous, Scattered };
Pattern pattern(Function& f, const Access&, const Point&);
/// Elements from one lane to the next in memory, where they are as many for all lanes.
std::optional<int64_t> lane_stride(const Access&, const Point&);

/// The value of the form with lane `lane`; index slices are read (emitting code) where there are
/// any.
Linear evaluate(Function& f, const Form&, const Point&, int lane);
/// Element offset into a Memory storage.
Linear offset(Function& f, const Access&, const Point&, int lane);

/// What the bounds of an access say at a point.
struct Guard {
    bool all_out = false;
    std::string condition;  ///< uniform over lanes; empty: holds
    std::string mask;       ///< an u64 of lanes inside; empty: all
    bool is_static = true;  ///< mask is a literal
};
Guard guard(Function& f, const Access&, const Point&);

/// A single lane of the point, as a scalar point.
Point lane_point(const Point&, int lane);

}  // namespace smeaton::emit
