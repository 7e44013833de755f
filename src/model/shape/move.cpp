#include "model/shape/move.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

/// The size that -1 stands for: what is left of `total` after `others`.
Dim inferred_size(const NodeView& view, const Dim& total, const Dim& others) {
    if (others.is(0)) {
        view.fail("-1 in its shape is undetermined: the other sizes of {} make 0 elements",
                  view.operand(0));
    }
    const std::optional<Dim> size = tensor::exact_div(total, others);
    if (size) return *size;
    if (total.is_const() && others.is_const()) {
        view.fail("{} has {} elements, not a multiple of {}", view.operand(0), total.str(),
                  others.str());
    }
    if (others.is_const()) return tensor::floor_div(total, others.value());
    view.fail("-1 in its shape stands for ({})/({}); bind these dims with --dim NAME=VALUE",
              total.str(), others.str());
}

/// False where an empty operand cannot take 0 as "copy this dim": then the 0 is a size, which the
/// exporter's shape arithmetic told of an empty batch.
bool copies_fit(const Shape& from, const Shape& to) {
    if (!tensor::product(from).is(0)) return true;
    Dim elements = 1;
    bool open = false;
    for (size_t d = 0; d < to.size(); ++d) {
        if (to[d].is(0) && d >= from.size()) return false;
        open |= to[d].is(-1);
        if (!to[d].is(-1)) elements *= to[d].is(0) ? from[d] : to[d];
    }
    return open || elements.is(0);
}

}  // namespace

Shape reshape_target(const NodeView& view) {
    const Shape& from = view.shape(0);
    Shape to = view.version() < 5 ? to_dims(view.attrs("shape", {})) : view.dims(1, "shape");
    const bool zero_is_zero = view.attr("allowzero", 0) != 0 || !copies_fit(from, to);
    std::optional<size_t> open;
    Dim others = 1;
    Dim rest_from = 1;  // without the dims that 0 copies: with them an empty batch leaves -1 open
    Dim rest_to = 1;
    std::vector<bool> copied(from.size(), false);
    for (size_t d = 0; d < to.size(); ++d) {
        if (to[d].is(-1)) {
            if (open) view.fail("its shape {} holds -1 twice", describe(to));
            open = d;
            continue;
        }
        if (to[d].is_const() && to[d].value() < 0) {
            view.fail("its shape {} holds a negative size", describe(to));
        }
        if (to[d].is(0) && !zero_is_zero) {
            if (d >= from.size()) {
                view.fail("0 at place {} of its shape copies a dim that {} does not have", d,
                          view.operand(0));
            }
            to[d] = from[d];
            copied[d] = true;
        } else {
            rest_to *= to[d];
        }
        others *= to[d];
    }
    const Dim total = tensor::product(from);
    if (open) {
        for (size_t d = 0; d < from.size(); ++d) {
            if (!copied[d]) rest_from *= from[d];
        }
        const bool empty = rest_from.is(0) && rest_to.is(0);
        to[*open] = empty ? Dim(0) : inferred_size(view, rest_from, rest_to);
    } else if (others != total && others.is_const() && total.is_const()) {
        view.fail("{} has {} elements, its new shape {} has {}", view.operand(0), total.str(),
                  describe(to), others.str());
    }
    return to;
}

std::vector<int64_t> transpose_perm(const NodeView& view) {
    const int64_t rank = view.rank(0);
    std::vector<int64_t> reversed(static_cast<size_t>(rank));
    std::iota(reversed.rbegin(), reversed.rend(), int64_t{0});
    const std::vector<int64_t> perm = view.attrs("perm", reversed);
    if (static_cast<int64_t>(perm.size()) != rank) {
        view.fail("attribute perm has {} entries for {}", perm.size(), view.operand(0));
    }
    for (size_t i = 0; i < perm.size(); ++i)
        if (std::find(perm.begin(), perm.begin() + static_cast<long>(i), perm[i]) !=
            perm.begin() + static_cast<long>(i))
            view.fail("attribute perm: axis {} is given twice", perm[i]);
    return view.axes(perm, rank);
}

std::vector<int64_t> squeeze_axes(const NodeView& view) {
    const bool squeeze = view.node().op == OpType::kSqueeze;
    const bool as_operand = view.version() >= 13;
    const bool given = as_operand ? view.has(1) : view.has_attr("axes");
    std::vector<int64_t> axes;
    if (given) axes = as_operand ? view.ints(1, "axes") : view.attrs("axes", {});
    if (given && !(squeeze && axes.empty())) {  // an empty list is no list
        const int64_t rank = view.rank(0) + (squeeze ? 0 : static_cast<int64_t>(axes.size()));
        axes = view.axes(axes, rank);
    } else if (squeeze) {
        for (int64_t d = 0; d < view.rank(0); ++d) {
            const Dim& size = view.shape(0)[static_cast<size_t>(d)];
            if (size.is(1)) axes.push_back(d);
            if (!size.is_const()) {
                view.fail(
                    "it drops all dims of size 1: whether {} of {} is one is not known; "
                    "bind it with --dim",
                    size.str(), view.operand(0));
            }
        }
    } else {
        view.fail("its axes are missing");
    }
    std::sort(axes.begin(), axes.end());
    return axes;
}

