#include "gir/rewrite/spell/laid.h"

#include <algorithm>

#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

constexpr ValueRange kAnywhere{-(int64_t{1} << 40), int64_t{1} << 40};

/// The quotient that all values of the form share.
std::optional<int64_t> one_quotient(const Affine& form, int64_t by, const Ranges& ranges) {
    ValueRange r = range_of(form, ranges);
    if (r.hi < r.lo || floor_div(r.lo, by) != floor_div(r.hi, by)) return std::nullopt;
    return floor_div(r.lo, by);
}

/// floor(form / div): terms whose coefficients divide pass, the rest stays within one quotient.
std::optional<Affine> divided(const Affine& form, int64_t div, const Ranges& ranges) {
    if (div == 1) return form;
    Affine out, rest(form.constant);
    for (const Term& t : form.terms)
        t.coefficient % div == 0 ? out += Affine(t.var, t.coefficient / div)
                                 : rest += Affine(t.var, t.coefficient);
    std::optional<int64_t> whole = one_quotient(rest, div, ranges);
    if (!whole) return std::nullopt;
    return out + Affine(*whole);
}

std::optional<Affine> modulo(const Affine& form, int64_t mod, const Ranges& ranges) {
    if (mod == 0) return form;
    Affine rest(form.constant);
    for (const Term& t : form.terms)
        if (t.coefficient % mod != 0) rest += Affine(t.var, t.coefficient);
    std::optional<int64_t> whole = one_quotient(rest, mod, ranges);
    if (!whole) return std::nullopt;
    return rest - Affine(*whole * mod);
}

std::optional<Affine> offset_of(const Laid& laid, const Ranges& ranges) {
    Affine out;
    for (const MemoryPart& part : laid.parts) {
        auto whole = divided(laid.at[static_cast<size_t>(part.dim)].affine, part.div, ranges);
        if (!whole) return std::nullopt;
        auto rest = modulo(*whole, part.mod, ranges);
        if (!rest) return std::nullopt;
        out += (*rest + Affine(part.before)) * part.stride;
    }
    return out;
}

/// A part of an address as a variable steps: ((lo + step*i to hi + step*i) / div) % mod, where the
/// least and the greatest of all that is not a multiple of div, or mod, give one quotient. What is
/// a multiple does not change with i.
class PartOfSteps {
public:
    PartOfSteps(const MemoryPart& part, Affine form, Name var, const Ranges& ranges)
        : part_(part), step_(form.coefficient(var)) {
        if (step_ != 0) form -= Affine(var, step_);
        Affine rest(form.constant), whole;
        for (const Term& t : form.terms)
            t.coefficient % part.div == 0 ? whole += Affine(t.var, t.coefficient / part.div)
                                          : rest += Affine(t.var, t.coefficient);
        in_div_ = range_of(rest, ranges);
        Affine in_mod;
        for (const Term& t : whole.terms)
            if (part.mod != 0 && t.coefficient % part.mod != 0)
                in_mod += Affine(t.var, t.coefficient);
        in_mod_ = range_of(in_mod, ranges);
    }

    bool moves() const { return step_ != 0; }
    /// But for what does not change with i; nothing where it is not known.
    std::optional<int64_t> at(int64_t i) const {
        std::optional<int64_t> whole = quotient(in_div_, step_ * i, part_.div);
        if (!whole || part_.mod == 0) return whole;
        const std::optional<int64_t> turns = quotient(in_mod_, *whole, part_.mod);
        if (!turns) return std::nullopt;
        return *whole - *turns * part_.mod;
    }

private:
    static std::optional<int64_t> quotient(ValueRange r, int64_t shift, int64_t by) {
        if (r.hi < r.lo || floor_div(r.lo + shift, by) != floor_div(r.hi + shift, by))
            return std::nullopt;
        return floor_div(r.lo + shift, by);
    }

    const MemoryPart& part_;
    int64_t step_;
    ValueRange in_div_, in_mod_;
};

/// Do the elements at `count` values of the variable lie one after the other, as far as is known?
bool follow_each_other(const Laid& laid, Name var, int64_t count, const Ranges& ranges) {
    std::vector<std::pair<PartOfSteps, int64_t>> moving;  // and the stride
    for (const MemoryPart& part : laid.parts) {
        const PartOfSteps steps(part, laid.at[static_cast<size_t>(part.dim)].affine, var, ranges);
        if (count > 0 && !steps.at(0)) return false;
        if (steps.moves()) moving.emplace_back(steps, part.stride);
    }
    int64_t first = 0;
    for (int64_t i = 0; i < count; ++i) {
        int64_t offset = 0;
        for (const auto& [steps, stride] : moving) {
            const std::optional<int64_t> at = steps.at(i);
            if (!at) return false;
            offset += *at * stride;
        }
        if (i == 0) first = offset;
        if (offset != first + i) return false;
    }
    return true;
}

