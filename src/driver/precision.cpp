#include "driver/precision.h"

#include <array>
#include <set>
#include <utility>

#include "base/error.h"

namespace smeaton::driver {
namespace {

using tensor::DType;

constexpr std::array<std::pair<std::string_view, DType>, 5> kPrecisions = {{{"f32", DType::kF32},
                                                                            {"bf16", DType::kBF16},
                                                                            {"fp16", DType::kF16},
                                                                            {"int8", DType::kI8},
                                                                            {"int4", DType::kI4}}};

/// Dtypes of operands that a unit of the machine is rated for.
std::set<DType> multiplied_on(const machine::Machine& m) {
    std::set<DType> types;
    for (const machine::Unit& unit : m.units) {
        for (const machine::Rate& rate : unit.rates)
            if (rate.op == machine::OpClass::Fma || rate.op == machine::OpClass::FmaLoad)
                types.insert(rate.dtype);
        for (const machine::ContractionShape& shape : unit.shapes)
            if (shape.a == shape.b) types.insert(shape.a);
    }
    return types;
}

}  // namespace

std::optional<DType> products_of(const std::string& precision) {
    if (precision.empty() || precision == "f32") return std::nullopt;
    for (const auto& [word, dtype] : kPrecisions)
        if (precision == word) return dtype;
    throw UserError("--precision '{}': expected f32, bf16, fp16 or int8", precision);
}

void check_products(const machine::Machine& m, const std::string& precision) {
    const std::optional<DType> wanted = products_of(precision);
    const std::set<DType> can = multiplied_on(m);
    if (!wanted || can.count(*wanted) > 0) return;
    std::string list;
    for (const auto& [word, dtype] : kPrecisions)
        if (can.count(dtype) > 0) list += (list.empty() ? "" : ", ") + std::string(word);
    throw UserError(
        "--precision {}: no unit of machine {} is rated for products of {}; it takes {}, or a rate "
        "{{op: fma, dtype: {}, ...}} in its 'units' (docs/machine.md)",
        precision, m.name, tensor::name(*wanted), list.empty() ? "none" : list,
        tensor::name(*wanted));
}

}  // namespace smeaton::driver
