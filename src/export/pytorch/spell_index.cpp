// Elements chosen by index. ONNX counts negative indices from the end.
#include "export/pytorch/speller.h"
#include "model/shape/move.h"

namespace smeaton::pytorch {

using model::OpType;

namespace {

std::string colons(int64_t count) {
    std::string out;
    for (int64_t d = 0; d < count; ++d) out += ":, ";
    return out;
}

/// Operand k with indices that torch.gather and torch.scatter take: none negative.
std::string from_front(Speller& s, size_t k, int64_t axis) {
    if (const Tensor* t = s.constant(k)) {
        bool negative = false;
        for (int64_t i = 0; i < t->elements(); ++i) negative |= t->at_as_int(i) < 0;
        if (!negative && s.dtype(k) == DType::kI64) return s.in(k);
    }
    const Dim size = s.shape(0)[static_cast<size_t>(axis)];
    std::string indices = s.in(k) + " % ";
    indices += size.is_const() ? size.str() : fmt::format("{}.shape[{}]", s.in(0), axis);
    return s.dtype(k) == DType::kI64 ? indices : "(" + indices + ").long()";
}

std::string as_int64(Speller& s, size_t k) {
    return s.dtype(k) == DType::kI64 ? s.in(k) : s.in(k) + ".long()";
}

void gather(Speller& s) {
    const int64_t axis = model::move_axis(s);
    const Tensor* indices = s.constant(1);
    const bool computed = indices == nullptr && !s.number_in(1);
    if (axis == 0 && s.is_weight(0) && s.shape(0).size() == 2 && computed) {
        Module m;
        m.type = "nn.Embedding";
        m.base = "embedding";
        m.named = true;
        const std::vector<int64_t>& shape = s.constant(0)->shape();
        m.arguments = {positional("num_embeddings", text(shape[0])),
                       positional("embedding_dim", text(shape[1]))};
        m.weights = {{"weight", s.node().inputs[0]}};
        return s.give(fmt::format("{}({})", s.module(m), s.in(1)));
    }
    std::string index;
    if (s.shape(1).empty() && s.number_in(1))
        index = *s.number_in(1);
    else
        index = as_int64(s, 1);
    s.give(fmt::format("{}[{}{}]", s.in(0), colons(axis), index));
}

void gather_elements(Speller& s) {
    const int64_t axis = model::move_axis(s);
    s.give(fmt::format("torch.gather({}, {}, {})", s.in(0), axis, from_front(s, 1, axis)));
}

/// "*x.unbind(-1)" with the positions of the batch dims in front.
std::string positions(Speller& s, int64_t batch_dims) {
    const int64_t rank = s.rank(1);
    std::string all;
    for (int64_t d = 0; d < batch_dims; ++d) {
        std::vector<int64_t> shape(static_cast<size_t>(rank - 1), 1);
        shape[static_cast<size_t>(d)] = -1;
        all += fmt::format("torch.arange({}.shape[{}], device={}).reshape({}), ", s.in(0), d,
                           device_mark(), numbers_text(shape));
    }
    return all + fmt::format("*{}.unbind(-1)", as_int64(s, 1));
}

void gather_nd(Speller& s) {
    s.give(fmt::format("{}[({},)]", s.in(0), positions(s, s.attr("batch_dims", 0))));
}

void scatter_elements(Speller& s) {
    const int64_t axis = model::move_axis(s);
    const std::string how = s.text("reduction", "none");
    const std::string call =
        fmt::format("torch.scatter{}({}, {}, {}, {}", how == "none" ? "" : "_reduce", s.in(0), axis,
                    from_front(s, 1, axis), s.in(2));
    if (how == "none") return s.give(call + ")");
    const char* name = how == "add"   ? "sum"
                       : how == "mul" ? "prod"
                       : how == "max" ? "amax"
                                      : "amin";
    s.give(fmt::format("{}, reduce=\"{}\")", call, name));
}

void scatter_nd(Speller& s) {
    const std::string how = s.text("reduction", "none");
    if (how != "none" && how != "add") s.fail("reduction '{}' is not emitted", how);
    s.give(fmt::format("{}.index_put(({},), {}{})", s.in(0), positions(s, 0), s.in(2),
                       how == "add" ? ", accumulate=True" : ""));
}

}  // namespace

void add_index_spelling(SpellTable& table) {
    table[OpType::kGather] = gather;
    table[OpType::kGatherElements] = gather_elements;
    table[OpType::kGatherND] = gather_nd;
    table[OpType::kScatterElements] = scatter_elements;
    table[OpType::kScatterND] = scatter_nd;
}

}  // namespace smeaton::pytorch
