#include "tensor/npz.h"

#include <array>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/mapped_file.h"
#include "tensor/npy.h"

namespace smeaton::tensor {

namespace {

// The records of a zip archive (APPNOTE 6.3): each file's local header and data, then the central
// directory, then its end.
constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr uint32_t kElsewhere = 0xffffffff;  // the number stands in the zip64 extra field

class Archive {
public:
    Archive(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

    /// Calls each(name, data) in the archive's order.
    template <class Each>
    void for_each(Each&& each) const {
        const size_t end = find_end();
        const uint64_t count = number(end + 10, 2);
        size_t at = number(end + 16, 4);
        for (uint64_t n = 0; n < count; ++n) {
            if (number(at, 4) != kCentral) fail("the directory is damaged");
            if (number(at + 10, 2) != 0)
                throw UserError("{}: its arrays are compressed; write it with numpy.savez", path_);
            const size_t name_bytes = number(at + 28, 2), extra = number(at + 30, 2);
            uint64_t size = number(at + 24, 4), local = number(at + 42, 4);
            if (size == kElsewhere || local == kElsewhere || number(at + 20, 4) == kElsewhere)
                fail("arrays above 4 GB are not read");
            each(part(at + kCentralBytes, name_bytes), data_at(local, size));
            at += kCentralBytes + name_bytes + extra + number(at + 32, 2);
        }
    }

private:
    [[noreturn]] void fail(const char* what) const {
        throw UserError("{}: not a readable .npz file: {}", path_, what);
    }

    std::string_view part(size_t at, uint64_t bytes) const {
        if (at > bytes_.size() || bytes > bytes_.size() - at) fail("it is cut off");
        return bytes_.substr(at, bytes);
    }

    uint64_t number(size_t at, size_t width) const {
        const std::string_view text = part(at, width);
        uint64_t value = 0;
        for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(text[i]);
        return value;
    }

    std::string_view data_at(size_t local, uint64_t size) const {
        if (number(local, 4) != kLocal) fail("an array is not where the directory says");
        return part(local + kLocalBytes + number(local + 26, 2) + number(local + 28, 2), size);
    }

    /// A comment of up to 64 KB may follow the end record.
    size_t find_end() const {
        for (size_t back = kEndBytes; back <= bytes_.size() && back < kEndBytes + 65536; ++back)
            if (number(bytes_.size() - back, 4) == kEnd) return bytes_.size() - back;
        fail("it is no zip archive");
    }

    std::string_view bytes_;
    const std::string& path_;
};

uint32_t crc32(std::string_view bytes) {
    static const std::array<uint32_t, 256> table = [] {
        std::array<uint32_t, 256> t{};
        for (uint32_t i = 0; i < t.size(); ++i) {
            t[i] = i;
            for (int bit = 0; bit < 8; ++bit) t[i] = t[i] >> 1 ^ (t[i] & 1 ? 0xedb88320 : 0);
        }
        return t;
    }();
    uint32_t crc = ~uint32_t{0};
    for (char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
    return ~crc;
}

void append(std::string& out, uint64_t value, size_t width) {
    for (size_t i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

/// What local header and directory entry share: versions to dates, sums, sizes.
void append_common(std::string& out, std::string_view data, size_t name_bytes, uint32_t crc) {
    append(out, 20, 2);       // version needed
    append(out, 1 << 11, 2);  // names are UTF-8
    append(out, 0, 2);        // stored
    append(out, 0, 2);
    append(out, 33, 2);  // 1980-01-01: the same bytes for the same arrays
    append(out, crc, 4);
    append(out, data.size(), 4);
    append(out, data.size(), 4);
    append(out, name_bytes, 2);
}

}  // namespace

std::map<std::string, Tensor> read_npz(const std::string& path) {
    const MappedFile file = map_file(path);
    const std::string_view bytes(reinterpret_cast<const char*>(file.bytes.data()),
                                 file.bytes.size());
    std::map<std::string, Tensor> arrays;
    Archive(bytes, path).for_each([&](std::string_view entry, std::string_view data) {
        std::string name(entry);
        if (name.ends_with(".npy")) name.resize(name.size() - 4);
        const auto* begin = reinterpret_cast<const std::byte*>(data.data());
        arrays[name] =
            read_npy_bytes({begin, data.size()}, file.keep, fmt::format("{} ({})", path, name));
    });
    return arrays;
}

std::string npz_bytes(const std::map<std::string, Tensor>& arrays) {
    std::string out, directory;
    for (const auto& [array, tensor] : arrays) {
        const std::string name = array + ".npy", data = npy_bytes(tensor);
        const uint32_t crc = crc32(data);
        const size_t at = out.size();
        append(out, kLocal, 4);
        append_common(out, data, name.size(), crc);
        append(out, 0, 2);
        out += name;
        out += data;
        append(directory, kCentral, 4);
        append(directory, 20, 2);  // version made by
        append_common(directory, data, name.size(), crc);
        append(directory, 0, 2 + 2 + 2 + 2 + 4);  // extra, comment, disk, attributes
        append(directory, at, 4);
        directory += name;
        if (out.size() + directory.size() > 0xffff0000 || arrays.size() > 0xfff0)
            throw UserError("the arrays do not fit into one .npz file of 4 GB");
    }
    const size_t start = out.size();
    out += directory;
    append(out, kEnd, 4);
    append(out, 0, 4);
    append(out, arrays.size(), 2);
    append(out, arrays.size(), 2);
    append(out, directory.size(), 4);
    append(out, start, 4);
    append(out, 0, 2);
    return out;
}

}  // namespace smeaton::tensor
