// What gir/cache says of a kernel (its nest, what a cache fetches for it), under the names that the
// cost model uses.
#pragma once

#include "gir/cache/misses.h"
#include "gir/cache/nest.h"

namespace smeaton::cost {

using gir::cache::Array;
using gir::cache::array_named;
using gir::cache::ArrayBytes;
using gir::cache::bytes_by_part;
using gir::cache::dtype_of;
using gir::cache::footprint;
using gir::cache::in_registers;
using gir::cache::Loop;
using gir::cache::misses;
using gir::cache::Nest;
using gir::cache::nest_of;
using gir::cache::Node;
using gir::cache::PartBytes;
using gir::cache::resolved;
using gir::cache::touched_bytes;

}  // namespace smeaton::cost
