// StrongId<Tag>: an index that cannot be confused with another kind of index.
#pragma once

#include <cstdint>
#include <functional>

namespace smeaton {

template <class Tag>
struct StrongId {
    int32_t v = -1;

    bool valid() const { return v >= 0; }
    friend bool operator==(StrongId a, StrongId b) { return a.v == b.v; }
    friend bool operator!=(StrongId a, StrongId b) { return a.v != b.v; }
    friend bool operator<(StrongId a, StrongId b) { return a.v < b.v; }
};

}  // namespace smeaton

template <class Tag>
struct std::hash<smeaton::StrongId<Tag>> {
    size_t operator()(smeaton::StrongId<Tag> id) const noexcept {
        return std::hash<int32_t>()(id.v);
    }
};
