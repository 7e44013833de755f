// The Composer's expressions that move elements or sum them.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "model/grad/composer.h"
#include "model/shape/elementwise.h"

namespace smeaton::model {

namespace {

size_t at(int64_t d) {
    return static_cast<size_t>(d);
}

}  // namespace

std::vector<int64_t> axes_between(int64_t begin, int64_t end) {
    std::vector<int64_t> out;
    for (int64_t d = begin; d < end; ++d) out.push_back(d);
    return out;
}

Expr cast(Expr e, DType to) {
    if (e.dtype() == to) return e;
    return e.composer->node(OpType::kCast, {e}, {{"to", onnx_number(to)}}, to, e.shape());
}

Expr reshape(Expr e, const Sizes& shape) {
    if (e.shape() == shape) return e;
    SMEATON_CHECK(count_of(e.shape()) == count_of(shape), "a reshape changes the element count");
    return e.composer->node(OpType::kReshape, {e, e.composer->ints(shape)},
                            {{"allowzero", int64_t{1}}}, e.dtype(), shape);
}

Expr transpose(Expr e, const std::vector<int64_t>& perm) {
    if (std::is_sorted(perm.begin(), perm.end())) return e;
    Sizes shape;
    for (int64_t p : perm) shape.push_back(e.shape()[at(p)]);
    return e.composer->node(OpType::kTranspose, {e}, {{"perm", perm}}, e.dtype(), shape);
}

Expr expand(Expr e, const Sizes& shape) {
    if (e.shape() == shape) return e;
    return e.composer->node(OpType::kExpand, {e, e.composer->ints(shape)}, {}, e.dtype(), shape);
}

Expr pad(Expr e, const Sizes& before, const Sizes& behind) {
    Sizes pads = before, shape = e.shape();
    pads.insert(pads.end(), behind.begin(), behind.end());
    if (std::all_of(pads.begin(), pads.end(), [](int64_t p) { return p == 0; })) return e;
    for (size_t d = 0; d < shape.size(); ++d) shape[d] += before[d] + behind[d];
    return e.composer->node(OpType::kPad, {e, e.composer->ints(pads)}, {}, e.dtype(), shape);
}

Expr slice(Expr e, int64_t axis, int64_t start, int64_t count, int64_t step) {
    Sizes shape = e.shape();
    if (start == 0 && step == 1 && count == shape[at(axis)]) return e;
    shape[at(axis)] = count;
    Composer& c = *e.composer;
    int64_t end = start + count * step;
    if (end < 0) end = INT64_MIN;  // walks backwards over the first element
    return c.node(OpType::kSlice,
                  {e, c.ints({start}), c.ints({end}), c.ints({axis}), c.ints({step})}, {},
                  e.dtype(), shape);
}

Expr concat(const std::vector<Expr>& parts, int64_t axis) {
    if (parts.size() == 1) return parts[0];
    Sizes shape = parts[0].shape();
    shape[at(axis)] = 0;
    for (const Expr& e : parts) shape[at(axis)] += e.shape()[at(axis)];
    return parts[0].composer->node(OpType::kConcat, parts, {{"axis", axis}}, parts[0].dtype(),
                                   shape);
}

Expr gather(Expr e, Expr indices, int64_t axis) {
    const Sizes x = e.shape(), asked = indices.shape();
    Sizes shape(x.begin(), x.begin() + axis);
    shape.insert(shape.end(), asked.begin(), asked.end());
    shape.insert(shape.end(), x.begin() + axis + 1, x.end());
    return e.composer->node(OpType::kGather, {e, indices}, {{"axis", axis}}, e.dtype(), shape);
}

// ---- sums ----

namespace {

Sizes reduced(const Sizes& shape, const std::vector<int64_t>& axes, bool keep) {
    Sizes out;
    for (int64_t d = 0; d < static_cast<int64_t>(shape.size()); ++d) {
        const bool gone = std::find(axes.begin(), axes.end(), d) != axes.end();
        if (!gone) out.push_back(shape[at(d)]);
        if (gone && keep) out.push_back(1);
    }
    return out;
}

}  // namespace

Expr sum(Expr e, const std::vector<int64_t>& axes, bool keep) {
    const Sizes shape = reduced(e.shape(), axes, keep);
    const bool single =
        std::all_of(axes.begin(), axes.end(), [&](int64_t d) { return e.shape()[at(d)] == 1; });
    if (single) return reshape(e, shape);
    return e.composer->node(OpType::kReduceSum, {e, e.composer->ints(axes)},
                            {{"keepdims", int64_t{keep}}}, e.dtype(), shape);
}

Expr mean(Expr e, const std::vector<int64_t>& axes) {
    int64_t count = 1;
    for (int64_t d : axes) count *= e.shape()[at(d)];
    return sum(e, axes) * (1.0 / static_cast<double>(std::max<int64_t>(count, 1)));
}

Expr sum_to(Expr e, const Sizes& shape) {
    const Sizes from = e.shape();
    if (from == shape) return e;
    const size_t added = from.size() - shape.size();
    std::vector<int64_t> axes;
    for (size_t d = 0; d < from.size(); ++d) {
        const bool repeated = d < added || (shape[d - added] == 1 && from[d] != 1);
        if (repeated) axes.push_back(static_cast<int64_t>(d));
    }
    return reshape(sum(e, axes), shape);
}

Expr einsum(const std::string& equation, const std::vector<Expr>& operands) {
    std::map<char, int64_t> sizes;
    size_t k = 0, d = 0;
    const size_t arrow = equation.find("->");
    SMEATON_CHECK(arrow != std::string::npos, "equation {} has no '->'", equation);
    for (char letter : equation.substr(0, arrow)) {
        if (letter == ',') {
            ++k;
            d = 0;
            continue;
        }
        const int64_t size = operands.at(k).shape().at(d++);
        const auto found = sizes.emplace(letter, size).first;
        SMEATON_CHECK(found->second == size, "equation {}: sizes of {} differ", equation, letter);
    }
    Sizes shape;
    for (char letter : equation.substr(arrow + 2)) shape.push_back(sizes.at(letter));
    return operands[0].composer->node(OpType::kEinsum, operands, {{"equation", equation}},
                                      operands[0].dtype(), shape);
}

}  // namespace smeaton::model
