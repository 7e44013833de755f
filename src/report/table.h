// Text tables with aligned columns, and numbers as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smeaton::report {

/// How wide a text may be; 0: as wide as it is.
struct Width {
    size_t columns = 0;
};

class Table {
public:
    /// Column heads, the most important first; one that starts with '>' is aligned to the right.
    explicit Table(std::vector<std::string> heads);
    void row(std::vector<std::string> cells);
    /// Within the width: texts are cut with "…" first, then columns at the end are left out.
    std::string str(Width = {}) const;

private:
    std::vector<size_t> fitted(Width) const;

    std::vector<std::string> heads_;
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;
};

/// At most `width` columns, cut with "…".
std::string shortened(const std::string& text, size_t width);
std::string joined(const std::vector<std::string>& words, const std::string& between = ", ");
/// "1.23 MB" (powers of 1000).
std::string bytes_text(double bytes);
/// "4.1 G" (powers of 1000); for operations and counts.
std::string count_text(double count);
/// "12.3 ms", "4.56 us"
std::string time_text(double us);
/// Three significant digits, without exponent: "0.0123", "12.3", "1234".
std::string number_text(double value);

}  // namespace smeaton::report
