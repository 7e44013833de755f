#include "machine/print.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "machine/words.h"

namespace smeaton::machine {
namespace {

bool needs_quotes(const std::string& text) {
    static const char* const kTaken[] = {"true", "false", "yes", "no", "on", "off", "null"};
    if (text.empty() || !(std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '_'))
        return true;
    for (const char* word : kTaken)
        if (text == word) return true;
    return !std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/';
    });
}

std::string quoted(const std::string& text) {
    if (!needs_quotes(text)) return text;
    std::string result = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n')
            result += "\\n";
        else if (static_cast<unsigned char>(c) < 0x20)
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            result += c;
    }
    return result + "\"";
}

std::string bytes(double value) {
    static const char* const kSuffixes[] = {"TiB", "GiB", "MiB", "KiB"};
    for (int i = 0; i < 4; ++i) {
        double unit = std::ldexp(1.0, 40 - 10 * i);
        double count = value / unit;
        if (count >= 1 && count == std::floor(count))
            return fmt::format("{}{}", count, kSuffixes[i]);
    }
    return fmt::format("{}", value);
}

std::string plain(double value) {
    return fmt::format("{}", value);
}

using Figure = std::string (*)(double);

std::string number(const Number& n, Figure figure = plain) {
    if (!n.ranged() && n.source.empty()) return figure(n.value);
    std::string result = "{value: " + figure(n.value);
    if (n.ranged()) result += ", low: " + figure(n.low) + ", high: " + figure(n.high);
    if (!n.source.empty()) result += ", source: " + quoted(n.source);
    return result + "}";
}

/// Lines "key: value" of one mapping; optional parts that are absent leave no line.
class Lines {
public:
    Lines(std::string& out, std::string first, std::string rest)
        : out_(out), prefix_(std::move(first)), rest_(std::move(rest)) {}

    void raw(const char* key, const std::string& value) {
        out_ += prefix_ + key + ": " + value + "\n";
        prefix_ = rest_;
    }
    void text(const char* key, const std::string& value) {
        if (!value.empty()) raw(key, quoted(value));
    }
    void figure(const char* key, const Number& n, Figure f = plain) { raw(key, number(n, f)); }
    void figure(const char* key, const std::optional<Number>& n, Figure f = plain) {
        if (n) raw(key, number(*n, f));
    }
    void bandwidth(const char* key, const std::optional<Bandwidth>& b) {
        if (!b) return;
        std::string value = "{one: " + number(b->one_gb_s);
        if (b->all_gb_s) value += ", all: " + number(*b->all_gb_s);
        raw(key, value + "}");
    }
    void words(const char* key, const std::vector<std::string>& list) {
        if (list.empty()) return;
        std::string value;
        for (const std::string& w : list) value += (value.empty() ? "[" : ", ") + quoted(w);
        raw(key, value + "]");
    }

private:
    std::string& out_;
    std::string prefix_, rest_;
};

void print_level(std::string& out, const Level& level) {
    Lines lines(out, "  - ", "    ");
    lines.raw("name", quoted(level.name));
    lines.text("next", level.next);
    lines.text("private_to", level.private_to);
    lines.raw("managed", std::string(text(level.managed)));
    std::vector<std::string> roles;
    for (OperandRole role : level.roles) roles.emplace_back(text(role));
    lines.words("roles", roles);
    lines.figure("capacity", level.capacity_bytes, bytes);
    lines.figure("line", level.line_bytes, plain);
    lines.figure("ways", level.ways, plain);
    lines.bandwidth("read_gb_s", level.read);
    lines.bandwidth("write_gb_s", level.write);
    lines.bandwidth("copy_gb_s", level.copy);
    lines.figure("split", level.split);
    lines.figure("latency_ns", level.latency_ns);
    lines.figure("stall_ns", level.stall_ns);
    lines.figure("kept_ms", level.kept_ms);
    lines.figure("depth", level.depth);
    lines.figure("port_gb_s", level.port_gb_s);
    lines.figure("read_energy_pj_per_byte", level.read_energy_pj_per_byte);
    lines.figure("write_energy_pj_per_byte", level.write_energy_pj_per_byte);
    lines.figure("area_mm2", level.area_mm2);
    lines.figure("leakage_w", level.leakage_w);
}

std::string rate_row(const Rate& rate) {
    std::string row = fmt::format("{{op: {}, dtype: {}", text(rate.op), name(rate.dtype));
    auto add = [&](const char* key, const std::optional<Number>& n) {
        if (n) row += fmt::format(", {}: {}", key, number(*n));
    };
    add("per_cycle", rate.per_cycle);
    add("gops_per_s", rate.gops_per_s);
    add("all_gops_per_s", rate.all_gops_per_s);
    add("latency_cycles", rate.latency_cycles);
    add("energy_pj", rate.energy_pj);
    return row + "}";
}