int64_t move_axis(const NodeView& view) {
    if (view.node().op == OpType::kConcat && !view.has_attr("axis")) {
        view.fail("attribute axis is missing");
    }
    return view.axis(view.attr("axis", 0), view.rank(0));
}

std::vector<Dim> split_sizes(const NodeView& view) {
    const Dim& size = view.shape(0)[static_cast<size_t>(move_axis(view))];
    const auto count = static_cast<int64_t>(view.node().outputs.size());
    const bool as_operand = view.version() >= 13;
    if (as_operand ? view.has(1) : view.has_attr("split")) {
        const std::vector<Dim> sizes =
            as_operand ? view.dims(1, "split") : to_dims(view.attrs("split", {}));
        Dim sum = 0;
        for (const Dim& s : sizes) {
            if (s.is_const() && s.value() < 0) view.fail("its split holds {}", s.str());
            sum += s;
        }
        if (static_cast<int64_t>(sizes.size()) != count ||
            (sum.is_const() && size.is_const() && sum != size)) {
            view.fail("its split {} does not divide {} elements over {} outputs", describe(sizes),
                      size.str(), count);
        }
        return sizes;
    }
    const int64_t parts = view.version() >= 18 ? view.attr("num_outputs", count) : count;
    if (parts != count) {
        view.fail("attribute num_outputs is {}, but the node has {} outputs", parts, count);
    }
    if (view.version() < 18) {
        const std::optional<Dim> even = tensor::exact_div(size, parts);
        if (!even && size.is_const()) {
            view.fail("{} elements do not divide into {} equal outputs", size.str(), parts);
        }
        return std::vector<Dim>(static_cast<size_t>(parts),
                                even ? *even : tensor::floor_div(size, parts));
    }
    // Since 18 all but the last have the size rounded up.
    const Dim each = tensor::ceil_div(size, parts);
    std::vector<Dim> sizes(static_cast<size_t>(parts), each);
    sizes.back() = size - each * (parts - 1);
    if (sizes.back().is_const() && sizes.back().value() < 0) {
        view.fail("{} elements are too few for {} outputs of {}", size.str(), parts, each.str());
    }
    return sizes;
}

namespace {

/// No open size is taken to be as large: exporters write such numbers (10^9, INT32_MAX, INT64_MAX)
/// for "to the end". Where the size is bound, it alone decides.
constexpr int64_t kBeyondAnySize = 100'000'000;

/// `bound` of a slice, counted from the front and clamped into [low, size + high_extra].
Dim clamp_bound(Dim bound, const Dim& size, int64_t low, int64_t high_extra) {
    if (bound.is_const() && bound.value() < 0) {
        // INT64_MIN, INT32_MIN and their like mean "before the first element".
        if (bound.value() < -(int64_t{1} << 60)) return low;
        if (!size.is_const() && bound.value() <= -kBeyondAnySize) return low;
        bound += size;
    }
    const Dim high = size + high_extra;
    if (bound.is_const()) {
        if (bound.value() <= low) return low;
        // A bound far beyond any size clamps; a small one is taken to lie inside a symbolic dim.
        if (high.is_const()) return std::min(bound.value(), high.value());
        return bound.value() >= kBeyondAnySize ? high : bound;
    }
    if (bound == high) return high;
    const Dim room = high - bound;
    if (room.is_const()) {
        if (room.value() < 0) return high;
        return bound;
    }
    return bound;
}

/// INT32_MAX and INT64_MAX as an end are numpy's None: all the rest, whichever way the steps go.
bool is_greatest(const Dim& end) {
    return end.is(std::numeric_limits<int32_t>::max()) ||
           end.is(std::numeric_limits<int64_t>::max());
}

struct SliceArguments {
    std::vector<Dim> starts, ends;
    std::vector<int64_t> axes, steps;
};

SliceArguments slice_arguments(const NodeView& view) {
    SliceArguments given;
    const int64_t rank = view.rank(0);
    const bool as_operands = view.version() >= 10;
    given.starts = as_operands ? view.dims(1, "starts") : to_dims(view.attrs("starts", {}));
    given.ends = as_operands ? view.dims(2, "ends") : to_dims(view.attrs("ends", {}));
    const size_t count = given.starts.size();
    given.axes.resize(count);
    std::iota(given.axes.begin(), given.axes.end(), int64_t{0});
    given.steps.assign(count, 1);
    if (as_operands) {
        if (view.has(3)) given.axes = view.ints(3, "axes");
        if (view.has(4)) given.steps = view.ints(4, "steps");
    } else {
        given.axes = view.attrs("axes", given.axes);
    }
    if (given.ends.size() != count || given.axes.size() != count || given.steps.size() != count) {
        view.fail("starts, ends, axes and steps have {}, {}, {} and {} entries; expected as many",
                  count, given.ends.size(), given.axes.size(), given.steps.size());
    }
    given.axes = view.axes(given.axes, rank);
    return given;
}

/// ceil((end - start) / step), not below 0.
Dim slice_count(const Dim& start, const Dim& end, int64_t step) {
    const Dim span = step > 0 ? end - start : start - end;
    const int64_t most = int64_t{1} << 60;
    const int64_t stride = step > 0 ? std::min(step, most) : -std::max(step, -most);
    if (span.is_const() && span.value() <= 0) return 0;
    return tensor::ceil_div(span, stride);
}

}  // namespace

