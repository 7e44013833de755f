// The hardware that SimDIT costs: a systolic array of rows x columns with a buffer for each operand
// and a vector unit of as many lanes as the array has columns, described by SimDIT's own JSON.
//
// Names of the file and of this struct:
//     ARRAY_N, ARRAY_M                     rows (input channels), columns (output channels)
//     WGT_, ACT_DATA_WIDTH, BIAS_, ACC_WIDTH     bits of weight, input, bias, partial sum
//     WBUF_, IBUF_, BBUF_CAPACITY_BITS     both halves of a double buffer; a tile may fill one
//     OBUF_CAPACITY_BITS                   one of the two halves
//     SIMD_VMEM_CAPACITY_BITS              each of the two vector memories; single-buffered
//     PARAMBUF_, IBUF_, OBUF_, SIMD_AXI_DATA_WIDTH     bits per cycle to and from DRAM
//     SIMD_INST_MEM_ADDR_WIDTH, INST_MEM_CAPACITY_BITS, INST_MEM_AXI_DATA_WIDTH    costed by
//     nothing
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace smeaton::sim::simdit {

struct Hardware {
    int64_t rows = 0, columns = 0;
    int64_t weight_bits = 0, input_bits = 0, bias_bits = 0, sum_bits = 0;
    int64_t wbuf_bits = 0, ibuf_bits = 0, bbuf_bits = 0;                     ///< both halves
    int64_t obuf_bits = 0;                                                   ///< one half
    int64_t vmem_bits = 0;                                                   ///< one of two
    int64_t weight_port = 0, input_port = 0, sum_port = 0, vector_port = 0;  ///< bits per cycle

    int64_t lanes() const { return columns; }
    /// All SRAM but instructions: both halves of double buffers, both vector memories.
    int64_t sram_bits() const {
        return wbuf_bits + ibuf_bits + bbuf_bits + 2 * obuf_bits + 2 * vmem_bits;
    }
};

struct HardwareKey {
    std::string_view key;
    int64_t Hardware::*value;
    double most;  ///< beyond it products are no longer exact
};
/// The keys that cost anything.
const std::vector<HardwareKey>& hardware_keys();

/// UserError names file, line and key: not JSON, unknown or missing keys, numbers that are no whole
/// numbers above 0 or beyond all sense, and what verify() refuses.
Hardware read_hardware_file(const std::string& path);
/// The same from text; `file` stands in messages.
Hardware parse_hardware(const std::string& json, const std::string& file);

/// What the keys say, whether a tile fits or not: of a file whose numbers are still to change.
Hardware parse_numbers(const std::string& json, const std::string& file);

/// The least that a buffer must hold.
struct BufferLeast {
    std::string_view key;
    int64_t Hardware::*value;
    int64_t bits;
    const char* why;
};
std::vector<BufferLeast> least_buffers(const Hardware&);
/// UserError, naming the key, its value and the least that SimDIT allows, where a buffer cannot
/// hold the smallest tile: WBUF 2*rows*columns*9 weights, IBUF 2*rows*15^2 inputs, OBUF (both
/// halves) 2*columns*49 sums, vector memory columns*49 words of 32 bits, BBUF 2*columns biases.
void verify(const Hardware&, const std::string& file);

}  // namespace smeaton::sim::simdit
