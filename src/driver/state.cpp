#include "driver/state.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "driver/entry.h"
#include "gir/bind.h"
#include "model/bind_dims.h"
#include "model/states.h"

namespace smeaton::driver {

StateMemory::StateMemory(const model::Graph& graph, const std::map<std::string, int64_t>& dims) {
    if (graph.states.empty()) return;
    const model::Graph bound = model::bind_dims(graph, model::dim_bindings(graph, dims));
    model::require_sized_states(bound);
    for (const model::StatePair& s : graph.states) {
        const model::Value& value = bound.at(bound.inputs[s.input]);
        std::vector<int64_t> shape;
        for (const Dim& d : *value.shape) shape.push_back(d.value());
        keep(value.name, bound.at(bound.outputs[s.output]).name, *value.dtype, std::move(shape),
             s.first ? &*s.first : nullptr);
    }
}

StateMemory::StateMemory(const gir::Program& program, const std::map<std::string, int64_t>& dims) {
    const gir::Program bound = gir::bind(program, bindings_of(program, dims));
    for (const gir::Buffer& b : bound.buffers) {
        if (b.lifetime != gir::Lifetime::State || !b.alias_of.empty()) continue;
        std::vector<int64_t> shape;
        for (const gir::NamedDim& d : b.dims) {
            if (!d.extent.is_const())
                throw UserError("state '{}': the size {} is open; give --dim NAME=VALUE for it",
                                port_name(b), d.extent.str());
            shape.push_back(d.extent.value());
        }
        keep(port_name(b), "", b.dtype, std::move(shape), b.data ? &*b.data : nullptr);
    }
}

void StateMemory::keep(const std::string& input, const std::string& output, DType dtype,
                       std::vector<int64_t> shape, const Tensor* first) {
    Kept kept{input, output, dtype, std::move(shape), {}};
    kept.memory = run::Block(std::max<int64_t>(bytes(kept), 64));
    if (first && first->bytes() > 0)
        std::memcpy(kept.memory.data(), first->data(), static_cast<size_t>(first->bytes()));
    kept_.push_back(std::move(kept));
}

bool StateMemory::holds(const std::string& input) const {
    return std::any_of(kept_.begin(), kept_.end(), [&](const Kept& k) { return k.input == input; });
}

int64_t StateMemory::bytes() const {
    int64_t sum = 0;
    for (const Kept& k : kept_) sum += bytes(k);
    return sum;
}

int64_t StateMemory::bytes(const Kept& kept) {
    int64_t elements = 1;
    for (int64_t d : kept.shape) elements *= d;
    return tensor::byte_count(kept.dtype, elements);
}

std::vector<void*> StateMemory::addresses(const gir::Program& program) const {
    std::vector<void*> out;
    for (const gir::Buffer& b : program.buffers) {
        if (b.lifetime != gir::Lifetime::State || !b.alias_of.empty()) continue;
        auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& k) { return k.input == port_name(b); });
        SMEATON_CHECK(found != kept_.end(), "no memory for state {}", port_name(b));
        out.push_back(found->memory.data());
    }
    return out;
}

Tensor StateMemory::copy(const Kept& kept) {
    Tensor out(kept.dtype, kept.shape);
    if (out.bytes() > 0)
        std::memcpy(out.mutable_data(), kept.memory.data(), static_cast<size_t>(out.bytes()));
    return out;
}

const StateMemory::Kept* StateMemory::taking(const std::string& output) const {
    for (const Kept& k : kept_)
        if (!k.output.empty() && k.output == output) return &k;
    return nullptr;
}

bool StateMemory::takes_output(const std::string& output) const {
    return taking(output) != nullptr;
}

Tensor StateMemory::value_of_output(const std::string& output) const {
    const Kept* kept = taking(output);
    SMEATON_CHECK(kept, "no state takes output '{}'", output);
    return copy(*kept);
}

std::map<std::string, Tensor> StateMemory::values() const {
    std::map<std::string, Tensor> out;
    for (const Kept& k : kept_) out[k.input] = copy(k);
    return out;
}

StateMemory::Kept& StateMemory::named(const std::string& input) {
    std::string list;
    for (Kept& k : kept_) {
        if (k.input == input) return k;
        list += (list.empty() ? "" : ", ") + k.input;
    }
    throw UserError("there is no state '{}'; the states are {}", input,
                    list.empty() ? "none" : list);
}

void StateMemory::set(const std::map<std::string, Tensor>& values) {
    for (const auto& [input, value] : values) {
        const Kept& kept = named(input);
        if (value.dtype() != kept.dtype || value.shape() != kept.shape)
            throw UserError("state '{}' is {}[{}], but {}[{}] was given", input,
                            tensor::name(kept.dtype), fmt::join(kept.shape, ","),
                            tensor::name(value.dtype()), fmt::join(value.shape(), ","));
    }
    for (const auto& [input, value] : values)
        if (value.bytes() > 0)
            std::memcpy(named(input).memory.data(), value.data(),
                        static_cast<size_t>(value.bytes()));
}

}  // namespace smeaton::driver
