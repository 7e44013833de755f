// Memory that plans lie in.
#pragma once

#include <cstddef>
#include <cstdint>

namespace smeaton::run {

/// Memory aligned to 64 bytes; from 4 MiB on to 2 MiB, with a hint for huge pages. Zero-filled.
class Block {
public:
    Block() = default;
    explicit Block(int64_t bytes);
    ~Block();
    Block(Block&&) noexcept;
    Block& operator=(Block&&) noexcept;
    char* data() const { return data_; }
    /// The pages that lie wholly in a part of a block go back to the system: nobody reads them any
    /// more. What lies in them is lost.
    void drop(const char* part, int64_t bytes) const;

private:
    char* data_ = nullptr;
    size_t size_ = 0;
    bool mapped_ = false;
};

}  // namespace smeaton::run
