#include "sim/simulate.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "gir/each_kernel.h"
#include "gir/kernel_form.h"
#include "gir/names.h"
#include "machine/query.h"
#include "sim/operands.h"
#include "sim/residency.h"

namespace smeaton::sim {
namespace {

using cost::KernelCost;
using cost::KernelModel;
using ModelPtr = std::shared_ptr<const KernelModel>;
using gir::Buffer;
using gir::root_of;
using machine::Interval;

class Simulation {
public:
    Simulation(const gir::Program& program, const machine::Machine& m, const SimOptions& options)
        : program_(program),
          machine_(m),
          options_{options.threads, options.vector_bits, options.overlap},
          own_(program),
          kept_(options.kept ? *options.kept : own_),
          workers_(options.workers),
          has_caches_(!cost::caches_of(m).empty()),
          loses_(std::any_of(m.levels.begin(), m.levels.end(),
                             [](const machine::Level& l) { return l.kept_ms.has_value(); })) {
        for (const machine::Level& level : m.levels)
            capacities_.push_back(level.capacity_bytes.value);
    }

    ProgramCost run() {
        ProgramCost result;
        result.machine = machine_.name;
        result.area_mm2 = machine::area_of(machine_);
        result.leakage_w = machine::leakage_of(machine_);
        result.threads =
            options_.threads ? options_.threads : static_cast<int>(machine::core_count(machine_));
        require_memory();
        model_all();
        find_last_uses(program_.steps);
        position_ = 0;
        once(program_.steps, result);
        // The first pass leaves the caches as the run before does; where time matters to what is
        // left, that of a warm run.
        for (int passes = !has_caches_ ? 0 : loses_ ? 2 : 1; passes > 0; --passes) {
            pass(program_.steps, nullptr);
            release_temps();
            position_ = 0;
        }
        result.time_us = pass(program_.steps, &result);
        return result;
    }

private:
    /// What stays from run to run, and what is fed and given, has to lie somewhere.
    void require_memory() const {
        const machine::Level& memory = machine_.levels.back();
        double bytes = 0;
        for (const Buffer& b : program_.buffers) {
            if (b.lifetime == gir::Lifetime::Temp || !b.alias_of.empty()) continue;
            double elements = 1;
            for (const gir::NamedDim& d : b.dims)
                elements *= static_cast<double>(d.extent.if_const().value_or(1));
            bytes += elements * tensor::bits(b.dtype) / 8;
        }
        if (bytes > memory.capacity_bytes.value)
            throw UserError(
                "machine {}: level {}: 'capacity' is {} bytes; weights, inputs and outputs of the "
                "model take {:.0f}",
                machine_.name, memory.name, memory.capacity_bytes.value, bytes);
    }

    /// Positions count run steps as pass() meets them.
    void find_last_uses(const gir::Steps& steps) {
        for (const gir::Step& step : steps) {
            if (auto* run = std::get_if<gir::RunStep>(&step.node); run && !run->once) {
                ++position_;
                for (const auto& names : {run->kernel->reads, run->kernel->writes})
                    for (Name b : names) last_use_[root_of(program_, b)] = position_;
            } else if (auto* branch = std::get_if<gir::BranchStep>(&step.node)) {
                find_last_uses(branch->then_steps);
                find_last_uses(branch->else_steps);
            } else if (auto* repeat = std::get_if<gir::RepeatStep>(&step.node)) {
                find_last_uses(repeat->body);
            }
        }
    }

    /// Analyses all kernels, those of one form once.
    void model_all() {
        const auto caches = cost::caches_of(machine_);
        while (kept_.caches.size() < caches.size()) kept_.caches.emplace_back(kept_.most);
        auto make = [&](const gir::KernelPtr& kernel, gir::Region& asked) {
            return analysed(kernel, asked);
        };
        auto follow = [&](const gir::KernelPtr& kernel, const KeptModels::Model& model,
                          const gir::KernelForm& from, const gir::KernelForm& to) {
            return KeptModels::Model{named_as(kernel, model.bare, from, to), model.caches};
        };
        const std::vector<gir::KernelPtr> all = gir::distinct_kernels(program_);
        std::vector<KeptModels::Model> models =
            kept_.models.get(program_, all, {capacities_}, workers_, kept_.twins, make, follow);
        for (size_t i = 0; i < all.size(); ++i) {
            cost::require_fed(all[i]->name.str(), models[i].bare->unfed, machine_);
            models_.emplace(all[i].get(), std::move(models[i]));
        }
    }

