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
    struct Key {
        const char* key;
        int64_t* value;
        double most;
    };
    const Key keys[] = {
        {"ARRAY_N", &h.rows, kMostUnits},
        {"ARRAY_M", &h.columns, kMostUnits},
        {"WGT_DATA_WIDTH", &h.weight_bits, kMostWidth},
        {"ACT_DATA_WIDTH", &h.input_bits, kMostWidth},
        {"BIAS_WIDTH", &h.bias_bits, kMostWidth},
        {"ACC_WIDTH", &h.sum_bits, kMostWidth},
        {"WBUF_CAPACITY_BITS", &h.wbuf_bits, kMostBits},
        {"IBUF_CAPACITY_BITS", &h.ibuf_bits, kMostBits},
        {"OBUF_CAPACITY_BITS", &h.obuf_bits, kMostBits},
        {"BBUF_CAPACITY_BITS", &h.bbuf_bits, kMostBits},
        {"SIMD_VMEM_CAPACITY_BITS", &h.vmem_bits, kMostBits},
        {"PARAMBUF_AXI_DATA_WIDTH", &h.weight_port, kMostBits},
        {"IBUF_AXI_DATA_WIDTH", &h.input_port, kMostBits},
        {"OBUF_AXI_DATA_WIDTH", &h.sum_port, kMostBits},
        {"SIMD_AXI_DATA_WIDTH", &h.vector_port, kMostBits},
    };
    for (const Key& k : keys) *k.value = map.whole(k.key, k.most);
    for (const char* key :
         {"SIMD_INST_MEM_ADDR_WIDTH", "INST_MEM_CAPACITY_BITS", "INST_MEM_AXI_DATA_WIDTH"})
        if (map.child(key).IsDefined()) map.whole(key, kMostBits);
    map.finish();
    verify(h, file);
    return h;
}

Hardware read_hardware_file(const std::string& path) {
    const MappedFile file = map_file(path);
    return parse_hardware({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()},
                          path);
}

}  // namespace smeaton::sim::simdit
