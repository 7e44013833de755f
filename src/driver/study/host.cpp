#include "driver/study/host.h"

#include "machine/probe/cpu.h"
#include "run/compile.h"
#include "run/cpu.h"

namespace smeaton::driver {

Host host(const std::string& cache_folder) {
    run::CompileOptions options;
    options.cache_folder = cache_folder;
    return {machine::cpu_features().model, run::compiler_text(options), SMEATON_VERSION,
            run::usable_cores()};
}

}  // namespace smeaton::driver
