#include "machine/read.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/nearest.h"
#include "machine/device.h"
#include "machine/shipped.h"
#include "machine/verify.h"
#include "machine/words.h"
#include "machine/yaml_map.h"

namespace smeaton::machine {
namespace {

constexpr double kMostInAFile = 1e9;  // of what is counted: elements, units

std::string join(const std::vector<std::string>& words) {
    std::string result;
    for (const std::string& word : words) result += (result.empty() ? "" : ", ") + word;
    return result;
}

template <class T>
T word(YamlMap& map, const std::string& key, const std::string& spelled) {
    if (std::optional<T> value = parse_word<T>(spelled)) return *value;
    std::string near = nearest(spelled, all_words<T>());
    map.fail(map.child(key), fmt::format("'{}' is '{}'{}; expected one of: {}", key, spelled,
                                         near.empty() ? "" : fmt::format(" (nearest: '{}')", near),
                                         join(all_words<T>())));
}

std::optional<Bandwidth> read_bandwidth(YamlMap& level, const std::string& key) {
    YAML::Node node = level.child(key);
    if (!node.IsDefined()) return std::nullopt;
    if (!node.IsMap() || !node["one"])
        level.fail(node, fmt::format("'{}' must be {{one: GB/s, all: GB/s}}", key));
    YamlMap map(node, level.file(), key);
    Bandwidth result{map.number("one"), map.optional_number("all")};
    map.finish();
    return result;
}

Scope read_scope(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "scope");
    Scope scope{map.text("name"), map.whole("count", kMostInAFile)};
    map.finish();
    return scope;
}

Level read_level(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "level");
    Level level;
    level.name = map.text("name");
    map.rename("level " + level.name);
    level.next = map.optional_text("next").value_or("");
    level.private_to = map.optional_text("private_to").value_or("");
    level.managed = word<Managed>(map, "managed", map.text("managed"));
    for (const std::string& role : map.words("roles"))
        level.roles.push_back(word<OperandRole>(map, "roles", role));
    level.capacity_bytes = map.number("capacity", Quantity::Bytes);
    level.line_bytes = map.optional_number("line", Quantity::Bytes);
    level.ways = map.optional_number("ways");
    level.read = read_bandwidth(map, "read_gb_s");
    level.write = read_bandwidth(map, "write_gb_s");
    level.copy = read_bandwidth(map, "copy_gb_s");
    level.split = map.optional_number("split");
    level.latency_ns = map.optional_number("latency_ns");
    level.stall_ns = map.optional_number("stall_ns");
    level.kept_ms = map.optional_number("kept_ms");
    level.depth = map.optional_number("depth");
    level.port_gb_s = map.optional_number("port_gb_s");
    level.read_energy_pj_per_byte = map.optional_number("read_energy_pj_per_byte");
    level.write_energy_pj_per_byte = map.optional_number("write_energy_pj_per_byte");
    level.area_mm2 = map.optional_number("area_mm2");
    level.leakage_w = map.optional_number("leakage_w");
    map.finish();
    return level;
}

tensor::DType read_dtype(YamlMap& map, const std::string& key) {
    std::string dtype = map.text(key);
    std::optional<tensor::DType> known = tensor::dtype_named(dtype);
    if (!known || tensor::bits(*known) == 0)
        map.fail(map.child(key), fmt::format("'{}' is '{}'; expected one such as f32, bf16, "
                                             "i8 (docs/machine.md)",
                                             key, dtype));
    return *known;
}

Rate read_rate(const YAML::Node& node, const std::string& file, const Unit& unit) {
    YamlMap map(node, file, "unit " + unit.name + ", rate");
    Rate rate;
    rate.op = word<OpClass>(map, "op", map.text("op"));
    rate.dtype = read_dtype(map, "dtype");
    rate.per_cycle = map.optional_number("per_cycle");
    rate.gops_per_s = map.optional_number("gops_per_s");
    rate.all_gops_per_s = map.optional_number("all_gops_per_s");
    rate.latency_cycles = map.optional_number("latency_cycles");
    rate.energy_pj = map.optional_number("energy_pj");
    map.finish();
    const bool by_size = unit.kind == UnitKind::Systolic && rate.op == OpClass::Fma &&
                         !rate.per_cycle && !rate.gops_per_s;
    if (!by_size && rate.per_cycle.has_value() == rate.gops_per_s.has_value())
        map.fail(node, "give exactly one of 'per_cycle' and 'gops_per_s'");
    return rate;
}

ContractionShape read_shape(const YAML::Node& node, const std::string& file,
                            const std::string& unit) {
    YamlMap map(node, file, unit + ", shape");
    ContractionShape shape;
    shape.a = read_dtype(map, "a");
    shape.b = read_dtype(map, "b");
    shape.acc = read_dtype(map, "acc");
    shape.rows = map.whole("rows", kMostInAFile);
    shape.columns = map.whole("columns", kMostInAFile);
    shape.group = map.whole("group", kMostInAFile);
    shape.per_cycle = map.optional_number("per_cycle");
    shape.gops_per_s = map.optional_number("gops_per_s");
    shape.latency_cycles = map.optional_number("latency_cycles");
    shape.energy_pj = map.optional_number("energy_pj");
    shape.a_from = map.optional_text("a_from").value_or("");
    shape.b_from = map.optional_text("b_from").value_or("");
    shape.acc_in = map.optional_text("acc_in").value_or("");
    map.finish();
    if (shape.per_cycle.has_value() == shape.gops_per_s.has_value())
        map.fail(node, "give exactly one of 'per_cycle' and 'gops_per_s'");
    return shape;
}

