// Which cores have a pinned worker: of this process, and of the user's other processes.
#pragma once

namespace smeaton::run {

/// A core of its own for a worker; -1 when every core but one (left for callers) is taken.
/// The core that the calling thread runs on is taken last.
int reserve_core();
void release_core(int core);

}  // namespace smeaton::run
