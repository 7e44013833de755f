// Files that appear in a folder together, or none of them.
#pragma once

#include <string>
#include <vector>

namespace smeaton {

/// They are written into a folder beside the wanted one, which goes away with this object.
class StagedFolder {
public:
    /// `folder` itself need not be there yet. UserError naming a folder that cannot be made.
    explicit StagedFolder(std::string folder);
    ~StagedFolder();
    StagedFolder(const StagedFolder&) = delete;
    StagedFolder& operator=(const StagedFolder&) = delete;

    /// Where to write the file of this name.
    std::string path(const std::string& name) const { return draft_ + "/" + name; }
    /// Moves the files into the folder. UserError naming one that cannot be, before any is moved
    /// where that can be known.
    void finish(const std::vector<std::string>& names);

private:
    std::string folder_, draft_;
};

/// Removes what is staged so far; for a process about to end.
void remove_staged_folders();

}  // namespace smeaton
