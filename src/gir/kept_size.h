// How much memory holds what is kept between machines (by_region.h).
#pragma once

#include <cstddef>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/flat_map.h"
#include "gir/kernel_form.h"
#include "gir/program.h"
#include "gir/room.h"

namespace smeaton::gir {

/// Bytes of kernels and of what is kept of them: what several tables hold counts once. By the sizes
/// of what there is, without what an allocator rounds up to.
class KeptSize {
public:
    /// Of the node of a map, or of a shared pointer's counts, besides what they hold.
    static constexpr size_t kNode = 48;

    /// Whether it was not seen before: by whoever counts what a shared pointer holds.
    bool is_new(const void* shared) { return seen_.insert(shared).second; }
    void add(size_t bytes) { bytes_ += bytes; }
    /// What a vector, or a map, has taken from the heap; not what its elements have.
    template <class Element>
    void add_all(const std::vector<Element>& elements) {
        add(elements.capacity() * sizeof(Element));
    }
    template <class Key, class Value>
    void add_all(const FlatMap<Key, Value>& map) {
        add(map.size() * sizeof(typename FlatMap<Key, Value>::value_type));
    }
    template <class Map>
    void add_all(const Map& map) {
        add(map.size() * (sizeof(typename Map::value_type) + kNode));
    }
    void add(const KeptRegion& region) { add(region.bytes()); }
    void add(const KernelPtr&);  ///< null: nothing
    void add(const Block&);
    void add(const Buffer&);
    void add(const Program&);
    void add(const KernelForm&);
    void add(const Twin&);
    void add(const std::vector<std::string>&);

    double bytes() const { return static_cast<double>(bytes_); }

private:
    void add(const Slice&);
    void add(const Op&);
    void add_statement(const Stmt&);

    std::unordered_set<const void*> seen_;
    size_t bytes_ = 0;
};

}  // namespace smeaton::gir
