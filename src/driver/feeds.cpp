#include "driver/feeds.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "base/error.h"
#include "model/onnx/read.h"
#include "tensor/npy.h"
#include "tensor/npz.h"

namespace smeaton::driver {

std::map<std::string, int64_t> parse_dims(const std::vector<std::string>& texts) {
    std::map<std::string, int64_t> dims;
    for (const std::string& text : texts) {
        // Names may hold '=', values never do.
        size_t equals = text.rfind('=');
        int64_t value = -1;
        if (equals != std::string::npos) {
            const char* end = text.data() + text.size();
            auto read = std::from_chars(text.data() + equals + 1, end, value);
            if (read.ec != std::errc() || read.ptr != end) value = -1;
        }
        if (value < 0 || equals == 0)
            throw UserError(
                "--dim {}: expected NAME=VALUE or INPUT:AXIS=VALUE with a whole number from 0 on",
                text);
        dims[text.substr(0, equals)] = value;
    }
    return dims;
}

Tensor read_tensor(const std::string& path) {
    if (path.ends_with(".npy")) return tensor::read_npy(path);
    if (path.ends_with(".pb")) return model::onnx::read_tensor_file(path);
    throw UserError("{}: tensors are read from .npy and .pb files", path);
}

namespace {

const PortInfo& port_named(const std::vector<PortInfo>& ports, const std::string& name) {
    std::string list;
    for (const PortInfo& port : ports) {
        if (port.name == name) return port;
        list += (list.empty() ? "" : ", ") + port.name;
    }
    throw UserError("--input {}: the model has no such input; its inputs are {}", name,
                    list.empty() ? "none" : list);
}

// "name" alone is a size that other inputs may share.
void bind_sizes(const PortInfo& port, const Tensor& fed, std::map<std::string, int64_t>& dims) {
    for (size_t axis = 0; axis < std::min(port.shape.size(), fed.shape().size()); ++axis) {
        std::vector<Name> symbols = port.shape[axis].symbols();
        if (symbols.size() == 1 && port.shape[axis] == Dim::symbol(symbols[0]))
            dims.emplace(symbols[0].str(), fed.shape()[axis]);
    }
}

void fill_random(Tensor& t, std::mt19937_64& random) {
    std::uniform_real_distribution<double> real(-1, 1);
    std::uniform_int_distribution<int64_t> small(0, 1);
    for (int64_t i = 0; i < t.elements(); ++i) {
        if (tensor::is_float(t.dtype()))
            t.set_from_double(i, real(random));
        else
            t.set_from_int(i, small(random));
    }
}

/// Sizes that nothing binds, and the options that would.
struct OpenSizes {
    std::string sizes;
    std::vector<std::string> options;
};

std::vector<int64_t> bound_shape(const std::string& model, const PortInfo& port,
                                 const std::map<std::string, int64_t>& dims,
                                 const tensor::Bindings& bindings, OpenSizes& open) {
    std::vector<int64_t> shape;
    for (size_t axis = 0; axis < port.shape.size(); ++axis) {
        auto direct = dims.find(fmt::format("{}:{}", port.name, axis));
        Dim d = direct != dims.end() ? Dim(direct->second) : port.shape[axis].bind(bindings);
        if (!d.is_const()) {
            open.sizes += fmt::format("{}{} (input '{}', axis {})", open.sizes.empty() ? "" : ", ",
                                      d.str(), port.name, axis);
            add_binding(open.options, d, port.name, axis);
            continue;
        }
        if (d.value() < 0)
            throw UserError("{}: input '{}', axis {}: the size is {}", model, port.name, axis,
                            d.value());
        shape.push_back(d.value());
    }
    return shape;
}

}  // namespace

// "NAME=FILE". File names may hold '=' as input names may: the last one whose left side is an
// input.
static size_t name_length(const std::string& text, const std::vector<PortInfo>& ports) {
    auto known = [&](const std::string& name) {
        return std::any_of(ports.begin(), ports.end(),
                           [&](const PortInfo& p) { return p.name == name; });
    };
    size_t equals = text.rfind('=');
    while (equals != std::string::npos && equals > 0 && !known(text.substr(0, equals)) &&
           text.rfind('=', equals - 1) != std::string::npos)
        equals = text.rfind('=', equals - 1);
    if (equals == std::string::npos || equals == 0)
        throw UserError("--input {}: expected NAME=FILE", text);
    return equals;
}

std::map<std::string, Tensor> given_feeds(const std::vector<PortInfo>& ports,
                                          const FeedRequest& request) {
    std::map<std::string, Tensor> feeds;
    for (const std::string& text : request.inputs) {
        const size_t length = name_length(text, ports);
        const PortInfo& port = port_named(ports, text.substr(0, length));
        feeds[port.name] = read_tensor(text.substr(length + 1));
    }
    if (request.arrays.empty()) return feeds;
    for (auto& [name, array] : tensor::read_npz(request.arrays)) {
        const PortInfo& port = port_named(ports, name);
        if (!feeds.emplace(port.name, std::move(array)).second)
            throw UserError("--inputs {}: '{}' is given by --input too", request.arrays, name);
    }
    return feeds;
}

void add_binding(std::vector<std::string>& options, const Dim& size, const std::string& input,
                 size_t axis) {
    const std::vector<Name> symbols = size.symbols();
    const bool bare = symbols.size() == 1 && size == Dim::symbol(symbols[0]);
    std::string option = bare ? fmt::format("--dim {}=VALUE", symbols[0].str())
                              : fmt::format("--dim {}:{}=VALUE", input, axis);
    if (std::find(options.begin(), options.end(), option) == options.end())
        options.push_back(std::move(option));
}

std::map<std::string, Tensor> zero_feeds(const std::string& model,
                                         const std::vector<PortInfo>& ports,
                                         const std::map<std::string, int64_t>& dims) {
    tensor::Bindings bindings;
    for (const auto& [key, value] : dims) bindings[Name(key)] = value;
    std::vector<std::vector<int64_t>> shapes;
    OpenSizes open;
    for (const PortInfo& port : ports)
        shapes.push_back(bound_shape(model, port, dims, bindings, open));
    if (!open.sizes.empty())
        throw UserError("{}: sizes are open: {}; give {}, or feed the inputs", model, open.sizes,
                        fmt::join(open.options, " "));
    std::map<std::string, Tensor> feeds;
    for (size_t i = 0; i < ports.size(); ++i)
        feeds.emplace(ports[i].name, Tensor(ports[i].dtype, shapes[i]));
    return feeds;
}

std::map<std::string, Tensor> random_feeds(const std::string& model,
                                           const std::vector<PortInfo>& ports,
                                           const std::map<std::string, int64_t>& dims,
                                           uint64_t seed) {
    std::map<std::string, Tensor> feeds = zero_feeds(model, ports, dims);
    std::mt19937_64 random(seed);
    for (const PortInfo& port : ports) fill_random(feeds.at(port.name), random);
    return feeds;
}

std::map<std::string, int64_t> dims_with(std::map<std::string, int64_t> dims,
                                         const std::vector<PortInfo>& ports,
                                         const std::map<std::string, Tensor>& given) {
    for (const PortInfo& port : ports)
        if (auto fed = given.find(port.name); fed != given.end())
            bind_sizes(port, fed->second, dims);
    return dims;
}

std::vector<PortInfo> missing(const std::vector<PortInfo>& ports,
                              const std::map<std::string, Tensor>& given) {
    std::vector<PortInfo> rest;
    for (const PortInfo& port : ports)
        if (given.count(port.name) == 0) rest.push_back(port);
    return rest;
}

std::map<std::string, Tensor> gather_feeds(const std::string& model,
                                           const std::vector<PortInfo>& ports,
                                           const FeedRequest& request,
                                           const std::vector<PortInfo>& overridable) {
    std::vector<PortInfo> all = ports;
    all.insert(all.end(), overridable.begin(), overridable.end());
    std::map<std::string, Tensor> feeds = given_feeds(all, request);
    const std::map<std::string, int64_t> dims = dims_with(parse_dims(request.dims), all, feeds);
    feeds.merge(random_feeds(model, missing(ports, feeds), dims, request.seed));
    return feeds;
}

}  // namespace smeaton::driver
