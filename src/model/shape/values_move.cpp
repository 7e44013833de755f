// Data propagation through operators that only move elements.
#include <numeric>

#include "model/shape/move.h"
#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

/// States output k: element i is element source[i] of `from`.
void state_moved(Rule& rule, size_t k, const Known& from, const std::vector<int64_t>& source) {
    std::vector<Dim> ints;
    std::vector<double> floats;
    for (int64_t i : source) {
        if (tensor::is_float(from.dtype)) {
            floats.push_back(from.floats.at(static_cast<size_t>(i)));
        } else {
            ints.push_back(from.ints.at(static_cast<size_t>(i)));
        }
    }
    if (tensor::is_float(from.dtype)) {
        rule.output_floats(k, std::move(floats));
    } else {
        rule.output_ints(k, std::move(ints));
    }
}

/// Strides of a dense row-major tensor.
std::vector<int64_t> dense_strides(const std::vector<int64_t>& shape) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
    return strides;
}

/// Flat source index of each element of `shape`, reading at offset + sum coordinate * strides.
std::vector<int64_t> strided(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                             int64_t offset) {
    std::vector<int64_t> result(static_cast<size_t>(element_count(shape)), offset);
    int64_t repeat = 1;
    for (size_t d = shape.size(); d-- > 0;) {
        for (size_t i = 0; i < result.size(); ++i) {
            result[i] += static_cast<int64_t>(i) / repeat % shape[d] * strides[d];
        }
        repeat *= shape[d];
    }
    return result;
}

/// The same elements in the same order: Reshape, Squeeze, Unsqueeze, Flatten, Identity.
void same_elements(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const auto shape = rule.small_output(0);
    if (!x || !shape || element_count(*shape) != x->elements()) return;
    std::vector<int64_t> source(static_cast<size_t>(x->elements()));
    std::iota(source.begin(), source.end(), int64_t{0});
    state_moved(rule, 0, *x, source);
}

void transpose(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const auto shape = rule.small_output(0);
    if (!x || !shape) return;
    const std::vector<int64_t> from = dense_strides(x->shape);
    std::vector<int64_t> strides;
    for (int64_t d : transpose_perm(rule)) strides.push_back(from[static_cast<size_t>(d)]);
    state_moved(rule, 0, *x, strided(*shape, strides, 0));
}

void expand(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const auto shape = rule.small_output(0);
    if (!x || !shape) return;
    std::vector<int64_t> strides = dense_strides(x->shape);
    for (size_t d = 0; d < strides.size(); ++d) {
        if (x->shape[d] == 1) strides[d] = 0;
    }
    strides.insert(strides.begin(), shape->size() - strides.size(), 0);
    state_moved(rule, 0, *x, strided(*shape, strides, 0));
}

void tile(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const auto shape = rule.small_output(0);
    if (!x || !shape) return;
    const std::vector<int64_t> strides = dense_strides(x->shape);
    std::vector<int64_t> source(static_cast<size_t>(element_count(*shape)), 0);
    int64_t repeat = 1;
    for (size_t d = shape->size(); d-- > 0;) {
        for (size_t i = 0; i < source.size(); ++i) {
            const int64_t coordinate = static_cast<int64_t>(i) / repeat % (*shape)[d];
            source[i] += coordinate % x->shape[d] * strides[d];
        }
        repeat *= (*shape)[d];
    }
    state_moved(rule, 0, *x, source);
}

void slice(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const auto shape = rule.small_output(0);
    if (!x || !shape) return;
    const SliceRange range = slice_range(rule);
    std::vector<int64_t> strides = dense_strides(x->shape);
    int64_t offset = 0;
    for (size_t d = 0; d < strides.size(); ++d) {
        if (!range.starts[d].is_const()) return;
        offset += range.starts[d].value() * strides[d];
        strides[d] *= range.steps[d];
    }
    state_moved(rule, 0, *x, strided(*shape, strides, offset));
}

void split(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    if (!x) return;
    const auto axis = static_cast<size_t>(move_axis(rule));
    const std::vector<int64_t> strides = dense_strides(x->shape);
    int64_t start = 0;
    for (size_t k = 0; k < rule.output_count(); ++k) {
        const Dim size = split_sizes(rule)[k];
        if (!size.is_const()) return;
        std::vector<int64_t> shape = x->shape;
        shape[axis] = size.value();
        state_moved(rule, k, *x, strided(shape, strides, start * strides[axis]));
        start += size.value();
    }
}

void gather(Rule& rule) {
    const KnownPtr x = rule.try_known(0);
    const KnownPtr indices = rule.try_known(1);
    const auto shape = rule.small_output(0);
    if (!x || !indices || !shape) return;
    const auto axis = static_cast<size_t>(rule.axis(rule.attr("axis", 0), rule.rank(0)));
    int64_t inner = 1;
    for (size_t d = axis + 1; d < x->shape.size(); ++d) inner *= x->shape[d];
    const int64_t count = indices->elements();
    std::vector<int64_t> source;
    for (int64_t i = 0; i < element_count(*shape); ++i) {
        const Dim& index = indices->ints[static_cast<size_t>(i / inner % count)];
        if (!index.is_const()) return;
        const int64_t at = index.value() < 0 ? index.value() + x->shape[axis] : index.value();
        if (at < 0 || at >= x->shape[axis]) return;
        source.push_back((i / (inner * count) * x->shape[axis] + at) * inner + i % inner);
    }
    state_moved(rule, 0, *x, source);
}

void concat(Rule& rule) {
    const auto shape = rule.small_output(0);
    if (!shape) return;
    const auto axis = static_cast<size_t>(move_axis(rule));
    std::vector<KnownPtr> parts;
    int64_t outer = 1;
    for (size_t d = 0; d < axis; ++d) outer *= (*shape)[d];
    Known all;
    all.dtype = rule.dtype(0);
    for (size_t k = 0; k < rule.input_count(); ++k) {
        parts.push_back(rule.try_known(k));
        if (!parts.back()) return;
    }
    for (int64_t o = 0; o < outer; ++o) {
        for (const KnownPtr& part : parts) {
            const int64_t run = part->elements() / outer;
            const auto from = o * run;
            if (tensor::is_float(all.dtype)) {
                all.floats.insert(all.floats.end(), part->floats.begin() + from,
                                  part->floats.begin() + from + run);
            } else {
                all.ints.insert(all.ints.end(), part->ints.begin() + from,
                                part->ints.begin() + from + run);
            }
        }
    }
    if (tensor::is_float(all.dtype)) {
        rule.output_floats(0, std::move(all.floats));
    } else {
        rule.output_ints(0, std::move(all.ints));
    }
}

}  // namespace

void add_move_values(RuleTable& table) {
    using enum OpType;
    for (OpType op : {kReshape, kSqueeze, kUnsqueeze, kFlatten, kIdentity, kDropout}) {
        row(table.value, op) = same_elements;
    }
    row(table.value, kTranspose) = transpose;
    row(table.value, kExpand) = expand;
    row(table.value, kTile) = tile;
    row(table.value, kSlice) = slice;
    row(table.value, kSplit) = split;
    row(table.value, kGather) = gather;
    row(table.value, kConcat) = concat;
}

}  // namespace smeaton::model
