// Python text with places left open: which variable holds a value, under which name a module
// stands, what a size is called. The same text is written into a class and into a cluster.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dim.h"
#include "tensor/tensor.h"

namespace smeaton::pytorch {

/// What stands in an open place.
struct Mark {
    enum class Kind {
        Value,   ///< number: the model graph's value
        Module,  ///< number: of the statement's modules
        Size,    ///< name: a symbolic size of the model
        Device   ///< where the model's inputs lie
    };
    Kind kind = Kind::Value;
    int number = 0;
    std::string name;
};

std::string value_mark(int value);
std::string module_mark(int module);
std::string device_mark();

/// The text with every mark replaced by what `spelling` says of it.
std::string fill(std::string_view text, const std::function<std::string(const Mark&)>& spelling);
std::vector<Mark> marks_of(std::string_view text);

/// A size as a Python expression; `factor`: it will be multiplied.
std::string dim_text(const tensor::Dim&, bool factor = false);
/// "batch, 128, 768"
std::string dims_text(const std::vector<tensor::Dim>&);
/// "1, 2, 3"
std::string numbers_text(const std::vector<int64_t>&);
/// "(1, 2)", "(1,)"
std::string tuple_text(const std::vector<int64_t>&);
/// "1" where all are the same, else a tuple.
std::string one_or_tuple(const std::vector<int64_t>&);
/// A number that reads back to `value` of the dtype: "0.1", "-torch.inf", "3", "True".
std::string literal(tensor::DType, double value);
std::string element_text(const tensor::Tensor&, int64_t i);
/// "torch.float32"; UserError for dtypes that PyTorch cannot calculate with.
std::string dtype_text(tensor::DType);
bool has_dtype(tensor::DType);

/// A Python identifier from any text: "layer.3/Conv" gives "layer_3_Conv". Never a keyword, empty,
/// or begun by a digit.
std::string identifier(std::string_view);
/// A Python string of ASCII.
std::string string_text(std::string_view);
/// For comments and docstrings: one line of ASCII without quotes and backslashes.
std::string plain_text(std::string_view);

}  // namespace smeaton::pytorch
