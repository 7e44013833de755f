#include "compare/traffic.h"

#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "machine/yaml_map.h"

namespace smeaton::compare {

namespace {

using machine::YamlMap;

Length length_of(YamlMap& map, const std::string& key) {
    const YAML::Node node = map.child(key);
    if (!node.IsDefined()) map.fail(node, fmt::format("key '{}' is missing: tokens", key));
    Length length;
    if (node.IsMap()) {
        YamlMap inside(node, map.file(), key);
        length.mean = inside.number("mean").value;
        if (const auto cv = inside.optional_number("cv")) length.cv = cv->value;
        inside.finish();
    } else {
        length.mean = map.number(key).value;
    }
    if (length.mean < 1 || length.mean > 1e8 || length.cv < 0 || length.cv > 100)
        map.fail(node, fmt::format("'{}' must be at least 1 token, its cv 0 or more", key));
    return length;
}

std::optional<double> concurrency_of(YamlMap& map) {
    const YAML::Node node = map.child("concurrency");
    if (!node.IsDefined())
        map.fail(node, "key 'concurrency' is missing: sequences that always run, or max");
    if (node.IsScalar() && node.Scalar() == "max") return std::nullopt;
    return static_cast<double>(map.whole("concurrency", 1e7));
}

Traffic read_root(const YAML::Node& root, const std::string& file) {
    YamlMap map(root, file, "traffic");
    Traffic t;
    for (const char* key : {"rate_per_s", "process", "cv", "trace"})
        if (const YAML::Node node = map.child(key); node.IsDefined())
            map.fail(node,
                     fmt::format("'{}' is of arrivals in time, which compare has no model of; "
                                 "give 'concurrency: N' or 'concurrency: max'",
                                 key));
    t.concurrency = concurrency_of(map);
    t.prompt = length_of(map, "prompt");
    t.output = length_of(map, "output");
    if (map.child("max_batch").IsDefined())
        t.max_batch = static_cast<int>(map.whole("max_batch", 1e6));
    if (map.child("requests").IsDefined())
        t.requests = static_cast<int>(map.whole("requests", 1e9));
    if (map.child("seed").IsDefined()) t.seed = static_cast<uint64_t>(map.number("seed").value);
    if (const YAML::Node node = map.child("slo"); node.IsDefined()) {
        YamlMap slo(node, file, "slo");
        if (const auto ms = slo.optional_number("ttft_ms")) t.ttft_slo_ms = ms->value;
        if (const auto ms = slo.optional_number("tpot_ms")) t.tpot_slo_ms = ms->value;
        slo.finish();
    }
    map.optional_text("name");
    map.finish();
    return t;
}

}  // namespace

Traffic parse_traffic(const std::string& yaml, const std::string& file) {
    try {
        return read_root(YAML::Load(yaml), file);
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
}

}  // namespace smeaton::compare
