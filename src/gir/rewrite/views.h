// Reads of a view become reads of what it views, where the map stays affine.
#pragma once

#include <optional>
#include <vector>

#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// Coordinates in a dense buffer of extents `to` that name the element which `at` names in a dense
/// buffer of extents `from` (as many elements); nothing when that is not affine.
///     at [m, h, d] in [128, 12, 64]  ->  [m, h*64 + d] in [128, 768]
std::optional<std::vector<Affine>> through_view(const std::vector<Affine>& at,
                                                const std::vector<int64_t>& from,
                                                const std::vector<int64_t>& to, const Extents&);

/// What is written to the buffer behind a view is written to the view, which takes its place:
///     z: f32[c: 4, g: 3, h, w], v: f32[k: 12, h, w] alias of z;  move z[c,g,h,w] <- ...
///  -> v: f32[k: 12, h, w];                                       move v[c*3+g,h,w] <- ...
/// Nothing where the buffer has another use, or its elements have no affine place in the view.
std::optional<Program> written_through(const Program&, Name view);

/// Rewrites every read of a view (`alias of`) that it can; views without users are removed.
Program through_views(Program, const Rules&);

}  // namespace smeaton::gir::rewrite
