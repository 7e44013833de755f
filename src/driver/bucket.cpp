#include "driver/bucket.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/nearest.h"
#include "driver/ports.h"
#include "lower/evaluate.h"
#include "model/shape/infer.h"
#include "model/states.h"

namespace smeaton::driver {

namespace {

using Feeds = std::map<std::string, Tensor>;

/// The parameter that a size is by itself.
std::optional<Name> bare(const Dim& d) {
    const std::vector<Name> symbols = d.symbols();
    if (symbols.size() != 1 || d != Dim::symbol(symbols[0])) return std::nullopt;
    return symbols[0];
}

bool mentions(const Dim& d, const std::map<Name, int64_t>& parameters) {
    for (Name n : d.symbols())
        if (parameters.count(n) > 0) return true;
    return false;
}

/// What `dims` takes: the size's own name, or INPUT:AXIS.
Name parameter_of(const std::string& key, const std::vector<PortInfo>& inputs) {
    std::vector<std::string> known;
    for (const PortInfo& port : inputs)
        for (size_t axis = 0; axis < port.shape.size(); ++axis) {
            const std::string place = fmt::format("{}:{}", port.name, axis);
            const std::optional<Name> parameter = bare(port.shape[axis]);
            if (!parameter) {
                if (place == key)
                    throw UserError("bucket {}: the size {} is not open", key,
                                    port.shape[axis].str());
                continue;
            }
            if (key == place || key == parameter->str()) return *parameter;
            known.push_back(place);
        }
    std::string list;
    for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
    throw UserError("bucket {}: there is no such open size{}; there are {}", key,
                    nearest_hint(key, known), list.empty() ? "none" : list);
}

}  // namespace

Buckets::Buckets(const std::map<std::string, int64_t>& multiples,
                 const std::vector<PortInfo>& inputs, const std::vector<PortInfo>& outputs)
    : inputs_(inputs), outputs_(outputs) {
    for (const auto& [key, multiple] : multiples) {
        if (multiple < 2)
            throw UserError("bucket {}: the multiple is {}; expected 2 or more", key, multiple);
        auto [at, fresh] = multiples_.emplace(parameter_of(key, inputs), multiple);
        if (!fresh && at->second != multiple)
            throw UserError("bucket {}: the size {} has two multiples, {} and {}", key,
                            at->first.str(), at->second, multiple);
    }
    std::map<Name, int64_t> fed;  // sizes that feeds tell
    for (const PortInfo& port : inputs)
        for (const Dim& d : port.shape) {
            if (std::optional<Name> parameter = bare(d)) fed.emplace(*parameter, 0);
            if (!mentions(d, multiples_)) continue;
            if (!bare(d))
                throw UserError("bucket: input '{}' has the size {}, which cannot be rounded",
                                port.name, d.str());
            if (tensor::bits(port.dtype) < 8 || port.dtype == DType::kString)
                throw UserError("bucket: input '{}' is {}, which cannot be padded", port.name,
                                name(port.dtype));
        }
    if (multiples_.empty()) return;
    for (const PortInfo& port : outputs) {
        if (!port.rank_known)
            throw UserError(
                "bucket: nothing is known of the shape of output '{}', so that it "
                "cannot be cut",
                port.name);
        for (size_t axis = 0; axis < port.shape.size(); ++axis)
            for (Name n : port.shape[axis].symbols())
                if (fed.count(n) == 0)
                    throw UserError(
                        "bucket: axis {} of output '{}' has the size {}, which does not follow "
                        "from the sizes of the inputs, so that it cannot be cut",
                        axis, port.name, port.shape[axis].str());
    }
}

tensor::Bindings Buckets::sizes_of(const Feeds& feeds) const {
    tensor::Bindings sizes;
    for (const PortInfo& port : inputs_) {
        auto fed = feeds.find(port.name);
        if (fed == feeds.end() || fed->second.shape().size() != port.shape.size()) continue;
        for (size_t axis = 0; axis < port.shape.size(); ++axis) {
            const std::optional<Name> parameter = bare(port.shape[axis]);
            if (!parameter) continue;
            const int64_t size = fed->second.shape()[axis];
            auto [at, fresh] = sizes.emplace(*parameter, size);
            if (!fresh && at->second != size && multiples_.count(*parameter) > 0)
                throw UserError("axis {} of input '{}' is {}, but {} is {} elsewhere", axis,
                                port.name, size, parameter->str(), at->second);
        }
    }
    return sizes;
}

Feeds Buckets::padded(const Feeds& feeds) const {
    if (multiples_.empty()) return feeds;
    sizes_of(feeds);  // one size that is fed as two might round to one
    Feeds out = feeds;
    for (const PortInfo& port : inputs_) {
        auto fed = out.find(port.name);
        if (fed == out.end() || fed->second.shape().size() != port.shape.size()) continue;
        std::vector<int64_t> shape = fed->second.shape();
        for (size_t axis = 0; axis < shape.size(); ++axis) {
            const std::optional<Name> parameter = bare(port.shape[axis]);
            auto multiple = parameter ? multiples_.find(*parameter) : multiples_.end();
            if (multiple == multiples_.end()) continue;
            shape[axis] =
                (shape[axis] + multiple->second - 1) / multiple->second * multiple->second;
        }
        if (shape != fed->second.shape()) fed->second = resized(fed->second, shape);
    }
    return out;
}

void Buckets::cut(std::vector<Tensor>& outputs, const Feeds& feeds) const {
    if (multiples_.empty()) return;
    const tensor::Bindings sizes = sizes_of(feeds);
    for (size_t i = 0; i < outputs.size(); ++i) {
        std::vector<int64_t> shape = outputs[i].shape();
        SMEATON_CHECK(shape.size() == outputs_[i].shape.size(), "output {} has another rank",
                      outputs_[i].name);
        for (size_t axis = 0; axis < shape.size(); ++axis)
            if (const Dim& d = outputs_[i].shape[axis]; mentions(d, multiples_))
                shape[axis] = std::min(shape[axis], d.bind(sizes).value());
        if (shape != outputs[i].shape()) outputs[i] = resized(outputs[i], shape);
    }
}

std::vector<PortInfo> inferred_output_ports(const model::Graph& graph) {
    std::vector<PortInfo> ports = output_ports(graph);
    try {
        const model::ShapedGraph shaped = model::infer_shapes(graph, {}, lower::evaluate);
        size_t next = 0;
        for (size_t k = 0; k < graph.outputs.size(); ++k) {
            if (model::goes_into_state(graph, k)) continue;
            PortInfo& port = ports[next++];
            const model::Value& value = shaped.graph.at(shaped.graph.outputs[k]);
            if (!value.shape) continue;
            port.shape = *value.shape;
            port.rank_known = true;
        }
    } catch (const UserError&) {
        // Sizes that hang on fed values: as the file declares them.
    }
    return ports;
}

Tensor resized(const Tensor& from, const std::vector<int64_t>& shape) {
    SMEATON_CHECK(from.shape().size() == shape.size(), "resizing {} axes to {}",
                  from.shape().size(), shape.size());
    Tensor to(from.dtype(), shape);
    if (to.elements() == 0 || from.elements() == 0) return to;
    const size_t rank = shape.size();
    if (rank == 0) {
        std::memcpy(to.mutable_data(), from.data(), static_cast<size_t>(from.bytes()));
        return to;
    }
    std::vector<int64_t> box(rank), index(rank, 0);
    for (size_t k = 0; k < rank; ++k) box[k] = std::min(shape[k], from.shape()[k]);
    const int64_t element = tensor::byte_count(from.dtype(), 1);
    auto at = [&](const std::vector<int64_t>& of) {
        int64_t offset = 0;
        for (size_t k = 0; k < rank; ++k) offset = offset * of[k] + index[k];
        return offset * element;
    };
    std::byte* const target = to.mutable_data();
    for (;;) {
        std::memcpy(target + at(shape), from.data() + at(from.shape()),
                    static_cast<size_t>(box[rank - 1] * element));
        size_t k = rank - 1;
        while (k > 0 && ++index[k - 1] == box[k - 1]) index[--k] = 0;
        if (k == 0) return to;
    }
}

std::map<std::string, int64_t> parse_buckets(const std::vector<std::string>& texts) {
    std::map<std::string, int64_t> multiples;
    for (const std::string& text : texts) {
        const size_t equals = text.rfind('=');  // names may hold '='
        int64_t value = 0;
        if (equals != std::string::npos && equals > 0) {
            const char* end = text.data() + text.size();
            auto read = std::from_chars(text.data() + equals + 1, end, value);
            if (read.ec != std::errc() || read.ptr != end) value = 0;
        }
        if (value < 2)
            throw UserError(
                "--bucket {}: expected NAME=MULTIPLE or INPUT:AXIS=MULTIPLE with a whole number "
                "from 2 on",
                text);
        multiples[text.substr(0, equals)] = value;
    }
    return multiples;
}

}  // namespace smeaton::driver