    const KeptModels::Model& model_of(const gir::KernelPtr& kernel) const {
        return models_.at(kernel.get());
    }

    KeptModels::Model analysed(const gir::KernelPtr& kernel, gir::Region& asked) {
        return with_context("costing kernel " + kernel->name.str(), [&] {
            const gir::Asking now{capacities_, &asked};
            const ModelPtr bare = kept_.bare.get(kernel, now, [&](gir::Region& of_it) {
                cost::CostOptions noting = options_;
                noting.asked = &of_it;
                return std::make_shared<const KernelModel>(
                    cost::model_without_caches(program_, *kernel, machine_, noting));
            });
            KeptModels::Model model{bare};
            const auto caches = cost::caches_of(machine_);
            for (size_t i = 0; i < caches.size(); ++i)
                model.caches.push_back(traffic(kernel, *caches[i], bare->threads, kept_.caches[i],
                                               {capacities_, &asked}));
            return model;
        });
    }

    std::shared_ptr<const cost::CacheTraffic> traffic(const gir::KernelPtr& kernel,
                                                      const machine::Level& cache, int threads,
                                                      gir::ByKernel<KeptModels::Traffic>& kept,
                                                      const gir::Asking& now) {
        auto make = [&](gir::Region& asked) {
            cost::CostOptions noting = options_;
            noting.asked = &asked;
            const std::shared_ptr<cost::PartsTable> parts = kept_.parts.of(kernel);
            return KeptModels::Traffic{std::make_shared<const cost::CacheTraffic>(
                cost::cache_traffic(program_, *kernel, machine_, cache, threads, noting, *parts))};
        };
        return kept.get(kernel, now, make).of;
    }

    /// Arrays are named as the kernel names them, views by their own names.
    ModelPtr named_as(const gir::KernelPtr& kernel, const ModelPtr& first,
                      const gir::KernelForm& from, const gir::KernelForm& to) {
        const auto known = kept_.named.of(kernel);
        for (const KeptModels::Named& n : *known)
            if (n.first == first) return n.named;
        if (known->size() == gir::kMostRegions) known->erase(known->begin());
        ModelPtr named = named_as(*kernel, *first, from, to);
        known->push_back({first, named});
        return named;
    }

    static ModelPtr named_as(const gir::Kernel& kernel, KernelModel model,
                             const gir::KernelForm& from, const gir::KernelForm& to) {
        model.name = kernel.name.str();
        model.ops = kernel.origins;
        std::map<Name, Name> names;
        for (size_t i = 0; i < from.buffers.size(); ++i)
            names.emplace(from.buffers[i], to.buffers[i]);
        for (cost::Array& array : model.arrays)
            if (auto found = names.find(array.name); !array.scratch && found != names.end())
                array.name = found->second;
        std::map<Name, gir::LevelBytes> buffers;
        for (const auto& [name, bytes] : model.buffers) {
            auto found = names.find(name);
            buffers[found == names.end() ? name : found->second] = bytes;
        }
        model.buffers = std::move(buffers);
        return std::make_shared<const KernelModel>(std::move(model));
    }

    /// What is reported of a kernel besides its time.
    void complete(const KernelModel& model, KernelCost& cost) const {
        cost.energy = cost::energy_of(model, cost, machine_, options_);
        cost.operands = operand_bytes(model, cost, program_, made_at_load_);
    }

    void once(const gir::Steps& steps, ProgramCost& result) {
        for (const gir::Step& step : steps)
            if (auto* run = std::get_if<gir::RunStep>(&step.node); run && run->once) {
                const KeptModels::Model& model = model_of(run->kernel);
                KernelCost cost =
                    cost::cost_of(*model.bare, model.caches, machine_, options_, nullptr);
                complete(*model.bare, cost);
                cost.once = true;
                for (Name b : run->kernel->writes) made_at_load_.insert(root_of(program_, b));
                result.once_us = result.once_us + cost.time_us;
                result.kernels.push_back(std::move(cost));
            }
    }

