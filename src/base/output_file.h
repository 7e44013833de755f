// Files that appear whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace smeaton {

/// Writes to a file beside `path` and renames it: readers see the old content or the new one.
/// UserError naming the path when that fails.
void write_file(const std::string& path, std::string_view bytes);
/// UserError naming the path where write_file could not write it: before work that ends in a file.
void require_writable(const std::string& path);
/// Makes the folder with its parents. UserError naming it.
void make_folder(const std::string& path);
/// Removes what write_file calls in progress have written so far; for a process about to end.
void remove_unfinished_files();

}  // namespace smeaton
