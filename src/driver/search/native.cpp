// Machines of a space judged by what `simulate` says of them: exact for each point, since the
// model is compiled for it; for a box a bound that no compiling goes below (cost/least.h).
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/error.h"
#include "base/workers.h"
#include "cost/least.h"
#include "driver/naming.h"
#include "driver/search/least_by_part.h"
#include "driver/search/model.h"
#include "driver/simulate/pricer.h"
#include "machine/energy.h"
#include "machine/print.h"
#include "machine/query.h"
#include "machine/read.h"
#include "search/machine_base.h"

namespace smeaton::driver {

using namespace search;
using machine::Machine;

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// What a step's cost is read from, and the least that it can be.
struct Priced {
    Pricer pricer;
    cost::Least least;
    double weight = 1, baseline_cycles = 1;
    bool training = false;
};

Pricer pricer_of(const SearchRequest& request, const SearchWorkload& w) {
    SimulateRequest one;
    one.model = w.model;
    one.batch = request.batch;
    one.training = w.training;
    one.feeds.dims = request.dims;
    one.session.dims = parse_dims(request.dims);
    const Opened opened = open_simulated(one);
    if (opened.entry) throw UserError("{}: a program; search takes models (ONNX files)", w.model);
    return naming(w.model, [&] { return Pricer(opened.graph, opened.feeds, stage_options(one)); });
}

/// Of the run at the base's clock, so that machines of different clocks compare by time.
double cycles_of(const sim::ProgramCost& cost, double clock_ghz) {
    return cost.time_us.value * clock_ghz * 1e3;
}

class NativeEvaluator : public Evaluator {
public:
    NativeEvaluator(std::shared_ptr<const Machines> machines, const Space& space,
                    std::vector<Priced> priced)
        : machines_(std::move(machines)),
          space_(space),
          priced_(std::move(priced)),
          clock_ghz_(machines_->base().clock_ghz.value) {}

    std::unique_ptr<Evaluator> another() const override {
        std::vector<Priced> mine;
        for (const Priced& p : priced_)
            mine.push_back({p.pricer.another(), p.least, p.weight, p.baseline_cycles, p.training});
        return std::make_unique<NativeEvaluator>(machines_, space_, std::move(mine));
    }

    Evaluation evaluate(const Point& point) override { return evaluate(point, nullptr); }

    /// Sees what each workload takes on a machine, in their order.
    using Seen = std::function<void(const Priced&, const sim::ProgramCost&)>;
    Evaluation evaluate(const Point& point, const Seen& seen) {
        Evaluation e;
        try {
            const Machine m = machines_->at(point);
            e.criteria = of_design(m);
            e.refused = over_cap(m);
            if (e.refused.empty()) run(m, e, seen);
        } catch (const UserError& error) {
            e.refused = error.what();
        }
        return e;
    }

    Criteria bound(const Box& box) override {
        const Machine least = machines_->least_of(box), best = machines_->best_of(box);
        Criteria c = of_design(least);
        if (!over_cap(least).empty()) return {kInfinite, kInfinite, kInfinite, kInfinite};
        for (const Priced& p : priced_)
            c[kTime] +=
                p.weight * cost::least_us(p.least, best) * clock_ghz_ * 1e3 / p.baseline_cycles;
        return c;
    }

    /// With what kernels take by themselves; an energy this does not tell.
    Criteria bound_of(const Point& point, Criterion by, double enough) override {
        Criteria c = Evaluator::bound_of(point, by, enough);
        if (by != kTime || std::isinf(c[kTime]) || c[kTime] >= enough) return c;
        try {
            const Machine m = machines_->at(point);
            double sum = 0;
            for (Priced* p : most_work_first()) {
                const double per_us = p->weight * clock_ghz_ * 1e3 / p->baseline_cycles;
                sum += per_us * p->pricer.least_us(m, (enough - sum) / per_us);
                if (sum >= enough) break;
            }
            c[kTime] = std::max(c[kTime], sum);
        } catch (const UserError&) {
            // No machine: its evaluation says why.
        }
        return c;
    }

