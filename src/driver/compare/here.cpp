#include "driver/compare/here.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "driver/batch.h"
#include "driver/feeds.h"
#include "driver/model_file.h"
#include "driver/naming.h"

namespace smeaton::driver {

namespace {

using Clock = std::chrono::steady_clock;

/// Microjoules of all packages since some moment; nothing where the system does not tell.
std::optional<double> counted_uj() {
    double sum = 0;
    bool any = false;
    for (int package = 0; package < 64; ++package) {
        std::ifstream in("/sys/class/powercap/intel-rapl:" + std::to_string(package) +
                         "/energy_uj");
        double value = 0;
        if (!(in >> value)) break;
        sum += value;
        any = true;
    }
    return any ? std::optional(sum) : std::nullopt;
}

struct Timed {
    std::vector<double> seconds;
    std::optional<double> joules;  ///< of all runs
};

Timed time_runs(Session& session, const std::map<std::string, Tensor>& feeds) {
    constexpr double kLeastSeconds = 1.0;
    constexpr size_t kLeastRuns = 5, kMostRuns = 200;
    session.run(feeds);
    Timed timed;
    const auto before = counted_uj();
    double sum = 0;
    while (timed.seconds.size() < kLeastRuns ||
           (sum < kLeastSeconds && timed.seconds.size() < kMostRuns)) {
        const auto begin = Clock::now();
        session.run(feeds);
        timed.seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
        sum += timed.seconds.back();
    }
    const auto after = counted_uj();
    if (before && after && *after > *before) timed.joules = (*after - *before) * 1e-6;
    std::sort(timed.seconds.begin(), timed.seconds.end());
    return timed;
}

compare::Quantity measured(machine::Interval v, const std::string& formula) {
    compare::Quantity q;
    q.v = v;
    q.basis = "measured";
    q.formula = formula;
    q.source("this machine, now");
    return q;
}

}  // namespace

compare::DeviceRow measured_here(const WorkloadRequest& request, const compare::Workload& w) {
    if (w.is_decoder)
        throw UserError(
            "here: {} states shapes without weights, so nothing of it runs on this "
            "machine; give an ONNX file",
            request.model);
    SessionOptions options;
    options.dims = parse_dims(request.dims);
    model::Graph graph = read_graph(request.model);
    if (request.batch > 0) graph = with_batch(std::move(graph), request.batch);
    Session session(std::move(graph), request.model, options);
    const Timed timed =
        time_runs(session, random_feeds(request.model, session.inputs(), options.dims, 0));
    const auto& s = timed.seconds;
    const double n = static_cast<double>(s.size());
    const double median = s[s.size() / 2], tail = s[static_cast<size_t>(std::ceil(0.95 * n)) - 1];
    compare::DeviceRow row;
    row.device = row.text = "here";
    row.device_class = "CPU";
    row.engine = "smeaton";
    row.runs_on = {{"smeaton", true, {}, "", "this program", ""}};
    row.fits = true;
    row.batch = w.batch;
    row.limit = "measured";
    row.latency_ms = measured({1e3 * s.front(), 1e3 * median, 1e3 * tail},
                              "median of runs one after another; fastest to 95th percentile");
    row.throughput =
        measured({w.batch / tail, w.batch / median, w.batch / s.front()}, "batch / latency");
    row.measured = row.latency_ms;
    if (timed.joules) {
        double sum = 0;
        for (double one : s) sum += one;
        row.power_w = measured(machine::Interval::exact(*timed.joules / sum),
                               "packages alone, by powercap; memory, board and supply come on top");
        row.power_w->flag("processor packages alone");
        row.energy_j_per_token =
            measured(machine::Interval::exact(*timed.joules / (n * w.batch)), "joules / items");
        row.energy_j_per_token->flag("processor packages alone");
    } else {
        row.energy_refused = "this system does not count energy (no /sys/class/powercap)";
    }
    row.cost_refused = "no rent or price of this machine is known; give rent_usd_per_device_hour";
    return row;
}

}  // namespace smeaton::driver
