#include "tensor/dim.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/text_reader.h"
#include "base/text_writer.h"
#include "tensor/dim_text.h"

namespace smeaton::tensor {

namespace {

/// A parameter, or floor(inside / divisor).
struct Atom {
    Name parameter;
    std::shared_ptr<const Dim::Poly> inside;  // null for a parameter
    int64_t divisor = 1;
};

int compare(const Atom&, const Atom&);

/// A product of atoms, sorted; a power repeats its atom. Empty is 1.
using Monomial = std::vector<Atom>;

int compare(const Monomial& a, const Monomial& b) {
    // Graded lexicographic: compatible with multiplication, which exact_div needs.
    if (a.size() != b.size()) return a.size() > b.size() ? -1 : 1;
    for (size_t i = 0; i < a.size(); ++i)
        if (int c = compare(a[i], b[i])) return c;
    return 0;
}

struct MonomialOrder {
    bool operator()(const Monomial& a, const Monomial& b) const { return compare(a, b) < 0; }
};

}  // namespace

/// Coefficients by monomial, highest degree first; no zero coefficients.
struct Dim::Poly {
    std::map<Monomial, int64_t, MonomialOrder> terms;

    static Poly of(const Dim&);
    static Dim dim(Poly);
};

namespace {

using Poly = Dim::Poly;

int compare(const Poly& a, const Poly& b) {
    auto x = a.terms.begin();
    auto y = b.terms.begin();
    for (; x != a.terms.end() && y != b.terms.end(); ++x, ++y) {
        if (int c = compare(x->first, y->first)) return c;
        if (x->second != y->second) return x->second < y->second ? -1 : 1;
    }
    if (x == a.terms.end() && y == b.terms.end()) return 0;
    return x == a.terms.end() ? -1 : 1;
}

int compare(const Atom& a, const Atom& b) {
    bool a_floor = a.inside != nullptr;
    bool b_floor = b.inside != nullptr;
    if (a_floor != b_floor) return a_floor ? 1 : -1;  // parameters first
    if (!a_floor) return a.parameter == b.parameter ? 0 : (a.parameter < b.parameter ? -1 : 1);
    if (a.divisor != b.divisor) return a.divisor < b.divisor ? -1 : 1;
    return a.inside == b.inside ? 0 : compare(*a.inside, *b.inside);
}

[[noreturn]] void fail_overflow() {
    throw UserError("a size does not fit 64 bits");
}

int64_t add(int64_t a, int64_t b) {
    int64_t r;
    if (__builtin_add_overflow(a, b, &r)) fail_overflow();
    return r;
}

int64_t multiply(int64_t a, int64_t b) {
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r)) fail_overflow();
    return r;
}

int64_t floor_quotient(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
int64_t floor_remainder(int64_t a, int64_t b) {
    return a - b * floor_quotient(a, b);
}

void add_term(Poly& p, const Monomial& m, int64_t coefficient) {
    if (coefficient == 0) return;
    auto [it, added] = p.terms.try_emplace(m, coefficient);
    if (added) return;
    it->second = add(it->second, coefficient);
    if (it->second == 0) p.terms.erase(it);
}

Monomial times(const Monomial& a, const Monomial& b) {
    Monomial out;
    std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out),
               [](const Atom& x, const Atom& y) { return compare(x, y) < 0; });
    return out;
}

Poly constant(int64_t value) {
    Poly p;
    add_term(p, {}, value);
    return p;
}

Poly of_atom(Atom a) {
    Poly p;
    add_term(p, {std::move(a)}, 1);
    return p;
}

void add_scaled(Poly& a, const Poly& b, int64_t factor) {
    for (const auto& [m, c] : b.terms) add_term(a, m, multiply(c, factor));
}

Poly multiply(const Poly& a, const Poly& b) {
    Poly out;
    for (const auto& [ma, ca] : a.terms)
        for (const auto& [mb, cb] : b.terms) add_term(out, times(ma, mb), multiply(ca, cb));
    return out;
}

std::optional<int64_t> as_constant(const Poly& p) {
    if (p.terms.empty()) return 0;
    if (p.terms.size() == 1 && p.terms.begin()->first.empty()) return p.terms.begin()->second;
    return std::nullopt;
}

/// The one term that is a floor with coefficient 1; null when there is none or several.
const Atom* lone_floor(const Poly& p) {
    const Atom* found = nullptr;
    for (const auto& [m, c] : p.terms) {
        if (m.size() != 1 || m[0].inside == nullptr || c != 1) continue;
        if (found != nullptr) return nullptr;
        found = &m[0];
    }
    return found;
}

