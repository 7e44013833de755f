// `simulate` on a device that is known by its data sheet alone: the times that `compare` gives its
// operators, one for each that is a kernel of its own.
#pragma once

#include "driver/simulate/simulate.h"

namespace smeaton::driver {

/// Is the request's machine such a device, and all that is asked of it what a data sheet can answer
/// (one pass, no events, no stages of code)?
bool is_device_request(const SimulateRequest&);

/// UserError as `compare`: a number that is blank, a model that does not fit.
SimulateResult simulate_device(const SimulateRequest&);

}  // namespace smeaton::driver
