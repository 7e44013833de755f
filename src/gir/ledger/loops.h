// Where an op stands: the loops around it as variables of a count, with their bounds.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "gir/ledger/count.h"
#include "gir/program.h"

namespace smeaton::gir {

/// Variables of one count besides the axes: the dims of an op or a tile.
using DimVars = std::map<Name, int>;

class Loops {
public:
    /// Bound parameters of the program count as numbers.
    explicit Loops(const Program&);

    Dim bound(const Dim& d) const { return d.bind(bindings_); }
    const std::vector<Dim>& extents() const { return extents_; }  ///< by variable
    /// Axes around, outermost first.
    const std::vector<int>& axes() const { return axis_stack_; }
    bool is_axis(int variable) const;
    /// The variable of an enclosing axis. InternalError naming `what` when there is none.
    int axis(Name, Name what) const;
    /// The axis has bounds of its own.
    bool is_clipped(int axis) const { return clipped_.count(axis) > 0; }

    DimVars vars_of(const std::vector<NamedDim>& dims);

    /// Terms go to the variables; what is constant or a parameter is returned.
    Dim split(const Affine&, const DimVars&, LinearTerms& terms) const;
    void add_bounds(const Slice&, const DimVars&, std::vector<BoxBound>& into) const;
    /// The axes around, then these.
    std::vector<int> with_axes(const std::set<int>& dims) const;
    /// These, then the bounds of the loops around.
    std::vector<BoxBound> with_loops(std::vector<BoxBound> bounds) const;

    /// Runs `body` with the loop around it.
    template <class Body>
    void inside(const Parallel& p, Body body) {
        enter(p.axis, new_var(p.extent), 0, body);
    }
    template <class Body>
    void inside(const For& f, Body body) {
        const int var = new_var(f.extent);
        clip(f, var);
        enter(f.axis, var, f.from.size() + f.to.size(), body);
    }

private:
    int new_var(const Dim& extent);
    BoxBound box_bound(const Affine&, const std::optional<Dim>& lo, const std::optional<Dim>& hi,
                       const DimVars&) const;
    void clip(const For&, int var);
    template <class Body>
    void enter(Name axis, int var, size_t bounds_added, Body body) {
        auto saved = axes_;
        axis_stack_.push_back(var);
        axes_[axis] = var;
        body();
        axes_ = std::move(saved);
        axis_stack_.pop_back();
        loop_bounds_.resize(loop_bounds_.size() - bounds_added);
    }

    Bindings bindings_;
    std::vector<Dim> extents_;
    std::vector<int> axis_stack_;
    std::set<int> clipped_;
    std::map<Name, int> axes_;
    std::vector<BoxBound> loop_bounds_;
};

/// Adds the dims of the op that occur in the form.
void note_dims(const Affine&, const DimVars&, std::set<int>& used);
/// Adds those that occur in the slice, its bounds and its indices.
void note_dims(const Slice&, const DimVars&, std::set<int>& used);

}  // namespace smeaton::gir
