#include "signals.h"

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace smeaton::python {

void raise_signals() {
    nb::gil_scoped_acquire held;
    if (PyErr_CheckSignals() != 0) nb::raise_python_error();
}

}  // namespace smeaton::python
