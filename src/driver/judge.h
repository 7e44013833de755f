// The interpreter as judge of emitted code: every kernel of a program, at full shapes, on the
// values that the model really feeds it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "emit/cpp/isa.h"
#include "gir/interp/storage.h"
#include "gir/program.h"
#include "tensor/tensor.h"

namespace smeaton::driver {

struct Judgement {
    std::string kernel;
    int64_t iterations = 0;  ///< interpreted
    int64_t of = 0;          ///< iterations there are; equal: the whole kernel
    int64_t elements = 0;    ///< compared
    /// Difference over the largest magnitude written; infinite for NaN and for integers that
    /// differ.
    double worst = 0;
    /// What moving each of the kernel's float sums by up to half an ulp of its terms does to the
    /// interpreter's result, on the same scale: where a kernel cancels, the order of addition
    /// shows. 0: not needed.
    double sensitivity = 0;

    bool holds() const;
};

/// Allowed for float32 sums of a few thousand products in any order, of the largest magnitude.
inline constexpr double kKernelTolerance = 2e-5;

struct JudgeOptions {
    emit::Isa isa;
    std::string cache_folder;
    /// Points of op iteration spaces that the interpreter may take per kernel; longer kernels are
    /// judged on the first and the last iterations of each of their outermost parallel nests,
    /// where these can be run apart (gir/interp).
    double points = 2e7;
    /// Called before each kernel with the memory that it will find; may be empty.
    std::function<void(const gir::RunStep&, const gir::interp::Memory&)> before;
};

/// Each kernel runs on memory that emitted code made so far, so that no difference is inherited.
/// `inputs` by buffer name.
std::vector<Judgement> judge(const gir::Program&, const std::map<Name, tensor::Tensor>& inputs,
                             const JudgeOptions&);

}  // namespace smeaton::driver
