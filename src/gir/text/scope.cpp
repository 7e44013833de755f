#include "gir/text/scope.h"

#include <algorithm>

namespace smeaton::gir {

namespace {

bool names(const std::vector<NamedDim>& dims, Name name) {
    return std::any_of(dims.begin(), dims.end(), [&](const NamedDim& d) { return d.name == name; });
}

void add_implied(const Slice& slice, const TextScope& scope, std::vector<NamedDim>& out) {
    const Tile* tile = scope.find_tile(slice.target);
    for (size_t i = 0; i < slice.at.size(); ++i) {
        const Coord& at = slice.at[i];
        auto var = at.affine.single_var();
        if (tile != nullptr && i < tile->dims.size() && var && !at.index && !scope.has_axis(*var) &&
            !names(out, *var))
            out.push_back({*var, tile->dims[i].extent});
    }
    for (const Coord& at : slice.at)
        if (at.index) add_implied(*at.index, scope, out);
}

void add_implied(const Operand& operand, const TextScope& scope, std::vector<NamedDim>& out) {
    if (const auto* slice = std::get_if<Slice>(&operand)) add_implied(*slice, scope, out);
}

}  // namespace

const Tile* TextScope::find_tile(Name name) const {
    auto found =
        std::find_if(tiles.rbegin(), tiles.rend(), [&](const Tile& t) { return t.name == name; });
    return found == tiles.rend() ? nullptr : &*found;
}

bool TextScope::has_axis(Name name) const {
    return std::find(axes.begin(), axes.end(), name) != axes.end();
}

std::vector<NamedDim> implied_dims(const Op& op, const TextScope& scope) {
    std::vector<NamedDim> out;
    add_implied(op.dst, scope, out);
    for (const Operand& src : op.srcs) add_implied(src, scope, out);
    if (op.payload) add_implied(*op.payload, scope, out);
    return out;
}

std::vector<NamedDim> implied_dims(const Check& check, const TextScope& scope) {
    std::vector<NamedDim> out;
    add_implied(check.condition, scope, out);
    return out;
}

std::vector<NamedDim> with_suffix(const std::vector<NamedDim>& implied,
                                  const std::vector<NamedDim>& suffix) {
    std::vector<NamedDim> out;
    for (const NamedDim& d : implied)
        if (!names(suffix, d.name)) out.push_back(d);
    out.insert(out.end(), suffix.begin(), suffix.end());
    return out;
}

}  // namespace smeaton::gir
