#include "export/pytorch/python_file.h"

#include <fmt/format.h>

namespace smeaton::pytorch {

static constexpr size_t kColumns = 100;
static constexpr const char* kAsItIs = "  # fmt: skip";  // to formatters

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

namespace {

/// Where the bracket opens that the last character closes; npos where it closes none.
size_t last_bracket(const std::string& code) {
    int depth = 0;
    char quote = 0;
    size_t opened = std::string::npos;
    for (size_t k = 0; k < code.size(); ++k) {
        const char c = code[k];
        if (quote != 0) {
            if (c == '\\')
                ++k;
            else if (c == quote)
                quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '(' || c == '[' || c == '{') {
            if (depth++ == 0) opened = k;
        } else if (c == ')' || c == ']' || c == '}') {
            if (--depth == 0 && k + 1 == code.size()) return opened;
        }
    }
    return std::string::npos;
}

/// What commas outside of brackets part.
std::vector<std::string> parts_of(const std::string& body) {
    std::vector<std::string> parts;
    size_t begin = 0;
    int depth = 0;
    bool quoted = false;
    for (size_t k = 0; k < body.size(); ++k) {
        const char c = body[k];
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
        if (c != ',' || depth > 0) continue;
        parts.push_back(body.substr(begin, k - begin));
        begin = k + 2;
    }
    if (begin < body.size()) parts.push_back(body.substr(begin));
    return parts;
}

/// The code's lines as a formatter breaks them: what stands in its last bracket goes into a line of
/// its own, or each part does. `end`: what follows the code in its line.
std::vector<std::string> broken(const std::string& code, size_t margin, const std::string& end) {
    const size_t open = last_bracket(code);
    if (margin + code.size() + end.size() <= kColumns || open == std::string::npos ||
        open + 2 == code.size())
        return {code + end};
    const std::string body = code.substr(open + 1, code.size() - open - 2);
    std::vector<std::string> lines = {code.substr(0, open + 1)};
    if (margin + 4 + body.size() <= kColumns) {
        lines.push_back("    " + body);
    } else {
        for (const std::string& part : parts_of(body))
            for (const std::string& line : broken(part, margin + 4, ","))
                lines.push_back("    " + line);
    }
    lines.push_back(code.back() + end);
    return lines;
}

}  // namespace

std::vector<std::string> PythonFile::code_lines(int indent, const std::string& code,
                                                const std::string& comment) const {
    const size_t margin = static_cast<size_t>(indent) * 4;
    const std::string behind = comment.empty() ? "" : "  # " + comment;
    const bool fits = margin + code.size() + behind.size() <= kColumns;
    if (wide_ || fits) return {code + behind + (fits ? "" : kAsItIs)};
    const bool element = code.back() == ',';
    std::vector<std::string> lines =
        broken(element ? code.substr(0, code.size() - 1) : code, margin, element ? "," : "");
    if (!comment.empty()) lines.insert(lines.begin(), "# " + comment);
    return lines;
}

void PythonFile::whole(int indent, const std::string& code) {
    const bool fits = static_cast<size_t>(indent) * 4 + code.size() <= kColumns;
    add(indent, code + (fits ? "" : kAsItIs));
}

size_t PythonFile::lines_of(int indent, const std::string& code, const std::string& comment) const {
    return code_lines(indent, code, comment).size();
}

int PythonFile::code(int indent, const std::string& code, const std::string& comment) {
    const std::vector<std::string> lines = code_lines(indent, code, comment);
    for (const std::string& line : lines) add(indent, line);
    const bool above = lines.size() > 1 && !comment.empty();
    return line_ - static_cast<int>(lines.size()) + (above ? 2 : 1);
}

void PythonFile::call(int indent, const std::string& head,
                      const std::vector<std::string>& arguments, const std::string& tail) {
    const size_t margin = static_cast<size_t>(indent) * 4;
    const std::string all = fmt::format("{}", fmt::join(arguments, ", "));
    const bool fits = margin + head.size() + all.size() + tail.size() + 2 <= kColumns;
    if (wide_ || arguments.empty() || fits) {
        add(indent, head + "(" + all + ")" + tail + (fits || arguments.empty() ? "" : kAsItIs));
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
