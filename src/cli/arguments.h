// The options of one verb. The parsing library is seen by arguments.cpp alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace smeaton::cli {

/// Declares what a verb takes. Names as "--threads" or "-o,--out"; variables hold the defaults.
class Arguments {
public:
    virtual ~Arguments() = default;
    virtual void positional(const std::string& name, std::string& value, const std::string& help,
                            bool required = true) = 0;
    /// Any number of words.
    virtual void positional(const std::string& name, std::vector<std::string>& values,
                            const std::string& help) = 0;
    virtual void option(const std::string& names, std::string& value, const std::string& what,
                        const std::string& help) = 0;
    virtual void option(const std::string& names, int& value, int at_least,
                        const std::string& help) = 0;
    virtual void option(const std::string& names, uint64_t& value, const std::string& help) = 0;
    virtual void option(const std::string& names, std::optional<double>& value,
                        const std::string& help) = 0;
    /// May be given several times; `many`: takes several words each time.
    virtual void option(const std::string& names, std::vector<std::string>& value,
                        const std::string& what, const std::string& help, bool many = false) = 0;
    virtual void flag(const std::string& names, bool& value, const std::string& help) = 0;
    /// A flag that may be given as --name=WORD; alone it is the first of the words.
    virtual void flag(const std::string& name, std::string& value,
                      const std::vector<std::string>& words, const std::string& help) = 0;
    /// The words that an option declared before takes; help lists them, shells complete them.
    virtual void words(const std::string& name, const std::vector<std::string>& words) = 0;
};

struct Verb {
    std::string name, summary, example;
    /// Declares the options and gives what to do once they are read; the result is the exit code.
    std::function<std::function<int()>(Arguments&)> declare;
};

/// Reads the command line and runs the verb that it names. UserError for what it does not
/// understand.
int run_command_line(const std::vector<Verb>&, int argc, char** argv);

}  // namespace smeaton::cli
