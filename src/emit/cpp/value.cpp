#include "emit/cpp/value.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/error.h"
#include "emit/cpp/spell.h"

namespace smeaton::emit {

using gir::ScalarFn;

Value literal_value(DType dtype, const Literal& v) {
    return {literal(dtype, v), dtype, false, converted(v, dtype)};
}

std::string as_vector(const Value& v) {
    return v.vector ? v.text : fmt::format("splat_{}({})", type_name(v.dtype), v.text);
}

Value named(Function& f, const Value& v, const std::string& stem) {
    bool is_name =
        !v.text.empty() &&
        v.text.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == std::string::npos;
    if (is_name) return v;
    Value out = v;
    out.text = f.unique(stem);
    f.line(fmt::format("const {}{} {} = {};", v.vector ? "v" : "", type_name(v.dtype), out.text,
                       v.text));
    return out;
}

namespace {

/// The variable of a register tile that holds the element, and the lane in it (-1: a scalar
/// variable).
std::pair<std::string, int> register_element(Function& f, const Access& a, const Point& point,
                                             int lane) {
    const Storage& s = *a.storage;
    std::string name = s.base;
    int in_vector = -1;
    for (size_t d = 0; d < a.at.size(); ++d) {
        Linear at = evaluate(f, a.at[d], point, lane);
        SMEATON_CHECK(at.is_const(), "{} is held in registers and indexed by {}", s.name,
                      f.text(at));
        int64_t i = at.constant;
        SMEATON_CHECK(i >= 0 && i < s.extents[d], "{}: {} is outside dim {}", s.name, i, d);
        if (static_cast<int>(d) == s.lanes) {
            in_vector = static_cast<int>(i % f.lanes());
            i /= f.lanes();
        }
        name += fmt::format("_{}", i);
    }
    return {name, in_vector};
}

/// Do the lanes of the point coincide with those of one register?
bool fills_register(Function& f, const Access& a, const Point& point) {
    return point.lane_dim >= 0 && pattern(f, a, point) == Pattern::Contiguous &&
           register_element(f, a, point, 0).second == 0;
}

std::string element(Function& f, const Access& a, const Point& point) {
    if (a.in_registers()) {
        auto [name, lane] = register_element(f, a, point, 0);
        return lane < 0 ? name : fmt::format("{}[{}]", name, lane);
    }
    Linear at = offset(f, a, point, 0);
    int64_t shift = at.constant;
    at.constant = 0;
    return fmt::format("{}[{}]", f.address(*a.storage, at), shift);
}

/// Where the first lane lies in memory.
std::string first_address(Function& f, const Access& a, const Point& point) {
    return f.address(*a.storage, offset(f, a, point, 0));
}

std::string read_vector(Function& f, const Access& a, const Point& point, const Guard& g) {
    std::string type = type_name(a.dtype());
    if (a.in_registers()) {
        std::string name = register_element(f, a, point, 0).first;
        if (g.mask.empty()) return name;
        return fmt::format("blend_{}({}, {}, splat_{}({}))", type, g.mask, name, type,
                           literal(a.dtype(), a.otherwise));
    }
    const std::string address = first_address(f, a, point);
    if (!g.mask.empty())
        return fmt::format("ldm_{}({}, {}, splat_{}({}))", type, address, g.mask, type,
                           literal(a.dtype(), a.otherwise));
    if (point.count < f.lanes()) return fmt::format("ldn_{}({}, {})", type, address, point.count);
    return fmt::format("*(const u{}*)({})", type, address);
}

/// Vectors by one instruction each. UserError where no instruction can.
std::string read_gathered(Function& f, const Access& a, const Point& point, const Guard& g) {
    if (!f.isa().gathers())
        throw UserError("{} is spelled gathered, and {} has no gathers", a.storage->name,
                        f.isa().name);
    const std::optional<int64_t> stride = lane_stride(a, point);
    const bool fits =
        stride && std::abs(*stride) * f.lanes() <= std::numeric_limits<int32_t>::max();
    if (!fits || a.dtype() != DType::kF32)
        throw UserError(
            "{} is spelled gathered, and lanes that are gathered are f32 in memory, equally far "
            "apart, within offsets of 32 bits",
            a.storage->name);
    const std::string mask =
        g.mask.empty() ? fmt::format("{}ULL", (uint64_t{1} << point.count) - 1) : g.mask;
    return fmt::format("gather_f32({}, {}, {}, splat_f32({}))", first_address(f, a, point), *stride,
                       mask, g.mask.empty() ? "0.0f" : literal(a.dtype(), a.otherwise));
}

/// Lanes in a mask, equally far apart.
std::string read_some(Function& f, const Access& a, const Point& point, const Guard& g,
                      int64_t stride) {
    const std::string type = type_name(a.dtype());
    return fmt::format("apart_{0}({1}, {2}, {3}, splat_{0}({4}))", type, first_address(f, a, point),
                       stride, g.mask, literal(a.dtype(), a.otherwise));
}

/// All that lies from the first lane to the last. UserError where that is not what is spelled.
std::string read_strided(Function& f, const Access& a, const Point& point, const Guard& g) {
    if (lane_stride(a, point) != a.strided_by || size_of(a.dtype()) != 4)
        throw UserError(
            "{} is spelled strided by {}, and such lanes are of 4 bytes in memory, so many "
            "elements from one to the next",
            a.storage->name, a.strided_by);
    const std::string every = fmt::format("every{}_{}({})", a.strided_by, type_name(a.dtype()),
                                          first_address(f, a, point));
    if (g.mask.empty()) return every;
    const uint64_t all = (uint64_t{1} << f.lanes()) - 1;
    return fmt::format("({} == {}ULL ? {} : {})", g.mask, all, every,
                       read_some(f, a, point, g, a.strided_by));
}

bool vector_access(Function& f, const Access& a, const Point& point) {
    if (a.in_registers()) return fills_register(f, a, point);
    return pattern(f, a, point) == Pattern::Contiguous;
}

}  // namespace

std::string read_scalar(Function& f, const Access& a, const Point& point) {
    Guard g = guard(f, a, point);
    std::string otherwise = a.bounds.empty() ? "" : literal(a.dtype(), a.otherwise);
    if (g.all_out) return otherwise;
    if (g.condition.empty()) return element(f, a, point);
    // An index slice that stands behind the condition must not be read without it.
    if (!a.computed())
        return fmt::format("({} ? {} : {})", g.condition, element(f, a, point), otherwise);
    std::string name = f.unique("v");
    f.line(fmt::format("{} {} = {};", type_name(a.dtype()), name, otherwise));
    f.open_scope();
    f.line(fmt::format("{} = {};", name, element(f, a, point)));
    f.close_scope(fmt::format("if ({}) {{", g.condition));
    return name;
}

std::string register_variable(Function& f, const Access& a, const Point& point) {
    if (!a.in_registers() || !a.bounds.empty()) return "";
    if (point.lane_dim >= 0)
        return fills_register(f, a, point) ? register_element(f, a, point, 0).first : "";
    auto [name, lane] = register_element(f, a, point, 0);
    return lane < 0 ? name : "";
}

/// The element of a constant tile at a scalar point where it is known now.
static std::optional<Literal> known_element(Function& f, const Access& a, const Point& point) {
    if (!a.storage->constant || !a.bounds.empty() || a.computed()) return std::nullopt;
    Linear at = offset(f, a, point, 0);
    if (!at.is_const()) return std::nullopt;
    const gir::Tensor& t = *a.storage->constant;
    return tensor::is_float(t.dtype()) ? Literal::of(t.at_as_double(at.constant))
                                       : Literal::of_int(t.at_as_int(at.constant));
}

/// Lanes that lie apart, as is spelled; one by one where nothing is.
static std::string read_apart(Function& f, const Access& a, const Point& point, const Guard& g) {
    if (a.gathered_from > 0 && point.count >= a.gathered_from) return read_gathered(f, a, point, g);
    if (a.strided_by > 0 && point.count == f.lanes()) return read_strided(f, a, point, g);
    const std::optional<int64_t> stride = a.computed() ? std::nullopt : lane_stride(a, point);
    if (!g.mask.empty() && stride) return read_some(f, a, point, g, *stride);
    std::string text;
    for (int i = 0; i < f.lanes(); ++i) {
        const Point lane = lane_point(point, i);
        text += i == 0 ? "" : ", ";
        text += i >= point.count ? "0"
                : g.mask.empty() ? element(f, a, lane)
                                 : read_scalar(f, a, lane);
    }
    return fmt::format("(v{}){{{}}}", type_name(a.dtype()), text);
}

Value read(Function& f, const Access& a, const Point& point) {
    Value v{"", a.dtype(), false, {}};
    if (point.lane_dim < 0 || !a.uses_dim(static_cast<size_t>(point.lane_dim))) {
        Point at = point.lane_dim < 0 ? point : lane_point(point, 0);
        if (auto known = known_element(f, a, at)) return literal_value(a.dtype(), *known);
        v.text = read_scalar(f, a, at);
        return v;
    }
    Guard g = guard(f, a, point);
    if (g.all_out) return literal_value(a.dtype(), a.otherwise);
    v.vector = true;
    const auto lanes = [&] {
        return vector_access(f, a, point) ? read_vector(f, a, point, g)
                                          : read_apart(f, a, point, g);
    };
    // An index slice must not be read where no lane asks for it.
    if (a.computed() && !g.is_static)
        g.condition = g.condition.empty() ? g.mask + " != 0"
                                          : fmt::format("({}) && {} != 0", g.condition, g.mask);
    if (g.condition.empty()) {
        v.text = lanes();
        return v;
    }
    std::string otherwise = as_vector(literal_value(a.dtype(), a.otherwise));
    if (!a.computed()) {
        v.text = fmt::format("({} ? {} : {})", g.condition, lanes(), otherwise);
        return v;
    }
    v.text = f.unique("v");
    f.line(fmt::format("v{} {} = {};", type_name(a.dtype()), v.text, otherwise));
    f.open_scope();
    f.line(fmt::format("{} = {};", v.text, lanes()));
    f.close_scope(fmt::format("if ({}) {{", g.condition));
    return v;
}

Value read(Function& f, const std::optional<Access>& a, const Literal& otherwise, DType dtype,
           const Point& point) {
    return a ? read(f, *a, point) : literal_value(dtype, otherwise);
}

namespace {

void write_inside(Function& f, const Access& a, const Point& point, const Value& v,
                  const Guard& g) {
    std::string type = type_name(a.dtype());
    if (point.lane_dim < 0) {
        f.line(fmt::format("{} = {};", element(f, a, point), v.text));
        return;
    }
    if (!vector_access(f, a, point)) {
        Value held = v.vector ? named(f, v, "t") : v;
        for (int i = 0; i < point.count; ++i) {
            Value lane = held;
            if (held.vector) lane.text = fmt::format("{}[{}]", held.text, i);
            lane.vector = false;
            Point at = lane_point(point, i);
            Guard own = guard(f, a, at);
            if (own.all_out) continue;
            if (!own.condition.empty() && own.condition != g.condition) {
                f.open_scope();
                f.line(fmt::format("{} = {};", element(f, a, at), lane.text));
                f.close_scope(fmt::format("if ({}) {{", own.condition));
            } else {
                f.line(fmt::format("{} = {};", element(f, a, at), lane.text));
            }
        }
        return;
    }
    if (a.in_registers()) {
        std::string name = register_element(f, a, point, 0).first;
        auto lanes = static_cast<size_t>(a.storage->lanes);
        int64_t first = evaluate(f, a.at[lanes], point, 0).constant;
        bool whole = point.count == f.lanes() || first + point.count == a.storage->extents[lanes];
        std::string mask = g.mask;
        if (mask.empty() && !whole) mask = fmt::format("{}ULL", (uint64_t{1} << point.count) - 1);
        if (mask.empty())
            f.line(fmt::format("{} = {};", name, as_vector(v)));
        else
            f.line(fmt::format("{} = blend_{}({}, {}, {});", name, type, mask, as_vector(v), name));
        return;
    }
    const std::string address = first_address(f, a, point);
    if (!g.mask.empty())
        f.line(fmt::format("stm_{}({}, {}, {});", type, address, as_vector(v), g.mask));
    else if (point.count < f.lanes())
        f.line(fmt::format("stn_{}({}, {}, {});", type, address, as_vector(v), point.count));
    else
        f.line(fmt::format("*(u{}*)({}) = {};", type, address, as_vector(v)));
}

}  // namespace

void write(Function& f, const Access& a, const Point& point, const Value& v) {
    SMEATON_CHECK(v.dtype == a.dtype(), "{} holds {}, not {}", a.storage->name,
                  tensor::name(a.dtype()), tensor::name(v.dtype));
    Guard g = guard(f, a, point);
    if (g.all_out) return;
    if (g.condition.empty()) {
        write_inside(f, a, point, v, g);
        return;
    }
    f.open_scope();
    write_inside(f, a, point, v, g);
    f.close_scope(fmt::format("if ({}) {{", g.condition));
}

// ---- scalar functions ----

namespace {

bool is_bool(DType t) {
    return t == DType::kBool;
}

const char* infix(ScalarFn fn) {
    switch (fn) {
        case ScalarFn::add:
            return "+";
        case ScalarFn::sub:
            return "-";
        case ScalarFn::mul:
            return "*";
        case ScalarFn::div:
            return "/";
        case ScalarFn::eq:
            return "==";
        case ScalarFn::ne:
            return "!=";
        case ScalarFn::lt:
            return "<";
        case ScalarFn::le:
            return "<=";
        case ScalarFn::gt:
            return ">";
        case ScalarFn::ge:
            return ">=";
        case ScalarFn::and_:
            return "&";
        case ScalarFn::or_:
            return "|";
        case ScalarFn::xor_:
            return "^";
        default:
            return nullptr;
    }
}

void check_defined(ScalarFn fn, DType t) {
    bool half = t == DType::kF16 || t == DType::kBF16;
    bool moves = fn == ScalarFn::copy || fn == ScalarFn::cast;
    if (half && !moves)
        throw UserError("{} of {}: only casts are computed in this dtype", gir::name(fn),
                        tensor::name(t));
}

std::string operand_text(const Value& v, bool vector) {
    return vector ? as_vector(v) : v.text;
}

Value combine(ScalarFn fn, DType result, const Value& a, const Value& b) {
    DType t = a.dtype;
    SMEATON_CHECK(t == b.dtype, "{} of {} and {}", gir::name(fn), tensor::name(t),
                  tensor::name(b.dtype));
    Value out{"", result, a.vector || b.vector, {}};
    std::string type = type_name(t);
    std::string x = operand_text(a, out.vector), y = operand_text(b, out.vector);
    bool compares = gir::gives_bool(fn) &&
                    !(fn == ScalarFn::and_ || fn == ScalarFn::or_ || fn == ScalarFn::xor_);
    bool integer_div = fn == ScalarFn::div && !tensor::is_float(t);
    if (const char* op = infix(fn); op && !integer_div) {
        if (fn == ScalarFn::mul && tensor::is_float(t))
            // What is multiplied here and added elsewhere is rounded in between.
            out.text = fmt::format("rounded_{}{}({} * {})", out.vector ? "v" : "", type, x, y);
        else if (compares)
            out.text = out.vector ? fmt::format("truth_{}({} {} {})", type, x, op, y)
                                  : fmt::format("(b8)({} {} {})", x, op, y);
        else if (out.vector || tensor::is_float(t) || size_of(t) >= 4)
            out.text = fmt::format("({} {} {})", x, op, y);
        else
            out.text = fmt::format("({})({} {} {})", type, x, op, y);
        return out;
    }
    const char* prefix = out.vector ? "v" : "";
    bool extremum = fn == ScalarFn::max || fn == ScalarFn::min;
    if (extremum && t == DType::kF32 && (a.known || b.known)) {
        // With a number first and the unknown second, the hardware's max keeps a NaN.
        const Value& fixed = a.known ? a : b;
        const bool is_nan = std::isnan(fixed.known->f);
        if (!is_nan) {
            if (!a.known) std::swap(x, y);
            out.text = fmt::format("raw_{}_{}f32({}, {})", gir::name(fn), prefix, x, y);
            return out;
        }
    }
    std::string_view name = integer_div ? std::string_view("idiv") : gir::name(fn);
    out.text = fmt::format("{}_{}{}({}, {})", name, prefix, type, x, y);
    return out;
}

}  // namespace

Value apply(ScalarFn fn, DType result, const std::vector<Value>& args) {
    const Value& a = args.at(0);
    check_defined(fn, a.dtype);
    if (args.size() == 2) return combine(fn, result, a, args[1]);
    Value out{"", result, a.vector, {}};
    std::string type = type_name(a.dtype);
    const char* prefix = a.vector ? "v" : "";
    switch (fn) {
        case ScalarFn::copy:
            return a;
        case ScalarFn::cast:
            if (a.dtype == result) return a;
            out.text = fmt::format("cast_{}{}_{}({})", prefix, type, type_name(result), a.text);
            return out;
        case ScalarFn::neg:
            out.text = a.vector || size_of(a.dtype) >= 4 ? fmt::format("(-{})", a.text)
                                                         : fmt::format("({})(-{})", type, a.text);
            return out;
        case ScalarFn::not_:
            out.text = fmt::format("({} ^ 1)", a.text);
            return out;
        case ScalarFn::relu:
            if (a.dtype == DType::kF32) {
                Value zero = literal_value(a.dtype, Literal::of(0));
                out.text = fmt::format("raw_max_{}f32({}, {})", prefix,
                                       operand_text(zero, a.vector), a.text);
                return out;
            }
            break;
        case ScalarFn::floor:
        case ScalarFn::ceil:
        case ScalarFn::round:
        case ScalarFn::trunc:
            if (!tensor::is_float(a.dtype)) return a;
            break;
        default:
            break;
    }
    out.text = fmt::format("{}_{}{}({})", gir::name(fn), prefix, type, a.text);
    return out;
}

Value select(const Value& condition, const Value& a, const Value& b) {
    Value out{"", a.dtype, condition.vector || a.vector || b.vector, {}};
    if (!out.vector)
        out.text = fmt::format("({} ? {} : {})", condition.text, a.text, b.text);
    else if (!condition.vector)
        out.text = fmt::format("({} ? {} : {})", condition.text, as_vector(a), as_vector(b));
    else
        out.text = fmt::format("pick_{}({}, {}, {})", type_name(a.dtype), condition.text,
                               as_vector(a), as_vector(b));
    return out;
}

Value iota(Function& f, DType dtype, const Linear& first, int64_t step, bool vector) {
    std::string type = type_name(dtype);
    std::string start = fmt::format("({})({})", type, f.text(first));
    if (!vector || step == 0) return {start, dtype, false, {}};
    return {fmt::format("(splat_{}({}) + iota_{}() * ({}){})", type, start, type, type, step),
            dtype,
            true,
            {}};
}

Literal identity(ScalarFn fn, DType t) {
    bool is_float = tensor::is_float(t);
    double infinity = std::numeric_limits<double>::infinity();
    auto least = [&](bool greatest) {
        if (is_float) return Literal::of(greatest ? infinity : -infinity);
        if (is_bool(t)) return Literal::of_int(greatest);
        if (t == DType::kU64) return Literal::of_int(greatest ? -1 : 0);
        return converted(Literal::of(greatest ? infinity : -infinity), t);
    };
    switch (fn) {
        case ScalarFn::add:
        case ScalarFn::or_:
            return is_float ? Literal::of(0) : Literal::of_int(0);
        case ScalarFn::mul:
        case ScalarFn::and_:
            return is_float ? Literal::of(1) : Literal::of_int(1);
        case ScalarFn::max:
            return least(false);
        case ScalarFn::min:
            return least(true);
        default:
            SMEATON_CHECK(false, "{} is no reducer", gir::name(fn));
    }
    return {};
}

std::string keep_lanes(const Value& v, int count, const Literal& other) {
    std::string type = type_name(v.dtype);
    return fmt::format("blend_{}({}ULL, {}, splat_{}({}))", type, (uint64_t{1} << count) - 1,
                       v.text, type, literal(v.dtype, other));
}

Value across_lanes(ScalarFn fn, const Value& v) {
    return {fmt::format("across_{}_{}({})", gir::name(fn), type_name(v.dtype), v.text),
            v.dtype,
            false,
            {}};
}

}  // namespace smeaton::emit
