// Ctrl-C ends the program cleanly.
#pragma once

namespace smeaton::cli {

/// From now on SIGINT and SIGTERM end the process with 128 + signal: child processes are ended,
/// files that are half written are removed.
void end_cleanly_on_interrupt();

}  // namespace smeaton::cli
