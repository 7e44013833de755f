// smeaton.search: the driver's search, whole or in parts that other processes take.
#pragma once

#include <nanobind/nanobind.h>

namespace smeaton::python {

void add_searches(nanobind::module_&);

}  // namespace smeaton::python
