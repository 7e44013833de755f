// Dtype rules. Relies on check_structure.
#include <algorithm>
#include <cmath>

#include "gir/text/print.h"
#include "gir/verify/rules.h"
#include "gir/verify/scoped.h"

namespace smeaton::gir::verifying {

namespace {

using tensor::DTypeClass;

/// Which dtypes a scalar function takes.
enum class Takes { Any, Numbers, Floats, Integers, Bools };

Takes takes(ScalarFn fn) {
    switch (fn) {
        case ScalarFn::copy:
        case ScalarFn::cast:
        case ScalarFn::eq:
        case ScalarFn::ne:
            return Takes::Any;
        case ScalarFn::not_:
        case ScalarFn::and_:
        case ScalarFn::or_:
        case ScalarFn::xor_:
            return Takes::Bools;
        case ScalarFn::idiv:
        case ScalarFn::imod:
            return Takes::Integers;
        case ScalarFn::neg:
        case ScalarFn::abs:
        case ScalarFn::sign:
        case ScalarFn::relu:
        case ScalarFn::add:
        case ScalarFn::sub:
        case ScalarFn::mul:
        case ScalarFn::fmod:
        case ScalarFn::pow:
        case ScalarFn::max:
        case ScalarFn::min:
        case ScalarFn::lt:
        case ScalarFn::le:
        case ScalarFn::gt:
        case ScalarFn::ge:
            return Takes::Numbers;
        default:
            return Takes::Floats;
    }
}

std::string_view text_of(Takes t) {
    static constexpr std::string_view kTexts[] = {"any dtype", "numbers", "floats", "integers",
                                                  "bool"};
    return kTexts[static_cast<size_t>(t)];
}

/// 8-bit and smaller floats and sub-byte integers are storage: they are moved and cast only.
bool computes(DType t) {
    return tensor::bits(t) >= 8 && !(tensor::is_float(t) && tensor::bits(t) == 8);
}

bool is_taken(DType t, Takes by) {
    switch (by) {
        case Takes::Any:
            return t != DType::kString;
        case Takes::Numbers:
            return computes(t) && (tensor::is_float(t) || tensor::is_integer(t));
        case Takes::Floats:
            return computes(t) && tensor::is_float(t);
        case Takes::Integers:
            return computes(t) && tensor::is_integer(t);
        case Takes::Bools:
            return t == DType::kBool;
    }
    return false;
}

/// Sums may be kept in a wider dtype of the same class.
bool holds_sums_of(DType sum, DType t) {
    return tensor::is_float(sum) == tensor::is_float(t) &&
           tensor::is_integer(sum) == tensor::is_integer(t) && tensor::bits(sum) >= tensor::bits(t);
}

class KindChecker {
public:
    KindChecker(const Program& program, const Kernel& kernel, Faults& faults)
        : p_(program), k_(kernel), faults_(faults) {}

    void run() { block(k_.body); }

private:
    void block(const Block& statements) {
        visit_block(statements, tiles_, [&](const auto& node) { statement(node); });
    }

    void statement(const Parallel& p) { block(p.body); }
    void statement(const For& f) { block(f.body); }

    void statement(const Let& let) {
        place_ = fmt::format("kernel {}: let {}", k_.name, let.tile.name);
        if (let.source) {
            indices(*let.source);
            if (dtype(*let.source) != let.tile.dtype)
                fault(
                    "a claim or copy has the dtype of its source (one that converts is a tile that "
                    "ops fill)");
        }
        tiles_.push_back(let.tile);
    }

    void statement(const Prefetch&) {}

    void statement(const Check& c) {
        place_ = fmt::format("kernel {}: check \"{}\"", k_.name, c.message);
        const auto* s = std::get_if<Slice>(&c.condition);
        if (s == nullptr) return;
        indices(*s);
        if (dtype(*s) != DType::kBool && !tensor::is_integer(dtype(*s)))
            fault("its condition is neither bool nor an integer");
    }

    void statement(const Op& op) {
        place_ = fmt::format("kernel {}: `{}`", k_.name, print(op));
        indices(op.dst);
        if (op.payload) indices(*op.payload);
        for (const Operand& o : op.srcs)
            if (const auto* s = std::get_if<Slice>(&o)) indices(*s);
        DType to = dtype(op.dst);
        switch (op.kind) {
            case OpKind::Move:
            case OpKind::Fill:
                return same(op.srcs[0], to);
            case OpKind::Iota:
                if (!is_taken(to, Takes::Integers)) fault("iota gives integers");
                return;
            case OpKind::Unary:
                return unary(op, to);
            case OpKind::Binary:
                return binary(op, to);
            case OpKind::Select:
                same(op.srcs[0], DType::kBool);
                same(op.srcs[1], to);
                return same(op.srcs[2], to);
            case OpKind::Reduce:
                return reduce(op, to);
            case OpKind::Mma:
                return mma(op, to);
            case OpKind::Scatter:
                if (op.fn != ScalarFn::copy) taken(op.fn, to);
                return same(op.srcs[0], to);
            case OpKind::Sort:
                if (!is_taken(to, Takes::Numbers)) fault("sort takes numbers");
                return;
        }
    }

