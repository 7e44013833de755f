// A Python file being written: lines of at most 100 columns where that can be.
#pragma once

#include <string>
#include <vector>

namespace smeaton::pytorch {

class PythonFile {
public:
    /// `wide`: lines stay whole, however long they are.
    explicit PythonFile(bool wide = false) : wide_(wide) {}
    /// Everything of another file, below.
    void append(const PythonFile& other);

    int lines() const { return line_; }
    const std::string& text() const { return text_; }

    void blank(int count = 1);
    /// Lines as they are, each behind `indent` levels.
    void add(int indent, const std::string& lines);
    /// A line of code and, behind it or above it, a comment. Gives the number of the code's line.
    int code(int indent, const std::string& code, const std::string& comment = "");
    /// How many lines that is.
    size_t lines_of(int indent, const std::string& code, const std::string& comment) const;
    /// head + "(" + arguments + ")" + tail; one argument on each line where it is too long.
    void call(int indent, const std::string& head, const std::vector<std::string>& arguments,
              const std::string& tail = "");

private:
    bool wide_;
    std::string text_;
    int line_ = 0;
};

}  // namespace smeaton::pytorch
