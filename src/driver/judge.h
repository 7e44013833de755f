// The interpreter as judge of emitted code: every kernel of a program, at full shapes, on the
// values that the model really feeds it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emit/cpp/isa.h"
#include "gir/program.h"
#include "tensor/tensor.h"

namespace smeaton::driver {

struct Judgement {
    std::string kernel;
    int64_t iterations = 0;  ///< interpreted
    int64_t of = 0;          ///< iterations there are; equal: the whole kernel
    int64_t elements = 0;    ///< compared
    double worst = 0;  ///< difference over the largest magnitude among them; NaN counts as inf
};

struct JudgeOptions {
    emit::Isa isa;
    std::string cache_folder;
    /// Points of op iteration spaces that the interpreter may take per kernel; longer kernels are
    /// judged on consecutive iterations of their outermost parallel nest, as many as fit.
    double points = 2e7;
};

/// Each kernel runs on memory that emitted code made so far, so that no difference is inherited.
/// `inputs` by buffer name.
std::vector<Judgement> judge(const gir::Program&, const std::map<Name, tensor::Tensor>& inputs,
                             const JudgeOptions&);

}  // namespace smeaton::driver
