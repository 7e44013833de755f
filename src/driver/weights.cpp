#include "driver/weights.h"

#include <variant>

#include "base/error.h"
#include "base/mapped_file.h"
#include "tensor/open.h"

namespace smeaton::driver {

namespace {

constexpr int64_t kWeightyBytes = 64 << 10;

std::span<const std::byte> bytes_of(const tensor::Tensor& t) {
    return {t.data(), static_cast<size_t>(t.bytes())};
}

void lighten(model::Graph& graph) {
    for (model::Value& v : graph.values)
        if (v.constant && is_weighty(*v.constant)) v.constant.reset();
}

void lighten(gir::Program& program, const std::set<Name>& kept) {
    for (gir::Buffer& b : program.buffers)
        if (b.data && is_weighty(*b.data) && kept.count(b.name) == 0) b.data.reset();
}

}  // namespace

bool is_weighty(const tensor::Tensor& t) {
    using tensor::DType;
    if (tensor::is_open(t)) return false;
    // Ledgers look into tables of places.
    if (t.dtype() == DType::kString || t.dtype() == DType::kI64 || t.dtype() == DType::kI32)
        return false;
    return t.bytes() >= kWeightyBytes;
}

std::set<Name> constants_of_runs(const gir::Program& program) {
    std::set<Name> out;
    for (const gir::Step& s : program.steps) {
        const auto* run = std::get_if<gir::RunStep>(&s.node);
        if (run && run->once) continue;
        SMEATON_CHECK(run, "only kernels can be planned");
        for (Name n : run->kernel->reads) {
            const gir::Buffer* b = &program.buffer(n);
            while (!b->alias_of.empty()) b = &program.buffer(b->alias_of);
            if (b->data) out.insert(b->name);
        }
    }
    return out;
}

Tuned without_weights(const Tuned& tuned, const std::set<Name>& kept) {
    Tuned out = tuned;
    lighten(out.graph.graph);
    lighten(out.unfolded.graph);
    lighten(out.lowered, {});
    lighten(out.program, kept);
    return out;
}

void forget_weights(const gir::Program& program) {
    for (const gir::Buffer& b : program.buffers)
        if (b.data && is_weighty(*b.data) && is_mapped(bytes_of(*b.data)))
            forget_pages(bytes_of(*b.data));
}

HeldWeights held_weights(const model::Graph& graph, std::span<const std::byte> file) {
    HeldWeights held;
    for (const model::Value& v : graph.values) {
        if (!v.constant || !is_weighty(*v.constant)) continue;
        const std::span<const std::byte> bytes = bytes_of(*v.constant);
        if (bytes.data() >= file.data() && bytes.data() < file.data() + file.size()) continue;
        if (is_mapped(bytes))
            held.elsewhere = true;
        else
            held.copied_bytes += static_cast<int64_t>(bytes.size());
    }
    return held;
}

}  // namespace smeaton::driver
