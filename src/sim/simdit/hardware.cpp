#include "sim/simdit/hardware.h"

#include "base/error.h"
#include "base/mapped_file.h"
#include "machine/yaml_map.h"

namespace smeaton::sim::simdit {

namespace {

// Products of these stay exact: rows x columns x a kernel's window x a width.
constexpr double kMostUnits = 1 << 14, kMostWidth = 1 << 10;
constexpr double kMostBits = 1e15;  // 125 TB

}  // namespace

const std::vector<HardwareKey>& hardware_keys() {
    static const std::vector<HardwareKey> keys = {
        {"ARRAY_N", &Hardware::rows, kMostUnits},
        {"ARRAY_M", &Hardware::columns, kMostUnits},
        {"WGT_DATA_WIDTH", &Hardware::weight_bits, kMostWidth},
        {"ACT_DATA_WIDTH", &Hardware::input_bits, kMostWidth},
        {"BIAS_WIDTH", &Hardware::bias_bits, kMostWidth},
        {"ACC_WIDTH", &Hardware::sum_bits, kMostWidth},
        {"WBUF_CAPACITY_BITS", &Hardware::wbuf_bits, kMostBits},
        {"IBUF_CAPACITY_BITS", &Hardware::ibuf_bits, kMostBits},
        {"OBUF_CAPACITY_BITS", &Hardware::obuf_bits, kMostBits},
        {"BBUF_CAPACITY_BITS", &Hardware::bbuf_bits, kMostBits},
        {"SIMD_VMEM_CAPACITY_BITS", &Hardware::vmem_bits, kMostBits},
        {"PARAMBUF_AXI_DATA_WIDTH", &Hardware::weight_port, kMostBits},
        {"IBUF_AXI_DATA_WIDTH", &Hardware::input_port, kMostBits},
        {"OBUF_AXI_DATA_WIDTH", &Hardware::sum_port, kMostBits},
        {"SIMD_AXI_DATA_WIDTH", &Hardware::vector_port, kMostBits},
    };
    return keys;
}

std::vector<BufferLeast> least_buffers(const Hardware& h) {
    return {
        {"WBUF_CAPACITY_BITS", &Hardware::wbuf_bits, 2 * h.rows * h.columns * 9 * h.weight_bits,
         "two tiles of ARRAY_N x ARRAY_M x 3 x 3 weights"},
        {"IBUF_CAPACITY_BITS", &Hardware::ibuf_bits, 2 * h.rows * 15 * 15 * h.input_bits,
         "two tiles of ARRAY_N x 15 x 15 inputs"},
        // The key holds one half; the least is of both.
        {"OBUF_CAPACITY_BITS", &Hardware::obuf_bits, h.columns * 49 * h.sum_bits,
         "a tile of ARRAY_M x 7 x 7 sums"},
        {"BBUF_CAPACITY_BITS", &Hardware::bbuf_bits, 2 * h.columns * h.bias_bits,
         "two tiles of ARRAY_M biases"},
        {"SIMD_VMEM_CAPACITY_BITS", &Hardware::vmem_bits, 32 * h.columns * 49,
         "a tile of ARRAY_M x 7 x 7 words of 32 bits"},
    };
}

void verify(const Hardware& h, const std::string& file) {
    for (const BufferLeast& l : least_buffers(h))
        if (const int64_t has = h.*l.value; has < l.bits)
            throw UserError("{}: '{}' is {} bits and must hold {}: {} bits at least, {} more", file,
                            l.key, has, l.why, l.bits, l.bits - has);
}

Hardware parse_numbers(const std::string& json, const std::string& file) {
    YAML::Node root;
    try {
        root = YAML::Load(json);  // JSON is YAML
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not JSON: {}", file, error.mark.line + 1, error.msg);
    }
    machine::YamlMap map(root, file, "the hardware");
    Hardware h;
    for (const HardwareKey& k : hardware_keys()) h.*k.value = map.whole(std::string(k.key), k.most);
    for (const char* key :
         {"SIMD_INST_MEM_ADDR_WIDTH", "INST_MEM_CAPACITY_BITS", "INST_MEM_AXI_DATA_WIDTH"})
        if (map.child(key).IsDefined()) map.whole(key, kMostBits);
    map.finish();
    return h;
}

Hardware parse_hardware(const std::string& json, const std::string& file) {
    const Hardware h = parse_numbers(json, file);
    verify(h, file);
    return h;
}

Hardware read_hardware_file(const std::string& path) {
    const MappedFile file = map_file(path);
    return parse_hardware({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()},
                          path);
}

}  // namespace smeaton::sim::simdit
