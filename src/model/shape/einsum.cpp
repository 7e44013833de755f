#include "model/shape/einsum.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "model/shape/rule.h"

namespace smeaton::model {

namespace {

/// One side's term: letters, and where the ellipsis stands (-1: nowhere).
struct Term {
    std::string letters;
    int64_t ellipsis = -1;
};

Term parse_term(const NodeView& view, const std::string& text, const std::string& equation) {
    Term term;
    for (size_t i = 0; i < text.size(); ++i) {
        if (std::isalpha(static_cast<unsigned char>(text[i]))) {
            term.letters += text[i];
        } else if (text.compare(i, 3, "...") == 0 && term.ellipsis < 0) {
            term.ellipsis = static_cast<int64_t>(term.letters.size());
            i += 2;
        } else {
            view.fail("equation '{}' has an unexpected '{}'", equation, text[i]);
        }
    }
    return term;
}

std::vector<std::string> split_terms(const std::string& text) {
    std::vector<std::string> terms(1);
    for (char c : text) {
        if (c == ',') {
            terms.emplace_back();
        } else {
            terms.back() += c;
        }
    }
    return terms;
}

struct Labels {
    std::map<char, int> of_letter;
    std::vector<Dim> sizes;
    int64_t ellipsis_rank = 0;  ///< labels 0 .. ellipsis_rank-1 belong to the ellipsis
};

int label_of(Labels& labels, char letter) {
    auto [at, fresh] = labels.of_letter.emplace(letter, static_cast<int>(labels.sizes.size()));
    if (fresh) labels.sizes.emplace_back(1);
    return at->second;
}

/// Dims under the ellipsis are aligned at their ends, as in broadcasting.
std::vector<int> labels_of(Labels& labels, const Term& term, int64_t covered) {
    std::vector<int> result;
    for (size_t i = 0; i <= term.letters.size(); ++i) {
        if (term.ellipsis == static_cast<int64_t>(i)) {
            for (int64_t e = 0; e < covered; ++e) {
                result.push_back(static_cast<int>(labels.ellipsis_rank - covered + e));
            }
        }
        if (i < term.letters.size()) result.push_back(label_of(labels, term.letters[i]));
    }
    return result;
}

void merge_size(const NodeView& view, Labels& labels, int label, const Dim& size, size_t operand) {
    Dim& known = labels.sizes[static_cast<size_t>(label)];
    if (known == size || size.is(1)) return;
    if (known.is(1)) {
        known = size;
    } else if (known.is_const() && size.is_const()) {
        view.fail("operand {} disagrees with the others: size {} against {}", view.operand(operand),
                  size.str(), known.str());
    } else if (size.is_const()) {
        known = size;
    }
}

/// Without '->': the letters that occur once, in alphabetical order, after the ellipsis.
Term implicit_output(const std::vector<Term>& terms) {
    std::map<char, int> count;
    Term output;
    for (const Term& term : terms) {
        for (char c : term.letters) ++count[c];
        if (term.ellipsis >= 0) output.ellipsis = 0;
    }
    for (const auto& [letter, times] : count) {
        if (times == 1) output.letters += letter;
    }
    return output;
}

void check_output(const NodeView& view, const Term& output, const Labels& labels,
                  const std::string& equation) {
    std::string seen;
    for (char c : output.letters) {
        if (!labels.of_letter.count(c)) {
            view.fail("equation '{}': output letter '{}' is in no operand", equation, c);
        }
        if (seen.find(c) != std::string::npos) {
            view.fail("equation '{}': output letter '{}' occurs twice", equation, c);
        }
        seen += c;
    }
}

}  // namespace

EinsumEquation einsum_equation(const NodeView& view) {
    std::string equation = view.text("equation", "");
    std::erase(equation, ' ');
    const size_t arrow = equation.find("->");
    const std::vector<std::string> texts = split_terms(equation.substr(0, arrow));
    if (texts.size() != view.input_count()) {
        view.fail("equation '{}' has {} terms for {} operands", equation, texts.size(),
                  view.input_count());
    }
    std::vector<Term> terms;
    Labels labels;
    std::vector<int64_t> covered;
    for (size_t k = 0; k < texts.size(); ++k) {
        terms.push_back(parse_term(view, texts[k], equation));
        const int64_t rest = view.rank(k) - static_cast<int64_t>(terms[k].letters.size());
        if (rest < 0 || (rest > 0 && terms[k].ellipsis < 0)) {
            view.fail("equation '{}': term '{}' does not name the {} dims of {}", equation,
                      texts[k], view.rank(k), view.operand(k));
        }
        covered.push_back(rest);
        labels.ellipsis_rank = std::max(labels.ellipsis_rank, rest);
    }
    labels.sizes.assign(static_cast<size_t>(labels.ellipsis_rank), Dim(1));
    EinsumEquation result;
    for (size_t k = 0; k < terms.size(); ++k) {
        result.inputs.push_back(labels_of(labels, terms[k], covered[k]));
        for (size_t d = 0; d < result.inputs[k].size(); ++d) {
            merge_size(view, labels, result.inputs[k][d], view.shape(k)[d], k);
        }
    }
    const Term output = arrow == std::string::npos
                            ? implicit_output(terms)
                            : parse_term(view, equation.substr(arrow + 2), equation);
    check_output(view, output, labels, equation);
    result.output = labels_of(labels, output, output.ellipsis >= 0 ? labels.ellipsis_rank : 0);
    result.sizes = labels.sizes;
    return result;
}

namespace {

void einsum(Rule& rule) {
    std::vector<size_t> all;
    for (size_t k = 0; k < rule.input_count(); ++k) all.push_back(k);
    const EinsumEquation equation = einsum_equation(rule);
    Shape shape;
    for (int label : equation.output) {
        shape.push_back(equation.sizes[static_cast<size_t>(label)]);
    }
    rule.output(0, rule.same_dtype(all), shape);
}

}  // namespace

void add_einsum_rules(RuleTable& table) {
    row(table.shape, OpType::kEinsum) = einsum;
}

}  // namespace smeaton::model
