#include "emit/cpp/function.h"

#include <algorithm>

#include "base/error.h"
#include "emit/cpp/spell.h"

namespace smeaton::emit {

void Linear::add(VarId v, int64_t coefficient) {
    if (coefficient == 0) return;
    auto at = std::lower_bound(terms.begin(), terms.end(), v,
                               [](const auto& term, VarId id) { return term.first < id; });
    if (at == terms.end() || at->first != v) {
        terms.insert(at, {v, coefficient});
    } else if ((at->second += coefficient) == 0) {
        terms.erase(at);
    }
}

void Linear::add(const Linear& other, int64_t scale) {
    constant += other.constant * scale;
    for (const auto& [v, k] : other.terms) add(v, k * scale);
}

Function::Function(const Isa& isa) : isa_(isa) {
    scopes_.emplace_back();
    // Words of C++ and of the prelude's plain types.
    for (const char* word :
         {"for",       "if",       "int",      "do",       "else",    "return",  "case",
          "buffers",   "scratch",  "begin",    "end",      "float",   "double",  "char",
          "long",      "short",    "auto",     "new",      "this",    "and",     "or",
          "not",       "xor",      "union",    "break",    "const",   "static",  "bool",
          "true",      "false",    "void",     "goto",     "enum",    "switch",  "while",
          "default",   "delete",   "class",    "struct",   "public",  "private", "protected",
          "template",  "try",      "catch",    "throw",    "using",   "typedef", "volatile",
          "register",  "signed",   "unsigned", "sizeof",   "inline",  "extern",  "export",
          "friend",    "operator", "mutable",  "asm",      "bitand",  "bitor",   "compl",
          "namespace", "virtual",  "explicit", "typename", "continue"})
        used_.insert(word);
}

void Function::open_scope() {
    scopes_.emplace_back();
}

void Function::close_scope(const std::string& opening, const std::string& closing) {
    Scope done = std::move(scopes_.back());
    scopes_.pop_back();
    std::string pad(static_cast<size_t>(depth() + 1) * 4, ' ');
    std::string& into = scopes_.back().body;
    into += pad + opening + "\n" + done.head + done.body + pad + closing + "\n";
}

void Function::line(const std::string& text) {
    scopes_.back().body += std::string(scopes_.size() * 4, ' ') + text + "\n";
}

void Function::head_line(int depth, const std::string& text) {
    scopes_[static_cast<size_t>(depth)].head +=
        std::string(static_cast<size_t>(depth + 1) * 4, ' ') + text + "\n";
}

std::string Function::take_root() {
    SMEATON_CHECK(scopes_.size() == 1, "a scope is still open");
    return scopes_[0].head + scopes_[0].body;
}

std::string Function::unique(const std::string& stem) {
    std::string name = stem;
    for (int k = 2; !used_.insert(name).second; ++k) name = fmt::format("{}{}", stem, k);
    return name;
}

VarId Function::declare(const std::string& text, ValueRange range, bool in_body) {
    variables_.push_back({text, range, depth(), in_body});
    return static_cast<VarId>(variables_.size()) - 1;
}

ValueRange Function::range(const Linear& form) const {
    ValueRange r{form.constant, form.constant};
    for (const auto& [v, k] : form.terms) {
        const ValueRange& of = variable(v).range;
        r.lo += k > 0 ? k * of.lo : k * of.hi;
        r.hi += k > 0 ? k * of.hi : k * of.lo;
    }
    return r;
}

static std::string term_text(const std::string& var, int64_t k) {
    return k == 1 ? var : fmt::format("{}*{}", var, k);
}

std::string Function::text(const Linear& form) const {
    std::string out;
    for (const auto& [v, k] : form.terms) {
        if (!out.empty())
            out += k < 0 ? " - " : " + ";
        else if (k < 0)
            out += "-";
        out += term_text(variable(v).text, k < 0 ? -k : k);
    }
    if (form.constant != 0 || out.empty()) {
        if (out.empty()) return fmt::format("{}", form.constant);
        out += fmt::format(" {} {}", form.constant < 0 ? '-' : '+', std::abs(form.constant));
    }
    return out;
}

std::pair<int, bool> Function::place(const Linear& form) const {
    int depth = 0;
    bool in_body = false;
    for (const auto& [v, k] : form.terms) {
        depth = std::max(depth, variable(v).depth);
        in_body = in_body || variable(v).in_body;
    }
    return {depth, in_body};
}

const std::string* Function::find_declared(const std::string& key, int depth) const {
    const auto& declared = scopes_[static_cast<size_t>(depth)].declared;
    auto found = declared.find(key);
    return found == declared.end() ? nullptr : &found->second;
}

std::string Function::hoisted(const std::string& type, const std::string& stem, const Linear& form,
                              const std::string& expression) {
    std::string inner = text(form), filled = expression;
    for (size_t at = filled.find("{}"); at != std::string::npos;
         at = filled.find("{}", at + inner.size()))
        filled.replace(at, 2, inner);
    auto [depth, in_body] = place(form);
    // A form over a variable of the body is computed where it is needed, in the innermost scope.
    if (in_body) depth = this->depth();
    std::string key = type + " " + filled;
    if (const std::string* known = find_declared(key, depth)) return *known;
    std::string name = unique(stem);
    std::string declaration = fmt::format("const {} {} = {};", type, name, filled);
    if (in_body)
        line(declaration);
    else
        head_line(depth, declaration);
    scopes_[static_cast<size_t>(depth)].declared[key] = name;
    return name;
}

VarId Function::quotient(const Linear& form, int64_t divisor) {
    ValueRange r = range(form);
    bool positive = r.lo >= 0;
    std::string name = hoisted("i64", "q", form,
                               positive ? fmt::format("({{}}) / {}", divisor)
                                        : fmt::format("floor_div({{}}, {})", divisor));
    auto floor = [&](int64_t v) { return v >= 0 ? v / divisor : -((-v + divisor - 1) / divisor); };
    auto [depth, in_body] = place(form);
    variables_.push_back(
        {name, {floor(r.lo), floor(r.hi)}, in_body ? this->depth() : depth, in_body});
    return static_cast<VarId>(variables_.size()) - 1;
}

VarId Function::remainder(const Linear& form, int64_t modulus) {
    ValueRange r = range(form);
    bool positive = r.lo >= 0;
    std::string name = hoisted("i64", "m", form,
                               positive ? fmt::format("({{}}) % {}", modulus)
                                        : fmt::format("floor_mod({{}}, {})", modulus));
    auto [depth, in_body] = place(form);
    variables_.push_back({name, {0, modulus - 1}, in_body ? this->depth() : depth, in_body});
    return static_cast<VarId>(variables_.size()) - 1;
}

std::string Function::condition(const Linear& form, std::optional<int64_t> lo,
                                std::optional<int64_t> hi) {
    std::string test;
    if (lo) test = fmt::format("{{}} >= {}", *lo);
    if (hi) test += fmt::format("{}{{}} < {}", lo ? " & " : "", *hi);
    return hoisted("bool", "in", form, "(" + test + ")");
}

std::string Function::address(const Storage& storage, const Linear& offset) {
    std::string pointer = storage.base;
    bases_used.insert(storage.base);
    // One pointer per scope on the way in: p2 = p1 + (terms of this scope).
    std::vector<std::pair<VarId, int64_t>> terms = offset.terms;
    std::stable_sort(terms.begin(), terms.end(), [&](const auto& a, const auto& b) {
        const Variable &x = variable(a.first), &y = variable(b.first);
        return std::pair(x.in_body, x.depth) < std::pair(y.in_body, y.depth);
    });
    for (size_t i = 0; i < terms.size();) {
        const Variable& first = variable(terms[i].first);
        std::string step;
        size_t end = i;
        for (; end < terms.size(); ++end) {
            const Variable& v = variable(terms[end].first);
            if (v.depth != first.depth || v.in_body != first.in_body) break;
            int64_t k = terms[end].second;
            step += fmt::format(" {} {}", k < 0 ? '-' : '+', term_text(v.text, k < 0 ? -k : k));
        }
        std::string expression = pointer + step;
        int depth = first.in_body ? this->depth() : first.depth;
        std::string key = "ptr " + expression;
        if (const std::string* known = find_declared(key, depth)) {
            pointer = *known;
        } else {
            std::string name = unique(storage.base + "_");
            std::string declaration =
                fmt::format("{}* const {} = {};", type_name(storage.dtype), name, expression);
            if (first.in_body)
                line(declaration);
            else
                head_line(depth, declaration);
            scopes_[static_cast<size_t>(depth)].declared[key] = name;
            pointer = name;
        }
        i = end;
    }
    if (offset.constant == 0) return pointer;
    return fmt::format("{} {} {}", pointer, offset.constant < 0 ? '-' : '+',
                       std::abs(offset.constant));
}

const Storage& Function::storage(Name name) const {
    auto found = storages.find(name);
    SMEATON_CHECK(found != storages.end(), "{} is not declared where it is used", name);
    return found->second;
}

int64_t Function::take_scratch(int64_t bytes) {
    int64_t at = scratch_top;
    scratch_top += (bytes + 63) / 64 * 64;
    scratch_bytes = std::max(scratch_bytes, scratch_top);
    return at;
}

}  // namespace smeaton::emit
