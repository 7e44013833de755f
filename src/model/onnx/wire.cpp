#include "model/onnx/wire.h"

#include <google/protobuf/descriptor.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "model/onnx/schema.pb.h"

namespace smeaton::model::onnx {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr size_t kPatchedLength =
    5;  // a varint of five bytes, whatever its value: protobuf reads it
constexpr size_t kMessageLimit = size_t{1} << 31;

WireType wire_type_of(const FieldDescriptor& field) {
    switch (field.type()) {
        case FieldDescriptor::TYPE_FLOAT:
            return kFixed32;
        case FieldDescriptor::TYPE_DOUBLE:
        case FieldDescriptor::TYPE_FIXED64:
            return kFixed64;
        case FieldDescriptor::TYPE_BYTES:
        case FieldDescriptor::TYPE_MESSAGE:
            return kBytes;
        default:
            return kVarint;
    }
}

class Scan {
public:
    Scan(std::span<const std::byte> file, const WireLimits& limits)
        : file_(file), limits_(limits) {}

    std::string run(const Descriptor& type) {
        message(type, 0, file_.size(), 0);
        return std::move(out_);
    }

private:
    // Where the walk is, for messages: graph.node[3].attribute[0]
    struct Step {
        const FieldDescriptor* field;
        int index;
    };

    [[noreturn]] void fail(size_t at, const std::string& what) const {
        std::string place;
        for (const Step& step : path_) {
            place += (place.empty() ? "" : ".") + step.field->name();
            if (step.field->is_repeated()) place += fmt::format("[{}]", step.index);
        }
        throw UserError("byte {}{}: {}; the file is cut short, damaged or not an ONNX file", at,
                        place.empty() ? "" : " (in " + place + ")", what);
    }

    uint64_t varint(size_t& at, size_t end) const {
        uint64_t value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            if (at == end) fail(at, "a number runs past the end of its message");
            const auto byte = std::to_integer<uint64_t>(file_[at++]);
            if (shift == 63 && byte > 1) fail(at, "a number has more than 64 bits");
            value |= (byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        fail(at, "a number has more than ten bytes");
    }

    void put_varint(uint64_t value) {
        for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
        out_.push_back(static_cast<char>(value));
    }

    void put_bytes(size_t begin, size_t end) {
        out_.append(reinterpret_cast<const char*>(file_.data()) + begin, end - begin);
        if (out_.size() >= kMessageLimit)
            throw UserError(
                "the file holds 2 GB or more besides raw tensor data; store its weights as "
                "raw_data "
                "or as external data");
    }

    void count_one(size_t at) {
        if (++counted_ > limits_.messages)
            fail(at, fmt::format("more than {} messages and texts", limits_.messages));
    }

    /// End of the value that starts at `at`.
    size_t end_of_value(WireType wire, size_t& at, size_t end) const {
        size_t value_end = at;
        switch (wire) {
            case kVarint:
                varint(value_end, end);
                return value_end;
            case kFixed32:
            case kFixed64: {
                const size_t size = wire == kFixed32 ? 4 : 8;
                if (end - at < size) fail(at, "a number runs past the end of its message");
                return at + size;
            }
            case kBytes:
                break;
            default:
                fail(at, fmt::format("wire type {} is not in use", static_cast<int>(wire)));
        }
        const size_t length_at = at;
        const uint64_t length = varint(at, end);
        if (length > end - at)
            fail(length_at,
                 fmt::format("a length of {} bytes where {} are left", length, end - at));
        return at + static_cast<size_t>(length);
    }

    void check_packed(const FieldDescriptor& field, size_t at, size_t end) const {
        const WireType wire = wire_type_of(field);
        if (wire != kVarint) {
            if ((end - at) % (wire == kFixed32 ? 4 : 8) != 0)
                fail(at, fmt::format("packed {} do not fill whole numbers", field.name()));
            return;
        }
        while (at < end) varint(at, end);
    }

    void message(const Descriptor& type, size_t at, size_t end, int depth) {
        if (depth > limits_.depth)
            fail(at, fmt::format("messages nest deeper than {} levels", limits_.depth));
        std::array<int, 32> seen{};  // per field number, all numbers of ours are below
        while (at < end) {
            const size_t key_at = at;
            const uint64_t key = varint(at, end);
            const uint64_t number = key >> 3;
            const auto wire = static_cast<WireType>(key & 7);
            if (number == 0 || number > 0x1fffffff)
                fail(key_at, fmt::format("{} is not a field number", number));
            const FieldDescriptor* field =
                number < seen.size() ? type.FindFieldByNumber(static_cast<int>(number)) : nullptr;
            if (field == nullptr) {
                at = end_of_value(wire, at, end);
                continue;
            }
            path_.push_back({field, seen[number]++});
            at = known_field(type, *field, wire, key_at, at, end, depth);
            path_.pop_back();
        }
    }

    size_t known_field(const Descriptor& type, const FieldDescriptor& field, WireType wire,
                       size_t key_at, size_t at, size_t end, int depth) {
        const WireType expected = wire_type_of(field);
        const bool packed = wire == kBytes && expected != kBytes && field.is_repeated();
        if (wire != expected && !packed)
            fail(key_at,
                 fmt::format("{}.{} has wire type {} instead of {}", type.name(), field.name(),
                             static_cast<int>(wire), static_cast<int>(expected)));
        const size_t value_end = end_of_value(wire, at, end);  // `at` steps over a length
        if (expected == kBytes) count_one(key_at);
        if (packed) check_packed(field, at, value_end);
        if (&type == onnx_format::Tensor::descriptor() &&
            field.number() == onnx_format::Tensor::kRawDataFieldNumber) {
            put_fixed64(onnx_format::Tensor::kRawOffsetFieldNumber, at);
            put_fixed64(onnx_format::Tensor::kRawBytesFieldNumber, value_end - at);
        } else if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
            put_varint(static_cast<uint64_t>(field.number()) << 3 | kBytes);
            const size_t length_place = out_.size();
            out_.append(kPatchedLength, '\0');
            message(*field.message_type(), at, value_end, depth + 1);
            patch_length(length_place);
        } else {
            put_varint(static_cast<uint64_t>(field.number()) << 3 | wire);
            if (wire == kBytes) put_varint(value_end - at);
            put_bytes(at, value_end);
        }
        return value_end;
    }

    void put_fixed64(int number, uint64_t value) {
        put_varint(static_cast<uint64_t>(number) << 3 | kFixed64);
        char bytes[8];
        std::memcpy(bytes, &value, 8);
        out_.append(bytes, 8);
    }

    void patch_length(size_t place) {
        uint64_t length = out_.size() - place - kPatchedLength;
        for (size_t i = 0; i < kPatchedLength; ++i, length >>= 7)
            out_[place + i] =
                static_cast<char>((length & 0x7f) | (i + 1 < kPatchedLength ? 0x80 : 0));
    }

    std::span<const std::byte> file_;
    WireLimits limits_;
    std::string out_;
    std::vector<Step> path_;
    int64_t counted_ = 0;
};

}  // namespace

std::string scan_wire(std::span<const std::byte> file, const Descriptor& type,
                      const WireLimits& limits) {
    return Scan(file, limits).run(type);
}

}  // namespace smeaton::model::onnx
