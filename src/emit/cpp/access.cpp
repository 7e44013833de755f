#include "emit/cpp/access.h"

#include "base/error.h"
#include "emit/cpp/spell.h"
#include "emit/cpp/value.h"

namespace smeaton::emit {

using gir::floor_div;

namespace {

void add_scaled(Form& into, const Form& form, int64_t k) {
    into.base.add(form.base, k);
    for (size_t i = 0; i < form.by_dim.size(); ++i) into.by_dim[i] += k * form.by_dim[i];
    for (const auto& [c, access] : form.computed) into.computed.push_back({c * k, access});
}

struct Compiler {
    const Function& f;
    const std::vector<gir::NamedDim>& dims;

    Form affine(const gir::Affine& a) const {
        Form form;
        form.by_dim.assign(dims.size(), 0);
        form.base.constant = a.constant;
        for (const gir::Term& t : a.terms) {
            bool found = false;
            for (size_t i = 0; i < dims.size() && !found; ++i)
                if (dims[i].name == t.var) {
                    form.by_dim[i] += t.coefficient;
                    found = true;
                }
            if (found) continue;
            auto axis = f.axes.find(t.var);
            SMEATON_CHECK(axis != f.axes.end(), "{} is neither an axis nor a dim here", t.var);
            form.base.add(axis->second, t.coefficient);
        }
        return form;
    }

    Form coordinate(const gir::Coord& c) const {
        Form form = affine(c.affine);
        if (c.index) form.computed.push_back({1, std::make_shared<Access>(slice(*c.index))});
        return form;
    }

    void add_bounds(Access& a, const gir::Within& within) const {
        for (const gir::Bound& b : within.bounds) {
            BoundForm bound{affine(b.expr), {}, {}};
            if (b.lo) bound.lo = b.lo->value();
            if (b.hi) bound.hi = b.hi->value();
            a.bounds.push_back(std::move(bound));
        }
        a.otherwise = within.otherwise;
    }

