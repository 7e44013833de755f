// Better code for what runs already: compiled behind the runs, with little priority.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "run/compile.h"

namespace smeaton::run {

/// One thread that compiles what it is given, in that order. In a forked child it does not exist:
/// there only wait() compiles. A process that ends takes running compilers with it.
class BackgroundCompiler {
public:
    struct Job;
    using JobPtr = std::shared_ptr<Job>;

    BackgroundCompiler();
    /// Ends compilers that run and drops what waits.
    ~BackgroundCompiler();
    BackgroundCompiler(const BackgroundCompiler&) = delete;
    BackgroundCompiler& operator=(const BackgroundCompiler&) = delete;

    /// As compile_cached has it, but for options.poll. A job that nobody holds any more before it
    /// begins is dropped.
    JobPtr add(std::vector<std::string> sources, CompileOptions);
    /// Whether the job has ended, well or not; never waits.
    static bool ended(const Job&);
    /// What an ended job made. Throws what ended it otherwise.
    static std::shared_ptr<Library> result(const Job&);
    /// Waits for the job, or does it if it has not begun, and gives what it made. Throws as above,
    /// and what `poll` throws, which is asked meanwhile.
    std::shared_ptr<Library> wait(const JobPtr&, const std::function<void()>& poll);

    struct State;

private:
    State* state_;
};

}  // namespace smeaton::run
