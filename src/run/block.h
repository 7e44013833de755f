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

private:
    char* data_ = nullptr;
    size_t size_ = 0;
    bool mapped_ = false;
};

}  // namespace smeaton::run
