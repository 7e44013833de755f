// What `once` steps make, held once for all executors that need the same.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "run/block.h"

namespace smeaton::run {

/// Memory by key: equal keys stand for equal bytes. It lives while somebody holds it; the store
/// holds nothing. Executors of one store are made one at a time.
class PackedStore {
public:
    struct Packed {
        Block block;
        int64_t bytes = 0;
        bool made = false;  ///< its bytes are there, and nobody writes them any more
    };
    /// What is held under the key, or new memory. InternalError where it has another size.
    std::shared_ptr<Packed> get(const std::string& key, int64_t bytes);
    /// Bytes held by anybody.
    int64_t bytes() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::weak_ptr<Packed>> held_;
};

}  // namespace smeaton::run
