// A program on a described machine, event by event: an account of its time that shares with the
// closed form the machine's numbers (with the instructions that a function takes) and the program,
// nothing else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gir/program.h"
#include "machine/machine.h"

namespace smeaton::sim::events {

struct KernelRow {
    std::string name;
    bool once = false;  ///< runs at load
    double time_us = 0;
    int64_t events = 0, tasks = 0;
    double macs = 0;
    std::map<std::string, double> read_bytes, written_bytes;  ///< by level
};

/// One stretch of work, from the start of the run.
struct TimelineSlice {
    int unit = 0;  ///< of `units`
    std::string what, kernel;
    double start_us = 0, time_us = 0;
};

struct ProgramEvents {
    std::vector<KernelRow> kernels;  ///< in step order
    double time_us = 0, once_us = 0;
    int64_t events = 0;                     ///< that were simulated; equal kernels once
    std::map<std::string, double> busy_us;  ///< of one run, by unit and by what moves bytes
    std::vector<std::string> units;         ///< of the timeline
    std::vector<TimelineSlice> timeline;    ///< of one run, where asked for
};

struct EventOptions {
    bool timeline = false;
    /// The vector unit works while its operands come and go, and beside an array; false: one of
    /// these at a time.
    bool overlap = true;
};

/// Kernels follow one another; a branch takes its longer side, a repeat its trips (UserError where
/// they are not known). The program must be tiled for the machine and have all sizes bound.
/// UserError for machines with caches or several cores.
ProgramEvents simulate(const gir::Program&, const machine::Machine&, const EventOptions& = {});

}  // namespace smeaton::sim::events