    /// The bound goes by what computes and by bandwidths; buffers it knows nothing of.
    std::vector<bool> decisive() const override { return costly(); }
    /// The pricer keeps what machines share that differ in capacities alone.
    std::vector<bool> costly() const override {
        std::vector<bool> axes;
        for (const Axis& axis : space_.axes) axes.push_back(!axis.key.ends_with(".capacity"));
        return axes;
    }
    bool climbs() const override { return true; }
    bool tells(Criterion c) const override {
        if (c == kEnergy) return machine::tells_energy(machines_->base());
        return c != kArea || machine::area_of(machines_->base()).value.has_value();
    }
    std::string identity() const override {
        std::string all = "native\n" + machine::print(machines_->base());
        for (const Priced& p : priced_)
            all += fmt::format("{} {} {} macs, {} bytes\n", p.weight, p.baseline_cycles,
                               p.least.macs, p.least.read_bytes);
        return all;
    }

private:
    /// So that a bound is large enough early.
    std::vector<Priced*> most_work_first() {
        std::vector<Priced*> all;
        for (Priced& p : priced_) all.push_back(&p);
        auto work = [](const Priced* p) { return p->weight * p->least.macs / p->baseline_cycles; };
        std::stable_sort(all.begin(), all.end(),
                         [&](const Priced* a, const Priced* b) { return work(a) > work(b); });
        return all;
    }

    /// What the machine alone decides.
    static Criteria of_design(const Machine& m) {
        Criteria c{};
        c[kMemory] = sram_bytes(m);
        if (const auto area = machine::area_of(m).value) c[kArea] = area->value;
        return c;
    }

    /// Empty: under all caps that the machine alone decides.
    std::string over_cap(const Machine& m) const {
        for (const FigureCap& cap : space_.figures) {
            double has = 0;
            if (cap.figure == "bandwidth_gb_s") has = bandwidth_gb_s(m);
            if (cap.figure == "sram_bytes") has = sram_bytes(m);
            if (cap.figure == "cost_usd") has = m.price_usd->value;
            if (cap.figure == "area_mm2") has = machine::area_of(m).value->value;
            if (has > cap.max * (1 + 1e-12))
                return fmt::format("'{}' {} is above the cap, {}", cap.figure, text_of(has),
                                   text_of(cap.max));
        }
        return "";
    }

    void run(const Machine& m, Evaluation& e, const Seen& seen) {
        double most_w = 0;
        for (Priced& p : priced_) {
            const sim::ProgramCost cost = p.pricer.cost(m);
            if (seen) seen(p, cost);
            const double cycles = cycles_of(cost, clock_ghz_);
            e.cycles.push_back(cycles);
            e.criteria[kTime] += p.weight * cycles / p.baseline_cycles;
            const sim::ProgramEnergy energy = sim::energy_of(cost);
            if (!energy.run_pj) continue;
            e.criteria[kEnergy] += p.weight * energy.run_pj->value;
            most_w = std::max(most_w, energy.average_w.value);
        }
        for (const FigureCap& cap : space_.figures)
            if (cap.figure == "power_w" && most_w > cap.max * (1 + 1e-12))
                e.refused =
                    fmt::format("'power_w' {:.4g} is above the cap, {}", most_w, text_of(cap.max));
    }