    Access slice(const gir::Slice& s) const {
        const Storage& storage = f.storage(s.target);
        Access a;
        SMEATON_CHECK(s.at.size() == storage.extents.size(), "{} has {} dims, the slice names {}",
                      s.target, storage.extents.size(), s.at.size());
        for (const gir::Coord& c : s.at) a.at.push_back(coordinate(c));
        if (s.within) add_bounds(a, *s.within);
        if (storage.kind != Storage::Kind::Claim) {
            a.storage = &storage;
            return a;
        }
        // The claim's own map, with its tile dims replaced by the coordinates of this slice.
        std::vector<gir::NamedDim> tile_dims;
        for (size_t i = 0; i < storage.extents.size(); ++i)
            tile_dims.push_back({storage.dim_names[i], storage.extents[i]});
        Access behind = Compiler{f, tile_dims}.slice(*storage.source);
        SMEATON_CHECK(behind.bounds.empty(), "{} pads, so it is no claim", s.target);
        a.storage = behind.storage;
        std::vector<Form> outer = std::move(a.at);
        a.at.clear();
        for (const Form& inner : behind.at) {
            Form form;
            form.by_dim.assign(dims.size(), 0);
            form.base = inner.base;
            for (size_t i = 0; i < outer.size(); ++i) add_scaled(form, outer[i], inner.by_dim[i]);
            for (const auto& [k, index] : inner.computed) {
                // An index read inside the claim's map moves with the coordinates as well.
                auto moved = std::make_shared<Access>(*index);
                for (Form& at : moved->at) {
                    Form next;
                    next.by_dim.assign(dims.size(), 0);
                    next.base = at.base;
                    for (size_t i = 0; i < outer.size(); ++i)
                        add_scaled(next, outer[i], at.by_dim[i]);
                    SMEATON_CHECK(at.computed.empty(), "an index of an index inside a claim");
                    at = std::move(next);
                }
                form.computed.push_back({k, std::move(moved)});
            }
            a.at.push_back(std::move(form));
        }
        return a;
    }
};

bool form_uses(const Form& form, size_t dim) {
    if (form.by_dim[dim] != 0) return true;
    for (const auto& [k, access] : form.computed)
        if (access->uses_dim(dim)) return true;
    return false;
}

}  // namespace

bool Access::uses_dim(size_t dim) const {
    for (const Form& form : at)
        if (form_uses(form, dim)) return true;
    for (const BoundForm& b : bounds)
        if (form_uses(b.expr, dim)) return true;
    return false;
}

bool Access::computed() const {
    for (const Form& form : at)
        if (!form.computed.empty()) return true;
    return false;
}

Access compile_access(const Function& f, const gir::Slice& slice,
                      const std::vector<gir::NamedDim>& dims) {
    return Compiler{f, dims}.slice(slice);
}

Form compile_form(const Function& f, const gir::Affine& form,
                  const std::vector<gir::NamedDim>& dims) {
    return Compiler{f, dims}.affine(form);
}

Point lane_point(const Point& point, int lane) {
    Point p = point;
    if (p.lane_dim >= 0) p.dims[static_cast<size_t>(p.lane_dim)].constant += lane;
    p.lane_dim = -1;
    p.count = 1;
    return p;
}

Linear evaluate(Function& f, const Form& form, const Point& point, int lane) {
    Linear out = form.base;
    for (size_t i = 0; i < form.by_dim.size(); ++i)
        if (form.by_dim[i] != 0) out.add(point.dims[i], form.by_dim[i]);
    if (point.lane_dim >= 0)
        out.constant += form.by_dim[static_cast<size_t>(point.lane_dim)] * lane;
    for (const auto& [k, access] : form.computed) {
        std::string index = read_scalar(f, *access, lane_point(point, lane));
        std::string name = f.unique("at");
        f.line(fmt::format("const i64 {} = (i64)({});", name, index));
        constexpr int64_t kFar = int64_t{1} << 40;
        out.add(f.declare(name, {-kFar, kFar}, true), k);
    }
    return out;
}

namespace {

/// floor(form / div): terms whose coefficients divide pass; the rest must stay within one quotient,
/// or is computed when the program runs.
Linear divided(Function& f, const Linear& form, int64_t div) {
    if (div == 1) return form;
    Linear out, rest;
    for (const auto& [v, k] : form.terms) (k % div == 0 ? out.add(v, k / div) : rest.add(v, k));
    rest.constant = form.constant;
    ValueRange r = f.range(rest);
    if (r.hi >= r.lo && floor_div(r.lo, div) == floor_div(r.hi, div)) {
        out.constant += floor_div(r.lo, div);
        return out;
    }
    int64_t whole = floor_div(rest.constant, div);
    rest.constant -= whole * div;
    out.constant += whole;
    out.add(f.quotient(rest, div), 1);
    return out;
}

Linear modulo(Function& f, const Linear& form, int64_t mod) {
    if (mod == 0) return form;
    Linear rest;
    for (const auto& [v, k] : form.terms)
        if (k % mod != 0) rest.add(v, k);
    rest.constant = form.constant;
    ValueRange r = f.range(rest);
    int64_t whole = floor_div(r.lo, mod);
    if (r.hi >= r.lo && whole == floor_div(r.hi, mod)) {
        rest.constant -= whole * mod;
        return rest;
    }
    rest.constant -= floor_div(rest.constant, mod) * mod;
    Linear out;
    out.add(f.remainder(rest, mod), 1);
    return out;
}

/// offset() over coordinates already evaluated.
Linear offset_of(Function& f, const Storage& s, const std::vector<Linear>& at) {
    Linear out;
    for (const gir::MemoryPart& part : s.parts) {
        Linear form = modulo(f, divided(f, at[static_cast<size_t>(part.dim)], part.div), part.mod);
        form.constant += part.before;
        out.add(form, part.stride);
    }
    return out;
}

}  // namespace

Linear offset(Function& f, const Access& a, const Point& point, int lane) {
    std::vector<Linear> at;
    for (const Form& form : a.at) at.push_back(evaluate(f, form, point, lane));
    return offset_of(f, *a.storage, at);
}

namespace {

/// Does some split dim of the storage see the lanes?
bool lanes_cross_split(const Access& a, size_t dim) {
    for (const gir::MemoryPart& part : a.storage->parts)
        if ((part.div != 1 || part.mod != 0) &&
            a.at[static_cast<size_t>(part.dim)].by_dim[dim] != 0)
            return true;
    return false;
}

/// Can each split of the storage be resolved without code at this lane?
bool splits_static(Function& f, const Access& a, const Point& point, int lane) {
    for (const gir::MemoryPart& part : a.storage->parts) {
        if (part.div == 1 && part.mod == 0) continue;
        Linear form = a.at[static_cast<size_t>(part.dim)].base;
        const Form& at = a.at[static_cast<size_t>(part.dim)];
        for (size_t i = 0; i < at.by_dim.size(); ++i) form.add(point.dims[i], at.by_dim[i]);
        form.constant += at.by_dim[static_cast<size_t>(point.lane_dim)] * lane;
        auto within_one = [&](Linear rest, int64_t by) {
            ValueRange r = f.range(rest);
            return r.hi >= r.lo && floor_div(r.lo, by) == floor_div(r.hi, by);
        };
        Linear next, rest;
        for (const auto& [v, k] : form.terms)
            (k % part.div == 0 ? next.add(v, k / part.div) : rest.add(v, k));
        rest.constant = form.constant;
        if (!within_one(rest, part.div)) return false;
        next.constant = floor_div(f.range(rest).lo, part.div);
        if (part.mod == 0) continue;
        Linear inner;
        for (const auto& [v, k] : next.terms)
            if (k % part.mod != 0) inner.add(v, k);
        inner.constant = next.constant;
        if (!within_one(inner, part.mod)) return false;
    }
    return true;
}

Pattern register_pattern(const Access& a, const Point& point) {
    auto lane = static_cast<size_t>(point.lane_dim);
    const Storage& s = *a.storage;
    for (size_t d = 0; d < a.at.size(); ++d) {
        int64_t k = a.at[d].by_dim[lane];
        if (static_cast<int>(d) != s.lanes && k != 0) return Pattern::Scattered;
        if (static_cast<int>(d) == s.lanes && k > 1) return Pattern::Scattered;
        if (k < 0) return Pattern::Scattered;
    }
    if (s.lanes < 0 || a.at[static_cast<size_t>(s.lanes)].by_dim[lane] == 0)
        return Pattern::Uniform;
    return Pattern::Contiguous;
}

}  // namespace

std::optional<int64_t> lane_stride(const Access& a, const Point& point) {
    const auto lane = static_cast<size_t>(point.lane_dim);
    if (a.in_registers() || lanes_cross_split(a, lane)) return std::nullopt;
    for (const Form& form : a.at)
        for (const auto& [k, access] : form.computed)
            if (access->uses_dim(lane)) return std::nullopt;
    int64_t stride = 0;
    for (const gir::MemoryPart& part : a.storage->parts)
        stride += part.stride * a.at[static_cast<size_t>(part.dim)].by_dim[lane];
    return stride;
}

Pattern pattern(Function& f, const Access& a, const Point& point) {
    if (point.lane_dim < 0) return Pattern::Uniform;
    auto lane = static_cast<size_t>(point.lane_dim);
    bool depends = false;
    for (const Form& form : a.at) {
        depends = depends || form.by_dim[lane] != 0;
        for (const auto& [k, access] : form.computed)
            if (access->uses_dim(lane)) return Pattern::Scattered;
    }
    if (!depends) return Pattern::Uniform;
    if (a.in_registers()) return register_pattern(a, point);
    if (const std::optional<int64_t> stride = lane_stride(a, point))
        return *stride == 0   ? Pattern::Uniform
               : *stride == 1 ? Pattern::Contiguous
                              : Pattern::Scattered;
    // Each lane's address must be known relative to the first without code.
    Access plain = a;
    for (Form& form : plain.at) form.computed.clear();
    if (a.computed()) {
        for (const gir::MemoryPart& part : a.storage->parts)
            if ((part.div != 1 || part.mod != 0) &&
                !a.at[static_cast<size_t>(part.dim)].computed.empty())
                return Pattern::Scattered;
    }
    Linear first;
    for (int i = 0; i < point.count; ++i) {
        if (!splits_static(f, plain, point, i)) return Pattern::Scattered;
        Linear here = offset(f, plain, point, i);
        if (i == 0) {
            first = here;
            continue;
        }
        first.constant += 1;
        if (!(here == first)) return Pattern::Scattered;
    }
    return Pattern::Contiguous;
}

namespace {

enum class Inside { Yes, No, Unknown };

Inside decide(const ValueRange& r, const BoundForm& b) {
    bool above = !b.lo || r.lo >= *b.lo, below = !b.hi || r.hi < *b.hi;
    if (above && below) return Inside::Yes;
    if ((b.lo && r.hi < *b.lo) || (b.hi && r.lo >= *b.hi)) return Inside::No;
    return Inside::Unknown;
}

void conjoin(std::string& into, const std::string& more, const char* by) {
    into = into.empty() ? more : fmt::format("{} {} {}", into, by, more);
}

}  // namespace

Guard guard(Function& f, const Access& a, const Point& point) {
    Guard g;
    uint64_t all = point.count >= 64 ? ~uint64_t{0} : (uint64_t{1} << point.count) - 1, known = all;
    for (const BoundForm& b : a.bounds) {
        int64_t k = point.lane_dim < 0 ? 0 : b.expr.by_dim[static_cast<size_t>(point.lane_dim)];
        Linear at = evaluate(f, b.expr, point, 0);
        if (k == 0) {
            Inside inside = decide(f.range(at), b);
            if (inside == Inside::No) {
                g.all_out = true;
                return g;
            }
            if (inside == Inside::Unknown) conjoin(g.condition, f.condition(at, b.lo, b.hi), "&");
            continue;
        }
        uint64_t mask = 0;
        bool undecided = false;
        for (int i = 0; i < point.count; ++i) {
            Linear lane = at;
            lane.constant += k * i;
            Inside inside = decide(f.range(lane), b);
            if (inside != Inside::No) mask |= uint64_t{1} << i;
            undecided = undecided || inside == Inside::Unknown;
        }
        known &= mask;
        if (!undecided) continue;
        auto end = [](std::optional<int64_t> v, const char* otherwise) {
            return v ? fmt::format("{}LL", *v) : std::string(otherwise);
        };
        std::string text = fmt::format("lanes_within({{}}, {}, {}, {})", k,
                                       end(b.lo, "-(1LL << 60)"), end(b.hi, "(1LL << 60)"));
        conjoin(g.mask, f.hoisted("u64", "lanes", at, text), "&");
        g.is_static = false;
    }
    if (known == 0) {
        g.all_out = true;
        return g;
    }
    if (known != all) conjoin(g.mask, fmt::format("{}ULL", known), "&");
    if (!g.mask.empty() && known == all && point.count < f.lanes())
        conjoin(g.mask, fmt::format("{}ULL", all), "&");
    if (!g.mask.empty() && !g.is_static) g.mask = "(" + g.mask + ")";
    return g;
}

}  // namespace smeaton::emit