Poly floor_poly(const Poly& p, int64_t divisor) {
    // p = divisor * whole + rest, the coefficients of rest in [0, divisor).
    Poly whole, rest;
    for (const auto& [m, c] : p.terms) {
        add_term(whole, m, floor_quotient(c, divisor));
        add_term(rest, m, floor_remainder(c, divisor));
    }
    if (as_constant(rest)) return whole;  // floor of a constant below the divisor is 0
    if (const Atom* inner = lone_floor(rest)) {
        // floor((floor(P/a) + Q)/b) = floor((P + a*Q)/(a*b))
        int64_t a = inner->divisor;
        Poly merged = *inner->inside;
        add_scaled(merged, rest, a);
        add_term(merged, {*inner}, -a);
        add_scaled(whole, floor_poly(merged, multiply(a, divisor)), 1);
        return whole;
    }
    // floor((g*X + k)/(g*d)) = floor((X + floor(k/g))/d)
    int64_t g = divisor;
    for (const auto& [m, c] : rest.terms)
        if (!m.empty()) g = std::gcd(g, c);
    if (g > 1) {
        Poly reduced;
        for (const auto& [m, c] : rest.terms) add_term(reduced, m, c / g);
        add_scaled(whole, floor_poly(reduced, divisor / g), 1);
        return whole;
    }
    add_scaled(whole, of_atom({Name(), std::make_shared<Poly>(std::move(rest)), divisor}), 1);
    return whole;
}

std::optional<Monomial> divide(const Monomial& a, const Monomial& b) {
    Monomial rest;
    size_t k = 0;
    for (const Atom& atom : a) {
        if (k < b.size() && compare(atom, b[k]) == 0)
            ++k;
        else
            rest.push_back(atom);
    }
    if (k < b.size()) return std::nullopt;
    return rest;
}

Poly bind_poly(const Poly& p, const Bindings& bindings) {
    Poly out;
    for (const auto& [m, c] : p.terms) {
        Poly term = constant(c);
        for (const Atom& atom : m) {
            Poly factor;
            if (atom.inside != nullptr) {
                factor = floor_poly(bind_poly(*atom.inside, bindings), atom.divisor);
            } else {
                auto bound = bindings.find(atom.parameter);
                factor = bound == bindings.end() ? of_atom(atom) : constant(bound->second);
            }
            term = multiply(term, factor);
        }
        add_scaled(out, term, 1);
    }
    return out;
}

void collect_symbols(const Poly& p, std::set<Name>& out) {
    for (const auto& [m, c] : p.terms)
        for (const Atom& atom : m) {
            if (atom.inside != nullptr)
                collect_symbols(*atom.inside, out);
            else
                out.insert(atom.parameter);
        }
}

std::string poly_text(const Poly&);

std::string atom_text(const Atom& atom) {
    if (atom.inside == nullptr) {
        const std::string& name = atom.parameter.str();
        return name == "floor" || name == "ceil" ? quoted(name) : name_text(name);
    }
    std::string inside = poly_text(*atom.inside);
    if (atom.inside->terms.size() > 1) inside = "(" + inside + ")";
    return fmt::format("floor({}/{})", inside, atom.divisor);
}

std::string poly_text(const Poly& p) {
    std::string out;
    for (const auto& [m, c] : p.terms) {
        bool negative = c < 0;
        if (out.empty())
            out += negative ? "-" : "";
        else
            out += negative ? " - " : " + ";
        uint64_t size = negative ? ~static_cast<uint64_t>(c) + 1 : static_cast<uint64_t>(c);
        std::string factors;
        if (size != 1 || m.empty()) factors = std::to_string(size);
        for (const Atom& atom : m) factors += (factors.empty() ? "" : "*") + atom_text(atom);
        out += factors;
    }
    return out.empty() ? "0" : out;
}

}  // namespace

Dim::Poly Dim::Poly::of(const Dim& d) {
    return d.poly_ != nullptr ? *d.poly_ : constant(d.constant_);
}

Dim Dim::Poly::dim(Poly p) {
    if (auto c = as_constant(p)) return Dim(*c);
    Dim d;
    d.poly_ = std::make_shared<const Poly>(std::move(p));
    return d;
}

Dim Dim::symbol(Name parameter) {
    SMEATON_CHECK(!parameter.empty(), "a parameter needs a name");
    return Poly::dim(of_atom({parameter, nullptr, 1}));
}

int64_t Dim::value() const {
    SMEATON_CHECK(is_const(), "the size {} is not known", str());
    return constant_;
}

std::optional<int64_t> Dim::if_const() const {
    if (!is_const()) return std::nullopt;
    return constant_;
}

