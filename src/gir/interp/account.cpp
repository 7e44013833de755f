#include "gir/interp/account.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace smeaton::gir::interp {

namespace {

// Visits all points of the chosen dims, the other coordinates 0.
void for_each_point(const std::vector<int64_t>& extents, const std::vector<int>& dims,
                    const std::function<void(const std::vector<int64_t>&)>& visit) {
    for (int d : dims)
        if (extents[static_cast<size_t>(d)] == 0) return;
    std::vector<int64_t> at(std::max<size_t>(extents.size(), 1), 0);
    while (true) {
        visit(at);
        size_t k = dims.size();
        while (k > 0) {
            size_t d = static_cast<size_t>(dims[k - 1]);
            if (++at[d] < extents[d]) break;
            at[d] = 0;
            --k;
        }
        if (k == 0) return;
    }
}

bool inside(const SliceRef& s, const std::vector<int64_t>& axes, const std::vector<int64_t>& dims) {
    for (const BoundForm& b : s.bounds) {
        int64_t v = b.expr.at(axes.data(), dims.data());
        if (v < b.lo || v >= b.hi) return false;
    }
    return true;
}

bool free_value(double v) {
    return v == 0 || v == 1 || v == -1;
}

double constant_at(const SliceRef& s, const std::vector<int64_t>& axes,
                   const std::vector<int64_t>& dims) {
    int64_t offset = 0;
    if (!locate(s, axes.data(), dims.data(), offset)) return s.otherwise.as_double();
    return load_one_f(*s.place, offset);
}

std::vector<int> all_dims(const std::vector<int64_t>& extents) {
    std::vector<int> dims;
    for (size_t d = 0; d < extents.size(); ++d) dims.push_back(static_cast<int>(d));
    return dims;
}

bool is_fold(OpKind kind) {
    return kind == OpKind::Reduce || kind == OpKind::Mma;
}

}  // namespace

Account::Account(const Levels& levels, bool count, TraceSink* trace)
    : levels_(levels),
      count_(count),
      trace_(trace),
      direct_(levels.list.size()),
      crossing_(levels.list.size(), 0) {}

int64_t Account::count_elements(const SliceRef& s, const std::vector<int64_t>& extents,
                                const Axes& axes) const {
    int64_t count = 0;
    if (s.bounds.empty() && !s.place->constant) {
        count = 1;
        for (int d : s.own_dims) count *= extents[static_cast<size_t>(d)];
        return count;
    }
    for_each_point(extents, s.own_dims, [&](const std::vector<int64_t>& at) {
        if (!inside(s, axes, at)) return;
        if (s.place->constant && free_value(constant_at(s, axes, at))) return;
        ++count;
    });
    return count;
}

void Account::charge(const SliceRef& s, int64_t elements, bool write) {
    if (elements == 0) return;
    int64_t bits = elements * tensor::bits(s.place->dtype);
    Bits& level = direct_[static_cast<size_t>(s.level)];
    (write ? level.write : level.read) += bits;
    if (s.charged_buffer.empty()) return;
    auto& [index, own] = buffers_[s.charged_buffer];
    index = s.level;
    (write ? own.write : own.read) += bits;
}

void Account::charge_crossing(const SliceRef& s, int outer_level, int inner_level,
                              int64_t elements) {
    if (elements == 0) return;
    int64_t bits = elements * tensor::bits(s.place->dtype);
    if (!s.charged_buffer.empty()) {
        auto& [index, own] = buffers_[s.charged_buffer];
        index = s.level;
        own.read += bits;
    }
    if (!levels_.inside(inner_level, outer_level) || inner_level == outer_level) {
        crossing_[static_cast<size_t>(outer_level)] += bits;
        return;
    }
    int level = levels_.list[static_cast<size_t>(inner_level)].parent;
    while (true) {
        crossing_[static_cast<size_t>(level)] += bits;
        if (level == outer_level) return;
        level = levels_.list[static_cast<size_t>(level)].parent;
    }
}

void Account::trace_slice(const SliceRef& s, const std::vector<int64_t>& extents, const Axes& axes,
                          bool read, bool write) {
    if (!s.place->traced) return;
    int width = tensor::bits(s.place->dtype);
    int64_t start = 0, end = 0;  // bits of the run under way
    auto flush = [&] {
        if (end == start) return;
        int64_t first = start / 8, bytes = (end + 7) / 8 - first;
        if (read) trace_->access(s.place->region, first, bytes, false);
        if (write) trace_->access(s.place->region, first, bytes, true);
    };
    for_each_point(extents, s.own_dims, [&](const std::vector<int64_t>& at) {
        int64_t offset = 0;
        if (!locate(s, axes.data(), at.data(), offset)) return;
        int64_t bit = offset * width;
        if (bit == end && end != start) {
            end += width;
            return;
        }
        flush();
        start = bit;
        end = bit + width;
    });
    flush();
}

void Account::indices(const SliceRef& s, const std::vector<int64_t>& extents, const Axes& axes,
                      int64_t copies) {
    for (const CoordForm& c : s.at) {
        for (const CoordForm::Computed& x : c.computed) {
            indices(*x.index, extents, axes, copies);
            if (count_) charge(*x.index, copies * count_elements(*x.index, extents, axes), false);
            if (trace_) trace_slice(*x.index, extents, axes, true, false);
        }
    }
}

