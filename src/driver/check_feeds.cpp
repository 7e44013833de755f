#include "driver/check_feeds.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "driver/entry.h"

namespace smeaton::driver {

static void check_dtype(const std::string& path, const PortInfo& port, const Tensor& fed) {
    if (fed.dtype() != port.dtype)
        throw UserError("{}: input '{}' is {}, but {} was fed", path, port.name, name(port.dtype),
                        name(fed.dtype()));
}

static std::vector<std::string> names_of(const std::vector<PortInfo>& ports) {
    std::vector<std::string> names;
    for (const PortInfo& p : ports) names.push_back(p.name);
    return names;
}

static std::string quoted(const std::vector<std::string>& words) {
    std::string list;
    for (const std::string& w : words) list += (list.empty() ? "'" : ", '") + w + "'";
    return list.empty() ? "none" : list;
}

void refuse_output(const std::string& path, const std::vector<PortInfo>& outputs,
                   const std::string& wanted) {
    const std::vector<std::string> names = names_of(outputs);
    throw UserError("{}: there is no output '{}'{}; the outputs are {}", path, wanted,
                    nearest_hint(wanted, names), quoted(names));
}

void check_feeds(const std::string& path, const std::vector<PortInfo>& inputs,
                 const std::vector<PortInfo>& overridable,
                 const std::function<bool(const std::string&)>& is_state, const Feeds& feeds) {
    const std::vector<std::string> names = names_of(inputs);
    for (const PortInfo& port : inputs) {
        auto found = feeds.find(port.name);
        if (found == feeds.end()) {
            std::vector<std::string> fed;
            for (const auto& [key, tensor] : feeds) fed.push_back(key);
            throw UserError("{}: input '{}' is not fed; fed {}, expected are {}", path, port.name,
                            fed.empty() ? "was nothing" : "were " + quoted(fed), quoted(names));
        }
        check_dtype(path, port, found->second);
    }
    for (const PortInfo& port : overridable) {
        auto found = feeds.find(port.name);
        if (found != feeds.end()) check_dtype(path, port, found->second);
    }
    for (const auto& [key, tensor] : feeds) {
        auto named = [&, &key = key](const PortInfo& p) { return p.name == key; };
        if (std::any_of(inputs.begin(), inputs.end(), named) ||
            std::any_of(overridable.begin(), overridable.end(), named))
            continue;
        if (is_state(key))
            throw UserError("{}: '{}' is a state and not fed; set_state gives it another value",
                            path, key);
        throw UserError("{}: there is no input '{}'{}; the inputs are {}", path, key,
                        nearest_hint(key, names), quoted(names));
    }
}

std::map<Name, Tensor> values_by_buffer(const gir::Program& program,
                                        const std::vector<std::string>& fed, const Feeds& feeds,
                                        const std::map<std::string, Tensor>& held) {
    std::map<Name, Tensor> values;
    size_t next = 0;  // input buffers stand in the order of what is fed
    for (const gir::Buffer& b : program.buffers) {
        if (!b.alias_of.empty()) continue;
        if (b.lifetime == gir::Lifetime::Input) values[b.name] = feeds.at(fed[next++]);
        if (b.lifetime == gir::Lifetime::State) values[b.name] = held.at(port_name(b));
    }
    return values;
}

}  // namespace smeaton::driver
