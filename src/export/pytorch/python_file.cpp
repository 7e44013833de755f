#include "export/pytorch/python_file.h"

#include <fmt/format.h>

namespace smeaton::pytorch {

static constexpr size_t kColumns = 100;

void PythonFile::blank(int count) {
    for (int k = 0; k < count; ++k) add(0, "");
}

void PythonFile::add(int indent, const std::string& lines) {
    size_t at = 0;
    do {
        const size_t end = lines.find('\n', at);
        const std::string line = lines.substr(at, end == std::string::npos ? end : end - at);
        if (!line.empty()) text_ += std::string(static_cast<size_t>(indent) * 4, ' ') + line;
        text_ += "\n";
        ++line_;
        at = end == std::string::npos ? end : end + 1;
    } while (at != std::string::npos);
}

void PythonFile::append(const PythonFile& other) {
    text_ += other.text_;
    line_ += other.line_;
}

size_t PythonFile::lines_of(int indent, const std::string& code, const std::string& comment) const {
    if (wide_) return 1;
    const size_t wide = static_cast<size_t>(indent) * 4 + code.size() + comment.size() + 4;
    return comment.empty() || wide <= kColumns ? 1 : 2;
}

int PythonFile::code(int indent, const std::string& code, const std::string& comment) {
    const bool above = lines_of(indent, code, comment) == 2;
    if (above) add(indent, "# " + comment);
    add(indent, code + (above || comment.empty() ? "" : "  # " + comment));
    return line_;
}

void PythonFile::call(int indent, const std::string& head,
                      const std::vector<std::string>& arguments, const std::string& tail) {
    const size_t margin = static_cast<size_t>(indent) * 4;
    const std::string all = fmt::format("{}", fmt::join(arguments, ", "));
    if (wide_ || arguments.empty() ||
        margin + head.size() + all.size() + tail.size() + 2 <= kColumns) {
        add(indent, head + "(" + all + ")" + tail);
        return;
    }
    add(indent, head + "(");
    if (margin + 4 + all.size() <= kColumns) {
        add(indent + 1, all);
    } else {
        for (const std::string& a : arguments) add(indent + 1, a + ",");
    }
    add(indent, ")" + tail);
}

}  // namespace smeaton::pytorch