    std::shared_ptr<const Machines> machines_;
    const Space& space_;
    std::vector<Priced> priced_;
    double clock_ghz_;
};

class NativeSearch : public SearchModel {
public:
    NativeSearch(const SearchRequest& request, const Space& space)
        : space_(space),
          machines_(std::make_shared<const Machines>(space)),
          told_(workloads_of(request)) {
        for (SearchWorkload& w : told_) {
            Priced p{pricer_of(request, w), {}, w.weight, 1, w.training};
            p.least = cost::least_of(p.pricer.lowered());
            if (!request.baseline_file.empty()) {
                const Machine m = machine::read_machine_file(request.baseline_file);
                w.baseline_cycles = cycles_of(p.pricer.another().cost(m), clock_ghz());
                p.baseline_cycles = *w.baseline_cycles;
            }
            priced_.push_back(std::move(p));
        }
    }

    const std::vector<SearchWorkload>& workloads() const override { return told_; }
    std::unique_ptr<Evaluator> evaluator() const override {
        return NativeEvaluator(machines_, space_, copies()).another();
    }
    double clock_ghz() const override { return machines_->base().clock_ghz.value; }

    /// Of every way of dividing the buffers, the best point's own first, so that there is one.
    std::vector<Resplit> resplits(const Point& best, const Options& options) const override {
        std::vector<Point> ways = {best};
        const Box box = with_any_buffers(
            space_, best, [](const std::string& key) { return key.ends_with(".capacity"); });
        for_each_point(space_, box, [&](const Point& point) {
            ways.push_back(point);
            return true;
        });
        LeastByPart least;
        const bool all = look_at(ways, options, least);
        std::vector<Resplit> splits = {least.phases(), least.kernels()};
        for (Resplit& split : splits) split.proven = all;
        return splits;
    }

private:
    /// False: the time was up before all had been looked at.
    bool look_at(const std::vector<Point>& ways, const Options& options, LeastByPart& least) const {
        Workers workers(options.threads);
        std::vector<std::unique_ptr<NativeEvaluator>> evaluators;
        for (size_t i = 0; i < workers.count(); ++i)
            evaluators.push_back(std::make_unique<NativeEvaluator>(machines_, space_, copies()));
        std::mutex mutex;
        std::atomic<bool> all = true;
        const auto begun = std::chrono::steady_clock::now();
        workers.each(ways.size(), [&](size_t i, size_t worker) {
            const std::chrono::duration<double> s = std::chrono::steady_clock::now() - begun;
            if (i > 0 && options.time_limit_s && s.count() > *options.time_limit_s) {
                all = false;
                return;
            }
            std::vector<std::vector<KernelShare>> kernels;
            const Evaluation e = evaluators[worker]->evaluate(
                ways[i], [&](const Priced& p, const sim::ProgramCost& cost) {
                    kernels.push_back(shares_of(p, cost, options.by));
                });
            if (!e.refused.empty()) return;
            const std::lock_guard lock(mutex);
            for (size_t w = 0; w < kernels.size(); ++w) least.add(w, kernels[w]);
        });
        return all;
    }

    std::vector<KernelShare> shares_of(const Priced& p, const sim::ProgramCost& cost,
                                       Criterion by) const {
        std::vector<KernelShare> shares;
        for (const cost::KernelCost& k : cost.kernels) {
            if (k.once) continue;
            const double share = by == kEnergy
                                     ? k.energy.pj()->value
                                     : k.time_us.value * clock_ghz() * 1e3 / p.baseline_cycles;
            shares.push_back(
                {k.name, p.training ? phase_in_step(p.pricer.class_of(k), k.name) : "inference",
                 p.weight * share});
        }
        return shares;
    }

    std::vector<Priced> copies() const {
        std::vector<Priced> all;
        for (const Priced& p : priced_)
            all.push_back({p.pricer.another(), p.least, p.weight, p.baseline_cycles, p.training});
        return all;
    }

    const Space& space_;
    std::shared_ptr<const Machines> machines_;
    std::vector<Priced> priced_;
    std::vector<SearchWorkload> told_;
};

}  // namespace

std::unique_ptr<SearchModel> native_search(const SearchRequest& request, const Space& space) {
    return std::make_unique<NativeSearch>(request, space);
}

}  // namespace smeaton::driver
