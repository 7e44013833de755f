#include "arrays.h"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_1_23_API_VERSION
#include <numpy/arrayobject.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"

namespace smeaton::python {
namespace {

struct Registered {
    int type_num;
    PyArray_Descr* descr;  // kept for the life of the process
    DType dtype;
};
std::vector<Registered>& registered() {
    static std::vector<Registered> list;
    return list;
}

constexpr std::array<std::pair<int, DType>, 12> kNumpyTypes = {{{NPY_FLOAT32, DType::kF32},
                                                                {NPY_INT64, DType::kI64},
                                                                {NPY_BOOL, DType::kBool},
                                                                {NPY_INT32, DType::kI32},
                                                                {NPY_FLOAT64, DType::kF64},
                                                                {NPY_FLOAT16, DType::kF16},
                                                                {NPY_INT8, DType::kI8},
                                                                {NPY_UINT8, DType::kU8},
                                                                {NPY_INT16, DType::kI16},
                                                                {NPY_UINT16, DType::kU16},
                                                                {NPY_UINT32, DType::kU32},
                                                                {NPY_UINT64, DType::kU64}}};

std::optional<DType> dtype_of(PyArray_Descr* descr) {
    const int type_num = descr->type_num;
    for (const auto& [num, dtype] : kNumpyTypes) {
        if (num == type_num) return dtype;
    }
    // long long and long are two numbers of one type where both have 64 bits.
    if (type_num == NPY_LONGLONG) return DType::kI64;
    if (type_num == NPY_ULONGLONG) return DType::kU64;
    for (const Registered& entry : registered()) {
        if (entry.type_num == type_num) return entry.dtype;
    }
    return std::nullopt;
}

PyArray_Descr* new_descr(DType dtype) {
    for (const auto& [num, known] : kNumpyTypes) {
        if (known == dtype) return PyArray_DescrFromType(num);
    }
    for (const Registered& entry : registered()) {
        if (entry.dtype == dtype) {
            Py_INCREF(entry.descr);
            return entry.descr;
        }
    }
    PyErr_Format(PyExc_TypeError, "an output of element type %s has no numpy type here%s",
                 std::string(name(dtype)).c_str(),
                 dtype == DType::kString ? "" : "; ml_dtypes gives it one");
    return nullptr;
}

/// Releases the array when the last Tensor that views it goes, on whatever thread that is.
void release_array(PyObject* array) {
    if (!Py_IsInitialized()) return;
    PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF(array);
    PyGILState_Release(state);
}

void delete_tensor(PyObject* capsule) {
    delete static_cast<Tensor*>(PyCapsule_GetPointer(capsule, nullptr));
}

/// Whether the tensor alone holds its memory; where not, the caller copies.
std::byte* own_memory(Tensor& tensor) {
    try {
        return tensor.mutable_data();
    } catch (const InternalError&) {
        return nullptr;
    }
}

}  // namespace

bool load_numpy() {
    return _import_array() >= 0;
}

void register_dtype(PyObject* descr, DType dtype) {
    if (!PyArray_DescrCheck(descr)) throw UserError("register_dtype: not a numpy dtype");
    auto* known = reinterpret_cast<PyArray_Descr*>(descr);
    Py_INCREF(known);
    registered().push_back({known->type_num, known, dtype});
}

std::string numpy_name(DType dtype) {
    PyArray_Descr* descr = new_descr(dtype);
    if (descr == nullptr) {
        PyErr_Clear();
        return "'" + std::string(name(dtype)) + "'";
    }
    PyObject* text = PyObject_GetAttrString(reinterpret_cast<PyObject*>(descr), "name");
    const char* utf8 = text == nullptr ? nullptr : PyUnicode_AsUTF8(text);
    const std::string shown = "'" + std::string(utf8 == nullptr ? "?" : utf8) + "'";
    Py_XDECREF(text);
    Py_DECREF(descr);
    PyErr_Clear();
    return shown;
}

Tensor tensor_of(PyObject* value, const char* input) {
    PyObject* dense =
        PyArray_FROM_OF(value, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED);
    if (dense == nullptr) {
        PyErr_Clear();
        throw UserError("input '{}': not an array, and numpy cannot make one of it", input);
    }
    std::shared_ptr<PyObject> keep(dense, release_array);
    auto* array = reinterpret_cast<PyArrayObject*>(dense);
    const std::optional<DType> dtype = dtype_of(PyArray_DESCR(array));
    if (!dtype) {
        PyObject* text = PyObject_Str(reinterpret_cast<PyObject*>(PyArray_DESCR(array)));
        const char* utf8 = text == nullptr ? nullptr : PyUnicode_AsUTF8(text);
        const std::string shown = utf8 == nullptr ? "?" : utf8;
        Py_XDECREF(text);
        PyErr_Clear();
        throw UserError("input '{}': arrays of numpy type {} are not supported", input, shown);
    }
    const npy_intp* dims = PyArray_DIMS(array);
    std::vector<int64_t> shape(dims, dims + PyArray_NDIM(array));
    const auto* bytes = static_cast<const std::byte*>(PyArray_DATA(array));
    return {*dtype, std::move(shape), bytes, std::move(keep)};
}

PyObject* array_of(Tensor&& tensor) {
    PyArray_Descr* descr = new_descr(tensor.dtype());
    if (descr == nullptr) return nullptr;
    const std::vector<int64_t>& shape = tensor.shape();
    std::vector<npy_intp> dims(shape.begin(), shape.end());
    std::byte* memory = own_memory(tensor);
    if (memory == nullptr || tensor.elements() == 0) {
        PyObject* copy = PyArray_NewFromDescr(&PyArray_Type, descr, static_cast<int>(dims.size()),
                                              dims.data(), nullptr, nullptr, 0, nullptr);
        if (copy != nullptr && tensor.elements() > 0) {
            std::memcpy(PyArray_DATA(reinterpret_cast<PyArrayObject*>(copy)), tensor.data(),
                        static_cast<size_t>(tensor.bytes()));
        }
        return copy;
    }
    auto* held = new Tensor(std::move(tensor));
    PyObject* owner = PyCapsule_New(held, nullptr, delete_tensor);
    if (owner == nullptr) {
        delete held;
        Py_DECREF(descr);
        return nullptr;
    }
    PyObject* array = PyArray_NewFromDescr(&PyArray_Type, descr, static_cast<int>(dims.size()),
                                           dims.data(), nullptr, memory, NPY_ARRAY_CARRAY, nullptr);
    if (array == nullptr ||
        PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner) < 0) {
        if (array == nullptr) Py_DECREF(owner);
        Py_XDECREF(array);
        return nullptr;
    }
    return array;
}

}  // namespace smeaton::python
