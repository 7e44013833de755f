#include "driver/compare/compare.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/nearest.h"
#include "driver/compare/here.h"

namespace smeaton::driver {

namespace {

std::string read_text(const std::string& path, const char* what) {
    std::ifstream in(path, std::ios::binary);
    if (!in || std::filesystem::is_directory(path))
        throw UserError("{}: cannot be opened; expected {}", path, what);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::vector<std::string> parts_of(const std::string& text, char between) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, between);)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

int whole(const std::string& text, const std::string& where) {
    int value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end || value < 1 || value > 1000000)
        throw UserError("{}: expected a whole number from 1 on, got '{}'", where, text);
    return value;
}

/// "NAME*8" or "NAME", a file too.
compare::DeviceCount device_count(const std::string& text) {
    compare::DeviceCount out;
    out.text = text;
    std::string name = text;
    const size_t star = text.rfind('*');
    if (star != std::string::npos && !std::filesystem::exists(text)) {
        name = text.substr(0, star);
        out.count = whole(text.substr(star + 1), "--devices " + text);
    }
    out.device = machine::read_device(name);
    return out;
}

compare::Split split_of(const std::string& text) {
    compare::Split split;
    for (const std::string& part : parts_of(text, ',')) {
        const size_t is = part.find('=');
        const std::string key = part.substr(0, is);
        if (is == std::string::npos || (key != "t" && key != "p" && key != "d" && key != "e"))
            throw UserError("--parallel {}: expected t=, p=, d=, e=, got '{}'", text, part);
        const int value = whole(part.substr(is + 1), "--parallel " + text);
        (key == "t"   ? split.tensor
         : key == "p" ? split.stages
         : key == "d" ? split.replicas
                      : split.experts) = value;
    }
    return split;
}

const std::vector<std::string>& engine_names() {
    static const std::vector<std::string> names = {"llama.cpp",   "vllm",    "trtllm", "sglang",
                                                   "onnxruntime", "smeaton", "pytorch"};
    return names;
}

void check_engine(const std::string& engine) {
    if (engine.empty()) return;
    const auto& names = engine_names();
    if (std::find(names.begin(), names.end(), engine) != names.end()) return;
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    throw UserError("--engine '{}' is unknown{}; there are {}", engine, nearest_hint(engine, names),
                    all);
}

void check_positive(const char* option, const std::optional<double>& value) {
    if (value && !(*value > 0 && *value < 1e15))
        throw UserError("{} {:g}: expected a positive number", option, *value);
}

/// A number of devices that --set gives: "memory_gb=768", "peak.fp16.Alveo U280=5".
struct DeviceSetting {
    std::string key, device;  ///< device: empty for all
    machine::Interval value;
};
/// Nothing where its key is none of a device's: then it is one of cost. Money stays there too,
/// since it needs a date.
std::optional<DeviceSetting> device_setting(const std::string& text) {
    const size_t is = text.find('=');
    if (is == std::string::npos) return std::nullopt;
    const std::string left = text.substr(0, is);
    const size_t from = left.starts_with("peak.") ? 5 : 0;
    const size_t dot = left.find('.', from);
    const std::string key = left.substr(0, dot);
    if (!machine::is_device_key(key) || key.find("usd") != std::string::npos) return std::nullopt;
    return DeviceSetting{key, dot == std::string::npos ? "" : left.substr(dot + 1),
                         compare::interval_set(text.substr(is + 1), text)};
}

compare::CostInputs costs_of(const CompareRequest& request) {
    compare::CostInputs costs = compare::shipped_cost_inputs();
    if (!request.cost.empty())
        costs =
            compare::parse_costs(read_text(request.cost, "a file of costs"), request.cost, costs);
    for (const std::string& set : request.sets)
        if (!device_setting(set)) compare::set_cost(costs, set);
    return costs;
}

/// Puts numbers given by --set into the devices that they are for. UserError for a device that is
/// not compared.
void set_numbers(const CompareRequest& request, std::vector<compare::DeviceCount>& devices) {
    for (const std::string& text : request.sets) {
        const auto setting = device_setting(text);
        if (!setting) continue;
        const std::string name =
            setting->device.empty() ? "" : machine::read_device(setting->device).name;
        bool found = false;
        for (compare::DeviceCount& d : devices) {
            if (!name.empty() && d.device.name != name) continue;
            machine::set_number(d.device, setting->key, setting->value, "--set " + text);
            found = true;
        }
        if (!found) throw UserError("--set {}: {} is not among the devices", text, name);
    }
}

std::vector<cost::Calibration> calibrations_of(const CompareRequest& request) {
    std::vector<cost::Calibration> all = cost::shipped_calibrations();
    if (!request.efficiency.empty() && request.efficiency != "1")
        all = cost::parse_calibrations(read_text(request.efficiency, "1 or a file of calibrations"),
                                       request.efficiency);
    if (!request.calibrate.empty())
        for (cost::Calibration& own :
             calibrate_rows({request.calibrate, request.models, request.terms}).calibrations) {
            std::erase_if(all, [&](const cost::Calibration& c) {
                return c.engine == own.engine && c.width == own.width;
            });
            all.push_back(std::move(own));
        }
    return all;
}

std::string default_format(const compare::Workload& w) {
    return w.is_decoder ? "fp16" : w.format;
}

