#include "driver/here.h"

#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "machine/print.h"
#include "machine/probe/better.h"
#include "machine/probe/probe.h"
#include "machine/read.h"
#include "run/cache.h"
#include "run/cpu.h"

namespace smeaton::driver {

// One more whenever the probe measures something else: files of before are left aside.
constexpr int kProbe = 4;

std::string machine_file_here(const std::string& cache_folder) {
    std::string folder = cache_folder.empty() ? run::default_cache_folder() : cache_folder;
    std::string key =
        fmt::format("{} cores {} probe {}", run::cpu_identity(), run::usable_cores(), kProbe);
    return fmt::format("{}/machine-{}.yaml", folder, run::digest(key).substr(0, 16));
}

machine::Machine machine_here(const HereOptions& options) {
    std::string file = machine_file_here(options.cache_folder);
    std::optional<machine::Machine> before;
    if ((!options.measure_again || options.add) && std::filesystem::exists(file)) {
        try {
            before = machine::read_machine_file(file);
        } catch (const UserError&) {
            // Written by another version of ours: measured anew.
        }
    }
    if (before && !options.measure_again) return *before;
    machine::ProbeOptions probe;
    if (options.progress) {
        options.progress("measuring this machine (once)", 0);
        probe.progress = [&](const std::string&) {
            options.progress("measuring this machine (once)", 0);
        };
    }
    machine::Machine measured = machine::probe(probe);
    if (before) measured = machine::better_of(*before, measured).value_or(measured);
    run::make_cache_folder(std::filesystem::path(file).parent_path());
    write_file(file, machine::print(measured));
    return measured;
}

}  // namespace smeaton::driver
