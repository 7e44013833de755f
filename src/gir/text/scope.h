// What the text form leaves out because the reader can tell: shared by print and parse.
#pragma once

#include <vector>

#include "gir/program.h"

namespace smeaton::gir {

/// Axes and tiles visible at a statement, outermost first.
struct TextScope {
    std::vector<Name> axes;
    std::vector<Tile> tiles;

    const Tile* find_tile(Name) const;
    bool has_axis(Name) const;
};

/// Dims that an op's (or check's) slices name by themselves: every coordinate of a tile that is
/// just a variable and no axis, with the extent of that tile dim, in the order dst, sources,
/// payload. Index slices follow the coordinates of the slice that holds them.
std::vector<NamedDim> implied_dims(const Op&, const TextScope&);
std::vector<NamedDim> implied_dims(const Check&, const TextScope&);

/// The dims that `over <suffix>` means: the implied ones that the suffix does not name, then the
/// suffix.
std::vector<NamedDim> with_suffix(const std::vector<NamedDim>& implied,
                                  const std::vector<NamedDim>& suffix);

}  // namespace smeaton::gir