    /// Time of the steps, and their kernels; without a `result` only the caches are what they are
    /// after the steps.
    Interval pass(const gir::Steps& steps, ProgramCost* result) {
        Interval total{0, 0, 0};
        for (const gir::Step& step : steps)
            total =
                total + std::visit([&](const auto& s) { return step_us(s, result); }, step.node);
        return total;
    }

    Interval step_us(const gir::RunStep& step, ProgramCost* result) {
        if (step.once) return {0, 0, 0};
        const auto& [bare, caches] = model_of(step.kernel);
        const KernelModel& model = *bare;
        ++position_;
        touch_new(model);
        if (!result && !loses_) {  // what it leaves in the caches, no more
            touch_all(model);
            return {0, 0, 0};
        }
        KernelCost cost = cost::cost_of(model, caches, machine_, options_, warmth(model, caches));
        now_us_ += cost.time_us.value;
        touch_all(model);
        if (!result) return cost.time_us;
        complete(model, cost);
        result->flops += cost.flops;
        const Interval time_us = cost.time_us;
        result->kernels.push_back(std::move(cost));
        return time_us;
    }

    Interval step_us(const gir::BranchStep& step, ProgramCost* result) {
        ProgramCost then_side, else_side;
        Interval a = pass(step.then_steps, &then_side), b = pass(step.else_steps, &else_side);
        now_us_ -= std::min(a.value, b.value);
        ProgramCost& dearer = a.value >= b.value ? then_side : else_side;
        if (result) {
            result->flops += dearer.flops;
            for (KernelCost& k : dearer.kernels) result->kernels.push_back(std::move(k));
        }
        return a.value >= b.value ? a : b;
    }

    Interval step_us(const gir::RepeatStep& step, ProgramCost* result) {
        std::optional<int64_t> trips = step.trips ? step.trips->if_const() : std::nullopt;
        if (!trips)
            throw UserError(
                "program {}: a loop whose number of turns depends on data has no closed "
                "cost; bind it to a constant trip count",
                program_.name);
        auto n = static_cast<double>(*trips);
        ProgramCost body;
        Interval one = pass(step.body, &body);
        now_us_ += one.value * (n - 1);
        if (result) {
            result->flops += n * body.flops;
            for (KernelCost& k : body.kernels) {
                k.time_us = k.time_us * n;
                k.compute_us = k.compute_us * n;
                k.array_us = k.array_us * n;
                k.vector_us = k.vector_us * n;
                k.data_us = k.data_us * n;
                k.stall_us = k.stall_us * n;
                k.fixed_us = k.fixed_us * n;
                k.flops *= n;
                k.macs *= n;
                for (cost::LevelCost& l : k.levels) {
                    l.read_bytes *= n;
                    l.write_bytes *= n;
                    l.port_bytes *= n;
                    l.time_us = l.time_us * n;
                }
                k.energy = cost::repeated(std::move(k.energy), n);
                k.operands = k.operands * n;
                result->kernels.push_back(std::move(k));
            }
        }
        return one * n;
    }

    Interval step_us(const gir::SettleStep&, ProgramCost*) { return {0, 0, 0}; }

    /// Lives within one run.
    bool is_temp(Name root) const {
        const Buffer* b = program_.find_buffer(root);
        return b && b->lifetime == gir::Lifetime::Temp && made_at_load_.count(root) == 0;
    }

    /// A temp's first touch takes its place; it inherits what the cache holds of it.
    void touch_new(const KernelModel& model) {
        if (!has_caches_) return;  // nothing is held from one kernel to the next
        for (const cost::Array& array : model.arrays) {
            Name root = root_of(program_, array.name);
            if (!array.scratch && is_temp(root) && alive_.insert(root).second)
                residency_.claim(root, array.bytes);
        }
    }

