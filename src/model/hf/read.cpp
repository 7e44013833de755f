#include "model/hf/read.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/nearest.h"
#include "model/hf/family.h"
#include "model/verify.h"

namespace smeaton::model::hf {

std::vector<std::string> model_types() {
    std::vector<std::string> types;
    for (const auto& [type, family] : families()) types.push_back(type);
    return types;
}

bool is_config_file(const std::filesystem::path& path) {
    return path.extension() == ".json";
}

namespace {

ConfigModel built(const std::string& text) {
    const Config config(text);
    const std::string type = config.text({"model_type"}, "");
    const std::vector<std::string> known = model_types();
    if (type.empty())
        throw UserError("key 'model_type' is missing; there are {}", fmt::join(known, ", "));
    const auto family = families().find(type);
    if (family == families().end())
        throw UserError("key 'model_type' is \"{}\": no such kind of model{}; there are {}", type,
                        nearest_hint(type, known), fmt::join(known, ", "));
    Builder builder(type);
    builder.facts.model_type = type;
    if (const std::optional<Config> how = config.object({"quantization_config"})) {
        builder.facts.not_converted = how->texts({"modules_to_not_convert"});
        builder.facts.quantised = how->text({"quant_method"}, "");
    }
    family->second(builder, config);
    ConfigModel model;
    model.facts = builder.facts;
    model.graph = builder.take();
    if (const std::vector<std::string> unread = config.unread(); !unread.empty())
        model.graph.warnings.push_back(
            fmt::format("keys that nobody reads and that are taken to leave the graph alone: {}",
                        fmt::join(unread, ", ")));
    verify(model.graph, "reading a config");
    return model;
}

}  // namespace

ConfigModel read_config_text(const std::string& text, const std::string& label) {
    try {
        return built(text);
    } catch (const UserError& error) {
        throw UserError("{}: {}", label, error.what());
    }
}

ConfigModel read_config(const std::filesystem::path& path) {
    const MappedFile file = map_file(path);
    return read_config_text({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()},
                            path.string());
}

}  // namespace smeaton::model::hf
