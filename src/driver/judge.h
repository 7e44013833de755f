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

/// Allowed for float32 sums of a few thousand products in any order, of the largest magnitude.
inline constexpr double kKernelTolerance = 2e-5;

/// An element further off than kKernelTolerance of the largest beside it.
struct Apart {
    std::string buffer;
    int64_t element = 0;  ///< its offset in the buffer's memory
    double wanted = 0, found = 0;
    /// Their difference over the largest magnitude written to the buffer.
    double off = 0;
    /// How far it moves when each of the kernel's float sums moves by up to half an ulp of its
    /// terms' magnitudes.
    double spread = 0;

    /// The terms of the kernel's sums cancel on the way to it, or it is divided by next to nothing:
    /// no order of addition gives its digits. A sum rounds as often as it adds: a few times what
    /// moving it by half an ulp does.
    bool ill_conditioned() const;
};

struct Judgement {
    std::string kernel;
    int64_t iterations = 0;  ///< interpreted
    int64_t of = 0;          ///< iterations there are; equal: the whole kernel
    int64_t elements = 0;    ///< compared
    /// Difference over the largest magnitude written to the element's buffer, of all elements but
    /// the ill-conditioned ones; infinite for NaN and for integers that differ.
    double worst = 0;
    int64_t ill_conditioned = 0;  ///< elements
    Apart worst_ill;              ///< the furthest off of them
    Apart wrong;                  ///< the furthest off of the elements that are neither

    bool holds() const { return worst <= kKernelTolerance; }
};

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