    void unary(const Op& op, DType to) {
        if (op.fn == ScalarFn::cast) {
            const auto* s = std::get_if<Slice>(&op.srcs[0]);
            if (to == DType::kString || (s != nullptr && dtype(*s) == DType::kString))
                fault("strings are not cast");
            return;
        }
        if (op.fn == ScalarFn::isnan || op.fn == ScalarFn::isinf) {
            const auto* s = std::get_if<Slice>(&op.srcs[0]);
            if (s != nullptr) taken(op.fn, dtype(*s));
            if (to != DType::kBool) fault("the result is bool");
            return;
        }
        taken(op.fn, to);
        same(op.srcs[0], to);
    }

    void binary(const Op& op, DType to) {
        if (!gives_bool(op.fn)) {
            taken(op.fn, to);
            same(op.srcs[0], to);
            return same(op.srcs[1], to);
        }
        if (to != DType::kBool) fault("the result is bool");
        const auto* a = std::get_if<Slice>(&op.srcs[0]);
        const auto* b = std::get_if<Slice>(&op.srcs[1]);
        if (a == nullptr && b == nullptr) return;
        DType of = dtype(a != nullptr ? *a : *b);
        taken(op.fn, of);
        same(op.srcs[0], of);
        same(op.srcs[1], of);
    }

    void reduce(const Op& op, DType to) {
        const auto* s = std::get_if<Slice>(&op.srcs[0]);
        DType from = s != nullptr ? dtype(*s) : to;
        taken(op.fn, from);
        bool sums = op.fn == ScalarFn::add || op.fn == ScalarFn::mul;
        if (from != to && !(sums && holds_sums_of(to, from)))
            fault(fmt::format("it reduces {} into {}", tensor::name(from), tensor::name(to)));
        same(op.srcs[0], from);
    }

    void mma(const Op& op, DType to) {
        for (const Operand& o : op.srcs) {
            const auto* s = std::get_if<Slice>(&o);
            if (s == nullptr) {
                same(o, to);
                continue;
            }
            if (!computes(dtype(*s)) || !computes(to) || to == DType::kBool ||
                !holds_sums_of(to, dtype(*s)))
                fault(fmt::format("it sums products of {} in {}", tensor::name(dtype(*s)),
                                  tensor::name(to)));
        }
    }

    void taken(ScalarFn fn, DType t) {
        if (!is_taken(t, takes(fn)))
            fault(
                fmt::format("{} takes {}, not {}", name(fn), text_of(takes(fn)), tensor::name(t)));
    }

    /// A slice of this dtype, or a literal that the dtype can hold.
    void same(const Operand& o, DType t) {
        if (const auto* s = std::get_if<Slice>(&o)) {
            if (dtype(*s) != t)
                fault(fmt::format("{} is {}, expected {}", s->target, tensor::name(dtype(*s)),
                                  tensor::name(t)));
            if (s->within) literal(s->within->otherwise, dtype(*s));
            return;
        }
        literal(std::get<Literal>(o), t);
    }

    void literal(const Literal& l, DType t) {
        bool whole = l.is_int || l.f == std::nearbyint(l.f);
        if (!tensor::is_float(t) && !whole)
            fault(fmt::format("the literal {} does not fit {}", literal_text(l), tensor::name(t)));
    }

    void indices(const Slice& s) {
        for (const Coord& c : s.at) {
            if (!c.index) continue;
            if (!is_taken(dtype(*c.index), Takes::Integers))
                fault(fmt::format("the computed coordinate {} is no integer", c.index->target));
            indices(*c.index);
        }
    }

    DType dtype(const Slice& s) const {
        for (auto t = tiles_.rbegin(); t != tiles_.rend(); ++t)
            if (t->name == s.target) return t->dtype;
        return p_.buffer(s.target).dtype;
    }

    void fault(const std::string& message) { faults_.add(place_, message); }

    const Program& p_;
    const Kernel& k_;
    Faults& faults_;
    std::string place_;
    std::vector<Tile> tiles_;
};

}  // namespace

void check_kinds(const Program& p, const Kernel& k, Faults& faults) {
    KindChecker(p, k, faults).run();
}

}  // namespace smeaton::gir::verifying
