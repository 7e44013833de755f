// A file mapped read-only into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace smeaton {

struct MappedFile {
    std::span<const std::byte> bytes;  ///< page-aligned; empty for an empty file
    std::shared_ptr<const void> keep;  ///< the mapping lives while a copy of this does
};

/// Maps a regular file. UserError, naming the path, where it is missing, unreadable or not a
/// regular file. The file must not shrink while it is mapped.
MappedFile map_file(const std::filesystem::path&);

/// Whether the bytes lie in a mapping of a file that map_file made and somebody keeps.
bool is_mapped(std::span<const std::byte>);

/// Tells the system that these bytes of a mapping are not needed soon; they stay readable.
void forget_pages(std::span<const std::byte> part_of_mapping);

}  // namespace smeaton
