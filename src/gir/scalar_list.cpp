#include "gir/scalar_list.h"

#include "base/error.h"

namespace smeaton::gir {

namespace {

struct Row {
    std::string_view text;
    int arity;
    LedgerClass op_class;
    int error_ulp;
};

constexpr Row kRows[] = {
#define X(name, arity, cls, ulp) {#name, arity, LedgerClass::cls, ulp},
    SMEATON_SCALARS(X)
#undef X
};

const Row& row(ScalarFn fn) {
    size_t index = static_cast<size_t>(fn);
    SMEATON_CHECK(index < std::size(kRows), "no scalar function {}", index);
    return kRows[index];
}

constexpr std::string_view without_underscore(std::string_view text) {
    return text.ends_with('_') ? text.substr(0, text.size() - 1) : text;
}

}  // namespace

std::string_view name(ScalarFn fn) {
    return without_underscore(row(fn).text);
}

std::optional<ScalarFn> scalar_named(std::string_view text) {
    for (size_t i = 0; i < std::size(kRows); ++i)
        if (without_underscore(kRows[i].text) == text) return static_cast<ScalarFn>(i);
    return std::nullopt;
}

int arity(ScalarFn fn) {
    return row(fn).arity;
}
LedgerClass op_class(ScalarFn fn) {
    return row(fn).op_class;
}
int error_ulp(ScalarFn fn) {
    return row(fn).error_ulp;
}

bool is_reducer(ScalarFn fn) {
    switch (fn) {
        case ScalarFn::add:
        case ScalarFn::mul:
        case ScalarFn::max:
        case ScalarFn::min:
        case ScalarFn::and_:
        case ScalarFn::or_:
            return true;
        default:
            return false;
    }
}

bool gives_bool(ScalarFn fn) {
    switch (fn) {
        case ScalarFn::isnan:
        case ScalarFn::isinf:
        case ScalarFn::not_:
        case ScalarFn::eq:
        case ScalarFn::ne:
        case ScalarFn::lt:
        case ScalarFn::le:
        case ScalarFn::gt:
        case ScalarFn::ge:
        case ScalarFn::and_:
        case ScalarFn::or_:
        case ScalarFn::xor_:
            return true;
        default:
            return false;
    }
}

std::string_view name(LedgerClass c) {
    switch (c) {
        case LedgerClass::Move:
            return "move";
        case LedgerClass::Add:
            return "add";
        case LedgerClass::Mul:
            return "mul";
        case LedgerClass::Div:
            return "div";
        case LedgerClass::Compare:
            return "compare";
        case LedgerClass::Logic:
            return "logic";
        case LedgerClass::Special:
            return "special";
        case LedgerClass::Fma:
            return "fma";
    }
    SMEATON_CHECK(false, "no operation class {}", static_cast<int>(c));
}

}  // namespace smeaton::gir
