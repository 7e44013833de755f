// Between numpy arrays and Tensors. All functions need the GIL.
#pragma once

#include <Python.h>

#include <string>

#include "tensor/tensor.h"

namespace smeaton::python {

using tensor::DType;
using tensor::Tensor;

/// Loads numpy's C interface; false with a Python error set when that fails.
bool load_numpy();

/// Lets arrays of the numpy dtype object `descr` (bfloat16 of ml_dtypes, …) stand for `dtype`.
void register_dtype(PyObject* descr, DType dtype);

/// The numpy name of a dtype in quotes: "'float32'".
std::string numpy_name(DType dtype);

/// A Tensor that views the array's memory and keeps the array alive; a value that is no dense
/// aligned array is copied into one first. UserError naming `input` on an element type that has no
/// DType.
Tensor tensor_of(PyObject* value, const char* input);

/// A new array that owns the tensor's memory. Memory that others may see (views of weights, of
/// inputs) is copied. nullptr with a Python error set when numpy fails.
PyObject* array_of(Tensor&& tensor);

}  // namespace smeaton::python
