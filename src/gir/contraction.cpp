#include "gir/contraction.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace {

/// The one mma of a block with the loops around it, outermost first.
struct Found {
    std::vector<ContractionAxis> axes;
    const Op* mma = nullptr;
    bool good = true;  // one mma at most, extents are numbers
};

void search(const Block& block, std::vector<ContractionAxis>& around, Found& found) {
    auto inside = [&](Name axis, const Dim& extent, const Block& body) {
        if (extent.is_const()) {
            around.push_back({axis, extent.value()});
            search(body, around, found);
            around.pop_back();
        } else {
            for_each_op(body, [&](const Op& op) { found.good &= op.kind != OpKind::Mma; });
        }
    };
    for (const StmtPtr& s : block) {
        if (auto* p = std::get_if<Parallel>(&s->node)) {
            inside(p->axis, p->extent, p->body);
        } else if (auto* f = std::get_if<For>(&s->node)) {
            inside(f->axis, f->extent, f->body);
        } else if (auto* op = std::get_if<Op>(&s->node); op && op->kind == OpKind::Mma) {
            found.good &= found.mma == nullptr;
            found.mma = op;
            found.axes = around;
        }
    }
}

bool is_plain(const Slice& s, const Program& program) {
    return program.find_buffer(s.target) != nullptr &&
           std::none_of(s.at.begin(), s.at.end(), [](const Coord& c) { return !!c.index; });
}

bool among(const std::vector<ContractionAxis>& axes, Name name) {
    return std::any_of(axes.begin(), axes.end(), [&](const auto& a) { return a.name == name; });
}

/// The coordinate that holds both the contracted dim and an axis of the result, as a tap.
std::optional<ContractionTap> tap_in(const Slice& s, const ContractionAxis& dim,
                                     const std::vector<ContractionAxis>& result) {
    for (const Coord& c : s.at) {
        if (!c.affine.uses(dim.name)) continue;
        for (const Term& t : c.affine.terms)
            if (among(result, t.var))
                return ContractionTap{dim, t.var, std::abs(t.coefficient),
                                      std::abs(c.affine.coefficient(dim.name)), -c.affine.constant};
    }
    return std::nullopt;
}

/// A coordinate in which channels of a group stand (group * size + channel) is no window: the
/// axis is in the other operand too.
bool slides(const Slice& data, const Slice& other, const ContractionAxis& dim,
            const std::vector<ContractionAxis>& result) {
    const auto tap = tap_in(data, dim, result);
    return tap && !walks(other, tap->position);
}

std::vector<ContractionAxis> dims_of(const Op& op) {
    std::vector<ContractionAxis> dims;
    for (const NamedDim& d : op.dims)
        if (d.extent.is_const()) dims.push_back({d.name, d.extent.value()});
    return dims;
}

/// Of the axes of the result: into batch, m or n. False where one is in neither operand.
bool sort_axes(const std::vector<ContractionAxis>& axes, ContractionShape& c) {
    for (const ContractionAxis& axis : axes) {
        const bool data = walks(c.data_slice(), axis.name);
        const bool weight = walks(c.weight_slice(), axis.name);
        if (!data && !weight) return false;
        (data && weight ? c.batch : data ? c.m : c.n).push_back(axis);
    }
    return true;
}

}  // namespace

int64_t size_of(const std::vector<ContractionAxis>& axes) {
    int64_t n = 1;
    for (const ContractionAxis& a : axes) n *= a.extent;
    return n;
}

int64_t size_of(const std::vector<ContractionTap>& taps) {
    int64_t n = 1;
    for (const ContractionTap& t : taps) n *= t.tap.extent;
    return n;
}

std::optional<ContractionShape> contraction_of(const Kernel& kernel, const Program& program) {
    Found found;
    std::vector<ContractionAxis> around;
    search(kernel.body, around, found);
    if (!found.mma || !found.good) return std::nullopt;
    const auto* a = std::get_if<Slice>(&found.mma->srcs[0]);
    const auto* b = std::get_if<Slice>(&found.mma->srcs[1]);
    if (!a || !b || !is_plain(*a, program) || !is_plain(*b, program)) return std::nullopt;
    if (!found.mma->dst.at.empty() || program.find_buffer(found.mma->dst.target))
        return std::nullopt;
    const std::vector<ContractionAxis> contracted = dims_of(*found.mma);
    if (contracted.size() != found.mma->dims.size()) return std::nullopt;
    ContractionShape c;
    c.mma = found.mma;
    for (const ContractionAxis& dim : contracted)
        if (slides(*b, *a, dim, found.axes) && !slides(*a, *b, dim, found.axes)) c.data = 1;
    for (const ContractionAxis& dim : contracted) {
        if (!walks(c.data_slice(), dim.name) || !walks(c.weight_slice(), dim.name))
            return std::nullopt;
        if (slides(c.data_slice(), c.weight_slice(), dim, found.axes)) {
            c.taps.push_back(*tap_in(c.data_slice(), dim, found.axes));
        } else {
            c.k.push_back(dim);
        }
    }
    if (!sort_axes(found.axes, c)) return std::nullopt;
    c.data_dtype = program.buffer(c.data_slice().target).dtype;
    c.weight_dtype = program.buffer(c.weight_slice().target).dtype;
    for_each_stmt(kernel.body, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node); let && let->tile.name == c.mma->dst.target)
            c.sum_dtype = let->tile.dtype;
    });
    return c;
}

namespace {

std::string axes_text(const char* head, const std::vector<ContractionAxis>& axes) {
    std::string text;
    for (const ContractionAxis& a : axes)
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", a.name, a.extent);
    return axes.empty() ? "" : fmt::format("{} [{}], ", head, text);
}

std::string tap_text(const ContractionTap& t) {
    std::string text = fmt::format("{}: {} of {}", t.tap.name, t.tap.extent, t.position);
    if (t.stride != 1) text += fmt::format(" step {}", t.stride);
    if (t.dilation != 1) text += fmt::format(" apart {}", t.dilation);
    if (t.before != 0) text += fmt::format(" before {}", t.before);
    return text;
}

}  // namespace

std::string str(const ContractionShape& c) {
    std::string taps;
    for (const ContractionTap& t : c.taps) taps += (taps.empty() ? "" : ", ") + tap_text(t);
    std::string text = axes_text("batch", c.batch) + axes_text("m", c.m) + axes_text("n", c.n) +
                       axes_text("k", c.k) + (taps.empty() ? "" : "taps [" + taps + "], ");
    if (!text.empty()) text.resize(text.size() - 2);
    return fmt::format("{}; {} * {} -> {}", text, tensor::name(c.data_dtype),
                       tensor::name(c.weight_dtype), tensor::name(c.sum_dtype));
}

}  // namespace smeaton::gir
