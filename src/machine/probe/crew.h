// Threads pinned to one core each, started together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace smeaton::machine {

int64_t now_ns();   ///< steady clock
int64_t busy_ns();  ///< time that the calling thread has been on a CPU

struct Elapsed {
    int64_t wall_ns = 1;  ///< from the first start to the last end
    int64_t busy_ns =
        1;  ///< the most that one worker was on its CPU: leaves out other processes' turns
};

class Crew {
public:
    /// One worker for each CPU, pinned to it where the system lets us.
    explicit Crew(const std::vector<int>& cpus);
    ~Crew();
    int size() const;

    /// Runs body(worker) on the first `count` workers, which start at the same moment. Rethrows
    /// what a body throws.
    Elapsed run(int count, const std::function<void(int worker)>& body);

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

}  // namespace smeaton::machine
