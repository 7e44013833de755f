#include "tensor/tensor_text.h"

#include <fmt/core.h>

#include "base/text_reader.h"
#include "base/text_writer.h"
#include "tensor/open.h"

namespace smeaton::tensor {

namespace {

constexpr int64_t kSmallElements = 16;

std::string element_text(const Tensor& t, int64_t i) {
    switch (t.dtype()) {
        case DType::kString:
            return quoted(t.strings()[static_cast<size_t>(i)]);
        case DType::kBool:
            return t.at_as_int(i) != 0 ? "true" : "false";
        case DType::kU64:
            return std::to_string(t.as<uint64_t>()[static_cast<size_t>(i)]);
        case DType::kF64:
            return float_text(t.at_as_double(i));
        default:
            break;
    }
    if (is_float(t.dtype())) return float_text(static_cast<float>(t.at_as_double(i)));
    return std::to_string(t.at_as_int(i));
}

void read_element(TextReader& r, Tensor& t, int64_t i) {
    if (t.dtype() == DType::kBool) {
        bool value = r.accept("true");
        if (!value) r.expect("false");
        t.set_from_int(i, value);
    } else if (t.dtype() == DType::kU64) {
        t.set_from_int(i, static_cast<int64_t>(r.unsigned_integer()));
    } else if (is_float(t.dtype())) {
        t.set_from_double(i, r.number());
    } else {
        Token place = r.peek();
        int64_t value = r.integer();
        t.set_from_int(i, value);
        if (t.at_as_int(i) != value)
            r.fail(place, fmt::format("{} does not fit {}", value, name(t.dtype())));
    }
}

std::optional<Tensor> read_by_hash(TextReader& r, DType dtype, const std::vector<int64_t>& shape,
                                   const ConstantTable& table, bool may_lack) {
    Token place = r.peek();
    uint64_t hash = r.unsigned_integer("a hash");
    auto found = table.find(hash);
    if (found == table.end() && may_lack) return std::nullopt;
    if (found == table.end())
        r.fail(place, fmt::format("no constant with hash 0x{:016x} was given", hash));
    if (found->second.dtype() != dtype || found->second.shape() != shape)
        r.fail(place,
               fmt::format("the constant with hash 0x{:016x} has another dtype or shape", hash));
    return found->second;
}

}  // namespace

bool is_large(const Tensor& t) {
    return !is_open(t) && t.elements() > kSmallElements;
}

std::string tensor_text(const Tensor& t) {
    std::string out = fmt::format("{}[", name(t.dtype()));
    for (size_t i = 0; i < t.shape().size(); ++i)
        out += (i != 0 ? "," : "") + std::to_string(t.shape()[i]);
    if (is_open(t)) return out + "] open";
    if (is_large(t)) return out + fmt::format("] hash 0x{:016x}", content_hash(t));
    out += "](";
    for (int64_t i = 0; i < t.elements(); ++i) out += (i != 0 ? ", " : "") + element_text(t, i);
    return out + ")";
}

// Nothing where `may_lack` and the table lacks the hash.
static std::optional<Tensor> read(TextReader& r, const ConstantTable& table, bool may_lack) {
    Token place = r.peek();
    auto dtype = dtype_named(r.identifier("a dtype"));
    if (!dtype) r.fail(place, fmt::format("expected a dtype, found {}", describe(place)));
    std::vector<int64_t> shape;
    r.expect("[");
    while (!r.accept("]")) {
        if (!shape.empty()) r.expect(",");
        shape.push_back(r.integer("a size"));
        if (shape.back() < 0) r.fail(place, "a constant has a negative dim");
    }
    if (r.accept("hash")) return read_by_hash(r, *dtype, shape, table, may_lack);
    if (r.accept("open")) return open_tensor(*dtype, shape);
    int64_t count = 1;
    for (int64_t d : shape)
        if (__builtin_mul_overflow(count, d, &count)) count = kSmallElements + 1;
    if (count > kSmallElements)
        r.fail(
            fmt::format("expected 'hash': constants of more than {} elements stand by their hash",
                        kSmallElements));
    Tensor out(*dtype, shape);
    std::vector<std::string> strings;
    r.expect("(");
    for (int64_t i = 0; i < count; ++i) {
        if (i != 0) r.expect(",");
        if (*dtype == DType::kString)
            strings.push_back(r.string());
        else
            read_element(r, out, i);
    }
    r.expect(")");
    return *dtype == DType::kString ? Tensor::of_strings(shape, strings) : out;
}

Tensor read_tensor(TextReader& r, const ConstantTable& table) {
    return *read(r, table, false);
}

std::optional<Tensor> read_tensor_if_known(TextReader& r, const ConstantTable& table) {
    return read(r, table, true);
}

}  // namespace smeaton::tensor
