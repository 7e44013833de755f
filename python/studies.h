// smeaton.inspect, simulate and study: the driver's results as the JSON objects of docs/json.md.
#pragma once

#include <nanobind/nanobind.h>

namespace smeaton::python {

void add_studies(nanobind::module_&);

}  // namespace smeaton::python
