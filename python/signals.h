// Ctrl-C while C++ works.
#pragma once

namespace smeaton::python {

/// Lets Ctrl-C end what goes on: Python's handlers run on its main thread alone, and what they
/// raise is thrown from here.
void raise_signals();

}  // namespace smeaton::python
