// What `once` steps make, held once for all executors that need the same.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "run/block.h"

namespace smeaton::run {

/// Memory by key: equal keys stand for equal bytes. It lives while somebody holds it; the store
/// holds nothing. Executors of one store are made one at a time.
class PackedStore {
public:
    /// A piece of a block; its pages go back to the system when nobody holds it any more.
    struct Packed {
        Packed(std::shared_ptr<const Block> block, int64_t offset, int64_t bytes)
            : block(std::move(block)), data(this->block->data() + offset), bytes(bytes) {}
        ~Packed() { block->drop(data, bytes); }
        Packed(const Packed&) = delete;
        Packed& operator=(const Packed&) = delete;

        std::shared_ptr<const Block> block;
        char* data;
        int64_t bytes;
        bool made = false;  ///< its bytes are there, and nobody writes them any more
    };
    struct Wanted {
        std::string key;
        int64_t bytes = 0;
    };
    /// For each what is held under its key, or new memory: for all of them one block, since what
    /// streams from memory needs huge pages. InternalError where a key has another size.
    std::vector<std::shared_ptr<Packed>> get(const std::vector<Wanted>& wanted);
    /// Bytes held by anybody.
    int64_t bytes() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::weak_ptr<Packed>> held_;
};

}  // namespace smeaton::run
