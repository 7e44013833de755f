#include "gir/interp/rows.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "tensor/convert.h"

namespace smeaton::gir::interp {

int64_t Split::length(const std::vector<int64_t>& outer_values) const {
    if (chunk_variable < 0) return row_points;
    const Variable& v = outer[static_cast<size_t>(chunk_variable)];
    int64_t start = outer_values[static_cast<size_t>(chunk_variable)] * v.step;
    return std::min(v.step, chunk_dim_extent - start) * inner_points;
}

Split split_points(const std::vector<int64_t>& extents, const std::vector<int>& one_by_one,
                   const std::vector<int>& row_dims, const std::vector<int>& after) {
    Split s;
    auto extent = [&](int d) { return extents[static_cast<size_t>(d)]; };
    for (int d : one_by_one) s.outer.push_back({d, 1, extent(d)});
    size_t first = row_dims.size();
    while (first > 0 && s.row_points * extent(row_dims[first - 1]) <= kRowPoints)
        s.row_points *= extent(row_dims[--first]);
    s.inner_points = s.row_points;
    int64_t chunk = 1;
    if (first > 0 && s.row_points > 0) chunk = kRowPoints / s.row_points;
    bool chunked = first > 0 && chunk > 1;
    size_t whole = chunked ? first - 1 : first;
    for (size_t i = 0; i < whole; ++i) s.outer.push_back({row_dims[i], 1, extent(row_dims[i])});
    if (chunked) {
        int d = row_dims[first - 1];
        s.chunk_variable = static_cast<int>(s.outer.size());
        s.chunk_dim_extent = extent(d);
        s.outer.push_back({d, chunk, (extent(d) + chunk - 1) / chunk});
        s.group.push_back(d);
        s.group_extents.push_back(chunk);
        s.row_points *= chunk;
    }
    for (size_t i = first; i < row_dims.size(); ++i) {
        s.group.push_back(row_dims[i]);
        s.group_extents.push_back(extent(row_dims[i]));
    }
    for (int d : after) s.outer.push_back({d, 1, extent(d)});
    return s;
}

bool next_row(const Split& s, std::vector<int64_t>& values) {
    for (size_t i = s.outer.size(); i-- > 0;) {
        if (++values[i] < s.outer[i].extent) return true;
        values[i] = 0;
    }
    return false;
}

bool no_rows(const Split& s) {
    if (s.row_points == 0) return true;
    return std::any_of(s.outer.begin(), s.outer.end(),
                       [](const Split::Variable& v) { return v.extent == 0; });
}

RowForm row_form(const LinearForm& f, const Split& s) {
    RowForm r;
    r.constant = f.constant;
    r.axes = f.axes;
    auto coefficient = [&](int dim) -> int64_t {
        for (const auto& [d, k] : f.dims)
            if (d == dim) return k;
        return 0;
    };
    for (size_t v = 0; v < s.outer.size(); ++v)
        if (int64_t k = coefficient(s.outer[v].dim) * s.outer[v].step)
            r.outer.emplace_back(static_cast<int>(v), k);
    std::vector<int64_t> rel(1, 0);
    for (size_t g = 0; g < s.group.size(); ++g) {
        int64_t k = coefficient(s.group[g]);
        std::vector<int64_t> next;
        next.reserve(rel.size() * static_cast<size_t>(s.group_extents[g]));
        for (int64_t base : rel)
            for (int64_t i = 0; i < s.group_extents[g]; ++i) next.push_back(base + k * i);
        rel = std::move(next);
    }
    if (rel.empty()) return r;
    r.rel_min = *std::min_element(rel.begin(), rel.end());
    r.rel_max = *std::max_element(rel.begin(), rel.end());
    r.stride = rel.size() > 1 ? rel[1] - rel[0] : 0;
    for (size_t i = 0; i < rel.size(); ++i) {
        if (rel[i] == r.stride * static_cast<int64_t>(i)) continue;
        r.rel = std::move(rel);
        break;
    }
    return r;
}

static void add_scaled(LinearForm& into, const LinearForm& f, int64_t k) {
    auto add = [k](std::vector<std::pair<int, int64_t>>& terms,
                   const std::vector<std::pair<int, int64_t>>& more) {
        for (const auto& [id, c] : more) {
            auto at = std::find_if(terms.begin(), terms.end(),
                                   [id = id](const auto& t) { return t.first == id; });
            if (at == terms.end())
                terms.emplace_back(id, c * k);
            else
                at->second += c * k;
        }
    };
    into.constant += f.constant * k;
    add(into.axes, f.axes);
    add(into.dims, f.dims);
}

RowAccess::RowAccess(const SliceRef& slice, const Split& split) : slice_(&slice) {
    LinearForm whole, local;
    for (size_t d = 0; d < slice.at.size(); ++d) {
        const CoordForm& c = slice.at[d];
        const DimMap& map = slice.place->maps[d];
        CoordRow row;
        row.affine = row_form(c.affine, split);
        for (const CoordForm::Computed& x : c.computed)
            row.computed.push_back({x.coefficient, std::make_unique<RowAccess>(*x.index, split)});
        computed_ = computed_ || !c.computed.empty();
        linear_ = linear_ && map.linear;
        add_scaled(whole, c.affine, map.stride);
        whole.constant += map.bias;
        add_scaled(local, c.affine, map.linear ? map.stride : map.inner_stride);
        coords_.push_back(std::move(row));
    }
    linear_ = linear_ && !computed_;
    if (linear_) offset_ = row_form(whole, split);
    local_ = row_form(local, split);
    for (const BoundForm& b : slice.bounds)
        bounds_.push_back({row_form(b.expr, split), b.lo, b.hi});
    bases_.resize(coords_.size());
}

void RowAccess::outside(size_t coord, int64_t value, bool computed) const {
    const Place& p = *slice_->place;
    const DimMap& map = p.maps[coord];
    std::string what = fmt::format("coordinate {} of dim {} of {} is outside {}..{}", value, coord,
                                   p.region.name, map.lo, map.hi);
    if (computed) throw UserError("index out of range: {}", what);
    throw InternalError(what);
}

const uint8_t* RowAccess::apply_bounds(const int64_t* axes, const std::vector<int64_t>& outer,
                                       int64_t length, const uint8_t* mask) {
    for (const BoundRow& b : bounds_) {
        int64_t base = b.expr.base(axes, outer.data());
        if (base + b.expr.rel_min >= b.lo && (b.hi == kNoHigh || base + b.expr.rel_max < b.hi))
            continue;
        if (mask != mask_.data() || mask_.empty()) {
            mask_.resize(static_cast<size_t>(length));
            if (mask)
                std::memcpy(mask_.data(), mask, static_cast<size_t>(length));
            else
                std::memset(mask_.data(), 1, static_cast<size_t>(length));
            mask = mask_.data();
        }
        for (int64_t i = 0; i < length; ++i) {
            int64_t v = base + b.expr.at(i);
            mask_[static_cast<size_t>(i)] &= v >= b.lo && v < b.hi;
        }
    }
    return mask;
}

void RowAccess::check_range(const int64_t* bases, int64_t length, const uint8_t* mask) const {
    for (size_t d = 0; d < coords_.size(); ++d) {
        const RowForm& f = coords_[d].affine;
        const DimMap& map = slice_->place->maps[d];
        if (bases[d] + f.rel_min >= map.lo && bases[d] + f.rel_max <= map.hi) continue;
        for (int64_t i = 0; i < length; ++i) {
            if (mask && !mask[i]) continue;
            int64_t c = bases[d] + f.at(i);
            if (!map.holds(c)) outside(d, c, false);
        }
    }
}

Row RowAccess::prepare(const int64_t* axes, const std::vector<int64_t>& outer, int64_t length,
                       const uint8_t* mask) {
    mask = apply_bounds(axes, outer, length, mask);
    for (size_t d = 0; d < coords_.size(); ++d)
        bases_[d] = coords_[d].affine.base(axes, outer.data());
    if (computed_) return general(axes, outer, length, mask);
    check_range(bases_.data(), length, mask);
    if (linear_) {
        return {offset_.base(axes, outer.data()), offset_.stride,
                offset_.rel.empty() ? nullptr : offset_.rel.data(), mask};
    }
    // Blocked dims: linear all the same when the row crosses no block.
    int64_t base = 0;
    for (size_t d = 0; d < coords_.size(); ++d) {
        const RowForm& f = coords_[d].affine;
        const DimMap& map = slice_->place->maps[d];
        int64_t lo = bases_[d] + f.rel_min, hi = bases_[d] + f.rel_max;
        if (!map.holds(lo) || !map.holds(hi)) return general(axes, outer, length, mask);
        if (!map.linear && map.offset(hi) - map.offset(lo) != (hi - lo) * map.inner_stride)
            return general(axes, outer, length, mask);
        base += map.linear ? map.offset(bases_[d]) : map.offset(lo) - f.rel_min * map.inner_stride;
    }
    return {base, local_.stride, local_.rel.empty() ? nullptr : local_.rel.data(), mask};
}

Row RowAccess::general(const int64_t* axes, const std::vector<int64_t>& outer, int64_t length,
                       const uint8_t* mask) {
    offsets_.assign(static_cast<size_t>(length), 0);
    std::vector<int64_t> coordinate(static_cast<size_t>(length));
    for (size_t d = 0; d < coords_.size(); ++d) {
        const CoordRow& c = coords_[d];
        const DimMap& map = slice_->place->maps[d];
        for (int64_t i = 0; i < length; ++i)
            coordinate[static_cast<size_t>(i)] = bases_[d] + c.affine.at(i);
        for (const ComputedRow& x : c.computed) {
            Row row = x.index->prepare(axes, outer, length, mask);
            indices_.resize(static_cast<size_t>(length));
            load(x.index->place(), row, length, int64_t{0}, indices_.data());
            for (size_t i = 0; i < coordinate.size(); ++i)
                coordinate[i] += x.coefficient * indices_[i];
        }
        for (int64_t i = 0; i < length; ++i) {
            if (mask && !mask[i]) continue;
            int64_t v = coordinate[static_cast<size_t>(i)];
            if (!map.holds(v)) outside(d, v, !c.computed.empty());
            offsets_[static_cast<size_t>(i)] += map.offset(v);
        }
    }
    return {0, 0, offsets_.data(), mask};
}

// ---- loading and storing ----

namespace {

template <class Get, class Out>
void load_by(const Row& row, int64_t n, Out otherwise, Out* out, Get get) {
    if (row.mask) {
        for (int64_t i = 0; i < n; ++i) out[i] = row.mask[i] ? get(row.index(i)) : otherwise;
    } else if (row.rel) {
        for (int64_t i = 0; i < n; ++i) out[i] = get(row.base + row.rel[i]);
    } else if (row.stride == 1) {
        for (int64_t i = 0; i < n; ++i) out[i] = get(row.base + i);
    } else if (row.stride == 0) {
        if (n > 0) std::fill_n(out, n, get(row.base));
    } else {
        for (int64_t i = 0; i < n; ++i) out[i] = get(row.base + i * row.stride);
    }
}

template <class Put>
void store_by(const Row& row, int64_t n, Put put) {
    if (row.mask) {
        for (int64_t i = 0; i < n; ++i)
            if (row.mask[i]) put(row.index(i), i);
    } else if (row.rel) {
        for (int64_t i = 0; i < n; ++i) put(row.base + row.rel[i], i);
    } else {
        for (int64_t i = 0; i < n; ++i) put(row.base + i * row.stride, i);
    }
}

// Calls `use` with a null pointer of the C++ type of the dtype; false when there is none.
template <class Use>
bool with_int_type(DType t, Use use) {
    switch (t) {
        case DType::kBool:
        case DType::kU8:
            return use(static_cast<uint8_t*>(nullptr)), true;
        case DType::kI8:
            return use(static_cast<int8_t*>(nullptr)), true;
        case DType::kI16:
            return use(static_cast<int16_t*>(nullptr)), true;
        case DType::kU16:
            return use(static_cast<uint16_t*>(nullptr)), true;
        case DType::kI32:
            return use(static_cast<int32_t*>(nullptr)), true;
        case DType::kU32:
            return use(static_cast<uint32_t*>(nullptr)), true;
        case DType::kI64:
        case DType::kU64:
            return use(static_cast<int64_t*>(nullptr)), true;
        default:
            return false;
    }
}

void mark_written(Place& place, const Row& row, int64_t n) {
    store_by(row, n, [&](int64_t at, int64_t) { (*place.written)[static_cast<size_t>(at)] = 1; });
}

}  // namespace

void load(const Place& place, const Row& row, int64_t n, double otherwise, double* out) {
    const std::byte* data = place.data;
    if (place.dtype == DType::kF32) {
        auto* p = reinterpret_cast<const float*>(data);
        load_by(row, n, otherwise, out, [p](int64_t i) -> double { return p[i]; });
    } else if (place.dtype == DType::kF64) {
        auto* p = reinterpret_cast<const double*>(data);
        load_by(row, n, otherwise, out, [p](int64_t i) { return p[i]; });
    } else {
        DType t = place.dtype;
        load_by(row, n, otherwise, out,
                [data, t](int64_t i) { return tensor::load_double(t, data, i); });
    }
}

void load(const Place& place, const Row& row, int64_t n, int64_t otherwise, int64_t* out) {
    const std::byte* data = place.data;
    bool done = with_int_type(place.dtype, [&](auto* type) {
        using T = std::remove_pointer_t<decltype(type)>;
        auto* p = reinterpret_cast<const T*>(data);
        load_by(row, n, otherwise, out, [p](int64_t i) { return static_cast<int64_t>(p[i]); });
    });
    if (done) return;
    DType t = place.dtype;
    load_by(row, n, otherwise, out, [data, t](int64_t i) { return tensor::load_int(t, data, i); });
}

void store(Place& place, const Row& row, int64_t n, const double* values) {
    std::byte* data = place.data;
    if (place.dtype == DType::kF32) {
        auto* p = reinterpret_cast<float*>(data);
        store_by(row, n, [=](int64_t at, int64_t i) { p[at] = static_cast<float>(values[i]); });
    } else if (place.dtype == DType::kF64) {
        auto* p = reinterpret_cast<double*>(data);
        store_by(row, n, [=](int64_t at, int64_t i) { p[at] = values[i]; });
    } else {
        DType t = place.dtype;
        store_by(row, n,
                 [=](int64_t at, int64_t i) { tensor::store_double(t, data, at, values[i]); });
    }
    if (place.written) mark_written(place, row, n);
}

void store(Place& place, const Row& row, int64_t n, const int64_t* values) {
    std::byte* data = place.data;
    if (place.dtype == DType::kBool) {
        auto* p = reinterpret_cast<uint8_t*>(data);
        store_by(row, n, [=](int64_t at, int64_t i) { p[at] = values[i] != 0; });
    } else if (!with_int_type(place.dtype, [&](auto* type) {
                   using T = std::remove_pointer_t<decltype(type)>;
                   auto* p = reinterpret_cast<T*>(data);
                   store_by(row, n,
                            [=](int64_t at, int64_t i) { p[at] = static_cast<T>(values[i]); });
               })) {
        DType t = place.dtype;
        store_by(row, n, [=](int64_t at, int64_t i) { tensor::store_int(t, data, at, values[i]); });
    }
    if (place.written) mark_written(place, row, n);
}

// ---- one point ----

bool locate(const SliceRef& s, const int64_t* axes, const int64_t* dims, int64_t& offset) {
    for (const BoundForm& b : s.bounds) {
        int64_t v = b.expr.at(axes, dims);
        if (v < b.lo || v >= b.hi) return false;
    }
    offset = 0;
    for (size_t d = 0; d < s.at.size(); ++d) {
        int64_t c = s.at[d].affine.at(axes, dims);
        for (const CoordForm::Computed& x : s.at[d].computed) {
            int64_t at = 0;
            if (!locate(*x.index, axes, dims, at)) return false;
            c += x.coefficient * load_one_i(*x.index->place, at);
        }
        const DimMap& map = s.place->maps[d];
        if (!map.holds(c)) {
            std::string what = fmt::format("coordinate {} of dim {} of {} is outside {}..{}", c, d,
                                           s.place->region.name, map.lo, map.hi);
            if (s.at[d].computed.empty()) throw InternalError(what);
            throw UserError("index out of range: {}", what);
        }
        offset += map.offset(c);
    }
    return true;
}

double load_one_f(const Place& p, int64_t offset) {
    return tensor::load_double(p.dtype, p.data, offset);
}

int64_t load_one_i(const Place& p, int64_t offset) {
    int64_t v = 0;
    load(p, Row{offset, 0, nullptr, nullptr}, 1, int64_t{0}, &v);
    return v;
}

void store_one(Place& p, int64_t offset, double v) {
    store(p, Row{offset, 0, nullptr, nullptr}, 1, &v);
}

void store_one(Place& p, int64_t offset, int64_t v) {
    store(p, Row{offset, 0, nullptr, nullptr}, 1, &v);
}

}  // namespace smeaton::gir::interp
