// What came of timing kernels side by side, kept in the cache folder: one file per program,
// machine, number of threads and what was asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "driver/session.h"

namespace smeaton::driver {

class ParallelFile {
public:
    /// `plan` and `units`: what runs, as text. Of `asked` what was asked for and of which machine.
    ParallelFile(const std::string& cache_folder, const std::string& plan,
                 const std::vector<std::string>& units, const ParallelChoice& asked);

    /// The choice with the kernels and edges of `asked`; none where there is no such file, or one
    /// that another version of ours wrote.
    std::optional<ParallelChoice> read(const ParallelChoice& asked) const;
    void write(const ParallelChoice&) const;

private:
    std::string path_;
};

// ---- parts, for tests ----

std::string parallel_text(const ParallelChoice&);
/// UserError("FILE:LINE:COL: …") for text that is none, or of other kernels than those of `asked`.
ParallelChoice parse_parallel(std::string_view text, const std::string& file,
                              const ParallelChoice& asked);

}  // namespace smeaton::driver
