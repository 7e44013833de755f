#include "compare/compression.h"

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
    for (auto [key, at] :
         {std::pair{"loss_percent", &r.loss_percent}, {"bits", &r.bits}, {"zeros", &r.zeros}})
        if (const auto n = map.optional_number(key)) *at = n->value;
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

std::vector<CompressionRow> rows_of_shape(const std::vector<CompressionRow>& all, const Workload& w,
                                          const std::string& format) {
    std::vector<CompressionRow> out;
    const Decoder& d = w.decoder;
    for (const CompressionRow& r : all)
        if (r.format == format && r.width == d.width && r.layers == d.layers &&
            r.heads == d.heads && r.feed_forward == d.feed_forward && r.vocabulary == d.vocabulary)
            out.push_back(r);
    return out;
}

void check_accuracy(const std::vector<CompressionRow>& all, const Workload& w,
                    const std::string& format, double weight_bits, double most_percent,
                    bool unknown) {
    if (weight_bits >= 16) return;
    const std::vector<CompressionRow> rows = rows_of_shape(all, w, format);
    std::optional<CompressionRow> worst;
    for (const CompressionRow& r : rows)
        if (r.loss_percent && (!worst || *r.loss_percent > *worst->loss_percent)) worst = r;
    if (!worst) {
        if (unknown) return;
        throw UserError(
            "--max-accuracy-loss {:g}: what {} loses on a model of this shape is "
            "unknown; --unknown-accuracy takes it all the same",
            most_percent, format);
    }
    if (*worst->loss_percent > most_percent)
        throw UserError("--max-accuracy-loss {:g}: {} loses {:g} % ({}; {})", most_percent, format,
                        *worst->loss_percent, worst->measure, worst->source);
}

}  // namespace smeaton::compare
