#include "sim/events/events.h"

#include <optional>

#include "base/error.h"
#include "gir/kernel_form.h"
#include "sim/events/walk.h"

namespace smeaton::sim::events {
namespace {

double us(TimePs ps) {
    return ns_from_ps(ps) * 1e-3;
}

class Simulation {
public:
    Simulation(const gir::Program& program, const Chip& chip, const EventOptions& options)
        : program_(program), chip_(chip), options_(options) {
        for (const Engine& engine : chip.engines()) result_.units.push_back(engine.name);
    }

    ProgramEvents run() {
        result_.time_us = pass(program_.steps, 1);
        return std::move(result_);
    }

private:
    double pass(const gir::Steps& steps, double times) {
        double total = 0;
        for (const gir::Step& step : steps)
            total += std::visit([&](const auto& s) { return step_us(s, times); }, step.node);
        return total;
    }

    /// Minutes; a program with more is not walked at all.
    static constexpr double kMostTasks = 1e8;

    void refuse_if_too_long(const gir::Kernel& kernel) {
        const double tasks = tasks_of(kernel.body);
        tasks_ += tasks;
        if (tasks_ > kMostTasks)
            throw UserError(
                "--events: {:.0f} ops and copies up to kernel {} ({:.0f} of them its own); events "
                "walk at most {:.0f}: take a smaller batch, or leave --events out",
                tasks_, kernel.name.str(), tasks, kMostTasks);
    }

    /// Kernels of one form are walked once, unless each has to stand in the timeline.
    const KernelEvents& walked(const gir::Kernel& kernel) {
        gir::KernelForm form = gir::form_of(kernel, program_);
        if (!options_.timeline)
            if (const auto* known = forms_.find(form)) return known->value;
        refuse_if_too_long(kernel);
        KernelEvents made = with_context("walking kernel " + kernel.name.str(),
                                         [&] { return walk(program_, kernel, chip_, options_); });
        result_.events += made.events;
        return forms_.add(std::move(form), std::move(made)).value;
    }

    double step_us(const gir::RunStep& step, double times) {
        const KernelEvents& kernel = walked(*step.kernel);
        const double time_us = us(kernel.time_ps);
        KernelRow row;
        row.name = step.kernel->name.str();
        row.once = step.once;
        row.time_us = time_us * times;
        row.events = kernel.events;
        row.tasks = kernel.tasks;
        row.macs = kernel.macs * times;
        for (size_t l = 0; l < chip_.machine().levels.size(); ++l) {
            const std::string& level = chip_.machine().levels[l].name;
            row.read_bytes[level] = kernel.read_bytes[l] * times;
            row.written_bytes[level] = kernel.written_bytes[l] * times;
        }
        result_.kernels.push_back(std::move(row));
        if (step.once) {
            result_.once_us += time_us;
            return 0;
        }
        for (size_t e = 0; e < kernel.busy_ps.size(); ++e)
            if (kernel.busy_ps[e] > 0)
                result_.busy_us[result_.units[e]] += kernel.busy_ps[e] * 1e-6 * times;
        for (const Slice& slice : kernel.slices)
            result_.timeline.push_back({slice.engine, slice.what.str(), step.kernel->name.str(),
                                        now_us_ + us(slice.start_ps),
                                        us(slice.end_ps - slice.start_ps)});
        now_us_ += time_us * times;
        return time_us;
    }

    /// Both sides are walked; what the shorter one added is taken back.
    double step_us(const gir::BranchStep& step, double times) {
        ProgramEvents before = result_;
        const double start_us = now_us_;
        const double then_us = pass(step.then_steps, times);
        ProgramEvents with_then = result_;
        const double then_end_us = now_us_;
        result_ = before;
        now_us_ = start_us;
        const double else_us = pass(step.else_steps, times);
        if (then_us < else_us) return else_us;
        with_then.events += result_.events - before.events;
        result_ = std::move(with_then);
        now_us_ = then_end_us;
        return then_us;
    }

    double step_us(const gir::RepeatStep& step, double times) {
        std::optional<int64_t> trips = step.trips ? step.trips->if_const() : std::nullopt;
        if (!trips)
            throw UserError(
                "program {}: a loop whose number of turns depends on data cannot be "
                "walked; bind it to a constant trip count",
                program_.name);
        return pass(step.body, times * static_cast<double>(*trips)) * static_cast<double>(*trips);
    }

    double step_us(const gir::SettleStep&, double) { return 0; }

    const gir::Program& program_;
    const Chip& chip_;
    EventOptions options_;
    ProgramEvents result_;
    gir::FormTable<KernelEvents> forms_;
    double now_us_ = 0;
    double tasks_ = 0;  ///< walked so far
};

}  // namespace

ProgramEvents simulate(const gir::Program& program, const machine::Machine& m,
                       const EventOptions& options) {
    Chip chip(m);
    return Simulation(program, chip, options).run();
}

}  // namespace smeaton::sim::events
