// What the machine has drawn, by the counters of the OS: RAPL by way of Linux' powercap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smeaton::run {

/// Energy of all packages of the machine, and of their memory where it has a counter: of all that
/// runs there, not of this process alone.
class EnergyMeter {
public:
    /// Counters below `folder`, as sysfs has them: intel-rapl:N (a package) and intel-rapl:N:M (a
    /// part of one; the memory is not within its package). AMD's have the same names.
    explicit EnergyMeter(const std::string& folder = "/sys/class/powercap");

    bool works() const { return !domains_.empty(); }
    /// "RAPL: package-0, dram"; where it does not work, why not.
    const std::string& about() const { return about_; }

    void start();
    /// Since start(). A counter that came round once in between is understood.
    double joules() const;

private:
    struct Domain {
        std::string file;
        int64_t range_uj = 0, start_uj = 0;
    };
    std::vector<Domain> domains_;
    std::string about_;
};

}  // namespace smeaton::run
