#include "driver/session_options.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "cost/shapes.h"
#include "cost/target.h"
#include "driver/naming.h"
#include "driver/pipeline.h"
#include "driver/stages.h"
#include "machine/probe/apart.h"
#include "machine/probe/cpu.h"
#include "model/bind_dims.h"
#include "run/cpu.h"

namespace smeaton::driver {

emit::Isa isa_for(const std::string& wanted) {
    return emit::isa_named(wanted.empty() ? run::host_isa() : wanted);
}

gir::Target target_for(const std::string& wanted, int threads) {
    const machine::CpuFeatures here = machine::cpu_features();
    gir::Target target = cost::target_of(here, wanted == "avx512bf16" ? "" : wanted);
    target.cores = threads;
    if (const auto apart = machine::apart_rates(here, static_cast<int>(target.vector_bytes * 8))) {
        // Whole elements in a cycle or whole cycles for one: measurements that differ by little
        // give the same program.
        const auto figure = [](double rate) { return rate > 0 ? cost::in_silicon(rate) : 0; };
        target.gathers_per_cycle = figure(apart->gathers_per_cycle);
        target.inserts_per_cycle = figure(apart->inserts_per_cycle);
    }
    return target;
}

void check_words(const SessionOptions& options) {
    check_skip({options.skip.begin(), options.skip.end()});
    check_stop_after(options.stop_after);
    const std::vector<std::string> known = {"auto", "full", "quick"};
    if (std::find(known.begin(), known.end(), options.compile) == known.end())
        throw UserError("compile: '{}' is none of auto, full, quick{}", options.compile,
                        nearest_hint(options.compile, known));
    if (options.kept < 1)
        throw UserError("kept: {} compiled forms; expected 1 or more", options.kept);
}

void check_options(const model::Graph& graph, const std::string& label,
                   const SessionOptions& options) {
    check_words(options);
    naming(label, [&] {
        model::dim_bindings(graph, options.dims);
        isa_for(options.isa);
        target_for(options.isa, 1);
    });
}

}  // namespace smeaton::driver
