// Threads pinned to one core each, started together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace smeaton::machine {

int64_t now_ns();  ///< steady clock

class Crew {
public:
    /// One worker for each CPU, pinned to it where the system lets us.
    explicit Crew(const std::vector<int>& cpus);
    ~Crew();
    int size() const;

    /// Runs body(worker) on the first `count` workers, which start at the same moment. Returns
    /// nanoseconds from the first start to the last end. Rethrows what a body throws.
    int64_t run(int count, const std::function<void(int worker)>& body);

private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

}  // namespace smeaton::machine
