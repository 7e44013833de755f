// The first look at a file, before anything is allocated for it: a walk over the protobuf wire
// format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace google::protobuf {
class Descriptor;
}

namespace smeaton::model::onnx {

struct WireLimits {
    int depth = 64;  ///< messages within messages
    int64_t messages =
        4'000'000;  ///< messages and texts in the file, a few hundred bytes each once read
};

/// Checks the whole of `file` against the wire format and `type`: every length inside its message,
/// every number whole, every known field of its kind, within `limits`. Gives the same message
/// without the fields that the schema does not name and with every tensor's raw_data replaced by
/// its place in the file (raw_offset, raw_bytes), so that weights are neither copied nor limited to
/// 2 GB. UserError naming the byte and the field.
std::string scan_wire(std::span<const std::byte> file, const google::protobuf::Descriptor& type,
                      const WireLimits& limits = {});

}  // namespace smeaton::model::onnx