Lanes read_lanes(const YAML::Node& node, const std::string& file, const std::string& unit) {
    YamlMap map(node, file, unit + ", lanes");
    Lanes lanes{read_dtype(map, "dtype"), map.whole("count", kMostInAFile)};
    map.finish();
    return lanes;
}

Unit read_unit(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "unit");
    Unit unit;
    unit.name = map.text("name");
    map.rename("unit " + unit.name);
    unit.kind = word<UnitKind>(map, "kind", map.text("kind"));
    unit.private_to = map.optional_text("private_to").value_or("");
    unit.clock_ghz = map.optional_number("clock_ghz");
    unit.vector_bits = map.optional_number("vector_bits");
    unit.registers = map.optional_number("registers");
    unit.in_flight = map.optional_number("in_flight");
    unit.rows = map.optional_number("rows");
    unit.columns = map.optional_number("columns");
    if (auto dataflow = map.optional_text("dataflow"))
        unit.dataflow = word<Dataflow>(map, "dataflow", *dataflow);
    unit.sparse_n = map.optional_number("sparse_n");
    unit.sparse_m = map.optional_number("sparse_m");
    unit.nonzero_share = map.optional_number("nonzero_share");
    unit.area_mm2 = map.optional_number("area_mm2");
    unit.leakage_w = map.optional_number("leakage_w");
    unit.isa = map.words("isa");
    for (const YAML::Node& item : map.items("lanes"))
        unit.lanes.push_back(read_lanes(item, file, "unit " + unit.name));
    for (const YAML::Node& item : map.items("rates"))
        unit.rates.push_back(read_rate(item, file, unit));
    for (const YAML::Node& item : map.items("shapes"))
        unit.shapes.push_back(read_shape(item, file, "unit " + unit.name));
    map.finish();
    return unit;
}

Link read_link(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "link");
    Link link;
    link.name = map.text("name");
    map.rename("link " + link.name);
    link.between = map.optional_text("between").value_or("");
    link.topology = word<Topology>(map, "topology", map.text("topology"));
    link.count = map.optional_number("count");
    link.bandwidth_gb_s = map.number("bandwidth_gb_s");
    link.latency_ns = map.number("latency_ns");
    link.energy_pj_per_byte = map.optional_number("energy_pj_per_byte");
    map.finish();
    return link;
}

std::optional<Handoff> read_handoff(const YAML::Node& node, const std::string& file) {
    if (!node.IsDefined()) return std::nullopt;
    YamlMap map(node, file, "handoff");
    Handoff handoff{map.number("spin_ns"), map.optional_number("wake_ns")};
    map.finish();
    return handoff;
}

Machine read_root(const YAML::Node& root, const std::string& file) {
    YamlMap map(root, file, "machine");
    Machine machine;
    machine.name = map.text("name");
    machine.about = map.words("about");
    if (YAML::Node sources = map.child("sources"); sources.IsDefined()) {
        YamlMap table(sources, file, "sources");
        for (const std::string& key : table.keys())
            machine.sources.emplace_back(key, table.text(key));
    }
    machine.clock_ghz = map.number("clock_ghz");
    if (auto technology = map.optional_text("technology"))
        machine.technology = word<Technology>(map, "technology", *technology);
    machine.area_mm2 = map.optional_number("area_mm2");
    machine.power_w = map.optional_number("power_w");
    machine.price_usd = map.optional_number("price_usd");
    machine.leakage_w = map.optional_number("leakage_w");
    for (const YAML::Node& item : map.items("scopes"))
        machine.scopes.push_back(read_scope(item, file));
    for (const YAML::Node& item : map.items("levels"))
        machine.levels.push_back(read_level(item, file));
    for (const YAML::Node& item : map.items("units"))
        machine.units.push_back(read_unit(item, file));
    for (const YAML::Node& item : map.items("links"))
        machine.links.push_back(read_link(item, file));
    machine.handoff = read_handoff(map.child("handoff"), file);
    map.finish();
    return machine;
}

}  // namespace

Machine parse_machine(const std::string& yaml, const std::string& file) {
    Machine machine;
    try {
        YAML::Node root = YAML::Load(yaml);
        machine = read_root(root, file);
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
    verify(machine, file);
    return machine;
}

std::string read_description(const std::string& path) {
    const bool is_file = std::filesystem::is_regular_file(path);
    if (const std::string_view shipped = shipped_text(path); !is_file && !shipped.empty())
        return std::string(shipped);
    if (!is_file)
        if (const std::string device = shipped_device(path); !device.empty())
            return std::string(shipped_device_text(device));
    std::ifstream in(path, std::ios::binary);
    if (!in)
        throw UserError(
            "{}: cannot be opened{}; expected the path of a machine description or the name of one "
            "that ships: {} (`smeaton probe --out FILE` writes this machine's, `smeaton devices` "
            "lists real devices, which stand here too)",
            path, nearest_hint(path, shipped_names()), join(shipped_names()));
    std::ostringstream text;
    text << in.rdbuf();
    if (!text) throw UserError("{}: cannot be read, or is empty (is it a folder?)", path);
    return text.str();
}

Machine read_machine_file(const std::string& path) {
    const std::string yaml = read_description(path);
    return is_device_text(yaml) ? to_machine(parse_device(yaml, path)) : parse_machine(yaml, path);
}

}  // namespace smeaton::machine
