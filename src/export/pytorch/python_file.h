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
    /// A line of code and, behind it or above it, a comment; broken in its last bracket where it is
    /// too long. Gives the number of the code's first line.
    int code(int indent, const std::string& code, const std::string& comment = "");
    /// One line, however long it is.
    void whole(int indent, const std::string& code);
    /// How many lines code() makes of it.
    size_t lines_of(int indent, const std::string& code, const std::string& comment) const;
    /// head + "(" + arguments + ")" + tail; one argument on each line where it is too long.
    void call(int indent, const std::string& head, const std::vector<std::string>& arguments,
              const std::string& tail = "");

private:
    std::vector<std::string> code_lines(int indent, const std::string& code,
                                        const std::string& comment) const;

    bool wide_;
    std::string text_;
    int line_ = 0;
};

}  // namespace smeaton::pytorch
