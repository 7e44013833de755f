// Says on stderr what is going on, from two seconds on.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace smeaton::cli {

class Progress {
public:
    Progress();
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// For SessionOptions::progress; the object must outlive it.
    std::function<void(const std::string& stage, double fraction)> callback();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace smeaton::cli
