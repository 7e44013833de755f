// Operators that only move elements.
#include <fmt/format.h>

#include <algorithm>

#include "export/pytorch/speller.h"
#include "model/shape/move.h"

namespace smeaton::pytorch {

using model::OpType;
using model::Shape;

namespace {

/// The target of a reshape with -1 in the place of its one symbolic size.
std::string reshaped_dims(const Shape& target) {
    size_t symbolic = 0;
    bool zero = false;
    for (const Dim& d : target) {
        symbolic += !d.is_const();
        zero |= d.is(0);
    }
    if (symbolic != 1 || zero) return dims_text(target);
    std::string out;
    for (const Dim& d : target) out += (out.empty() ? "" : ", ") + (d.is_const() ? d.str() : "-1");
    return out;
}

/// From which dim on the target is the operand flattened; nothing where it is something else.
std::optional<size_t> flattened_from(const Shape& from, const Shape& target) {
    if (target.empty() || from.size() <= target.size()) return std::nullopt;
    const size_t last = target.size() - 1;
    for (size_t d = 0; d < last; ++d)
        if (from[d] != target[d]) return std::nullopt;
    return last;
}

void reshape_to(Speller& s, const Shape& target) {
    if (const auto axis = flattened_from(s.shape(0), target)) {
        const std::string from = *axis == 0 ? "" : ", " + text(static_cast<int64_t>(*axis));
        return s.give(fmt::format("torch.flatten({}{})", s.in(0), from));
    }
    s.give(fmt::format("{}.reshape({})", s.in(0), target.empty() ? "()" : reshaped_dims(target)));
}

void reshape(Speller& s) {
    reshape_to(s, s.result_shape());
}

void transpose(Speller& s) {
    const std::vector<int64_t> perm = model::transpose_perm(s);
    std::vector<int64_t> moved;
    for (size_t d = 0; d < perm.size(); ++d)
        if (perm[d] != static_cast<int64_t>(d)) moved.push_back(static_cast<int64_t>(d));
    if (moved.size() == 2)
        return s.give(fmt::format("{}.transpose({}, {})", s.in(0), moved[0], moved[1]));
    s.give(fmt::format("{}.permute({})", s.in(0), perm.empty() ? "()" : numbers_text(perm)));
}

void concat(Speller& s) {
    std::string parts;
    for (size_t k = 0; k < s.input_count(); ++k) parts += (k > 0 ? ", " : "") + s.in(k);
    s.give(fmt::format("torch.cat([{}], dim={})", parts, model::move_axis(s)));
}

void split(Speller& s) {
    const std::vector<Dim> sizes = model::split_sizes(s);
    const int64_t axis = model::move_axis(s);
    const bool even = !sizes[0].is(0) && std::all_of(sizes.begin(), sizes.end(),
                                                     [&](const Dim& d) { return d == sizes[0]; });
    // torch.split and not the tensor's own method, which has no types.
    s.give_all(fmt::format("torch.split({}, {}, dim={})", s.in(0),
                           even ? dim_text(sizes[0]) : "[" + dims_text(sizes) + "]", axis));
}

// Python's slices go forwards; what goes backwards is sliced, then flipped.
void slice(Speller& s) {
    const model::SliceRange range = model::slice_range(s);
    const Shape& shape = s.shape(0);
    std::vector<std::string> parts;
    std::vector<int64_t> flipped;
    size_t last = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
        const int64_t step = range.steps[d];
        const int64_t stride = std::abs(step);
        Dim begin = range.starts[d], size = range.sizes[d];
        Dim end = begin + (size - Dim(1)) * Dim(step) + Dim(step < 0 ? -1 : 1);
        if (step < 0) {
            std::swap(begin, end);
            begin += Dim(1);
            end += Dim(1);
            flipped.push_back(static_cast<int64_t>(d));
        }
        if (size.is(0)) begin = end = Dim(0);
        std::string part = begin.is(0) ? ":" : dim_text(begin) + ":";
        if (end != shape[d]) part += dim_text(end);
        if (stride != 1) part += ":" + text(stride);
        if (part != ":") last = d + 1;
        parts.push_back(part);
    }
    parts.resize(last);
    std::string out = s.in(0);
    if (last > 0) out += fmt::format("[{}]", fmt::join(parts, ", "));
    if (!flipped.empty()) out += fmt::format(".flip({})", numbers_text(flipped));
    s.give(out);
}

void squeeze(Speller& s) {
    const std::vector<int64_t> axes = model::squeeze_axes(s);
    if (axes.empty()) return s.give(s.in(0));
    s.give(fmt::format("{}.squeeze({})", s.in(0),
                       axes.size() == 1 ? text(axes[0]) : tuple_text(axes)));
}

void unsqueeze(Speller& s) {
    std::string out = s.in(0);
    for (int64_t axis : model::squeeze_axes(s)) out += fmt::format(".unsqueeze({})", axis);
    s.give(out);
}

void expand(Speller& s) {
    s.give(fmt::format("{}.expand({})", s.in(0),
                       s.result_shape().empty() ? "()" : dims_text(s.result_shape())));
}

void tile(Speller& s) {
    std::string repeats;
    if (s.version() < 6) {
        const int64_t axis = s.ints(2, "axis").at(0);
        for (int64_t d = 0; d < s.rank(0); ++d)
            repeats += (d > 0 ? ", " : "") +
                       (d == axis ? dim_text(s.dims(1, "tiles").at(0)) : std::string("1"));
    } else {
        repeats = dims_text(s.dims(1, "repeats"));
    }
    s.give(fmt::format("{}.repeat({})", s.in(0), repeats.empty() ? "()" : repeats));
}

void trilu(Speller& s) {
    const model::TriluChoice choice = model::trilu_of(s);
    s.give(fmt::format("{}.{}({})", s.in(0), choice.upper ? "triu" : "tril",
                       choice.k == 0 ? "" : text(choice.k)));
}

/// Elements to add in front and behind; sizes may stand in them.
struct Pads {
    std::vector<Dim> begins, ends;
    std::string mode;
};

Pads pads_of(Speller& s) {
    const size_t rank = s.shape(0).size();
    Pads p{std::vector<Dim>(rank, 0), std::vector<Dim>(rank, 0), s.text("mode", "constant")};
    const model::KnownPtr known = s.version() < 11 ? nullptr : s.known(1, "pads");
    if (!known || known->is_const()) {
        const model::Padding numbers = model::padding_of(s);
        p.begins.assign(numbers.begins.begin(), numbers.begins.end());
        p.ends.assign(numbers.ends.begin(), numbers.ends.end());
        return p;
    }
    const std::vector<Dim> pads = s.dims(1, "pads");
    std::vector<int64_t> axes(rank);
    for (size_t d = 0; d < rank; ++d) axes[d] = static_cast<int64_t>(d);
    if (s.has(3)) axes = s.axes(s.ints(3, "axes"), static_cast<int64_t>(rank));
    for (size_t k = 0; k < axes.size(); ++k) {
        p.begins[static_cast<size_t>(axes[k])] = pads.at(k);
        p.ends[static_cast<size_t>(axes[k])] = pads.at(k + axes.size());
    }
    return p;
}

/// As F.pad takes them: the last dim first, as far as something is padded.
std::vector<Dim> pads_from_behind(const Pads& p) {
    size_t first = 0;
    while (first < p.begins.size() && p.begins[first].is(0) && p.ends[first].is(0)) ++first;
    std::vector<Dim> pads;
    for (size_t d = p.begins.size(); d-- > first;) {
        pads.push_back(p.begins[d]);
        pads.push_back(p.ends[d]);
    }
    return pads;
}

std::string pad_value(Speller& s) {
    if (s.version() < 11) return literal(DType::kF32, s.number("value", 0));
    if (!s.has(2)) return "0.0";
    const auto value = s.number_in(2);
    if (!value) s.fail("its padding value must be a constant");
    return *value;
}

// PyTorch pads constants anywhere, copies only along the last dims of images.
void pad(Speller& s) {
    const Pads p = pads_of(s);
    const std::vector<Dim> pads = pads_from_behind(p);
    if (pads.empty()) return s.give(s.in(0));
    const std::string all = "(" + dims_text(pads) + ")";
    if (p.mode != "constant") {
        const size_t dims = pads.size() / 2, rank = s.shape(0).size();
        if (dims > 3 || (rank != dims + 1 && rank != dims + 2) || !tensor::is_float(s.dtype(0)))
            s.fail("PyTorch pads by mode '{}' only the last dims of float images", p.mode);
        const char* mode = p.mode == "reflect" ? "reflect"
                           : p.mode == "edge"  ? "replicate"
                                               : "circular";
        return s.give(fmt::format("F.pad({}, {}, mode=\"{}\")", s.in(0), all, mode));
    }
    const std::string value = pad_value(s);
    const bool zero = value == "0.0" || value == "0" || value == "False";
    const bool numbers =
        std::all_of(pads.begin(), pads.end(), [](const Dim& d) { return d.is_const(); });
    if (zero && numbers && pads.size() == 4 && s.shape(0).size() == 4)
        return s.give(s.module("nn.ZeroPad2d", {positional("padding", all)}, "pad") + "(" +
                      s.in(0) + ")");
    s.give(fmt::format("F.pad({}, {}{})", s.in(0), all, zero ? "" : ", value=" + value));
}

/// [n, c, h, w] as six dims and back.
void shuffled(Speller& s, const std::vector<Dim>& apart, const std::vector<int64_t>& order) {
    s.give(fmt::format("{}.reshape({}).permute({}).reshape({})", s.in(0), dims_text(apart),
                       numbers_text(order), dims_text(s.result_shape())));
}

void depth_to_space(Speller& s) {
    const int64_t b = s.attr("blocksize", 1);
    if (!model::depth_first(s))
        return s.give(
            s.module("nn.PixelShuffle", {positional("upscale_factor", text(b))}, "pixel_shuffle") +
            "(" + s.in(0) + ")");
    const Shape& x = s.shape(0);
    shuffled(s, {x[0], b, b, s.result_shape()[1], x[2], x[3]}, {0, 3, 4, 1, 5, 2});
}

void space_to_depth(Speller& s) {
    const int64_t b = s.attr("blocksize", 1);
    const Shape& x = s.shape(0);
    const Shape& y = s.result_shape();
    shuffled(s, {x[0], x[1], y[2], b, y[3], b}, {0, 3, 5, 1, 2, 4});
}

}  // namespace

void add_move_spelling(SpellTable& table) {
    table[OpType::kReshape] = reshape;
    table[OpType::kFlatten] = reshape;
    table[OpType::kTranspose] = transpose;
    table[OpType::kConcat] = concat;
    table[OpType::kSplit] = split;
    table[OpType::kSlice] = slice;
    table[OpType::kSqueeze] = squeeze;
    table[OpType::kUnsqueeze] = unsqueeze;
    table[OpType::kExpand] = expand;
    table[OpType::kTile] = tile;
    table[OpType::kTrilu] = trilu;
    table[OpType::kPad] = pad;
    table[OpType::kDepthToSpace] = depth_to_space;
    table[OpType::kSpaceToDepth] = space_to_depth;
}

}  // namespace smeaton::pytorch