bool is_split(const MemoryPart& part) {
    return part.div != 1 || part.mod != 0;
}

Run register_run(const Laid& laid, Name var) {
    for (size_t d = 0; d < laid.at.size(); ++d) {
        int64_t k = laid.at[d].affine.coefficient(var);
        bool along = static_cast<int>(d) == laid.lanes;
        if (k != 0 && (!along || k != 1)) return Run::Scattered;
    }
    return laid.lanes < 0 || !laid.at[static_cast<size_t>(laid.lanes)].affine.uses(var)
               ? Run::Uniform
               : Run::Contiguous;
}

}  // namespace

bool Laid::uses(Name var) const {
    return std::any_of(at.begin(), at.end(), [&](const Coord& c) {
        return c.affine.uses(var) || (c.index && walks(*c.index, var));
    });
}

bool Laid::computed() const {
    return std::any_of(at.begin(), at.end(), [](const Coord& c) { return c.index != nullptr; });
}

Laid laid(const Place& place, const Slice& named) {
    Slice slice = named;
    Laid out;
    for (auto found = place.tiles.find(slice.target); found != place.tiles.end();
         found = place.tiles.find(slice.target)) {
        const Let& let = *found->second;
        if (let.kind != TileKind::Claim) break;  // memory of its own
        Substitution by_dim;
        for (size_t i = 0; i < let.tile.dims.size(); ++i)
            by_dim[let.tile.dims[i].name] = slice.at[i].affine;
        Slice behind = substitute(*let.source, by_dim);
        for (size_t i = 0; i < behind.at.size(); ++i)
            for (size_t j = 0; j < slice.at.size() && !behind.at[i].index; ++j)
                if (let.source->at[i].affine.uses(let.tile.dims[j].name))
                    behind.at[i].index = slice.at[j].index;
        out.bounded = out.bounded || slice.within.has_value();
        slice = std::move(behind);
    }
    out.bounded = out.bounded || slice.within.has_value();
    out.target = slice.target;
    out.at = slice.at;
    if (auto tile = place.tiles.find(slice.target); tile != place.tiles.end()) {
        const Let& let = *tile->second;
        out.dtype = let.tile.dtype;
        out.in_registers = let.tile.level == place.registers;
        out.lanes = let.tile.lanes;
        out.parts = tile_memory(let.tile, let.constant.has_value(), place.lanes).parts;
    } else {
        const Buffer& b = place.program.buffer(slice.target);
        out.dtype = b.dtype;
        out.parts = memory_parts(b);
    }
    return out;
}

ValueRange range_of(const Affine& form, const Ranges& ranges) {
    ValueRange out{form.constant, form.constant};
    for (const Term& t : form.terms) {
        auto known = ranges.find(t.var);
        ValueRange r = known == ranges.end() ? kAnywhere : known->second;
        if (r.hi < r.lo) return {0, -1};
        out.lo += t.coefficient * (t.coefficient > 0 ? r.lo : r.hi);
        out.hi += t.coefficient * (t.coefficient > 0 ? r.hi : r.lo);
    }
    return out;
}

std::optional<int64_t> stride_along(const Laid& laid, Name var) {
    if (laid.in_registers) return std::nullopt;
    for (const Coord& c : laid.at)
        if (c.index && walks(*c.index, var)) return std::nullopt;
    int64_t stride = 0;
    for (const MemoryPart& part : laid.parts) {
        const int64_t k = laid.at[static_cast<size_t>(part.dim)].affine.coefficient(var);
        if (is_split(part) && k != 0) return std::nullopt;
        stride += part.stride * k;
    }
    return stride;
}

Run run_along(const Laid& laid, Name var, int64_t count, const Ranges& ranges) {
    bool depends = false;
    for (const Coord& c : laid.at) {
        if (c.index && walks(*c.index, var)) return Run::Scattered;
        depends = depends || c.affine.uses(var);
    }
    if (!depends) return Run::Uniform;
    if (laid.in_registers) return register_run(laid, var);
    if (const std::optional<int64_t> stride = stride_along(laid, var))
        return *stride == 0 ? Run::Uniform : *stride == 1 ? Run::Contiguous : Run::Scattered;
    // Each element's address must be known relative to the first.
    for (const MemoryPart& part : laid.parts)
        if (is_split(part) && laid.at[static_cast<size_t>(part.dim)].index) return Run::Scattered;
    return follow_each_other(laid, var, count, ranges) ? Run::Contiguous : Run::Scattered;
}

std::optional<Affine> element_offset(const Laid& laid, const Ranges& ranges) {
    if (laid.computed()) return std::nullopt;
    return offset_of(laid, ranges);
}

}  // namespace smeaton::gir::rewrite