SliceRange slice_range(const NodeView& view) {
    const SliceArguments given = slice_arguments(view);
    const Shape& x = view.shape(0);
    SliceRange range;
    range.starts.assign(x.size(), 0);
    range.steps.assign(x.size(), 1);
    range.sizes = x;
    for (size_t i = 0; i < given.axes.size(); ++i) {
        const auto d = static_cast<size_t>(given.axes[i]);
        const int64_t step = given.steps[i];
        if (step == 0) view.fail("step of axis {} is 0", d);
        const Dim start = step > 0 ? clamp_bound(given.starts[i], x[d], 0, 0)
                                   : clamp_bound(given.starts[i], x[d], 0, -1);
        const bool to_front = step < 0 && is_greatest(given.ends[i]);
        const Dim end = step > 0   ? clamp_bound(given.ends[i], x[d], 0, 0)
                        : to_front ? Dim(-1)
                                   : clamp_bound(given.ends[i], x[d], -1, -1);
        range.sizes[d] = x[d].is(0) ? Dim(0) : slice_count(start, end, step);
        range.starts[d] = range.sizes[d].is(0) ? Dim(0) : start;
        range.steps[d] = step;
    }
    return range;
}

TriluChoice trilu_of(const NodeView& view) {
    TriluChoice choice;
    choice.upper = view.attr("upper", 1) != 0;
    if (view.has(1)) {
        const std::vector<int64_t> k = view.ints(1, "k");
        if (k.size() != 1) view.fail("operand {} must hold one number", view.operand(1));
        choice.k = k[0];
    }
    return choice;
}

bool depth_first(const NodeView& view) {
    return view.choice("mode", "DCR", {"DCR", "CRD"}) == "DCR";
}

