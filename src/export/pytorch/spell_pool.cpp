// Poolings. PyTorch pads both sides by the same, at most by half the kernel; other padding is a
// step of its own.
#include <algorithm>

#include "export/pytorch/speller.h"
#include "model/shape/window.h"

namespace smeaton::pytorch {

using model::OpType;
using model::Window;

namespace {

/// How a pooling reaches ONNX's output size in PyTorch.
struct PoolForm {
    size_t dims = 2;
    std::vector<Argument> arguments;  ///< kernel_size, stride, ...
    std::vector<int64_t> pads;        ///< for F.pad, empty where the module pads
    bool ceil = false;
};

bool all_zero(const std::vector<int64_t>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return n == 0; });
}

/// Elements to add behind so that the last window ends with them, without ceil_mode.
std::vector<int64_t> exact_ends(Speller& s, const Window& w) {
    std::vector<int64_t> ends;
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        if (!w.input[d].is_const())
            s.fail("its last window depends on the size of {}; give --dim", s.operand(0));
        const int64_t reach =
            (w.output[d].value() - 1) * w.strides[d] + (w.kernel[d] - 1) * w.dilations[d] + 1;
        ends.push_back(reach - w.input[d].value() - w.pads_begin[d]);
    }
    return ends;
}

/// PyTorch's own size with ceil_mode is ONNX's.
bool ceil_agrees(const Window& w) {
    for (size_t d = 0; d < w.kernel.size(); ++d) {
        if (!w.input[d].is_const()) return false;
        const int64_t reach =
            w.input[d].value() + 2 * w.pads_begin[d] - w.dilations[d] * (w.kernel[d] - 1) - 1;
        int64_t size = (reach + w.strides[d] - 1) / w.strides[d] + 1;
        if ((size - 1) * w.strides[d] >= w.input[d].value() + w.pads_begin[d]) --size;
        if (size != w.output[d].value()) return false;
    }
    return true;
}

PoolForm pool_form(Speller& s, const Window& w) {
    PoolForm form;
    form.dims = w.kernel.size();
    if (form.dims < 1 || form.dims > 3) s.fail("PyTorch pools over 1 to 3 dims, not {}", form.dims);
    if (w.pads_begin.empty())
        s.fail("its padding depends on the size of {}; give --dim", s.operand(0));
    form.ceil = s.attr("ceil_mode", 0) != 0;
    bool fits = w.pads_begin == w.pads_end;
    for (size_t d = 0; d < form.dims; ++d)
        fits &= w.pads_begin[d] >= 0 && 2 * w.pads_begin[d] <= w.kernel[d];
    if (form.ceil) fits = fits && ceil_agrees(w);
    form.arguments = {keyword("kernel_size", one_or_tuple(w.kernel))};
    form.arguments.push_back(keyword("stride", one_or_tuple(w.strides)));
    if (fits) {
        if (!all_zero(w.pads_begin))
            form.arguments.push_back(keyword("padding", one_or_tuple(w.pads_begin)));
        return form;
    }
    std::vector<int64_t> ends = form.ceil ? exact_ends(s, w) : w.pads_end;
    form.ceil = false;
    for (size_t d = form.dims; d-- > 0;) {
        form.pads.push_back(w.pads_begin[d]);
        form.pads.push_back(ends[d]);
    }
    return form;
}

void max_pool(Speller& s) {
    if (s.wants(1)) s.fail("its second output, Indices, is not emitted");
    if (!tensor::is_float(s.dtype(0)))
        s.fail("PyTorch has no max pooling of {}", tensor::name(s.dtype(0)));
    const Window w = model::pool_window(s);
    PoolForm form = pool_form(s, w);
    if (std::any_of(w.dilations.begin(), w.dilations.end(), [](int64_t d) { return d != 1; }))
        form.arguments.push_back(keyword("dilation", one_or_tuple(w.dilations)));
    if (form.ceil) form.arguments.push_back(keyword("ceil_mode", "True"));
    std::string x = s.in(0);
    if (!form.pads.empty())
        x = fmt::format("F.pad({}, {}, value=-torch.inf)", x, tuple_text(form.pads));
    s.give(s.module(fmt::format("nn.MaxPool{}d", form.dims), form.arguments, "maxpool") + "(" + x +
           ")");
}

// Where the padding is apart from the pooling and does not count, the mean is taken over what was
// there: sum over count.
void average_pool(Speller& s) {
    const Window w = model::pool_window(s);
    if (std::any_of(w.dilations.begin(), w.dilations.end(), [](int64_t d) { return d != 1; }))
        s.fail("PyTorch's average pooling has no dilation");
    PoolForm form = pool_form(s, w);
    const bool counts = s.attr("count_include_pad", 0) != 0;
    const bool apart = !form.pads.empty();
    const bool own = !apart && form.arguments.size() == 3;
    if (form.ceil) form.arguments.push_back(keyword("ceil_mode", "True"));
    if (own && !counts) form.arguments.push_back(keyword("count_include_pad", "False"));
    const std::string pool =
        s.module(fmt::format("nn.AvgPool{}d", form.dims), form.arguments, "avgpool");
    if (!apart) return s.give(fmt::format("{}({})", pool, s.in(0)));
    if (counts && s.attr("ceil_mode", 0) != 0)
        s.fail("PyTorch counts other elements where the last window reaches beyond the padding");
    const std::string pads = tuple_text(form.pads);
    const std::string sum = fmt::format("{}(F.pad({}, {}))", pool, s.in(0), pads);
    if (counts) return s.give(sum);
    s.give(fmt::format("{} / {}(F.pad(torch.ones_like({}), {}))", sum, pool, s.in(0), pads));
}

SpellRule global_pool(const char* type, const char* base) {
    return [=](Speller& s) {
        const size_t dims = s.shape(0).size() - 2;
        if (dims < 1 || dims > 3) s.fail("PyTorch pools over 1 to 3 dims, not {}", dims);
        s.give(s.module(fmt::format("{}{}d", type, dims), {positional("output_size", "1")}, base) +
               "(" + s.in(0) + ")");
    };
}

}  // namespace

void add_pool_spelling(SpellTable& table) {
    table[OpType::kMaxPool] = max_pool;
    table[OpType::kAveragePool] = average_pool;
    table[OpType::kGlobalAveragePool] = global_pool("nn.AdaptiveAvgPool", "avgpool");
    table[OpType::kGlobalMaxPool] = global_pool("nn.AdaptiveMaxPool", "maxpool");
}

}  // namespace smeaton::pytorch
