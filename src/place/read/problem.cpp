#include "place/problem.h"

#include "base/mapped_file.h"
#include "place/read/formats.h"

namespace smeaton::place {

int place_of(const Fields& f, const char* key, const std::map<std::string, int>& places) {
    const std::string id = f.word(key);
    const auto found = places.find(id);
    if (found == places.end()) f.fail(fmt::format("'{}' is {}, which is no node", key, id));
    return found->second;
}

Problem read_problem(const std::string& path, const ProblemOverrides& overrides) {
    const MappedFile file = map_file(path);
    Json json;
    try {
        json = Json::parse(reinterpret_cast<const char*>(file.bytes.data()),
                           reinterpret_cast<const char*>(file.bytes.data()) + file.bytes.size());
    } catch (const nlohmann::json::exception& error) {
        throw UserError("{}: no JSON: {}", path, error.what());
    }
    const Fields root(json, path, "");
    if (overrides.devices && *overrides.devices < 1)
        throw UserError("--devices {}: expected at least one", *overrides.devices);
    if (overrides.memory_bytes && !(*overrides.memory_bytes > 0))
        throw UserError("--memory {}: expected a number of bytes above 0", *overrides.memory_bytes);
    if (root.has("maxFPGAs")) return read_partition(root, overrides);
    if (root.has("nodes") && json["nodes"].is_object()) return read_chain(root, overrides);
    if (root.has("nodes") && json["nodes"].is_array() && !json["nodes"].empty() &&
        json["nodes"][0].is_object() && json["nodes"][0].contains("TMPCs"))
        return read_split(root, overrides);
    root.fail(
        "a placement problem of no known format: expected 'maxFPGAs' (a partition), nodes with "
        "'TMPCs' (a plan), or 'nodes' as an object of lists by tensor width (a chain)");
}

}  // namespace smeaton::place
