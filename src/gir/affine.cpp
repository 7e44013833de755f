#include "gir/affine.h"

#include <algorithm>

#include "base/error.h"

namespace smeaton::gir {

int64_t Affine::coefficient(Name var) const {
    for (const Term& t : terms)
        if (t.var == var) return t.coefficient;
    return 0;
}

std::optional<Name> Affine::single_var() const {
    if (constant == 0 && terms.size() == 1 && terms[0].coefficient == 1) return terms[0].var;
    return std::nullopt;
}

static void add_scaled(Affine& into, const Affine& other, int64_t scale) {
    into.constant += other.constant * scale;
    for (const Term& t : other.terms) {
        auto at = std::lower_bound(into.terms.begin(), into.terms.end(), t,
                                   [](const Term& a, const Term& b) { return a.var < b.var; });
        if (at != into.terms.end() && at->var == t.var) {
            at->coefficient += t.coefficient * scale;
            if (at->coefficient == 0) into.terms.erase(at);
        } else {
            into.terms.insert(at, {t.var, t.coefficient * scale});
        }
    }
}

Affine& Affine::operator+=(const Affine& b) {
    add_scaled(*this, b, 1);
    return *this;
}

Affine& Affine::operator-=(const Affine& b) {
    add_scaled(*this, b, -1);
    return *this;
}

Affine& Affine::operator*=(int64_t k) {
    if (k == 0) {
        terms.clear();
        constant = 0;
        return *this;
    }
    constant *= k;
    for (Term& t : terms) t.coefficient *= k;
    return *this;
}

std::string Affine::str() const {
    std::string text;
    auto append = [&](int64_t k, const std::string& body) {
        if (text.empty())
            text += k < 0 ? "-" : "";
        else
            text += k < 0 ? " - " : " + ";
        text += body;
    };
    for (const Term& t : terms) {
        int64_t k = t.coefficient;
        int64_t magnitude = k < 0 ? -k : k;
        append(k, magnitude == 1 ? t.var.str() : fmt::format("{}*{}", t.var, magnitude));
    }
    if (constant != 0 || terms.empty())
        append(constant, fmt::format("{}", constant < 0 ? -constant : constant));
    return text;
}

Affine substitute(const Affine& a, const Substitution& map) {
    bool touched = false;
    for (const Term& t : a.terms) touched = touched || map.count(t.var) > 0;
    if (!touched) return a;
    Affine out(a.constant);
    for (const Term& t : a.terms) {
        auto found = map.find(t.var);
        add_scaled(out, found == map.end() ? Affine(t.var) : found->second, t.coefficient);
    }
    return out;
}

ValueRange value_range(const Affine& a, const Extents& extents) {
    ValueRange r{a.constant, a.constant};
    for (const Term& t : a.terms) {
        auto found = extents.find(t.var);
        SMEATON_CHECK(found != extents.end(), "no extent known for {}", t.var);
        int64_t span = t.coefficient * (found->second - 1);
        (t.coefficient > 0 ? r.hi : r.lo) += span;
    }
    return r;
}

int64_t evaluate(const Affine& a, const std::map<Name, int64_t>& values) {
    int64_t sum = a.constant;
    for (const Term& t : a.terms) {
        auto found = values.find(t.var);
        SMEATON_CHECK(found != values.end(), "no value known for {}", t.var);
        sum += t.coefficient * found->second;
    }
    return sum;
}

}  // namespace smeaton::gir
