// Convolutions, as modules where their weights are constants.
#include <algorithm>

#include "export/pytorch/speller.h"
#include "model/shape/window.h"

namespace smeaton::pytorch {

using model::OpType;
using model::Window;

namespace {

bool all_are(const std::vector<int64_t>& numbers, int64_t n) {
    return std::all_of(numbers.begin(), numbers.end(), [&](int64_t m) { return m == n; });
}

void add(std::vector<Argument>& arguments, const char* key, const std::vector<int64_t>& numbers,
         int64_t torch_default) {
    Argument a = keyword(key, one_or_tuple(numbers));
    a.is_default = all_are(numbers, torch_default);
    arguments.push_back(a);
}

// "_2d" has so many spatial dims; PyTorch knows one to three.
size_t spatial_dims(Speller& s) {
    const size_t dims = s.shape(0).size() - 2;
    if (dims < 1 || dims > 3) s.fail("PyTorch convolves over 1 to 3 dims, not {}", dims);
    return dims;
}

Window with_pads(Speller& s, Window w) {
    if (w.pads_begin.empty())
        s.fail("its padding depends on the size of {}; give --dim", s.operand(0));
    return w;
}

std::string functional_pads(const std::vector<int64_t>& begins, const std::vector<int64_t>& ends) {
    std::vector<int64_t> pads;
    for (size_t d = begins.size(); d-- > 0;) {
        pads.push_back(begins[d]);
        pads.push_back(ends[d]);
    }
    return tuple_text(pads);
}

Weight weight_of(const Speller& s, const char* key, size_t k) {
    return {key, s.node().inputs[k]};
}

Module conv_module(Speller& s, const std::string& type, size_t dims, std::vector<Argument> rest) {
    const bool bias = s.has(2);
    const std::vector<int64_t>& shape = s.constant(1)->shape();
    const int64_t groups = s.attr("group", 1);
    const bool transposed = type == "nn.ConvTranspose";
    const int64_t in = transposed ? shape[0] : shape[1] * groups;
    const int64_t out = transposed ? shape[1] * groups : shape[0];
    Module m;
    m.type = fmt::format("{}{}d", type, dims);
    m.base = transposed ? "deconv" : "conv";
    m.named = true;
    m.arguments = {positional("in_channels", text(in)), positional("out_channels", text(out)),
                   keyword("kernel_size", one_or_tuple({shape.begin() + 2, shape.end()}))};
    m.arguments.insert(m.arguments.end(), rest.begin(), rest.end());
    add(m.arguments, "groups", {groups}, 1);
    if (!bias) m.arguments.push_back(keyword("bias", "False"));
    m.weights = {weight_of(s, "weight", 1)};
    if (bias) m.weights.push_back(weight_of(s, "bias", 2));
    return m;
}

/// A call of F.conv2d and its like, for weights that are computed.
std::string functional(Speller& s, const std::string& function, const std::string& x,
                       const std::vector<Argument>& rest) {
    std::string call = fmt::format("F.{}({}, {}, {}", function, x, s.in(1),
                                   s.has(2) ? s.in(2) : std::string("None"));
    for (const Argument& a : rest)
        if (!a.is_default) call += ", " + a.key + "=" + a.text;
    if (s.attr("group", 1) != 1) call += fmt::format(", groups={}", s.attr("group", 1));
    return call + ")";
}

bool has_weights(const Speller& s) {
    return s.is_weight(1) && (!s.has(2) || s.is_weight(2));
}

void conv(Speller& s) {
    const size_t dims = spatial_dims(s);
    const Window w = with_pads(s, model::conv_window(s));
    std::string x = s.in(0);
    std::vector<Argument> rest;
    add(rest, "stride", w.strides, 1);
    if (w.pads_begin == w.pads_end &&
        *std::min_element(w.pads_begin.begin(), w.pads_begin.end()) >= 0)
        add(rest, "padding", w.pads_begin, 0);
    else
        x = fmt::format("F.pad({}, {})", x, functional_pads(w.pads_begin, w.pads_end));
    add(rest, "dilation", w.dilations, 1);
    if (!has_weights(s)) return s.give(functional(s, fmt::format("conv{}d", dims), x, rest));
    s.give(fmt::format("{}({})", s.module(conv_module(s, "nn.Conv", dims, rest)), x));
}

/// How much shorter the output is behind than all that the inputs reach; nothing for open sizes.
std::optional<int64_t> cut_behind_output(const Window& w, size_t d) {
    if (!w.input[d].is_const() || !w.output[d].is_const()) return std::nullopt;
    const int64_t reach =
        (w.input[d].value() - 1) * w.strides[d] + (w.kernel[d] - 1) * w.dilations[d] + 1;
    return reach - w.pads_begin[d] - w.output[d].value();
}

// PyTorch pads both sides by the same; what is asked for behind goes into output_padding or is cut.
void conv_transpose(Speller& s) {
    const size_t dims = spatial_dims(s);
    const Window w = with_pads(s, model::conv_transpose_window(s));
    const std::vector<int64_t> added = s.attrs("output_padding", std::vector<int64_t>(dims, 0));
    std::vector<int64_t> pads(dims), more(dims), cut_front(dims), cut_behind(dims);
    bool cuts = false;
    for (size_t d = 0; d < dims; ++d) {
        const int64_t begin = w.pads_begin[d];
        const int64_t end = cut_behind_output(w, d).value_or(w.pads_end[d] - added.at(d));
        const int64_t room = std::max(w.strides[d], w.dilations[d]) - 1;
        pads[d] = std::max<int64_t>(0, std::min(begin, end));
        if (begin >= 0 && begin >= end && end >= begin - room) {
            pads[d] = begin;
            more[d] = begin - end;
            continue;
        }
        cut_front[d] = begin - pads[d];
        cut_behind[d] = end - pads[d];
        if (cut_behind[d] < 0) {
            more[d] = -cut_behind[d];
            cut_behind[d] = 0;
            if (more[d] > room) s.fail("PyTorch cannot add {} elements behind", more[d]);
        }
        if (cut_front[d] < 0) s.fail("PyTorch cannot add elements in front");
        cuts |= cut_front[d] > 0 || cut_behind[d] > 0;
    }
    std::vector<Argument> rest;
    add(rest, "stride", w.strides, 1);
    add(rest, "padding", pads, 0);
    add(rest, "output_padding", more, 0);
    add(rest, "dilation", w.dilations, 1);
    std::string call =
        has_weights(s)
            ? fmt::format("{}({})", s.module(conv_module(s, "nn.ConvTranspose", dims, rest)),
                          s.in(0))
            : functional(s, fmt::format("conv_transpose{}d", dims), s.in(0), rest);
    if (cuts) {
        for (int64_t& c : cut_front) c = -c;
        for (int64_t& c : cut_behind) c = -c;
        call = fmt::format("F.pad({}, {})", call, functional_pads(cut_front, cut_behind));
    }
    s.give(call);
}

}  // namespace

void add_conv_spelling(SpellTable& table) {
    table[OpType::kConv] = conv;
    table[OpType::kConvTranspose] = conv_transpose;
}

}  // namespace smeaton::pytorch
