#include "sim/simdit/hardware.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "machine/yaml_map.h"

namespace smeaton::sim::simdit {

namespace {

int64_t whole(machine::YamlMap& map, const std::string& key) {
    constexpr double kMost = 1e15;  // 125 TB; products of it with a bit width stay exact
    machine::Number number = map.number(key);
    if (number.ranged() || number.value < 1 || number.value > kMost ||
        number.value != std::floor(number.value))
        map.fail(map.child(key),
                 fmt::format("'{}' must be a whole number from 1 to {:g}", key, kMost));
    return static_cast<int64_t>(number.value);
}

}  // namespace

void verify(const Hardware& h, const std::string& file) {
    struct Least {
        const char* key;
        int64_t has, needs;
        const char* why;
    };
    const Least all[] = {
        {"WBUF_CAPACITY_BITS", h.wbuf_bits, 2 * h.rows * h.columns * 9 * h.weight_bits,
         "two tiles of ARRAY_N x ARRAY_M x 3 x 3 weights"},
        {"IBUF_CAPACITY_BITS", h.ibuf_bits, 2 * h.rows * 15 * 15 * h.input_bits,
         "two tiles of ARRAY_N x 15 x 15 inputs"},
        // The key holds one half; the least is of both.
        {"OBUF_CAPACITY_BITS", h.obuf_bits, h.columns * 49 * h.sum_bits,
         "a tile of ARRAY_M x 7 x 7 sums"},
        {"BBUF_CAPACITY_BITS", h.bbuf_bits, 2 * h.columns * h.bias_bits,
         "two tiles of ARRAY_M biases"},
        {"SIMD_VMEM_CAPACITY_BITS", h.vmem_bits, 32 * h.columns * 49,
         "a tile of ARRAY_M x 7 x 7 words of 32 bits"},
    };
    for (const Least& l : all)
        if (l.has < l.needs)
            throw UserError("{}: '{}' is {} bits and must hold {}: {} bits at least, {} more", file,
                            l.key, l.has, l.why, l.needs, l.needs - l.has);
}

Hardware parse_hardware(const std::string& json, const std::string& file) {
    YAML::Node root;
    try {
        root = YAML::Load(json);  // JSON is YAML
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not JSON: {}", file, error.mark.line + 1, error.msg);
    }
    machine::YamlMap map(root, file, "the hardware");
    Hardware h;
    const std::pair<const char*, int64_t*> keys[] = {
        {"ARRAY_N", &h.rows},
        {"ARRAY_M", &h.columns},
        {"WGT_DATA_WIDTH", &h.weight_bits},
        {"ACT_DATA_WIDTH", &h.input_bits},
        {"BIAS_WIDTH", &h.bias_bits},
        {"ACC_WIDTH", &h.sum_bits},
        {"WBUF_CAPACITY_BITS", &h.wbuf_bits},
        {"IBUF_CAPACITY_BITS", &h.ibuf_bits},
        {"OBUF_CAPACITY_BITS", &h.obuf_bits},
        {"BBUF_CAPACITY_BITS", &h.bbuf_bits},
        {"SIMD_VMEM_CAPACITY_BITS", &h.vmem_bits},
        {"PARAMBUF_AXI_DATA_WIDTH", &h.weight_port},
        {"IBUF_AXI_DATA_WIDTH", &h.input_port},
        {"OBUF_AXI_DATA_WIDTH", &h.sum_port},
        {"SIMD_AXI_DATA_WIDTH", &h.vector_port},
    };
    for (const auto& [key, value] : keys) *value = whole(map, key);
    for (const char* key :
         {"SIMD_INST_MEM_ADDR_WIDTH", "INST_MEM_CAPACITY_BITS", "INST_MEM_AXI_DATA_WIDTH"})
        if (map.child(key).IsDefined()) whole(map, key);
    map.finish();
    verify(h, file);
    return h;
}

Hardware read_hardware_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) throw UserError("{}: cannot be read", path);
    return parse_hardware(text, path);
}

}  // namespace smeaton::sim::simdit
