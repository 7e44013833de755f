#include "tensor/npy.h"

#include <array>
#include <cctype>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/mapped_file.h"

namespace smeaton::tensor {

namespace {

struct NpyType {
    std::string_view word;  // without the byte order
    DType dtype;
};

constexpr std::array<NpyType, 12> kTypes = {{{"b1", DType::kBool},
                                             {"i1", DType::kI8},
                                             {"i2", DType::kI16},
                                             {"i4", DType::kI32},
                                             {"i8", DType::kI64},
                                             {"u1", DType::kU8},
                                             {"u2", DType::kU16},
                                             {"u4", DType::kU32},
                                             {"u8", DType::kU64},
                                             {"f2", DType::kF16},
                                             {"f4", DType::kF32},
                                             {"f8", DType::kF64}}};

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
    DType dtype = DType::kF32;
    bool fortran = false;
    std::vector<int64_t> shape;
};

// Reads the dictionary literal of the header: three keys, in any order.
class HeaderReader {
public:
    HeaderReader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

    Header read() {
        Header h;
        bool descr = false, order = false, shape = false;
        expect('{');
        while (!take('}')) {
            std::string key = quoted();
            expect(':');
            if (key == "descr") {
                h.dtype = dtype(quoted());
                descr = true;
            } else if (key == "fortran_order") {
                h.fortran = boolean();
                order = true;
            } else if (key == "shape") {
                h.shape = tuple();
                shape = true;
            } else {
                fail("unknown key in the header");
            }
            if (!take(',')) {
                expect('}');
                break;
            }
        }
        if (!descr || !order || !shape) fail("the header lacks descr, fortran_order or shape");
        return h;
    }

private:
    std::string_view text_;
    const std::string& path_;
    size_t at_ = 0;

    [[noreturn]] void fail(const std::string& what) const {
        throw UserError("{}: not a readable .npy file: {}", path_, what);
    }
    void skip() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    }
    bool take(char c) {
        skip();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!take(c)) fail(fmt::format("'{}' expected in the header", c));
    }
    std::string quoted() {
        skip();
        char quote = at_ < text_.size() ? text_[at_] : '\0';
        // A structured type is a list here.
        if (quote != '\'' && quote != '"') fail("a quoted word expected in the header");
        size_t end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) fail("the header is cut off");
        std::string word(text_.substr(at_ + 1, end - at_ - 1));
        at_ = end + 1;
        return word;
    }
    bool boolean() {
        skip();
        for (auto [word, value] : {std::pair{"True", true}, std::pair{"False", false}})
            if (text_.substr(at_).starts_with(word)) {
                at_ += std::strlen(word);
                return value;
            }
        fail("True or False expected in the header");
    }
    std::vector<int64_t> tuple() {
        std::vector<int64_t> values;
        expect('(');
        while (!take(')')) {
            skip();
            size_t digits = 0;
            int64_t value = 0;
            for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]));
                 ++at_, ++digits) {
                if (digits > 17) fail("a size in the header is too large");
                value = value * 10 + (text_[at_] - '0');
            }
            if (digits == 0) fail("a size expected in the header");
            values.push_back(value);
            if (!take(',')) {
                expect(')');
                break;
            }
        }
        return values;
    }
    DType dtype(const std::string& word) const {
        if (word == "|V2")
            throw UserError(
                "{}: raw two-byte elements (bf16 as NumPy writes it) carry no type; give f32, or a "
                ".pb file",
                path_);
        if (!word.empty() && word[0] == '>' && word != ">i1" && word != ">u1")
            throw UserError("{}: big-endian elements ({}); convert with .astype('<{}')", path_,
                            word, word.substr(1));
        std::string_view rest = word;
        if (!rest.empty() && std::strchr("<|=", rest[0])) rest.remove_prefix(1);
        for (const NpyType& t : kTypes)
            if (t.word == rest) return t.dtype;
        throw UserError(
            "{}: elements of type '{}' cannot be read; expected bool, an integer, f16, "
            "f32 or f64",
            path_, word);
    }
};

int64_t checked_bytes(const Header& h, const std::string& path) {
    int64_t count = 1;
    for (int64_t size : h.shape)
        if (__builtin_mul_overflow(count, size, &count))
            throw UserError("{}: more elements than a file can hold", path);
    int64_t bytes = 0;
    if (__builtin_mul_overflow(count, int64_t{bits(h.dtype)} / 8, &bytes))
        throw UserError("{}: more elements than a file can hold", path);
    return bytes;
}

