#include "gir/interp/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "tensor/convert.h"

namespace smeaton::gir::interp {

namespace {

constexpr int64_t kAlign = 64;

std::vector<int64_t> logical_shape(const Buffer& buffer) {
    std::vector<int64_t> shape;
    for (const NamedDim& d : buffer.dims) shape.push_back(d.extent.value());
    return shape;
}

// Calls visit(row offset in the dense tensor, coordinates) for each innermost dense row.
void for_each_row(const std::vector<int64_t>& shape,
                  const std::function<void(int64_t, const std::vector<int64_t>&)>& visit) {
    int64_t rows = 1;
    for (size_t d = 0; d + 1 < shape.size(); ++d) rows *= shape[d];
    int64_t width = shape.empty() ? 1 : shape.back();
    std::vector<int64_t> at(shape.size(), 0);
    for (int64_t r = 0; r < rows; ++r) {
        visit(r * width, at);
        for (size_t d = shape.empty() ? 0 : shape.size() - 1; d-- > 0;) {
            if (++at[d] < shape[d]) break;
            at[d] = 0;
        }
    }
}

void copy_element(DType t, std::byte* to, int64_t to_index, const std::byte* from, int64_t index) {
    int width = tensor::bits(t);
    if (width % 8 == 0) {
        int64_t n = width / 8;
        std::memcpy(to + to_index * n, from + index * n, static_cast<size_t>(n));
    } else if (tensor::is_float(t)) {
        tensor::store_double(t, to, to_index, tensor::load_double(t, from, index));
    } else {
        tensor::store_int(t, to, to_index, tensor::load_int(t, from, index));
    }
}

// Moves between dense order and the layout, whichever way `put` goes.
void for_each_element(const Buffer& buffer,
                      const std::function<void(int64_t dense, int64_t laid)>& put) {
    std::vector<int64_t> shape = logical_shape(buffer);
    std::vector<DimMap> maps = dim_maps(buffer);
    if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
    for_each_row(shape, [&](int64_t row, const std::vector<int64_t>& at) {
        int64_t base = 0;
        for (size_t d = 0; d + 1 < shape.size(); ++d) base += maps[d].offset(at[d]);
        int64_t width = shape.empty() ? 1 : shape.back();
        for (int64_t i = 0; i < width; ++i)
            put(row + i, shape.empty() ? 0 : base + maps.back().offset(i));
    });
}

}  // namespace

void poison(DType dtype, std::byte* data, int64_t elements) {
    // All ones with the lowest payload bits mixed: 0xFFF7 is a NaN in f16, bf16, f32 and f64;
    // 0xFF is a NaN in every f8 format but e8m0's and fnuz's, where it is the largest magnitude.
    if (dtype == DType::kBool) {
        std::memset(data, 1, static_cast<size_t>(elements));
        return;
    }
    if (dtype == DType::kF8E4M3FNUZ || dtype == DType::kF8E5M2FNUZ) {
        std::memset(data, 0x80, static_cast<size_t>(elements));
        return;
    }
    int64_t bytes = tensor::byte_count(dtype, elements);
    if (!tensor::is_float(dtype)) {
        std::memset(data, 0xA7, static_cast<size_t>(bytes));
        return;
    }
    std::memset(data, 0xFF, static_cast<size_t>(bytes));
}

void poison(Storage& s) {
    poison(s.dtype, s.data, s.elements);
}

Storage make_storage(DType dtype, int64_t elements) {
    if (dtype == DType::kString)
        throw UserError("string tensors cannot be computed with; only numeric and bool types can");
    Storage s;
    s.dtype = dtype;
    s.elements = elements;
    int64_t bytes = std::max<int64_t>(s.bytes(), 1);
    int64_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
    void* memory = std::aligned_alloc(kAlign, static_cast<size_t>(rounded));
    if (!memory) throw UserError("no memory for {} bytes", bytes);
    s.data = static_cast<std::byte*>(memory);
    s.keep = std::shared_ptr<void>(memory, std::free);
    poison(s);
    return s;
}

Buffer bound_buffer(Buffer buffer, const Bindings& bindings) {
    for (NamedDim& d : buffer.dims) {
        d.extent = d.extent.bind(bindings);
        SMEATON_CHECK(d.extent.is_const(), "buffer {}: extent {} of dim {} is not bound",
                      buffer.name, d.extent.str(), d.name);
    }
    return buffer;
}

std::vector<DimMap> dense_maps(const std::vector<int64_t>& extents) {
    std::vector<DimMap> maps(extents.size());
    int64_t stride = 1;
    for (size_t d = extents.size(); d-- > 0;) {
        maps[d].hi = extents[d] - 1;
        maps[d].stride = stride;
        stride *= extents[d];
    }
    return maps;
}

namespace {

struct Part {
    PhysicalDim dim;
    int64_t extent, stride;