void Account::slice(const SliceRef& s, const std::vector<int64_t>& extents, const Axes& axes,
                    bool read, bool write) {
    indices(s, extents, axes, 1);
    if (count_) {
        int64_t elements = count_elements(s, extents, axes);
        if (read) charge(s, elements, false);
        if (write) charge(s, elements, true);
    }
    if (trace_) trace_slice(s, extents, axes, read, write);
}

void Account::operations(const OpNode& node, const Axes& axes) {
    const Op& op = *node.op;
    std::vector<DType> sources;
    for (const auto& s : node.srcs)
        if (s) sources.push_back(s->place->dtype);
    DType dtype = compute_dtype(op, node.dst.place->dtype, sources);
    LedgerClass cls = class_of(op);
    std::vector<const SliceRef*> bounded, constants;
    if (!node.dst.bounds.empty()) bounded.push_back(&node.dst);
    for (const auto& s : node.srcs) {
        if (s && is_fold(op.kind) && !s->bounds.empty()) bounded.push_back(&*s);
        if (s && op.kind == OpKind::Mma && s->place->constant) constants.push_back(&*s);
    }
    int64_t each = 1;
    if (op.kind == OpKind::Sort)
        each = sort_comparisons(node.extents[static_cast<size_t>(node.along)]);
    if (bounded.empty() && constants.empty()) {
        int64_t points = each;
        for (int64_t e : node.extents) points *= e;
        if (points > 0) operations_[{cls, dtype}] += points;
        return;
    }
    for_each_point(node.extents, all_dims(node.extents), [&](const std::vector<int64_t>& at) {
        for (const SliceRef* s : bounded)
            if (!inside(*s, axes, at)) return;
        LedgerClass counted = cls;
        for (const SliceRef* s : constants) {
            double v = constant_at(*s, axes, at);
            if (v == 0) return;
            if (free_value(v)) counted = LedgerClass::Add;
        }
        operations_[{counted, dtype}] += each;
    });
}

void Account::op(const OpNode& node, const Axes& axes) {
    OpKind kind = node.op->kind;
    for (const auto& s : node.srcs)
        if (s) slice(*s, node.extents, axes, true, false);
    bool reads_dst = kind == OpKind::Mma || kind == OpKind::Sort ||
                     (kind == OpKind::Reduce && node.op->accumulate) ||
                     (kind == OpKind::Scatter && node.op->fn != ScalarFn::copy);
    slice(node.dst, node.extents, axes, reads_dst, true);
    if (node.payload) slice(*node.payload, node.extents, axes, true, true);
    if (count_) operations(node, axes);
}

void Account::check(const CheckNode& node, const Axes& axes) {
    if (node.condition) slice(*node.condition, node.extents, axes, true, false);
}

void Account::let(LetNode& node, const Axes& axes) {
    if (!node.source) return;
    const SliceRef& s = *node.source;
    // Filling a tile touches its source now. A claim's source is touched when it is read, but one
    // that stands before all loops is prefetched whole, so that a sample finds it where it is
    // claimed.
    if (trace_ && (node.place || node.at_top)) {
        if (!node.place) trace_->fetching_into(node.let->tile.level);
        trace_slice(s, node.extents, axes, true, false);
        if (!node.place) trace_->fetching_into(Name());
        if (node.fill) trace_slice(node.fill->dst, node.extents, axes, false, true);
    }
    if (!count_) return;
    indices(s, node.extents, axes, node.copies);
    int64_t all = 0, within = 0;  // points over the source's own dims: new ones, those in bounds
    std::vector<std::vector<int64_t>> now;
    for_each_point(node.extents, s.own_dims, [&](const std::vector<int64_t>& at) {
        if (node.ring_slot >= 0) {
            std::vector<int64_t> coordinate;
            for (const CoordForm& c : s.at)
                coordinate.push_back(c.affine.at(axes.data(), at.data()));
            bool held =
                std::binary_search(node.ring_held.begin(), node.ring_held.end(), coordinate);
            now.push_back(std::move(coordinate));
            if (held) return;
        }
        ++all;
        if (inside(s, axes, at)) ++within;
    });
    std::sort(now.begin(), now.end());
    node.ring_held = std::move(now);
    int inner = levels_.index(node.let->tile.level);
    if (!pads(*node.let)) {
        charge_crossing(s, s.level, inner, node.copies * within);
        return;
    }
    for (size_t d = 0; d < node.extents.size(); ++d)
        if (!std::binary_search(s.own_dims.begin(), s.own_dims.end(), static_cast<int>(d)))
            all *= node.extents[d];
    charge(s, node.copies * within, false);
    charge(node.fill->dst, node.copies * all, true);
    if (all > 0) operations_[{class_of(*node.fill_op), node.let->tile.dtype}] += node.copies * all;
}

Traffic Account::traffic() const {
    auto bytes = [](int64_t bits) { return (bits + 7) / 8; };
    Traffic t;
    std::vector<Bits> sum(direct_.size());
    for (size_t l = 0; l < direct_.size(); ++l) {
        sum[l] = direct_[l];
        if (int parent = levels_.list[l].parent; parent >= 0) {
            sum[l].read += sum[static_cast<size_t>(parent)].read;
            sum[l].write += sum[static_cast<size_t>(parent)].write;
        }
        t.levels.push_back(
            {levels_.list[l].name, bytes(sum[l].read + crossing_[l]), bytes(sum[l].write)});
    }
    t.operations = operations_;
    for (const auto& [buffer, entry] : buffers_)
        t.buffers[buffer] = {levels_.list[static_cast<size_t>(entry.first)].name,
                             bytes(entry.second.read), bytes(entry.second.write)};
    return t;
}

}  // namespace smeaton::gir::interp
