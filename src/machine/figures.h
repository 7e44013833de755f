// The numbers of a description one by one, and the machine with one of them another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/machine.h"

namespace smeaton::machine {

struct Figure {
    std::string where;   ///< "level l1", "unit simd, rate fma f32"; empty: of the whole machine
    std::string key;     ///< "capacity", "read_gb_s.one"
    std::string value;   ///< as written
    std::string source;  ///< empty where none is given
};

/// A description whose figures can be changed one at a time.
class Figures {
public:
    /// UserError as parse_machine.
    Figures(const std::string& yaml, std::string file);

    const std::vector<Figure>& all() const { return all_; }
    /// The machine with figure `i` (and its range) times `factor`; nothing where no machine can be
    /// so.
    std::optional<Machine> scaled(size_t i, double factor) const;

private:
    std::string yaml_, file_;
    std::vector<Figure> all_;
};

}  // namespace smeaton::machine
