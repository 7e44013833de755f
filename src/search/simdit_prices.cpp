#include "search/simdit_prices.h"

#include "base/error.h"
#include "machine/tech/tables.h"
#include "machine/words.h"

namespace smeaton::search {

using machine::OpClass;
using sim::simdit::Hardware;
using tensor::DType;
namespace tech = machine::tech;

namespace {

struct Types {
    DType product, sum;
};

Types types_of(const Hardware& h) {
    if (h.weight_bits == 8 && h.input_bits == 8) return {DType::kI8, DType::kI32};
    if (h.weight_bits == 16 && h.input_bits == 16) return {DType::kF16, DType::kF32};
    if (h.weight_bits == 32 && h.input_bits == 32) return {DType::kF32, DType::kF32};
    throw UserError(
        "'technology': no published figure for products of {} and {} bits; there are "
        "8, 16 and 32 for 'WGT_DATA_WIDTH' and 'ACT_DATA_WIDTH' alike",
        h.weight_bits, h.input_bits);
}

}  // namespace

double SimditPrices::multiply_add_pj(const Hardware& h) const {
    const Types t = types_of(h);
    return tech::op_pj(technology, OpClass::Mul, t.product)->value +
           tech::op_pj(technology, OpClass::Add, t.sum)->value;
}

double SimditPrices::vector_operation_pj(bool training) const {
    return tech::op_pj(technology, OpClass::Add, training ? DType::kF32 : DType::kI32)->value;
}

double SimditPrices::sram_pj_per_byte(double bits) const {
    return tech::sram_pj_per_byte(technology, bits / 8).value;
}

BufferPrices SimditPrices::buffers(const Hardware& h) const {
    auto price = [&](int64_t bits) { return sram_pj_per_byte(static_cast<double>(bits)); };
    return {price(h.wbuf_bits / 2), price(h.ibuf_bits / 2), price(h.obuf_bits),
            price(h.bbuf_bits / 2), price(h.vmem_bits)};
}

std::optional<double> SimditPrices::area_mm2(const Hardware& h) const {
    const Types t = types_of(h);
    const auto product = tech::op_mm2(technology, OpClass::Mul, t.product);
    const auto sum = tech::op_mm2(technology, OpClass::Add, t.sum);
    // A lane multiplies and adds words of 32 bits, in float where the array does.
    const auto lane_product = tech::op_mm2(technology, OpClass::Mul, t.sum);
    if (!product || !sum || !lane_product) return std::nullopt;
    const auto cells = static_cast<double>(h.rows) * static_cast<double>(h.columns);
    return cells * (product->value + sum->value) +
           static_cast<double>(h.lanes()) * (lane_product->value + sum->value) +
           tech::sram_mm2(technology, static_cast<double>(h.sram_bits()) / 8).value;
}

double traffic_pj(const sim::simdit::Traffic& bits, const BufferPrices& p,
                  double dram_pj_per_byte) {
    return (bits.wbuf * p.wbuf + bits.ibuf * p.ibuf + bits.obuf * p.obuf + bits.bbuf * p.bbuf +
            bits.vmem * p.vmem + bits.dram() * dram_pj_per_byte) /
           8;
}

}  // namespace smeaton::search
