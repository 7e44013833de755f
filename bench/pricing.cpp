// pricing_bench MACHINE.yaml N [NAME=VALUE…] MODEL.onnx…: prices each model on N machines after the
// first, each level of each between half and twice as large by chance (log-uniform, seeded), and
// prints the CPU times of the first two machines, the median of the others and the sum of all
// predictions, to hold two builds against each other; then memory, ten times over the run: what the
// process has, what it has asked for, and what of that the pricer says it keeps. --stepped: sizes
// are halves and doubles, as in a space. --keep=MB: the pricer's bound. The last machine's price is
// held against that of a pricer that saw no other machine: exit 1 where they differ. NAME=VALUE
// binds open sizes of the models behind it.
#include <fmt/core.h>
#include <mimalloc.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <numeric>
#include <random>

#include "base/error.h"
#include "driver/feeds.h"
#include "driver/simulate/pricer.h"
#include "driver/source.h"
#include "machine/read.h"

namespace {

using namespace smeaton;

double resident_mb() {
    std::ifstream in("/proc/self/statm");
    double total = 0, resident = 0;
    in >> total >> resident;
    return resident * 4096 / 1e6;
}

/// Blocks that this thread has and others have not taken over, without what the allocator has
/// besides.
double asked_for_mb() {
    double bytes = 0;
    mi_heap_visit_blocks(
        mi_heap_get_default(), false,
        [](const mi_heap_t*, const mi_heap_area_t* area, void*, size_t, void* sum) {
            *static_cast<double*>(sum) += static_cast<double>(area->used * area->block_size);
            return true;
        },
        &bytes);
    return bytes / 1e6;
}

/// Of this thread at work, so that others on the machine count less.
double cpu_ms() {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e3 + static_cast<double>(at.tv_nsec) * 1e-6;
}

/// Sizes in whole steps of a factor of two, as a space has them.
bool stepped = false;
double keep_mb = driver::Pricer::kMostBytes / 1e6;

machine::Machine resized(machine::Machine m, std::mt19937& chance) {
    for (machine::Level& level : m.levels) {
        const double share = stepped ? static_cast<double>(chance() % 3) / 2
                                     : static_cast<double>(chance()) / std::mt19937::max();
        level.capacity_bytes.value =
            std::floor(level.capacity_bytes.value * std::exp2(2 * share - 1));
    }
    return m;
}

bool same(const driver::SimulateResult& a, const driver::SimulateResult& b) {
    auto same_kernel = [](const driver::SimulatedKernel& x, const driver::SimulatedKernel& y) {
        return x.name == y.name && x.time_us.value == y.time_us.value && x.bytes() == y.bytes() &&
               x.operand_bytes == y.operand_bytes;
    };
    return a.time_ms.value == b.time_ms.value &&
           std::equal(a.kernels.begin(), a.kernels.end(), b.kernels.begin(), b.kernels.end(),
                      same_kernel);
}

/// Whether the last price is what it would be alone.
bool price(const std::string& model, const driver::FeedRequest& feeds, const machine::Machine& m,
           int count) {
    driver::SessionOptions options;
    options.dims = driver::parse_dims(feeds.dims);
    const driver::Opened opened = driver::open_model(model, feeds, options);
    const double start = cpu_ms();
    driver::Pricer pricer(opened.graph, opened.feeds, options);
    pricer.keep(keep_mb * 1e6);
    const double model_mb = asked_for_mb();
    pricer.price(m);
    const double first = cpu_ms() - start;
    std::vector<double> times;
    double predicted_ms = 0;
    std::string memory;
    std::mt19937 chance(7);
    machine::Machine other;
    driver::SimulateResult last;
    for (int i = 0; i < count; ++i) {
        other = resized(m, chance);
        const double turn = cpu_ms();
        last = pricer.price(other);
        times.push_back(cpu_ms() - turn);
        predicted_ms += last.time_ms.value;
        if ((i + 1) % std::max(1, count / 10) == 0)
            memory +=
                fmt::format("  after {:6}: {:7.1f} MB, asked for {:7.1f}, kept {:7.1f}\n", i + 1,
                            resident_mb(), asked_for_mb() - model_mb, pricer.kept_bytes() / 1e6);
    }
    const double second = times.front();
    const double all_ms = std::accumulate(times.begin(), times.end(), 0.0);
    std::nth_element(times.begin(), times.begin() + count / 2, times.end());
    fmt::print(
        "{:8.1f} ms first  {:7.2f} ms second  {:7.2f} ms each  {:8.1f} s in all  sum {:.17g}  "
        "{}\n{}",
        first, second, times[static_cast<size_t>(count / 2)], all_ms / 1e3, predicted_ms, model,
        memory);
    const bool alike = same(last, driver::Pricer(opened.graph, opened.feeds, options).price(other));
    if (!alike) fmt::print(stderr, "{}: priced otherwise after other machines\n", model);
    return alike;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        fmt::print(stderr, "usage: pricing_bench MACHINE.yaml N [NAME=VALUE...] MODEL.onnx...\n");
        return 1;
    }
    try {
        const machine::Machine m = machine::read_machine_file(argv[1]);
        driver::FeedRequest feeds;
        bool alike = true;
        for (int i = 3; i < argc; ++i) {
            const std::string word = argv[i];
            if (word == "--stepped")
                stepped = true;
            else if (word.starts_with("--keep="))
                keep_mb = std::atof(word.c_str() + 7);
            else if (word.find('=') != std::string::npos)
                feeds.dims.push_back(word);
            else
                alike = price(word, feeds, m, std::max(1, std::atoi(argv[2]))) && alike;
        }
        return alike ? 0 : 1;
    } catch (const UserError& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
}