Tensor from_fortran(const Header& h, const std::byte* data) {
    Tensor out(h.dtype, h.shape);
    size_t rank = h.shape.size();
    auto width = static_cast<size_t>(bits(h.dtype) / 8);
    std::vector<int64_t> index(rank, 0), stride(rank, 1);
    for (size_t k = 1; k < rank; ++k) stride[k] = stride[k - 1] * h.shape[k - 1];
    std::byte* to = out.mutable_data();
    for (int64_t i = 0, n = out.elements(); i < n; ++i, to += width) {
        int64_t from = 0;
        for (size_t k = 0; k < rank; ++k) from += index[k] * stride[k];
        std::memcpy(to, data + static_cast<size_t>(from) * width, width);
        for (size_t k = rank; k-- > 0;) {
            if (++index[k] < h.shape[k]) break;
            index[k] = 0;
        }
    }
    return out;
}

}  // namespace

Tensor read_npy(const std::string& path) {
    MappedFile file = map_file(path);
    return read_npy_bytes(file.bytes, std::move(file.keep), path);
}

Tensor read_npy_bytes(std::span<const std::byte> file, std::shared_ptr<const void> keep,
                      const std::string& path) {
    std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    if (!text.starts_with(kMagic) || text.size() < 10) throw UserError("{}: not a .npy file", path);
    int version = text[6];
    if (version < 1 || version > 3)
        throw UserError("{}: .npy version {}; expected 1 to 3", path, version);
    size_t width = version == 1 ? 2 : 4, length = 0;
    if (text.size() < 8 + width) throw UserError("{}: the file is cut off", path);
    for (size_t i = 0; i < width; ++i)
        length |= static_cast<size_t>(static_cast<unsigned char>(text[8 + i])) << (8 * i);
    size_t start = 8 + width + length;
    if (start > text.size()) throw UserError("{}: the header is cut off", path);
    Header h = HeaderReader(text.substr(8 + width, length), path).read();
    int64_t bytes = checked_bytes(h, path);
    if (static_cast<size_t>(bytes) != text.size() - start)
        throw UserError("{}: {} bytes of data, but its shape asks for {}", path,
                        text.size() - start, bytes);
    const std::byte* data = file.data() + start;
    bool aligned = reinterpret_cast<uintptr_t>(data) % 8 == 0;
    if (h.fortran && h.shape.size() > 1) return from_fortran(h, data);
    if (aligned) return Tensor(h.dtype, h.shape, data, std::move(keep));
    Tensor copy(h.dtype, h.shape);
    if (bytes > 0) std::memcpy(copy.mutable_data(), data, static_cast<size_t>(bytes));
    return copy;
}

std::string npy_bytes(const Tensor& tensor) {
    if (tensor.dtype() == DType::kBF16) {
        Tensor wide(DType::kF32, tensor.shape());
        for (int64_t i = 0; i < tensor.elements(); ++i)
            wide.set_from_double(i, tensor.at_as_double(i));
        return npy_bytes(wide);
    }
    std::string_view word;
    for (const NpyType& t : kTypes)
        if (t.dtype == tensor.dtype()) word = t.word;
    if (word.empty())
        throw UserError("a tensor of {} cannot be written as .npy: NumPy has no such type",
                        name(tensor.dtype()));
    std::string shape;
    for (int64_t size : tensor.shape()) shape += fmt::format("{}, ", size);
    if (tensor.shape().size() > 1) shape.resize(shape.size() - 2);
    if (tensor.shape().size() == 1) shape.pop_back();
    std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                     bits(tensor.dtype()) == 8 ? '|' : '<', word, shape);
    // Data starts at a multiple of 64 bytes, as the format asks.
    header.append(63 - (10 + header.size()) % 64, ' ');
    header += '\n';
    std::string out(kMagic);
    out += '\x01';
    out += '\0';
    out += static_cast<char>(header.size() & 0xff);
    out += static_cast<char>(header.size() >> 8);
    out += header;
    if (tensor.elements() > 0)
        out.append(reinterpret_cast<const char*>(tensor.data()),
                   static_cast<size_t>(tensor.bytes()));
    return out;
}

}  // namespace smeaton::tensor