std::string shape_row(const ContractionShape& s) {
    std::string row = fmt::format("{{a: {}, b: {}, acc: {}, rows: {}, columns: {}, group: {}",
                                  name(s.a), name(s.b), name(s.acc), s.rows, s.columns, s.group);
    auto add = [&](const char* key, const std::optional<Number>& n) {
        if (n) row += fmt::format(", {}: {}", key, number(*n));
    };
    add("per_cycle", s.per_cycle);
    add("gops_per_s", s.gops_per_s);
    add("latency_cycles", s.latency_cycles);
    add("energy_pj", s.energy_pj);
    auto level = [&](const char* key, const std::string& at) {
        if (!at.empty()) row += fmt::format(", {}: {}", key, quoted(at));
    };
    level("a_from", s.a_from);
    level("b_from", s.b_from);
    level("acc_in", s.acc_in);
    return row + "}";
}

void print_unit(std::string& out, const Unit& unit) {
    Lines lines(out, "  - ", "    ");
    lines.raw("name", quoted(unit.name));
    lines.raw("kind", std::string(text(unit.kind)));
    lines.text("private_to", unit.private_to);
    lines.figure("clock_ghz", unit.clock_ghz);
    lines.figure("vector_bits", unit.vector_bits);
    lines.figure("registers", unit.registers);
    lines.figure("in_flight", unit.in_flight, plain);
    lines.figure("rows", unit.rows);
    lines.figure("columns", unit.columns);
    if (unit.dataflow) lines.raw("dataflow", std::string(text(*unit.dataflow)));
    lines.figure("sparse_n", unit.sparse_n);
    lines.figure("sparse_m", unit.sparse_m);
    lines.figure("nonzero_share", unit.nonzero_share);
    lines.figure("area_mm2", unit.area_mm2);
    lines.figure("leakage_w", unit.leakage_w);
    lines.words("isa", unit.isa);
    if (!unit.lanes.empty()) out += "    lanes:\n";
    for (const Lanes& lanes : unit.lanes)
        out += fmt::format("      - {{dtype: {}, count: {}}}\n", name(lanes.dtype), lanes.count);
    if (!unit.rates.empty()) out += "    rates:\n";
    for (const Rate& rate : unit.rates) out += "      - " + rate_row(rate) + "\n";
    if (!unit.shapes.empty()) out += "    shapes:\n";
    for (const ContractionShape& shape : unit.shapes) out += "      - " + shape_row(shape) + "\n";
}

void print_link(std::string& out, const Link& link) {
    Lines lines(out, "  - ", "    ");
    lines.raw("name", quoted(link.name));
    lines.text("between", link.between);
    lines.raw("topology", std::string(text(link.topology)));
    lines.figure("count", link.count);
    lines.figure("bandwidth_gb_s", link.bandwidth_gb_s);
    lines.figure("latency_ns", link.latency_ns);
    lines.figure("energy_pj_per_byte", link.energy_pj_per_byte);
}

void print_head(std::string& out, const Machine& machine) {
    Lines lines(out, "", "");
    lines.raw("name", quoted(machine.name));
    if (!machine.about.empty()) out += "about:\n";
    for (const std::string& line : machine.about) out += "  - " + quoted(line) + "\n";
    if (!machine.sources.empty()) out += "sources:\n";
    for (const auto& [key, reference] : machine.sources)
        out += "  " + quoted(key) + ": " + quoted(reference) + "\n";
    lines.figure("clock_ghz", machine.clock_ghz);
    if (machine.technology) lines.raw("technology", quoted(std::string(text(*machine.technology))));
    lines.figure("area_mm2", machine.area_mm2);
    lines.figure("power_w", machine.power_w);
    lines.figure("price_usd", machine.price_usd);
    lines.figure("leakage_w", machine.leakage_w);
}

}  // namespace

std::string print(const Machine& machine) {
    std::string out;
    print_head(out, machine);
    if (!machine.scopes.empty()) out += "scopes:\n";
    for (const Scope& scope : machine.scopes)
        out += fmt::format("  - {{name: {}, count: {}}}\n", quoted(scope.name), scope.count);
    out += "levels:\n";
    for (const Level& level : machine.levels) print_level(out, level);
    out += "units:\n";
    for (const Unit& unit : machine.units) print_unit(out, unit);
    if (!machine.links.empty()) out += "links:\n";
    for (const Link& link : machine.links) print_link(out, link);
    if (machine.handoff) {
        out += "handoff:\n";
        Lines lines(out, "  ", "  ");
        lines.figure("spin_ns", machine.handoff->spin_ns);
        lines.figure("wake_ns", machine.handoff->wake_ns);
    }
    return out;
}

}  // namespace smeaton::machine
