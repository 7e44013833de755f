#include "gir/layout.h"

#include "base/error.h"

namespace smeaton::gir {

std::vector<PhysicalDim> physical_dims(const Buffer& buffer) {
    if (!buffer.layout.dense()) return buffer.layout.dims;
    std::vector<PhysicalDim> dims(buffer.dims.size());
    for (size_t i = 0; i < dims.size(); ++i) dims[i].dim = static_cast<int>(i);
    return dims;
}

std::vector<Dim> physical_extents(const Buffer& buffer) {
    std::vector<Dim> extents;
    for (const PhysicalDim& p : physical_dims(buffer)) {
        const Dim& logical = buffer.dims[static_cast<size_t>(p.dim)].extent;
        Dim inside = p.mod != 0 ? Dim(p.mod) : ceil_div(logical, p.div);
        extents.push_back(inside + Dim(p.before + p.after));
    }
    return extents;
}

Dim physical_elements(const Buffer& buffer) {
    return tensor::product(physical_extents(buffer));
}

static Dim bytes_of(DType dtype, const Dim& elements) {
    int bits = tensor::bits(dtype);
    return bits % 8 == 0 ? elements * Dim(bits / 8) : ceil_div(elements * Dim(bits), 8);
}

Dim physical_bytes(const Buffer& buffer) {
    return bytes_of(buffer.dtype, physical_elements(buffer));
}

Dim logical_bytes(const Buffer& buffer) {
    Dim elements(1);
    for (const NamedDim& d : buffer.dims) elements *= d.extent;
    return bytes_of(buffer.dtype, elements);
}

std::vector<int64_t> physical_strides(const Buffer& buffer) {
    std::vector<Dim> extents = physical_extents(buffer);
    std::vector<int64_t> strides(extents.size(), 1);
    for (size_t i = extents.size(); i-- > 1;) strides[i - 1] = strides[i] * extents[i].value();
    return strides;
}

int64_t element_offset(const Buffer& buffer, const std::vector<int64_t>& coordinate) {
    std::vector<PhysicalDim> dims = physical_dims(buffer);
    std::vector<Dim> extents = physical_extents(buffer);
    int64_t offset = 0;
    for (size_t i = 0; i < dims.size(); ++i) {
        const PhysicalDim& p = dims[i];
        // Floor division, so that a border of a split dim works on both sides.
        int64_t c = coordinate[static_cast<size_t>(p.dim)];
        int64_t q = c >= 0 ? c / p.div : -((-c + p.div - 1) / p.div);
        if (p.mod != 0) q = ((q % p.mod) + p.mod) % p.mod;
        q += p.before;
        SMEATON_CHECK(q >= 0 && q < extents[i].value(), "{}: coordinate {} of dim {} is outside",
                      buffer.name, c, p.dim);
        offset = offset * extents[i].value() + q;
    }
    return offset;
}

}  // namespace smeaton::gir
