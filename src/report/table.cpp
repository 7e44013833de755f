#include "report/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/text_writer.h"

namespace smeaton::report {

namespace {

// Columns that UTF-8 text takes; all our signs are one wide.
size_t width_of(const std::string& text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

std::string scaled(double value, const std::vector<const char*>& prefixes, const char* unit) {
    size_t k = 0;
    while (std::abs(value) >= 999.5 && k + 1 < prefixes.size()) {
        value /= 1000;
        ++k;
    }
    std::string end = std::string(prefixes[k]) + unit;
    bool whole = k == 0 && value == std::floor(value);
    std::string number = whole ? fmt::format("{:.0f}", value) : number_text(value);
    return end.empty() ? number : number + " " + end;
}

}  // namespace

Table::Table(std::vector<std::string> heads) {
    for (std::string& head : heads) {
        right_.push_back(head.starts_with(">"));
        heads_.push_back(right_.back() ? head.substr(1) : head);
    }
}

void Table::row(std::vector<std::string> cells) {
    cells.resize(heads_.size());
    for (std::string& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

// The width of each column; those at the end that find no room are left out.
std::vector<size_t> Table::fitted(Width width) const {
    constexpr size_t kShort = 14, kBetween = 2;  // a text this short is not cut
    std::vector<size_t> widths;
    for (size_t c = 0; c < heads_.size(); ++c) {
        widths.push_back(width_of(heads_[c]));
        for (const auto& row : rows_) widths[c] = std::max(widths[c], width_of(row[c]));
    }
    auto total = [&] {
        size_t sum = 0;
        for (size_t w : widths) sum += w + kBetween;
        return sum - kBetween;
    };
    auto widest_text = [&] {
        size_t best = widths.size();
        for (size_t c = 0; c < widths.size(); ++c)
            if (!right_[c] && widths[c] > std::max(kShort, width_of(heads_[c])) &&
                (best == widths.size() || widths[c] > widths[best]))
                best = c;
        return best;
    };
    while (width.columns > 0 && widths.size() > 1 && total() > width.columns) {
        const size_t text = widest_text();
        if (text < widths.size())
            --widths[text];
        else
            widths.pop_back();
    }
    return widths;
}

std::string Table::str(Width width) const {
    const std::vector<size_t> widths = fitted(width);
    std::string out;
    auto line = [&](const std::vector<std::string>& cells) {
        std::string text;
        for (size_t c = 0; c < widths.size(); ++c) {
            const std::string cell = shortened(cells[c], widths[c]);
            std::string space(widths[c] - width_of(cell), ' ');
            if (c > 0) text += "  ";
            text += right_[c] ? space + cell : cell + space;
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + "\n";
    };
    line(heads_);
    for (const auto& row : rows_) line(row);
    return out;
}

std::string shortened(const std::string& text, size_t width) {
    if (width_of(text) <= width) return text;
    size_t at = 0, columns = 0;
    while (at < text.size() && columns + 1 < width) {
        ++at;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
        ++columns;
    }
    return text.substr(0, at) + "…";
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
    std::string out;
    for (const std::string& w : words) out += (out.empty() ? "" : between) + w;
    return out;
}

std::string bytes_text(double bytes) {
    return scaled(bytes, {"", "k", "M", "G", "T", "P"}, "B");
}

std::string count_text(double count) {
    return scaled(count, {"", "k", "M", "G", "T", "P"}, "");
}

std::string time_text(double us) {
    if (us < 1) return number_text(us * 1000) + " ns";
    return scaled(us, {"u", "m", ""}, "s");
}

std::string number_text(double value) {
    double size = std::abs(value);
    if (size == 0 || !std::isfinite(value)) return fmt::format("{}", value);
    int digits = 2 - static_cast<int>(std::floor(std::log10(size)));
    return fmt::format("{:.{}f}", value, std::clamp(digits, 0, 6));
}

}  // namespace smeaton::report