    void touch_all(const KernelModel& model) {
        if (!has_caches_) return;
        for (size_t i = 0; i < model.arrays.size(); ++i) {
            const cost::Array& array = model.arrays[i];
            if (array.scratch) continue;
            Name root = root_of(program_, array.name);
            residency_.touch(root, std::min(array.bytes, std::max(model.touched_bytes[i], 1.0)),
                             now_us_);
            if (!model.meetings.empty()) residency_.meet(root, array.bytes, model.meetings[i]);
        }
        for (const cost::Array& array : model.arrays) {
            Name root = root_of(program_, array.name);
            if (!array.scratch && is_temp(root) && last_use_[root] <= position_ &&
                alive_.erase(root))
                residency_.release(root);
        }
    }

    void release_temps() {
        for (Name root : alive_) residency_.release(root);
        alive_.clear();
    }

    cost::Warm warmth(const KernelModel& model, const cost::CacheTraffics& caches) const {
        double touched = 0;
        for (size_t i = 0; i < model.arrays.size(); ++i)
            if (!model.arrays[i].scratch) touched += model.touched_bytes[i];
        return
            [this, &model, &caches, touched](const std::string& cache, const cost::Array& array) {
                const machine::Level* level = machine::find_level(machine_, cache);
                double instances = 1;
                for (const auto& c : caches)
                    if (c->cache == cache) instances = c->instances;
                size_t i = 0;
                while (i + 1 < model.arrays.size() && model.arrays[i].name != array.name) ++i;
                const Name root = root_of(program_, array.name);
                // Each instance holds the share of the core it belongs to.
                const double room = level->capacity_bytes.value * instances;
                auto held = [&](double part) {
                    return residency_.held(root, room * part, touched - model.touched_bytes[i]);
                };
                return held_beside_others(residency_.idle_us(root, now_us_) * 1e-3, *level, held) *
                       at_home(model, i, *level, root);
            };
    }

    /// Share of an array that lies in the caches of the cores that come for it; the rest is in
    /// those of others, and comes through the next level outwards.
    double at_home(const KernelModel& model, size_t i, const machine::Level& level,
                   Name root) const {
        const int64_t instances = machine::unit_count(machine_, level.private_to);
        if (model.meetings.empty() || instances <= 1) return 1;
        const int64_t cores = machine::core_count(machine_);
        return gir::cache::share_at_home(
            model.meetings[i], residency_.holders(root, model.arrays[i].bytes),
            options_.threads ? options_.threads : static_cast<int>(cores),
            static_cast<int>(std::max<int64_t>(1, cores / instances)));
    }

    const gir::Program& program_;
    const machine::Machine& machine_;
    cost::CostOptions options_;
    std::vector<double> capacities_;  // by level
    KeptModels own_;
    KeptModels& kept_;
    Workers* workers_;
    bool has_caches_;
    bool loses_;  ///< what lies idle in a cache, to neighbours
    std::unordered_map<const gir::Kernel*, KeptModels::Model> models_;
    std::map<Name, int> last_use_;
    std::set<Name> alive_;
    std::set<Name> made_at_load_;
    Residency residency_;
    int position_ = 0;
    double now_us_ = 0;
};

}  // namespace

ProgramEnergy energy_of(const ProgramCost& cost) {
    constexpr double kWattPerPjUs = 1e-6;
    ProgramEnergy energy;
    std::set<std::string> missing;
    Interval run{0, 0, 0}, once{0, 0, 0};
    for (const KernelCost& kernel : cost.kernels) {
        missing.insert(kernel.energy.missing.begin(), kernel.energy.missing.end());
        std::optional<Interval> pj = kernel.energy.pj();
        if (!pj) continue;
        Interval& sum = kernel.once ? once : run;
        sum = sum + *pj;
        if (!kernel.once && kernel.time_us.value > 0)
            energy.peak_w = machine::max(energy.peak_w, *pj / kernel.time_us * kWattPerPjUs);
    }
    energy.missing.assign(missing.begin(), missing.end());
    if (!missing.empty()) return energy;
    energy.run_pj = run;
    energy.once_pj = once;
    if (cost.time_us.value > 0) energy.average_w = run / cost.time_us * kWattPerPjUs;
    return energy;
}

ProgramCost simulate(const gir::Program& program, const machine::Machine& m,
                     const SimOptions& options) {
    return Simulation(program, m, options).run();
}

}  // namespace smeaton::sim
