#include "report/devices.h"

#include <fmt/core.h>

#include "report/json_parts.h"

namespace smeaton::report {

namespace {

using machine::Device;
using machine::DeviceNumber;

std::string cell(const Device& device, const std::string& key) {
    const DeviceNumber* number = machine::find_number(device, key);
    if (!number) return "-";
    return number_text(number->number.value) + (number->sparse.empty() ? "" : "*");
}

/// What the number is a number of, and who says so.
std::string what(const DeviceNumber& n) {
    std::vector<std::string> words;
    if (n.number.ranged())
        words.push_back(number_text(n.number.low) + " to " + number_text(n.number.high));
    if (!n.sparse.empty()) words.push_back("sparse " + n.sparse);
    if (!n.accumulate.empty()) words.push_back("sums in " + n.accumulate);
    if (!n.per.empty()) words.push_back("per " + n.per);
    if (!n.ways.empty()) words.push_back(n.ways == "both" ? "both ways" : "one way");
    if (!n.date.empty()) words.push_back(n.date);
    if (n.confidence != machine::Confidence::Unstated)
        words.emplace_back(machine::text(n.confidence));
    return joined(words);
}

std::string full_source(const Device& device, const std::string& source) {
    for (const auto& [name, reference] : device.sources)
        if (source == name || source.starts_with(name + ":") || source.starts_with(name + ","))
            return source + " = " + reference;
    return source.empty() ? "none given" : source;
}

std::string sources_text(const Device& device) {
    std::string out = fmt::format("\n{}\n", device.name);
    auto row = [&](const std::string& key, const DeviceNumber& n) {
        const std::string of = what(n);
        out += fmt::format("  {:<18}{:>9}  {}{}{}\n{:31}{}\n", key, number_text(n.number.value), of,
                           of.empty() || n.note.empty() ? "" : "; ", n.note, "",
                           full_source(device, n.number.source));
    };
    for (const auto& [format, n] : device.peak) {
        row("peak." + format, n);
        for (const DeviceNumber& other : n.also) row("  also", other);
    }
    for (const auto& [key, n] : device.numbers) row(key, n);
    for (const auto& [key, why] : device.blank)
        out += fmt::format("  {:<18}{:>9}  {}\n", key, "-", why);
    for (const std::string& note : device.notes) out += fmt::format("  note: {}\n", note);
    return out;
}

Json json_of(const Device& device, const DeviceNumber& n) {
    Json out = {{"value", n.number.value}, {"low", n.number.low}, {"high", n.number.high}};
    out["source"] = n.number.source;
    for (const auto& [name, reference] : device.sources)
        if (n.number.source.starts_with(name)) out["reference"] = reference;
    auto word = [&](const char* key, const std::string& text) {
        if (!text.empty()) out[key] = text;
    };
    word("sparse", n.sparse);
    word("accumulate", n.accumulate);
    word("per", n.per);
    word("ways", n.ways);
    word("date", n.date);
    word("note", n.note);
    word("confidence", std::string(machine::text(n.confidence)));
    for (const DeviceNumber& other : n.also) out["also"].push_back(json_of(device, other));
    return out;
}

Json json_of(const Device& device) {
    Json out = {{"name", device.name},
                {"file", device.file},
                {"aliases", device.aliases},
                {"vendor", device.vendor},
                {"class", device.device_class},
                {"family", device.family},
                {"process", device.process},
                {"memory_type", device.memory_type},
                {"year", device.year ? Json(device.year) : Json(nullptr)},
                {"peak", Json::object()}};
    for (const auto& [format, n] : device.peak) out["peak"][format] = n.number.value;
#define X(key, unit, least, most) out[key] = nullptr;
    SMEATON_DEVICE_NUMBERS(X)
#undef X
    for (const auto& [key, n] : device.numbers) out[key] = n.number.value;
    out["sources"] = Json::object();
    for (const auto& [format, n] : device.peak)
        out["sources"]["peak." + format] = json_of(device, n);
    for (const auto& [key, n] : device.numbers) out["sources"][key] = json_of(device, n);
    out["blank"] = device.blank;
    out["engines"] = device.engines;
    out["notes"] = device.notes;
    return out;
}

}  // namespace

std::string text(const driver::DevicesResult& r, Width width) {
    Table table({"device", "class", ">year", ">fp16", ">fp8", ">int8", ">fp32", ">GB", ">GB/s",
                 ">W", ">link", ">fp4"});
    for (const Device& d : r.devices)
        table.row({d.name, d.device_class, d.year ? std::to_string(d.year) : "-",
                   cell(d, "peak.fp16"), cell(d, "peak.fp8"), cell(d, "peak.int8"),
                   cell(d, "peak.fp32"), cell(d, "memory_gb"), cell(d, "bandwidth_gb_s"),
                   cell(d, "power_w"), cell(d, "link_gb_s"), cell(d, "peak.fp4")});
    std::string out = table.str(width);
    out += fmt::format(
        "{} devices; peaks in tera-operations/s for dense work (* sparse), GB of 2^30 bytes, - not "
        "known\n",
        r.devices.size());
    if (r.sources)
        for (const Device& d : r.devices) out += sources_text(d);
    return out;
}

std::string json(const driver::DevicesResult& r) {
    Json out = {{"devices", Json::array()}};
    for (const Device& d : r.devices) out["devices"].push_back(json_of(d));
    return dump(out);
}

}  // namespace smeaton::report
