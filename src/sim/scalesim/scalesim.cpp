#include "sim/scalesim/scalesim.h"

#include <charconv>
#include <set>

#include "base/error.h"

namespace smeaton::sim::scalesim {

namespace {

int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

Product product_of(const Layer& layer, const Convolution& c) {
    return {layer.name,
            layer.op,
            c.batch * c.out_height * c.out_width,
            c.out_channels / c.groups,
            c.kernel_height * c.kernel_width * (c.in_channels / c.groups),
            c.groups};
}

bool multiplies_otherwise(const std::string& op) {
    static const std::set<std::string> all = {"Conv", "ConvTranspose", "Einsum", "MatMul"};
    return all.count(op) > 0;
}

}  // namespace

int64_t compute_cycles(const Product& p, const Array& a, Dataflow dataflow) {
    const int64_t r = a.rows, c = a.columns;
    int64_t folds = 0, each = 0;
    switch (dataflow) {
        case Dataflow::kOutputStationary:
            folds = ceil_div(p.m, r) * ceil_div(p.n, c);
            each = p.k + r + c - 2;
            break;
        case Dataflow::kWeightStationary:
            folds = ceil_div(p.k, r) * ceil_div(p.n, c);
            each = p.m + 2 * r + c - 2;
            break;
        case Dataflow::kInputStationary:
            folds = ceil_div(p.k, r) * ceil_div(p.m, c);
            each = p.n + 2 * r + c - 2;
            break;
    }
    return p.times * (folds * each - 1);
}

double utilization(int64_t macs, int64_t cycles, const Array& a) {
    if (cycles == 0) return 0;  // one product on an array of one: all of it in cycle 0
    return static_cast<double>(macs) /
           (static_cast<double>(cycles) * static_cast<double>(a.rows * a.columns));
}

Products products_of(const LayerTable& table) {
    Products all;
    for (const Layer& layer : table.layers) {
        if (auto* c = std::get_if<Convolution>(&layer.work)) {
            all.products.push_back(product_of(layer, *c));
        } else if (auto* m = std::get_if<Contraction>(&layer.work)) {
            all.products.push_back({layer.name, layer.op, m->rows, m->columns, m->sum, m->copies});
        } else if (multiplies_otherwise(layer.op)) {
            throw UserError(
                "node '{}' ({}): SCALE-Sim has convolutions of images and products of "
                "matrices only",
                layer.name, layer.op);
        } else {
            ++all.not_modelled[layer.op];
        }
    }
    return all;
}

Dataflow dataflow_named(const std::string& word) {
    if (word == "os") return Dataflow::kOutputStationary;
    if (word == "ws") return Dataflow::kWeightStationary;
    if (word == "is") return Dataflow::kInputStationary;
    throw UserError("--dataflow '{}': expected os, ws or is", word);
}

Array array_of(const std::string& text) {
    Array a{0, 0};
    const char* end = text.data() + text.size();
    auto rows = std::from_chars(text.data(), end, a.rows);
    if (rows.ec == std::errc() && rows.ptr < end && *rows.ptr == 'x') {
        auto columns = std::from_chars(rows.ptr + 1, end, a.columns);
        constexpr int64_t kMost = 1 << 20;
        if (columns.ec == std::errc() && columns.ptr == end && a.rows > 0 && a.columns > 0 &&
            a.rows <= kMost && a.columns <= kMost)
            return a;
    }
    throw UserError("--array '{}': expected ROWSxCOLUMNS, such as 32x32", text);
}

}  // namespace smeaton::sim::scalesim
