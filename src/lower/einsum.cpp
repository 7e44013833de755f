// Einsum: one mma for two operands, one reduce for one, a chain of pairs for more.
#include "model/shape/einsum.h"

#include <algorithm>

#include "lower/rules.h"
#include "lower/window.h"

namespace smeaton::lower {

void einsum(NodeContext&);

namespace {

/// An operand with the label of each dim.
struct Labelled {
    Buf buffer;
    std::vector<int> labels;
};

/// Coordinates by label: a repeated label takes the diagonal, an extent of 1 broadcasts.
Index coordinates(const Labelled& operand, const std::map<int, Affine>& at) {
    Index out;
    for (size_t d = 0; d < operand.labels.size(); ++d)
        out.push_back(operand.buffer.shape[d] == 1 ? Affine(0) : at.at(operand.labels[d]));
    return out;
}

/// Axes for the labels of the result, tile dims for the labels that are summed over.
struct Contraction {
    KernelBuilder k;
    std::map<int, Affine> at;
    Index over;

    Contraction(NodeContext& node, const std::string& suffix, const std::vector<int>& result,
                const std::vector<const Labelled*>& operands, const Shape& sizes)
        : k(node, suffix) {
        for (int label : result)
            at[label] = k.parallel(fmt::format("i{}", label), sizes[static_cast<size_t>(label)]);
        for (const Labelled* operand : operands)
            for (int label : operand->labels) {
                if (at.contains(label)) continue;
                at[label] = k.dim(fmt::format("v{}", label), sizes[static_cast<size_t>(label)]);
                over.push_back(at[label]);
            }
    }
};

void contract_one(NodeContext& node, const Labelled& a, const Labelled& y, const Shape& sizes) {
    Contraction c(node, "", y.labels, {&a}, sizes);
    const Val x = c.k.at(a.buffer, coordinates(a, c.at));
    const Val sum = c.over.empty() ? x : c.k.reduce(Fn::add, x, c.over);
    c.k.store(c.k.at(y.buffer, coordinates(y, c.at)), sum);
    c.k.done();
}

void contract_two(NodeContext& node, const std::string& suffix, const Labelled& a,
                  const Labelled& b, const Labelled& y, const Shape& sizes) {
    Contraction c(node, suffix, y.labels, {&a, &b}, sizes);
    const Val acc = c.k.tile("acc", a.buffer.dtype);
    c.k.fill(acc, literal(0, a.buffer.dtype));
    c.k.mma(acc, c.k.at(a.buffer, coordinates(a, c.at)), c.k.at(b.buffer, coordinates(b, c.at)));
    c.k.store(c.k.at(y.buffer, coordinates(y, c.at)), acc);
    c.k.done();
}

/// Labels of a and b that the result or a later operand still names.
std::vector<int> kept_labels(const Labelled& a, const Labelled& b,
                             const std::vector<Labelled>& later, const std::vector<int>& result) {
    std::vector<int> out;
    const auto has = [](const std::vector<int>& v, int label) {
        return std::find(v.begin(), v.end(), label) != v.end();
    };
    for (const Labelled* operand : {&a, &b})
        for (int label : operand->labels) {
            const bool wanted = has(result, label) ||
                                std::any_of(later.begin(), later.end(), [&](const Labelled& l) {
                                    return has(l.labels, label);
                                });
            if (wanted && !has(out, label)) out.push_back(label);
        }
    return out;
}

}  // namespace

void einsum(NodeContext& node) {
    const model::EinsumEquation equation = model::einsum_equation(node.view());
    Shape sizes;
    for (const model::Dim& d : equation.sizes) sizes.push_back(d.value());
    std::vector<Labelled> rest;
    for (size_t n = 0; n < node.input_count(); ++n)
        rest.push_back({widened(node, node.in(n)), equation.inputs[n]});
    const Labelled y = {node.out(0), equation.output};

    Labelled a = rest.front();
    rest.erase(rest.begin());
    if (rest.empty()) return contract_one(node, a, y, sizes);
    for (int step = 0; rest.size() > 1; ++step) {
        const Labelled b = rest.front();
        rest.erase(rest.begin());
        Labelled product{{}, kept_labels(a, b, rest, y.labels)};
        Shape shape;
        for (int label : product.labels) shape.push_back(sizes[static_cast<size_t>(label)]);
        const std::string suffix = fmt::format("_step{}", step);
        product.buffer = node.temp("product" + suffix, a.buffer.dtype, shape);
        contract_two(node, suffix, a, b, product, sizes);
        a = product;
    }
    contract_two(node, "", a, rest.front(), y, sizes);
}

}  // namespace smeaton::lower
