#include "compare/compression.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/error.h"
#include "machine/shipped.h"
#include "machine/yaml_map.h"

namespace smeaton::compare {

namespace {

using machine::YamlMap;

CompressionRow read_one(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "row");
    CompressionRow r;
    r.model = map.text("model");
    map.rename("row of " + r.model);
    for (auto [key, at] : {std::pair{"width", &r.width},
                           {"layers", &r.layers},
                           {"heads", &r.heads},
                           {"feed_forward", &r.feed_forward},
                           {"vocabulary", &r.vocabulary}})
        *at = static_cast<double>(map.whole(key, 1e9));
    r.method = map.text("method");
    r.format = map.text("format");
    for (auto [key, at] : {std::pair{"loss_percent", &r.loss_percent},
                           {"bits", &r.bits},
                           {"cache_bits", &r.cache_bits}})
        if (const auto n = map.optional_number(key)) *at = n->value;
    if (const auto zeros = map.optional_text("sparsity")) r.sparsity = parse_sparsity(*zeros);
    format_named(r.format);  // refuses what is no format
    r.measure = map.text("measure");
    r.source = map.text("source");
    map.finish();
    return r;
}

}  // namespace

std::vector<CompressionRow> parse_compression(const std::string& yaml, const std::string& file) {
    try {
        const YAML::Node root = YAML::Load(yaml);
        YamlMap map(root, file, "compression");
        std::vector<CompressionRow> all;
        for (const YAML::Node& item : map.items("rows")) all.push_back(read_one(item, file));
        map.finish();
        return all;
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
}

const std::vector<CompressionRow>& shipped_compression_rows() {
    static const std::vector<CompressionRow> rows = parse_compression(
        std::string(machine::shipped_compression()), "machines/compare/compression.yaml");
    return rows;
}

std::vector<CompressionRow> rows_of_shape(const std::vector<CompressionRow>& all,
                                          const Workload& w) {
    std::vector<CompressionRow> out;
    const Decoder& d = w.decoder;
    for (const CompressionRow& r : all)
        if (w.is_decoder && r.width == d.width && r.layers == d.layers && r.heads == d.heads &&
            r.feed_forward == d.feed_forward && r.vocabulary == d.vocabulary)
            out.push_back(r);
    return out;
}

Format format_of(const CompressionRow& row) {
    Format f = format_named(row.format);
    if (row.bits) f.bits.weights = *row.bits;
    if (row.cache_bits) f.bits.cache = *row.cache_bits;
    f.sparsity = row.sparsity;
    return f;
}

std::vector<CompressionRow> rows_of_format(const std::vector<CompressionRow>& all,
                                           const Workload& w, const Format& format) {
    std::vector<CompressionRow> out;
    // A row about the cache answers to its bits; others to the cache as their format has it.
    for (const CompressionRow& r : rows_of_shape(all, w)) {
        const double cache = format_of(r).bits.cache;
        if (r.format == format.base && r.sparsity == format.sparsity && cache == format.bits.cache)
            out.push_back(r);
    }
    return out;
}

bool lossless(const Format& f) {
    return std::min({f.bits.weights, f.bits.activations, f.bits.cache}) >= 16 && !f.sparsity.any();
}

std::string accuracy_refused(const std::vector<CompressionRow>& all, const Workload& w,
                             const Format& format, double most_percent, bool unknown) {
    const std::vector<CompressionRow> rows = rows_of_format(all, w, format);
    const std::string zeros = format.sparsity.text();
    const std::string name = format.name + (zeros.empty() ? "" : " with " + zeros + " zeros");
    // Of several methods the worst counts: a format does not say by which it was made.
    const CompressionRow *worst = nullptr, *least = nullptr;
    for (const CompressionRow& r : rows) {
        if (!r.loss_percent) continue;
        if (!worst || *r.loss_percent > *worst->loss_percent) worst = &r;
        if (!least || *r.loss_percent < *least->loss_percent) least = &r;
    }
    if (!worst) {
        if (unknown || (rows.empty() && lossless(format))) return "";
        return fmt::format(
            "--max-accuracy-loss {:g}: what {} loses on a model of this shape is unknown; "
            "--unknown-accuracy takes it all the same",
            most_percent, name);
    }
    if (*worst->loss_percent <= most_percent) return "";
    std::string why =
        fmt::format("--max-accuracy-loss {:g}: {} loses {:g} % ({}: {}; {})", most_percent, name,
                    *worst->loss_percent, worst->method, worst->measure, worst->source);
    if (*least->loss_percent <= most_percent)
        why += fmt::format("; by {} {:g} %, which --compressions lists", least->method,
                           *least->loss_percent);
    return why;
}

}  // namespace smeaton::compare