/// Every compression of a model of this shape on every device.
std::vector<Compressed> compressed_on(const CompareRequest& request, const CompareResult& r,
                                      const std::vector<compare::DeviceCount>& devices,
                                      compare::Options options) {
    std::vector<Compressed> all;
    for (const compare::CompressionRow& row :
         compare::rows_of_shape(compare::shipped_compression_rows(), r.workload)) {
        Compressed one{row, compare::format_of(row), "", {}};
        if (request.max_accuracy_loss)
            one.not_taken =
                compare::accuracy_refused({row}, r.workload, one.format, *request.max_accuracy_loss,
                                          request.unknown_accuracy);
        options.format = one.format;
        for (const compare::DeviceCount& device : devices) {
            CompressedOn on;
            try {
                on.row = compare::row_of(r.workload, r.asked, device, options);
            } catch (const UserError& error) {
                on.row.text = device.text;
                on.refused = error.what();
            }
            one.devices.push_back(std::move(on));
        }
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace

CompareResult compare_devices(const CompareRequest& request) {
    auto progress = [&](const char* stage, double fraction) {
        if (request.progress) request.progress(stage, fraction);
    };
    CompareResult r;
    check_engine(request.engine);
    check_positive("--power-cap-w", request.power_cap_w);
    check_positive("--throughput-tokens-s", request.throughput_tokens_s);
    if (request.max_accuracy_loss && *request.max_accuracy_loss < 0)
        throw UserError("--max-accuracy-loss {:g}: expected per cent, from 0 on",
                        *request.max_accuracy_loss);
    compare::Options options;
    options.engine = request.engine;
    options.costs = r.costs = costs_of(request);
    if (request.devices.empty())
        throw UserError("--devices: which? names of `smeaton devices`, NAME*8, or files");
    progress("model", 0.1);
    std::optional<compare::Traffic> asked;
    if (!request.traffic.empty())
        asked = compare::parse_traffic(read_text(request.traffic, "a file of traffic"),
                                       request.traffic);
    WorkloadRequest counted = request.model;
    if (request.efficiency == "1" && asked) counted.prompt = static_cast<int>(asked->prompt.mean);
    r.workload = workload_of(counted);
    r.model = request.model.model;
    r.traffic = request.traffic;
    r.engine = request.engine;
    if (r.workload.is_decoder) {
        if (!asked)
            throw UserError(
                "--traffic: {} gives tokens; a file with concurrency, prompt and "
                "output says how many",
                r.model);
        r.asked = *asked;
    } else if (!request.traffic.empty()) {
        r.warnings.push_back(
            "the traffic's lengths are of tokens, which this model does not give; "
            "one run of its batch is compared");
    }
    options.format =
        compare::format_named(request.format.empty() ? default_format(r.workload) : request.format);
    if (!request.bits.empty()) compare::override_bits(request.bits, options.format);
    if (!request.sparsity.empty())
        options.format.sparsity = compare::parse_sparsity(request.sparsity);
    r.sparsity = options.format.sparsity.text();
    const auto& known = compare::shipped_compression_rows();
    r.accuracy = compare::rows_of_format(known, r.workload, options.format);
    r.lossless = compare::lossless(options.format) && r.accuracy.empty();
    if (request.max_accuracy_loss) {
        const std::string why =
            compare::accuracy_refused(known, r.workload, options.format, *request.max_accuracy_loss,
                                      request.unknown_accuracy);
        if (!why.empty() && !request.compressions) throw UserError("{}", why);
        if (!why.empty()) r.warnings.push_back(why);
    }
    if (request.expert_imbalance) {
        if (*request.expert_imbalance < 1)
            throw UserError(
                "--expert-imbalance {:g}: expected the tokens of the busiest device over the mean, "
                "from 1 on",
                *request.expert_imbalance);
        options.expert_imbalance = *request.expert_imbalance;
    }
    r.format = options.format.name;
    r.bits = options.format.bits;
    if (!request.parallel.empty()) options.split = split_of(request.parallel);
    options.roofline = request.efficiency == "1";
    options.power_cap_w = request.power_cap_w;
    options.throughput_tokens_s = request.throughput_tokens_s;
    progress("calibration", 0.4);
    options.calibrations = r.calibrations = calibrations_of(request);
    std::vector<compare::DeviceCount> devices;
    std::vector<compare::Refused> unknown;
    std::vector<compare::DeviceRow> measured;
    bool here = false;
    for (const std::string& list : request.devices)
        for (const std::string& text : parts_of(list, ',')) {
            if (text == "here") {
                here = true;
                continue;
            }
            try {
                devices.push_back(device_count(text));
            } catch (const UserError& error) {
                unknown.push_back({text, error.what()});
            }
        }
    set_numbers(request, devices);
    if (here) {
        progress("here", 0.5);
        try {
            measured.push_back(measured_here(request.model, r.workload));
        } catch (const UserError& error) {
            unknown.push_back({"here", error.what()});
        }
    }
    if (devices.empty() && measured.empty())
        throw UserError("{}", unknown.empty() ? "--devices: none" : unknown[0].reason);
    progress("devices", 0.6);
    r.comparison = compare::compare(r.workload, r.asked, devices, options, std::move(measured));
    r.comparison.refused.insert(r.comparison.refused.end(), unknown.begin(), unknown.end());
    if (request.compressions) r.compressed = compressed_on(request, r, devices, options);
    return r;
}

}  // namespace smeaton::driver
