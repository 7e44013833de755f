#include "driver/parallel/samples.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace smeaton::driver {

namespace {

const PortInfo* port_named(const std::vector<PortInfo>& ports, const std::string& name) {
    const auto found =
        std::find_if(ports.begin(), ports.end(), [&](const PortInfo& p) { return p.name == name; });
    return found == ports.end() ? nullptr : &*found;
}

// Whether an array holds a part for each sample: it is not one sample's as the model has it.
bool is_for_all(const PortInfo& port, const Tensor& given) {
    if (given.shape().empty() || given.dtype() == DType::kString) return false;
    if (!port.rank_known || port.shape.empty()) return false;
    const Dim& first = port.shape.front();
    return !first.is_const() || first.value() != given.shape().front();
}

Tensor part_of(const std::string& model, const std::string& name, const Tensor& given, int sample,
               int samples) {
    std::vector<int64_t> shape = given.shape();
    if (shape.front() % samples != 0)
        throw UserError("{}: input '{}' of {} along its first axis cannot be cut into {} samples",
                        model, name, shape.front(), samples);
    shape.front() /= samples;
    const int64_t bytes = given.bytes() / samples;
    if (given.bytes() % samples != 0)
        throw UserError(
            "{}: input '{}' has elements of less than a byte; give each sample the same", model,
            name);
    return Tensor(given.dtype(), shape, given.data() + sample * bytes,
                  std::make_shared<Tensor>(given));
}

Tensor joined_output(const std::vector<std::vector<Tensor>>& by_sample, size_t output) {
    const Tensor& first = by_sample.front()[output];
    std::vector<int64_t> shape = first.shape();
    if (shape.empty()) shape.push_back(1);
    shape.front() *= static_cast<int64_t>(by_sample.size());
    if (first.dtype() == DType::kString) {
        std::vector<std::string> all;
        for (const std::vector<Tensor>& own : by_sample)
            all.insert(all.end(), own[output].strings().begin(), own[output].strings().end());
        return Tensor::of_strings(shape, std::move(all));
    }
    Tensor all(first.dtype(), shape);
    std::byte* to = all.elements() > 0 ? all.mutable_data() : nullptr;
    for (const std::vector<Tensor>& own : by_sample) {
        const int64_t bytes = own[output].bytes();
        if (bytes > 0) std::memcpy(to, own[output].data(), static_cast<size_t>(bytes));
        to += bytes;
    }
    return all;
}

}  // namespace

std::vector<std::map<std::string, Tensor>> gather_samples(const std::string& model,
                                                          const std::vector<PortInfo>& ports,
                                                          const FeedRequest& request,
                                                          const std::vector<PortInfo>& overridable,
                                                          int samples) {
    std::vector<PortInfo> all = ports;
    all.insert(all.end(), overridable.begin(), overridable.end());
    const std::map<std::string, Tensor> given = given_feeds(all, request);
    std::vector<std::map<std::string, Tensor>> feeds;
    for (int s = 0; s < samples; ++s) {
        std::map<std::string, Tensor> own;
        for (const auto& [name, tensor] : given)
            own[name] = is_for_all(*port_named(all, name), tensor)
                            ? part_of(model, name, tensor, s, samples)
                            : tensor;
        const std::map<std::string, int64_t> dims = dims_with(parse_dims(request.dims), all, own);
        own.merge(random_feeds(model, missing(ports, own), dims,
                               request.seed + static_cast<uint64_t>(s)));
        feeds.push_back(std::move(own));
    }
    return feeds;
}

std::vector<Tensor> put_together(const std::vector<std::vector<Tensor>>& by_sample) {
    SMEATON_CHECK(!by_sample.empty(), "no samples");
    if (by_sample.size() == 1) return by_sample.front();
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < by_sample.front().size(); ++i)
        outputs.push_back(joined_output(by_sample, i));
    return outputs;
}

}  // namespace smeaton::driver
