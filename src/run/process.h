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

/// Runs the commands, at most `jobs` at a time; gives each one's exit status (128 + n for signal n,
/// 127 when it could not be started). `finished` is called as each ends, with the number done.
std::vector<int> run_commands(const std::vector<Command>&, int jobs,
                              const std::function<void(size_t done)>& finished = {});

}  // namespace smeaton::run
