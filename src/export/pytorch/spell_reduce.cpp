// Reductions, and what goes along one axis.
#include "export/pytorch/speller.h"
#include "model/shape/reduce.h"

namespace smeaton::pytorch {

using model::OpType;
using model::Reduction;

namespace {

std::string dim_argument(const Speller& s, const Reduction& r) {
    if (r.axes.size() == s.shape(0).size() && !r.keep_dims && r.axes.size() > 1) return "";
    std::string dims = r.axes.size() == 1 ? text(r.axes[0]) : tuple_text(r.axes);
    return fmt::format("dim={}{}", dims, r.keep_dims ? ", keepdim=True" : "");
}

std::string reduced(Speller& s, const Reduction& r, const std::string& function) {
    const std::string dim = dim_argument(s, r);
    std::string call = fmt::format("{}.{}({}", s.in(0), function, dim);
    // Sums of small integers are int64 in PyTorch.
    if (function == "sum" && !tensor::is_float(s.dtype(0)) && s.dtype(0) != DType::kI64)
        call += fmt::format("{}dtype={}", dim.empty() ? "" : ", ", dtype_text(s.dtype(0)));
    return call + ")";
}

SpellRule reduction(const char* function) {
    return [=](Speller& s) {
        const Reduction r = model::reduction_of(s);
        if (r.axes.empty()) return s.give(s.in(0));
        if (std::string(function) == "mean" && !tensor::is_float(s.dtype(0)))
            s.fail("PyTorch has no mean of {}", tensor::name(s.dtype(0)));
        for (int64_t axis : r.axes)
            if (function[0] == 'a' && s.shape(0)[static_cast<size_t>(axis)].is(0))
                s.fail("PyTorch has no largest or smallest of no elements");
        s.give(reduced(s, r, function));
    };
}

// torch.prod takes one dim at a time.
void reduce_prod(Speller& s) {
    const Reduction r = model::reduction_of(s);
    std::string all = s.in(0);
    for (size_t k = r.axes.size(); k-- > 0;) {
        all += fmt::format(".prod({}{}", r.axes[k], r.keep_dims ? ", keepdim=True" : "");
        if (!tensor::is_float(s.dtype(0)) && s.dtype(0) != DType::kI64)
            all += ", dtype=" + dtype_text(s.dtype(0));
        all += ")";
    }
    s.give(all);
}

void reduce_l2(Speller& s) {
    const Reduction r = model::reduction_of(s);
    if (r.axes.empty()) return s.give(fmt::format("torch.abs({})", s.in(0)));
    if (!tensor::is_float(s.dtype(0)))
        s.fail("PyTorch has no norm of {}", tensor::name(s.dtype(0)));
    const std::string dim = dim_argument(s, r);
    s.give(fmt::format("torch.linalg.vector_norm({}{}{})", s.in(0), dim.empty() ? "" : ", ", dim));
}

void arg_max(Speller& s) {
    const Reduction r = model::reduction_of(s);
    const std::string dim = fmt::format("dim={}{}", r.axes[0], r.keep_dims ? ", keepdim=True" : "");
    if (s.attr("select_last_index", 0) == 0)
        return s.give(fmt::format("{}.argmax({})", s.in(0), dim));
    s.give(fmt::format("{0}.shape[{1}] - 1 - {0}.flip({1}).argmax({2})", s.in(0), r.axes[0], dim));
}

// A stable sort: of equal elements the lower index goes first, as ONNX has it.
void top_k(Speller& s) {
    const model::TopKChoice choice = model::top_k_of(s);
    std::string slice;
    for (int64_t d = 0; d < choice.axis; ++d) slice += ":, ";
    s.give_all(fmt::format("(part[{}:{}] for part in torch.sort({}, dim={}{}, stable=True))", slice,
                           dim_text(choice.k), s.in(0), choice.axis,
                           choice.largest ? ", descending=True" : ""));
}

void cum_sum(Speller& s) {
    const model::CumSumChoice choice = model::cum_sum_of(s);
    std::string dtype;
    if (!tensor::is_float(s.dtype(0)) && s.dtype(0) != DType::kI64)
        dtype = ", dtype=" + dtype_text(s.dtype(0));
    const std::string flip = fmt::format(".flip({})", choice.axis);
    std::string sum = s.in(0);
    if (choice.reverse) sum += flip;
    sum += fmt::format(".cumsum({}{})", choice.axis, dtype);
    if (choice.reverse) sum += flip;
    if (choice.exclusive) sum += " - " + s.in(0);
    s.give(sum);
}

}  // namespace

void add_reduce_spelling(SpellTable& table) {
    table[OpType::kReduceMean] = reduction("mean");
    table[OpType::kReduceSum] = reduction("sum");
    table[OpType::kReduceMax] = reduction("amax");
    table[OpType::kReduceMin] = reduction("amin");
    table[OpType::kReduceProd] = reduce_prod;
    table[OpType::kReduceL2] = reduce_l2;
    table[OpType::kArgMax] = arg_max;
    table[OpType::kTopK] = top_k;
    table[OpType::kCumSum] = cum_sum;
}

}  // namespace smeaton::pytorch