std::vector<Name> Dim::symbols() const {
    std::set<Name> names;
    if (poly_ != nullptr) collect_symbols(*poly_, names);
    return {names.begin(), names.end()};
}

Dim Dim::bind(const Bindings& bindings) const {
    if (is_const()) return *this;
    return Poly::dim(bind_poly(*poly_, bindings));
}

Dim& Dim::operator+=(const Dim& b) {
    if (is_const() && b.is_const()) {
        constant_ = add(constant_, b.constant_);
        return *this;
    }
    Poly sum = Poly::of(*this);
    add_scaled(sum, Poly::of(b), 1);
    return *this = Poly::dim(std::move(sum));
}

Dim& Dim::operator-=(const Dim& b) {
    return *this += b * Dim(-1);
}

Dim& Dim::operator*=(const Dim& b) {
    if (is_const() && b.is_const()) {
        constant_ = multiply(constant_, b.constant_);
        return *this;
    }
    return *this = Poly::dim(multiply(Poly::of(*this), Poly::of(b)));
}

bool operator==(const Dim& a, const Dim& b) {
    if (a.is_const() || b.is_const())
        return a.is_const() && b.is_const() && a.constant_ == b.constant_;
    return a.poly_ == b.poly_ || compare(*a.poly_, *b.poly_) == 0;
}

bool operator<(const Dim& a, const Dim& b) {
    if (a.is_const() != b.is_const()) return a.is_const();
    if (a.is_const()) return a.constant_ < b.constant_;
    return a.poly_ != b.poly_ && compare(*a.poly_, *b.poly_) < 0;
}

std::string Dim::str() const {
    return is_const() ? std::to_string(constant_) : poly_text(*poly_);
}

Dim floor_div(const Dim& a, int64_t divisor) {
    SMEATON_CHECK(divisor > 0, "floor_div by {}", divisor);
    if (a.is_const()) return Dim(floor_quotient(a.constant_, divisor));
    return Poly::dim(floor_poly(*a.poly_, divisor));
}

Dim ceil_div(const Dim& a, int64_t divisor) {
    return floor_div(a + Dim(divisor - 1), divisor);
}

std::optional<Dim> exact_div(const Dim& a, const Dim& b) {
    if (b.is(0)) return std::nullopt;
    Poly rest = Poly::of(a);
    Poly by = Poly::of(b);
    const auto& lead = *by.terms.begin();
    Poly quotient;
    // Long division by the leading term; each step removes the leading term of what is left.
    while (!rest.terms.empty()) {
        const auto& [m, c] = *rest.terms.begin();
        auto q = divide(m, lead.first);
        if (!q || c % lead.second != 0) return std::nullopt;
        int64_t factor = c / lead.second;
        add_term(quotient, *q, factor);
        Poly step;
        add_term(step, *q, factor);
        add_scaled(rest, multiply(step, by), -1);
    }
    return Poly::dim(std::move(quotient));
}

namespace {

Dim read_factor(TextReader& r) {
    if (r.accept("-")) return Dim(-1) * read_factor(r);
    if (r.accept("(")) {
        Dim inside = read_dim(r);
        r.expect(")");
        return inside;
    }
    if (r.at(TokenKind::Integer)) return Dim(r.integer());
    bool is_floor = r.at("floor");
    if (is_floor || r.at("ceil")) {
        r.next();
        r.expect("(");
        Dim inside = read_dim(r);
        r.expect("/");
        Token place = r.peek();
        int64_t divisor = r.integer("a positive divisor");
        if (divisor <= 0) r.fail(place, "expected a positive divisor");
        r.expect(")");
        return is_floor ? floor_div(inside, divisor) : ceil_div(inside, divisor);
    }
    Token place = r.peek();
    std::string parameter = r.name("a size");
    if (parameter.empty()) r.fail(place, "expected a size, found an empty name");
    return Dim::symbol(parameter);
}

Dim read_product(TextReader& r) {
    Dim out = read_factor(r);
    while (r.accept("*")) out *= read_factor(r);
    return out;
}

}  // namespace

Dim read_dim(TextReader& r) {
    Dim out = read_product(r);
    while (true) {
        if (r.accept("+"))
            out += read_product(r);
        else if (r.accept("-"))
            out -= read_product(r);
        else
            return out;
    }
}

Dim parse_dim(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));  // no indentation here
    TextReader reader(fmt::format("size \"{}\"", text), text);
    Dim out = read_dim(reader);
    if (!reader.at_line_end()) reader.fail_expected("an operator or the end of the size");
    return out;
}

Dim product(const std::vector<Dim>& dims) {
    Dim out(1);
    for (const Dim& d : dims) out *= d;
    return out;
}

}  // namespace smeaton::tensor