    int64_t index(int64_t c) const {
        int64_t q = floor_div(c, dim.div);
        if (dim.mod != 0) q -= floor_div(q, dim.mod) * dim.mod;
        return q + dim.before;
    }
    bool holds(int64_t c) const {
        int64_t i = index(c);
        return i >= 0 && i < extent;
    }
};

DimMap map_of(const std::vector<Part>& parts, int64_t logical_extent) {
    DimMap map;
    map.hi = logical_extent - 1;
    if (parts.empty()) return map;
    auto holds = [&](int64_t c) {
        return std::all_of(parts.begin(), parts.end(), [c](const Part& p) { return p.holds(c); });
    };
    bool bounded =
        std::any_of(parts.begin(), parts.end(), [](const Part& p) { return p.dim.mod == 0; });
    if (bounded) {
        while (holds(map.lo - 1)) --map.lo;
        while (holds(map.hi + 1)) ++map.hi;
    }
    auto offset = [&](int64_t c) {
        int64_t sum = 0;
        for (const Part& p : parts) sum += p.index(c) * p.stride;
        return sum;
    };
    if (parts.size() == 1 && parts[0].dim.div == 1 && parts[0].dim.mod == 0) {
        map.stride = parts[0].stride;
        map.bias = parts[0].dim.before * parts[0].stride;
        return map;
    }
    map.linear = false;
    for (int64_t c = map.lo; c <= map.hi; ++c) map.table.push_back(offset(c));
    map.inner_stride = offset(1) - offset(0);
    return map;
}

}  // namespace

std::vector<DimMap> dim_maps(const Buffer& buffer) {
    if (buffer.layout.dense()) return dense_maps(logical_shape(buffer));
    std::vector<PhysicalDim> physical = physical_dims(buffer);
    std::vector<Dim> extents = physical_extents(buffer);
    std::vector<int64_t> strides = physical_strides(buffer);
    std::vector<DimMap> maps;
    for (size_t d = 0; d < buffer.dims.size(); ++d) {
        std::vector<Part> parts;
        for (size_t p = 0; p < physical.size(); ++p)
            if (physical[p].dim == static_cast<int>(d))
                parts.push_back({physical[p], extents[p].value(), strides[p]});
        maps.push_back(map_of(parts, buffer.dims[d].extent.value()));
    }
    return maps;
}

void fill_border(const Buffer& buffer, Storage& storage) {
    if (buffer.layout.dense() || !buffer.layout.border) return;
    const Literal& border = *buffer.layout.border;
    std::vector<bool> inside(static_cast<size_t>(storage.elements), false);
    for_each_element(buffer,
                     [&](int64_t, int64_t laid) { inside[static_cast<size_t>(laid)] = true; });
    for (int64_t i = 0; i < storage.elements; ++i) {
        if (inside[static_cast<size_t>(i)]) continue;
        if (tensor::is_float(buffer.dtype))
            tensor::store_double(buffer.dtype, storage.data, i, border.as_double());
        else
            tensor::store_int(buffer.dtype, storage.data, i,
                              border.is_int ? border.i : static_cast<int64_t>(border.f));
    }
}

Storage allocate(const Buffer& buffer) {
    Storage s = make_storage(buffer.dtype, physical_elements(buffer).value());
    fill_border(buffer, s);
    return s;
}

Storage to_layout(const Buffer& buffer, const Tensor& tensor) {
    std::vector<int64_t> shape = logical_shape(buffer);
    if (tensor.dtype() != buffer.dtype || tensor.shape() != shape)
        throw UserError("{}: given {}[{}], but {}[{}] is needed",
                        buffer.value_name.empty() ? buffer.name.str() : buffer.value_name,
                        tensor::name(tensor.dtype()), fmt::join(tensor.shape(), ","),
                        tensor::name(buffer.dtype), fmt::join(shape, ","));
    if (buffer.layout.dense()) {
        auto keep = std::make_shared<Tensor>(tensor);
        Storage s;
        s.dtype = buffer.dtype;
        s.elements = tensor.elements();
        s.data = const_cast<std::byte*>(keep->data());
        s.keep = keep;
        s.writable = false;
        return s;
    }
    Storage s = allocate(buffer);
    for_each_element(buffer, [&](int64_t dense, int64_t laid) {
        copy_element(buffer.dtype, s.data, laid, tensor.data(), dense);
    });
    return s;
}

Tensor from_layout(const Buffer& buffer, const Storage& storage) {
    Tensor out(buffer.dtype, logical_shape(buffer));
    std::byte* to = out.elements() > 0 ? out.mutable_data() : nullptr;
    if (buffer.layout.dense()) {
        if (out.bytes() > 0) std::memcpy(to, storage.data, static_cast<size_t>(out.bytes()));
        return out;
    }
    for_each_element(buffer, [&](int64_t dense, int64_t laid) {
        copy_element(buffer.dtype, to, dense, storage.data, laid);
    });
    return out;
}

}  // namespace smeaton::gir::interp
