#include "compare/rates.h"

namespace smeaton::compare {

namespace {

constexpr double kTera = 1e12, kGiga = 1e9;

double at(const machine::Interval& v, NumberEnd end) {
    return end == NumberEnd::Low ? v.low : end == NumberEnd::High ? v.high : v.value;
}

/// Nothing where attention's own format has no peak: it computes in that of the products then.
std::optional<machine::FormatRate> attention_rate(const machine::Device& device,
                                                  const std::string& format,
                                                  const std::string& engine) {
    if (!machine::dense_peak(device, format, sums_of(engine))) return std::nullopt;
    return machine::dense_rate(device, format, sums_of(engine));
}

}  // namespace

std::string sums_of(const std::string& engine) {
    return engine == "llama.cpp" ? "fp16" : "fp32";
}

cost::DeviceRates rates_of(const machine::Device& device, const std::string& peak,
                           const std::string& attention_peak, bool needs_link,
                           const std::string& what, const std::string& engine, NumberEnd end) {
    cost::DeviceRates rates;
    machine::need_dense_peak(device, peak, what);
    rates.matrix_flops = at(machine::dense_rate(device, peak, sums_of(engine))->tera, end) * kTera;
    const auto attention = attention_rate(device, attention_peak, engine);
    rates.attention_flops = attention ? at(attention->tera, end) * kTera : rates.matrix_flops;
    if (const auto* vector = machine::find_number(device, "peak.fp32"))
        rates.vector_flops = at(vector->number.interval(), end) * kTera;
    rates.memory_bytes =
        at(machine::need(device, "bandwidth_gb_s", what).number.interval(), end) * kGiga;
    if (needs_link) {
        const machine::DeviceNumber& link = machine::need(device, "link_gb_s", what);
        rates.link_bytes = at(link.number.interval(), end) * kGiga / (link.ways == "one" ? 1 : 2);
    }
    return rates;
}

std::vector<UsedNumber> numbers_behind(const machine::Device& device, const std::string& peak,
                                       const std::string& attention_peak, bool needs_link,
                                       const std::string& engine) {
    std::vector<UsedNumber> all;
    if (const auto rate = machine::dense_rate(device, peak, sums_of(engine)))
        all.push_back({"peak." + rate->format, rate->number});
    if (const auto rate = attention_rate(device, attention_peak, engine))
        all.push_back({"peak." + rate->format, rate->number});
    std::vector<const char*> keys = {"peak.fp32", "bandwidth_gb_s"};
    if (needs_link) keys.push_back("link_gb_s");
    for (const char* key : keys)
        if (const auto* number = machine::find_number(device, key)) all.push_back({key, number});
    return all;
}

std::string faster_format(const machine::Device& device, const std::string& peak,
                          const std::string& engine) {
    const auto rate = machine::dense_rate(device, peak, sums_of(engine));
    return rate && rate->format != peak ? rate->format : "";
}

}  // namespace smeaton::compare
