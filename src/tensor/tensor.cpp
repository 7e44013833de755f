#include "tensor/tensor.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.h"
#include "tensor/convert.h"
#include "tensor/open.h"

namespace smeaton::tensor {

namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
    std::string out = "[";
    for (size_t i = 0; i < shape.size(); ++i) out += (i != 0 ? "," : "") + std::to_string(shape[i]);
    return out + "]";
}

/// Elements of a shape; UserError on a negative dim or when the bytes would not fit 63 bits.
int64_t checked_elements(DType dtype, const std::vector<int64_t>& shape) {
    int64_t count = 1;
    bool empty = false;
    bool too_big = false;
    for (int64_t d : shape) {
        if (d < 0) throw UserError("a tensor of shape {} has a negative dim", shape_text(shape));
        empty = empty || d == 0;
        too_big = too_big || (d != 0 && __builtin_mul_overflow(count, d, &count));
    }
    if (empty) return 0;
    int64_t bit_count;
    if (too_big || __builtin_mul_overflow(count, int64_t{std::max(bits(dtype), 1)}, &bit_count))
        throw UserError("a {} tensor of shape {} is too large", name(dtype), shape_text(shape));
    return count;
}

std::shared_ptr<std::byte> zeroed(int64_t bytes) {
    // Cache-line aligned; calloc would leave large blocks untouched but aligns to 16 only.
    constexpr size_t kAlign = 64;
    size_t rounded = (static_cast<size_t>(bytes) / kAlign + 1) * kAlign;
    auto* p = static_cast<std::byte*>(std::aligned_alloc(kAlign, rounded));
    if (p == nullptr) throw std::bad_alloc();
    std::memset(p, 0, rounded);
    return {p, [](std::byte* q) { std::free(q); }};
}

}  // namespace

Tensor::Tensor(DType dtype, std::vector<int64_t> shape) : dtype_(dtype), shape_(std::move(shape)) {
    int64_t count = checked_elements(dtype_, shape_);
    if (dtype_ == DType::kString) {
        strings_.resize(static_cast<size_t>(count));
        return;
    }
    auto storage = zeroed(byte_count(dtype_, count));
    owned_ = storage.get();
    data_ = owned_;
    keep_ = std::move(storage);
}

Tensor::Tensor(DType dtype, std::vector<int64_t> shape, const std::byte* bytes,
               std::shared_ptr<const void> keep)
    : dtype_(dtype), shape_(std::move(shape)), data_(bytes), keep_(std::move(keep)) {
    int64_t count = checked_elements(dtype_, shape_);
    SMEATON_CHECK(dtype_ != DType::kString, "a string tensor is no view of bytes");
    SMEATON_CHECK(bytes != nullptr || count == 0, "a tensor view without bytes");
}

int64_t Tensor::elements() const {
    int64_t count = 1;
    for (int64_t d : shape_) {
        if (d == 0) return 0;
        count *= d;
    }
    return count;
}

std::byte* Tensor::mutable_data() {
    SMEATON_CHECK(owned_ != nullptr, "writing to a tensor that is a view");
    SMEATON_CHECK(keep_.use_count() == 1, "writing to a tensor that others share");
    return owned_;
}

Tensor Tensor::reshaped(std::vector<int64_t> shape) const {
    SMEATON_CHECK(checked_elements(dtype_, shape) == elements(), "{} does not reshape to {}",
                  shape_text(shape_), shape_text(shape));
    Tensor out = *this;
    out.shape_ = std::move(shape);
    return out;
}

double Tensor::at_as_double(int64_t i) const {
    require_data(*this);
    return load_double(dtype_, data_, i);
}
int64_t Tensor::at_as_int(int64_t i) const {
    require_data(*this);
    return load_int(dtype_, data_, i);
}
void Tensor::set_from_double(int64_t i, double v) {
    store_double(dtype_, mutable_data(), i, v);
}
void Tensor::set_from_int(int64_t i, int64_t v) {
    store_int(dtype_, mutable_data(), i, v);
}

Tensor Tensor::of_strings(std::vector<int64_t> shape, std::vector<std::string> strings) {
    Tensor out(DType::kString, std::move(shape));
    SMEATON_CHECK(out.strings_.size() == strings.size(), "{} strings for a shape of {}",
                  strings.size(), out.strings_.size());
    out.strings_ = std::move(strings);
    return out;
}

Tensor scalar_f32(float value) {
    Tensor out(DType::kF32, {});
    out.mutable_as<float>()[0] = value;
    return out;
}

Tensor of_i64(const std::vector<int64_t>& values) {
    Tensor out(DType::kI64, {static_cast<int64_t>(values.size())});
    std::memcpy(out.mutable_data(), values.data(), values.size() * sizeof(int64_t));
    return out;
}

bool same(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
    if (is_open(a) || is_open(b)) return false;
    if (a.dtype() == DType::kString) return a.strings() == b.strings();
    auto size = static_cast<size_t>(a.bytes());
    return a.data() == b.data() || size == 0 || std::memcmp(a.data(), b.data(), size) == 0;
}

namespace {

/// Word-wise multiply-and-fold; not cryptographic.
struct Hash {
    uint64_t state = 0x9e3779b97f4a7c15ull;

    void word(uint64_t w) {
        auto wide = static_cast<unsigned __int128>(state ^ w) * 0xd6e8feb86659fd93ull;
        state =
            static_cast<uint64_t>(wide) ^ static_cast<uint64_t>(wide >> 64) ^ 0xa0761d6478bd642full;
    }

    void bytes(const void* data, size_t count) {
        word(count);
        const auto* p = static_cast<const std::byte*>(data);
        for (; count >= 8; count -= 8, p += 8) {
            uint64_t w;
            std::memcpy(&w, p, 8);
            word(w);
        }
        uint64_t tail = 0;
        if (count != 0) std::memcpy(&tail, p, count);
        word(tail);
    }
};

}  // namespace

uint64_t content_hash(const Tensor& t) {
    require_data(t);
    Hash hash;
    hash.word(static_cast<uint64_t>(t.dtype()));
    hash.word(t.shape().size());
    for (int64_t d : t.shape()) hash.word(static_cast<uint64_t>(d));
    if (t.dtype() == DType::kString)
        for (const std::string& s : t.strings()) hash.bytes(s.data(), s.size());
    else
        hash.bytes(t.data(), static_cast<size_t>(t.bytes()));
    return hash.state;
}

}  // namespace smeaton::tensor
