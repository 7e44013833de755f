// Child processes: the compiler and the linker.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace smeaton::run {

/// Full path of a program on PATH; empty when there is none.
std::string find_program(const std::string& name);

struct Command {
    std::vector<std::string> arguments;  ///< the first one is the program's path
    std::string log_path;                ///< stdout and stderr go there
};

/// What is asked and told while commands run; each may be empty.
struct Watch {
    std::function<void(size_t done)> finished = {};  ///< as each ends, with the number done
    /// Asked several times a second; what it throws ends the commands that run and goes on.
    std::function<void()> poll = {};
};

/// How a command ended.
struct Ended {
    int status = 127;  ///< exit status; 128 + n for signal n; 127 where it could not be started
    int error = 0;     ///< errno of starting it or of waiting for it; 0: both worked

    bool well() const { return status == 0 && error == 0; }
    bool interrupted() const { return status == 128 + 2; }
};

/// "exit status 1", "signal 9 (Killed)", "it cannot be run: Permission denied (errno 13)".
std::string describe(const Ended&);
/// The last lines of a text, at most `bytes` of it.
std::string last_lines(const std::string& text, size_t bytes);

/// Runs the commands, at most `jobs` at a time.
std::vector<Ended> run_commands(const std::vector<Command>&, int jobs, const Watch& = {});

/// The same; commands that ended badly, but for an interrupt, run once more, one at a time: under
/// load a process may find neither memory nor a place in the process table for a moment.
std::vector<Ended> run_commands_twice(const std::vector<Command>&, int jobs, const Watch& = {});

}  // namespace smeaton::run
