// Sizes, and tensors that are made of numbers.
#include "export/pytorch/speller.h"
#include "model/shape/shape_ops.h"

namespace smeaton::pytorch {

using model::OpType;

namespace {

// Where every size is known by name the readers spell it; this is for those that want the tensor.
void shape(Speller& s) {
    const model::DimRange range = model::shape_range(s);
    const std::vector<Dim> dims(s.shape(0).begin() + range.begin, s.shape(0).begin() + range.end);
    s.give(fmt::format("torch.tensor([{}], dtype=torch.int64, device={})", dims_text(dims),
                       device_mark()));
}

void size(Speller& s) {
    s.give(fmt::format("torch.tensor({}, dtype=torch.int64, device={})",
                       dim_text(tensor::product(s.shape(0))), device_mark()));
}

void constant(Speller& s) {
    s.give(s.tensor(s.node().outputs[0], "constant"));
}

void constant_of_shape(Speller& s) {
    const Tensor value = model::fill_value(s);
    const model::Shape& shape = s.result_shape();
    std::string dims = dims_text(shape);
    if (shape.size() == 1) dims += ",";
    s.give(fmt::format("torch.full(({}), {}, dtype={}, device={})", dims, element_text(value, 0),
                       dtype_text(value.dtype()), device_mark()));
}

void range(Speller& s) {
    std::string parts;
    for (size_t k = 0; k < 3; ++k) {
        const auto number = s.number_in(k);
        if (!number) s.fail("its operand {} must be a number or a size", s.operand(k));
        parts += (k > 0 ? ", " : "") + *number;
    }
    if (parts.starts_with("0, ") && parts.ends_with(", 1"))
        parts = parts.substr(3, parts.size() - 6);
    s.give(fmt::format("torch.arange({}, dtype={}, device={})", parts, dtype_text(s.result_dtype()),
                       device_mark()));
}

}  // namespace

void add_shape_spelling(SpellTable& table) {
    table[OpType::kShape] = shape;
    table[OpType::kSize] = size;
    table[OpType::kConstant] = constant;
    table[OpType::kConstantOfShape] = constant_of_shape;
    table[OpType::kRange] = range;
}

}  // namespace smeaton::pytorch