namespace {

void reshape(Rule& rule) {
    rule.output(0, rule.dtype(0), reshape_target(rule));
}

void transpose(Rule& rule) {
    Shape shape;
    for (int64_t d : transpose_perm(rule)) shape.push_back(rule.shape(0)[static_cast<size_t>(d)]);
    rule.output(0, rule.dtype(0), shape);
}

void squeeze(Rule& rule) {
    const std::vector<int64_t> axes = squeeze_axes(rule);
    Shape shape;
    for (int64_t d = 0; d < rule.rank(0); ++d) {
        const Dim& size = rule.shape(0)[static_cast<size_t>(d)];
        if (!std::binary_search(axes.begin(), axes.end(), d)) {
            shape.push_back(size);
        } else if (size.is_const() && !size.is(1)) {
            rule.fail("dim {} of {} is not 1", d, rule.operand(0));
        }
    }
    rule.output(0, rule.dtype(0), shape);
}

void unsqueeze(Rule& rule) {
    Shape shape = rule.shape(0);
    for (int64_t d : squeeze_axes(rule)) shape.insert(shape.begin() + d, Dim(1));
    rule.output(0, rule.dtype(0), shape);
}

void concat(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    const auto axis = static_cast<size_t>(move_axis(rule));
    std::vector<size_t> all;
    Shape shape = rule.shape(0);
    for (size_t k = 0; k < rule.input_count(); ++k) {
        all.push_back(k);
        if (k == 0) continue;
        const Shape& other = rule.shape(k);
        bool fits = other.size() == shape.size();
        for (size_t d = 0; fits && d < shape.size(); ++d) {
            if (d == axis) {
                shape[d] += other[d];
                continue;
            }
            const std::optional<Dim> one = rule.unify(shape[d], other[d]);
            fits = one.has_value();
            if (fits) shape[d] = *one;
        }
        if (!fits) {
            rule.fail("operands {} and {} disagree outside of axis {}", rule.operand(0),
                      rule.operand(k), axis);
        }
    }
    rule.output(0, rule.same_dtype(all), shape);
}

void split(Rule& rule) {
    rule.expect_rank_at_least(0, 1);
    const auto axis = static_cast<size_t>(move_axis(rule));
    const std::vector<Dim> sizes = split_sizes(rule);
    for (size_t k = 0; k < sizes.size(); ++k) {
        Shape shape = rule.shape(0);
        shape[axis] = sizes[k];
        rule.output(k, rule.dtype(0), shape);
    }
}

void slice(Rule& rule) {
    rule.output(0, rule.dtype(0), slice_range(rule).sizes);
}

void flatten(Rule& rule) {
    int64_t axis = rule.attr("axis", 1);
    const int64_t rank = rule.rank(0);
    if (axis < -rank || axis > rank) {
        rule.fail("axis {} is outside the {} dims of {}", axis, rank, rule.operand(0));
    }
    if (axis < 0) axis += rank;
    Dim rows = 1;
    Dim columns = 1;
    for (int64_t d = 0; d < rank; ++d) {
        (d < axis ? rows : columns) *= rule.shape(0)[static_cast<size_t>(d)];
    }
    rule.output(0, rule.dtype(0), {rows, columns});
}

void expand(Rule& rule) {
    const std::vector<Dim> target = rule.dims(1, "shape");
    for (const Dim& d : target) {
        if (d.is_const() && d.value() < 0) rule.fail("its shape {} is negative", describe(target));
    }
    rule.output(0, rule.dtype(0), rule.broadcast_shapes(rule.shape(0), target));
}

void tile(Rule& rule) {
    const std::vector<Dim> repeats = rule.dims(1, "repeats");
    Shape shape = rule.shape(0);
    if (repeats.size() != shape.size()) {
        rule.fail("{} repeats for the {} dims of {}", repeats.size(), shape.size(),
                  rule.operand(0));
    }
    for (size_t d = 0; d < shape.size(); ++d) {
        if (repeats[d].is_const() && repeats[d].value() < 0) {
            rule.fail("repeat {} of dim {} is negative", repeats[d].str(), d);
        }
        shape[d] *= repeats[d];
    }
    rule.output(0, rule.dtype(0), shape);
}

void trilu(Rule& rule) {
    rule.expect_rank_at_least(0, 2);
    trilu_of(rule);
    rule.same_as_input();
}

void depth_to_space(Rule& rule) {
    rule.expect_rank(0, 4);
    depth_first(rule);
    const int64_t b = rule.attr("blocksize", 0);
    if (b < 1 || b > (1 << 20)) rule.fail("attribute blocksize is {}", b);
    const Shape& x = rule.shape(0);
    const std::optional<Dim> channels = tensor::exact_div(x[1], b * b);
    if (!channels && x[1].is_const()) {
        rule.fail("the {} channels of {} are no multiple of {}", x[1].str(), rule.operand(0),
                  b * b);
    }
    rule.output(0, rule.dtype(0),
                {x[0], channels ? *channels : tensor::floor_div(x[1], b * b), x[2] * b, x[3] * b});
}

void space_to_depth(Rule& rule) {
    rule.expect_rank(0, 4);
    const int64_t b = rule.attr("blocksize", 0);
    if (b < 1 || b > (1 << 20)) rule.fail("attribute blocksize is {}", b);
    const Shape& x = rule.shape(0);
    Shape shape = {x[0], x[1] * (b * b)};
    for (size_t d = 2; d < 4; ++d) {
        const std::optional<Dim> size = tensor::exact_div(x[d], b);
        if (!size && x[d].is_const()) {
            rule.fail("dim {} of {} is no multiple of blocksize {}", d, rule.operand(0), b);
        }
        shape.push_back(size ? *size : tensor::floor_div(x[d], b));
    }
    rule.output(0, rule.dtype(0), shape);
}

void identity(Rule& rule) {
    rule.same_as_input();
}

}  // namespace

void add_move_rules(RuleTable& table) {
    using enum OpType;
    row(table.shape, kReshape) = reshape;
    row(table.shape, kTranspose) = transpose;
    row(table.shape, kSqueeze) = squeeze;
    row(table.shape, kUnsqueeze) = unsqueeze;
    row(table.shape, kConcat) = concat;
    row(table.shape, kSplit) = split;
    row(table.shape, kSlice) = slice;
    row(table.shape, kFlatten) = flatten;
    row(table.shape, kExpand) = expand;
    row(table.shape, kTile) = tile;
    row(table.shape, kTrilu) = trilu;
    row(table.shape, kDepthToSpace) = depth_to_space;
    row(table.shape, kSpaceToDepth) = space_to_depth;
    row(table.shape, kIdentity) = identity;
}

}  // namespace smeaton::model
