// points_bench MACHINE.yaml [HW.json] [NAME=VALUE…] MODEL.onnx…: what one point costs, CPU ms of
// one thread: SimDIT's closed form on HW.json; the native closed form on MACHINE stage by stage, as
// of a model that was never priced, the same by all cores (ms by the clock, the median of 15), and
// as a search asks for it, on chips that each differ in arrays, lanes, bandwidths and capacities
// from those before (the median of 24); the event simulation. The graph is built before. NAME=VALUE
// binds open sizes of the models behind it.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>

#include "base/error.h"
#include "base/workers.h"
#include "cost/oracle.h"
#include "cost/target.h"
#include "driver/feeds.h"
#include "driver/simulate/pricer.h"
#include "driver/simulate/published.h"
#include "driver/source.h"
#include "gir/rewrite/for_target.h"
#include "gir/rewrite/kept.h"
#include "gir/rewrite/tile.h"
#include "machine/read.h"
#include "machine/settings.h"
#include "sim/events/events.h"
#include "sim/simulate.h"

namespace {

using namespace smeaton;

/// Of this thread at work, so that others on the machine count less.
double cpu_ms() {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e3 + static_cast<double>(at.tv_nsec) * 1e-6;
}

template <class Work>
auto timed(const char* what, Work work) {
    const double start = cpu_ms();
    auto result = work();
    fmt::print("  {:<28} {:9.2f} ms\n", what, cpu_ms() - start);
    return result;
}

void simdit_point(const std::string& model, const std::string& hardware,
                  const std::vector<std::string>& dims) {
    for (const bool training : {false, true}) {
        driver::SimditRequest request;
        request.layers = {model, dims, training ? 32 : 0, training};
        request.hardware_file = hardware;
        const char* what = training ? "simdit, training" : "simdit, inference";
        try {
            double least = driver::simulate_simdit(request).charge_ms;
            for (int i = 0; i < 4; ++i)
                least = std::min(least, driver::simulate_simdit(request).charge_ms);
            fmt::print("  {:<28} {:9.2f} ms\n", what, least);
        } catch (const UserError& error) {
            fmt::print("  {:<28} none: {}\n", what, error.what());
        }
    }
}

/// As the pricer does on the first machine; the tiled program.
gir::Program native_stages(const gir::Program& lowered, const machine::Machine& m) {
    using namespace gir::rewrite;
    const double start = cpu_ms();
    const gir::Target target = timed("native: oracle, target", [&] { return cost::target_of(m); });
    Rules rules;
    rules.oracle = cost::oracle_on(target);
    rules = sized_for(target, rules);
    gir::Program p =
        timed("native: fuse and lay out", [&] { return shaped_for(lowered, target, rules); });
    KeptKernels kept(p);
    sim::KeptModels models(p);
    models.twins = &kept.twins;
    rules.kept_kernels = &kept;
    p = timed("native: tile", [&] { return tile(p, target, rules); });
    p = timed("native: claim", [&] { return claimed_for(std::move(p), target, rules); });
    p = timed("native: set borders", [&] { return bordered_for(std::move(p), rules); });
    p = timed("native: spell", [&] { return spelled_for(std::move(p), target, rules); });
    sim::SimOptions options;
    options.kept = &models;
    timed("native: charge", [&] { return sim::simulate(p, m, options); });
    fmt::print("  {:<28} {:9.2f} ms\n", "native: all", cpu_ms() - start);
    return p;
}

/// Each number that a search may vary, half, once or twice as large.
machine::Machine another(machine::Machine m, std::mt19937& chance) {
    auto share = [&] { return std::exp2(static_cast<double>(chance() % 3) - 1); };
    for (const machine::Setting& s : machine::settings_of(m)) {
        const bool varies = s.key.ends_with(".capacity") || s.key.ends_with("bandwidth_gb_s") ||
                            s.key.ends_with(".rows") || s.key.ends_with(".columns") ||
                            s.key.ends_with(".lanes");
        if (varies && s.fixed.empty() && !s.key.starts_with("levels.reg."))
            s.set(m, s.value * share());
    }
    return m;
}

/// Of models that were never priced.
void native_on_all_cores(const driver::Pricer& pricer, const machine::Machine& m) {
    const auto workers = std::make_shared<Workers>(0);
    std::vector<double> times;
    for (int i = 0; i < 15; ++i) {
        driver::Pricer one = pricer.another();
        one.use(workers);
        const auto start = std::chrono::steady_clock::now();
        one.cost(m);
        times.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                .count());
    }
    std::nth_element(times.begin(), times.begin() + 7, times.end());
    fmt::print("  {:<28} {:9.2f} ms\n", fmt::format("native: all, by {} cores", workers->count()),
               times[7]);
}

void native_search(driver::Pricer& pricer, const machine::Machine& m) {
    std::mt19937 chance(11);
    std::vector<double> times;
    for (int i = 0; i < 24; ++i) {
        const machine::Machine other = another(m, chance);
        const double start = cpu_ms();
        pricer.cost(other);
        times.push_back(cpu_ms() - start);
    }
    std::nth_element(times.begin(), times.begin() + 12, times.end());
    fmt::print("  {:<28} {:9.2f} ms\n", "native: one more chip", times[12]);
}

void points_of(const std::string& model, const driver::FeedRequest& feeds,
               const machine::Machine& m, const std::string& hardware) {
    fmt::print("{}\n", model);
    if (!hardware.empty()) simdit_point(model, hardware, feeds.dims);
    driver::SessionOptions options;
    options.dims = driver::parse_dims(feeds.dims);
    const driver::Opened opened = driver::open_model(model, feeds, options);
    driver::Pricer pricer(opened.graph, opened.feeds, options);
    const gir::Program tiled = native_stages(pricer.lowered(), m);
    native_search(pricer, m);
    native_on_all_cores(pricer, m);
    try {
        timed("event simulation", [&] { return sim::events::simulate(tiled, m); });
    } catch (const UserError& error) {
        fmt::print("  event simulation: none: {}\n", error.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        fmt::print(stderr,
                   "usage: points_bench MACHINE.yaml [HW.json] [NAME=VALUE...] MODEL.onnx...\n");
        return 1;
    }
    try {
        const machine::Machine m = machine::read_machine_file(argv[1]);
        driver::FeedRequest feeds;
        std::string hardware;
        for (int i = 2; i < argc; ++i) {
            const std::string word = argv[i];
            if (word.ends_with(".json"))
                hardware = word;
            else if (word.find('=') != std::string::npos)
                feeds.dims.push_back(word);
            else
                points_of(word, feeds, m, hardware);
        }
        return 0;
    } catch (const UserError& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
}
