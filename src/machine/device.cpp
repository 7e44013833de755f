#include "machine/device.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/nearest.h"
#include "machine/read.h"
#include "machine/shipped.h"
#include "machine/verify.h"

namespace smeaton::machine {
namespace {

/// What names are compared by.
std::string plain(std::string_view name) {
    std::string out;
    for (char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '+')
            out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::vector<std::string> names_of(const Device& device) {
    std::vector<std::string> names = device.aliases;
    names.push_back(device.name);
    names.push_back(device.file);
    // "GB200 (per GPU)" answers to "GB200" too.
    names.push_back(device.name.substr(0, device.name.find(" (")));
    return names;
}

const std::vector<Device>& all_shipped() {
    static const std::vector<Device> devices = [] {
        std::vector<Device> all;
        for (const std::string& name : shipped_device_names())
            all.push_back(parse_device(std::string(shipped_device_text(name)), name));
        std::stable_sort(all.begin(), all.end(), [](const Device& a, const Device& b) {
            const auto& classes = device_classes();
            auto rank = [&](const Device& d) {
                return std::find(classes.begin(), classes.end(), d.device_class);
            };
            return std::pair(rank(a), a.name) < std::pair(rank(b), b.name);
        });
        return all;
    }();
    return devices;
}

const Device* shipped_of(std::string_view name) {
    const std::string wanted = plain(name);
    const Device* by_short_name = nullptr;
    for (const Device& device : all_shipped()) {
        if (plain(device.name) == wanted || plain(device.file) == wanted) return &device;
        for (const std::string& other : names_of(device))
            if (plain(other) == wanted) by_short_name = &device;
    }
    return by_short_name;
}

Rate rate_of(OpClass op, tensor::DType dtype, const Number& gops) {
    Rate rate;
    rate.op = op;
    rate.dtype = dtype;
    rate.gops_per_s = gops;
    return rate;
}

/// Multiply-adds: half of the stated operations.
Number fma_gops(const DeviceNumber& peak) {
    return {peak.number.interval() * 500, "derived: half of the stated peak of the data sheet"};
}

Unit unit_of(const Device& device) {
    using tensor::DType;
    Unit unit;
    unit.name = "all";
    unit.kind = UnitKind::Vector;
    unit.vector_bits = Number(1024, "assumed: no data sheet says it in one number");
    unit.registers = Number(32, "assumed: no data sheet says it in one number");
    const Number vector = fma_gops(need(device, "peak.fp32", "a machine of one unit"));
    const std::pair<const char*, DType> formats[] = {{"fp32", DType::kF32},
                                                     {"fp16", DType::kF16},
                                                     {"bf16", DType::kBF16},
                                                     {"fp8", DType::kF8E4M3FN},
                                                     {"int8", DType::kI8}};
    for (const auto& [format, dtype] : formats)
        if (const DeviceNumber* peak = find_number(device, std::string("peak.") + format);
            peak && peak->sparse.empty())
            unit.rates.push_back(rate_of(OpClass::Fma, dtype, fma_gops(*peak)));
    const Number simple(vector.interval(), "assumed: as fast as multiply-adds of fp32");
    for (OpClass op : {OpClass::Add, OpClass::Mul, OpClass::MinMax, OpClass::Compare,
                       OpClass::Select, OpClass::Logic, OpClass::Convert, OpClass::Shuffle})
        for (DType dtype : {DType::kF32, DType::kI32})
            unit.rates.push_back(rate_of(op, dtype, simple));
    // Special function units: an eighth to all of the lanes.
    const Interval v = vector.interval();
    const Number special({v.low / 8, v.value / 4, v.high},
                         "assumed: an eighth of the lanes to all");
    for (OpClass op : {OpClass::Scale, OpClass::Div, OpClass::Sqrt, OpClass::Gather, OpClass::Exp,
                       OpClass::Log, OpClass::Erf, OpClass::Tanh, OpClass::Sin, OpClass::Pow})
        unit.rates.push_back(rate_of(op, DType::kF32, special));
    return unit;
}

}  // namespace

const std::vector<std::string>& device_formats() {
    static const std::vector<std::string> formats = {"fp64", "fp32", "tf32", "fp16", "bf16",
                                                     "fp8",  "int8", "fp6",  "int4", "fp4"};
    return formats;
}

const std::vector<std::string>& device_classes() {
    static const std::vector<std::string> classes = {"GPU", "TPU", "ASIC",     "FPGA",
                                                     "CPU", "SoC", "in-memory"};
    return classes;
}

std::string_view text(Confidence confidence) {
    switch (confidence) {
        case Confidence::Vendor:
            return "vendor";
        case Confidence::Secondary:
            return "secondary";
        case Confidence::Inferred:
            return "inferred";
        case Confidence::Recalled:
            return "recalled";
        case Confidence::Unstated:
            return "";
    }
    return "";
}

std::string shipped_device(std::string_view name) {
    const Device* found = shipped_of(name);
    return found ? found->file : std::string();
}

std::vector<Device> shipped_devices() {
    return all_shipped();
}

Device read_device(const std::string& path_or_name) {
    if (!std::filesystem::is_regular_file(path_or_name))
        if (const Device* found = shipped_of(path_or_name)) return *found;
    if (std::filesystem::is_regular_file(path_or_name)) {
        const std::string text = read_description(path_or_name);
        if (!is_device_text(text))
            throw UserError(
                "{}: no description of a device: expected the short form with 'class', 'peak', "
                "'memory_gb', 'bandwidth_gb_s' (docs/devices.md)",
                path_or_name);
        return parse_device(text, path_or_name);
    }
    std::vector<std::string> names;
    for (const Device& device : all_shipped())
        for (const std::string& name : names_of(device)) names.push_back(name);
    throw UserError(
        "device '{}' is unknown{}; `smeaton devices` lists those that ship, a file in the short "
        "form (docs/devices.md) describes another",
        path_or_name, nearest_hint(path_or_name, names));
}

const DeviceNumber* find_number(const Device& device, std::string_view key) {
    const std::string_view kPeak = "peak.";
    const bool peak = key.starts_with(kPeak);
    const auto& table = peak ? device.peak : device.numbers;
    const auto found = table.find(std::string(peak ? key.substr(kPeak.size()) : key));
    return found == table.end() ? nullptr : &found->second;
}

namespace {

/// How a file says it.
std::string line_of(std::string_view key) {
    if (!key.starts_with("peak.")) return std::string(key) + ": NUMBER";
    return "peak: {" + std::string(key.substr(5)) + ": NUMBER}";
}

}  // namespace

const DeviceNumber& need(const Device& device, std::string_view key, std::string_view what) {
    if (const DeviceNumber* number = find_number(device, key)) return *number;
    const auto why = device.blank.find(std::string(key));
    throw UserError(
        "device {}: no {}, which {} needs ({}); state it: a file with `base: \"{}\"` and `{}` "
        "stands where the name does, and compare takes --set {}=NUMBER (docs/devices.md)",
        device.name, key, what,
        why == device.blank.end() ? "its description does not state it" : why->second, device.name,
        line_of(key), key);
}

const DeviceNumber& need_dense_peak(const Device& device, const std::string& format,
                                    std::string_view what) {
    const DeviceNumber& peak = need(device, "peak." + format, what);
    if (const DeviceNumber* dense = dense_peak(device, format, peak.accumulate)) return *dense;
    if (!peak.sparse.empty())
        throw UserError(
            "device {}: its peak.{} is stated for {} sparse work, and {} is dense; state the dense "
            "peak in a file of your own",
            device.name, format, peak.sparse, what);
    return peak;
}

namespace {

/// The rate stated for a format, or one of those stated beside it, that answers.
template <class Answers>
const DeviceNumber* rate_that(const Device& device, const std::string& format, Answers answers) {
    const DeviceNumber* own = find_number(device, "peak." + format);
    if (!own || answers(*own)) return own;
    for (const DeviceNumber& other : own->also)
        if (answers(other)) return &other;
    return nullptr;
}

}  // namespace

const DeviceNumber* dense_peak(const Device& device, const std::string& format,
                               const std::string& accumulate) {
    const DeviceNumber* found = rate_that(device, format, [&](const DeviceNumber& n) {
        return n.sparse.empty() && n.accumulate == accumulate;
    });
    if (found) return found;
    return rate_that(device, format, [](const DeviceNumber& n) { return n.sparse.empty(); });
}

const DeviceNumber* sparse_peak(const Device& device, const std::string& format,
                                const std::string& sparse) {
    return rate_that(device, format, [&](const DeviceNumber& n) { return n.sparse == sparse; });
}

int format_bits(const std::string& format) {
    static const std::map<std::string, int> bits = {
        {"fp64", 64}, {"fp32", 32}, {"tf32", 32}, {"fp16", 16}, {"bf16", 16},
        {"fp8", 8},   {"int8", 8},  {"fp6", 6},   {"int4", 4},  {"fp4", 4}};
    return bits.at(format);
}

// fp8 and fp6 with either split of their bits; a bf16 has 8 bits of exponent, which fp16 has not.
const std::vector<std::string>& formats_that_hold(const std::string& format) {
    using Names = std::vector<std::string>;
    static const std::map<std::string, Names> holders = {
        {"fp64", {"fp64"}},
        {"fp32", {"fp32"}},
        {"tf32", {"tf32", "fp32"}},
        {"fp16", {"fp16", "tf32", "fp32"}},
        {"bf16", {"bf16", "tf32", "fp32"}},
        {"fp8", {"fp8", "fp16", "bf16", "tf32", "fp32"}},
        {"int8", {"int8", "fp16", "bf16", "tf32", "fp32"}},
        {"fp6", {"fp6", "fp8", "fp16", "bf16", "tf32", "fp32"}},
        {"int4", {"int4", "int8", "fp8", "fp16", "bf16", "tf32", "fp32"}},
        {"fp4", {"fp4", "fp6", "fp8", "fp16", "bf16", "tf32", "fp32"}}};
    return holders.at(format);
}

namespace {

/// The best of what `rate` finds for the formats that hold this one.
template <class Rate>
std::optional<FormatRate> best_rate(const std::string& format, Rate rate) {
    std::optional<FormatRate> best;
    for (const std::string& holder : formats_that_hold(format)) {
        const DeviceNumber* found = rate(holder);
        if (!found) continue;
        const Interval v = found->number.interval();
        if (!best) {
            best = FormatRate{v, holder, found};
            continue;
        }
        if (v.value > best->tera.value) best->format = holder, best->number = found;
        best->tera = max(best->tera, v);
    }
    return best;
}

}  // namespace

std::optional<FormatRate> dense_rate(const Device& device, const std::string& format,
                                     const std::string& accumulate) {
    return best_rate(
        format, [&](const std::string& holder) { return dense_peak(device, holder, accumulate); });
}

std::optional<FormatRate> sparse_rate(const Device& device, const std::string& format,
                                      const std::string& sparse) {
    return best_rate(
        format, [&](const std::string& holder) { return sparse_peak(device, holder, sparse); });
}

Machine to_machine(const Device& device) {
    Machine machine;
    for (char c : device.name)
        machine.name += std::isalnum(static_cast<unsigned char>(c)) || c == '.' ? c : '-';
    machine.about = {device.name + ", from its data sheet: one unit and one level of memory"};
    machine.sources = device.sources;
    machine.sources.emplace_back("derived", "from the data sheet's figure");
    machine.sources.emplace_back("assumed", "stands for what data sheets do not say");
    const DeviceNumber* clock = find_number(device, "clock_ghz");
    machine.clock_ghz = clock ? clock->number : Number(1, "assumed: the data sheet states rates");
    if (const DeviceNumber* power = find_number(device, "power_w")) machine.power_w = power->number;
    if (const DeviceNumber* price = find_number(device, "price_usd"))
        machine.price_usd = price->number;
    Level memory;
    memory.name = "memory";
    memory.managed = Managed::Software;
    const Number& gib = need(device, "memory_gb", "a machine of one level").number;
    memory.capacity_bytes = Number(gib.interval() * (1024.0 * 1024 * 1024), gib.source);
    const Number& rate = need(device, "bandwidth_gb_s", "a machine of one level").number;
    memory.read = Bandwidth{rate, std::nullopt};
    memory.write = memory.read;
    machine.levels = {memory};
    machine.units = {unit_of(device)};
    verify(machine, device.file);
    return machine;
}

}  // namespace smeaton::machine
