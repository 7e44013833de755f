// `devices`: the real machines that are known.
#pragma once

#include <string>
#include <vector>

#include "machine/device.h"

namespace smeaton::driver {

struct DevicesRequest {
    std::vector<std::string> names;                  ///< names or files; empty: all that ship
    std::string device_class, vendor, engine, peak;  ///< filters; empty: any
};

struct DevicesResult {
    std::vector<machine::Device> devices;
    bool sources = false;  ///< list each number with where it is from
};

/// UserError for unknown names, words outside their lists, and filters that leave nothing.
DevicesResult list_devices(const DevicesRequest&);

}  // namespace smeaton::driver
