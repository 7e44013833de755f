// pricing_bench MACHINE.yaml N [NAME=VALUE…] MODEL.onnx…: prices each model on N machines after the
// first, each level of each between half and twice as large by chance (log-uniform, seeded), and
// prints the CPU times of the first two machines, the median of the others, the growth of memory
// over the last nine tenths and the sum of all predictions, to hold two builds against each other.
// --stepped: sizes are halves and doubles, as in a space. The last machine's price is held against
// that of a pricer that saw no other machine: exit 1 where they differ. NAME=VALUE binds open sizes
// of the models behind it.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
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

/// Of this thread at work, so that others on the machine count less.
double cpu_ms() {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e3 + static_cast<double>(at.tv_nsec) * 1e-6;
}

/// Sizes in whole steps of a factor of two, as a space has them.
bool stepped = false;

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
    pricer.price(m);
    const double first = cpu_ms() - start;
    std::vector<double> times;
    double before = 0, predicted_ms = 0;
    std::mt19937 chance(7);
    machine::Machine other;
    driver::SimulateResult last;
    for (int i = 0; i < count; ++i) {
        other = resized(m, chance);
        const double turn = cpu_ms();
        last = pricer.price(other);
        times.push_back(cpu_ms() - turn);
        predicted_ms += last.time_ms.value;
        if (i == count / 10) before = resident_mb();
    }
    const double grown = resident_mb() - before;
    const double second = times.front();
    std::nth_element(times.begin(), times.begin() + count / 2, times.end());
    fmt::print(
        "{:8.1f} ms first  {:7.2f} ms second  {:7.2f} ms each  {:+6.1f} MB of {:.0f}  sum {:.17g}  "
        "{}\n",
        first, second, times[static_cast<size_t>(count / 2)], grown, before, predicted_ms, model);
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
