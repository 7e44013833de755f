// Power at the wall of a whole server, from what its devices draw and what stands around them.
#pragma once

#include <optional>
#include <string>

#include "compare/quantity.h"
#include "machine/device.h"

namespace smeaton::compare {

struct Power {
    std::optional<Quantity> wall_w;     ///< of all devices and their share of servers
    std::optional<Quantity> idle_w;     ///< the same with nothing to do
    std::optional<Quantity> devices_w;  ///< sum of the rated powers, which is no bound of the wall
    std::string main_term;              ///< "devices" or "host"
    std::string refused;                ///< why there is none
};

/// `busy`: share of the time with work, 0 to 1. `cap_w`: a limit on each device.
Power power(const machine::Device&, int count, double busy, std::optional<double> cap_w);

/// Throughput that a cap leaves, as a part: clocks fall slower than power.
machine::Interval kept_under_cap(const machine::Device&, double cap_w);

}  // namespace smeaton::compare
