#include "driver/scheduling/schedule.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "cost/target.h"
#include "driver/here.h"
#include "driver/naming.h"
#include "driver/parallel/plan.h"
#include "driver/parallel/tasks.h"
#include "driver/source.h"
#include "driver/train/training_graph.h"
#include "machine/query.h"
#include "machine/read.h"
#include "model/rewrite/simplify.h"
#include "run/cpu.h"
#include "schedule/read/read.h"

namespace smeaton::driver {

namespace {

int parse_count(std::string_view text, const std::string& whole) {
    int count = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || end != text.data() + text.size() || count < 1 ||
        count > schedule::kMostCores)
        throw UserError("--cores {}: expected a whole number from 1 to {}", whole,
                        schedule::kMostCores);
    return count;
}

// "4" or "tc=8,vc=2" for these kinds.
schedule::Cores parse_cores(const std::string& text, const std::vector<std::string>& kinds) {
    schedule::Cores cores{{}};
    for (const std::string& kind : kinds) cores.kinds.push_back({kind, 0});
    if (text.find('=') == std::string::npos) {
        int count = parse_count(text, text);
        if (kinds.size() > 1)
            throw UserError("--cores {}: there are kinds of core; give each, as {}=1,{}=1", text,
                            kinds[0], kinds[1]);
        cores.kinds[0].count = count;
        return cores;
    }
    for (size_t at = 0; at <= text.size();) {
        size_t end = std::min(text.find(',', at), text.size());
        std::string_view part = std::string_view(text).substr(at, end - at);
        size_t equals = part.find('=');
        std::string kind(part.substr(0, equals));
        bool known = false;
        for (schedule::CoreKind& k : cores.kinds)
            if (k.name == kind && equals != std::string_view::npos) {
                if (k.count > 0) throw UserError("--cores {}: it gives '{}' twice", text, kind);
                k.count = parse_count(part.substr(equals + 1), text);
                known = true;
            }
        if (!known)
            throw UserError("--cores {}: '{}' is none of the kinds {}", text, std::string(part),
                            fmt::format("{}", fmt::join(kinds, ", ")));
        at = end + 1;
    }
    for (const schedule::CoreKind& k : cores.kinds)
        if (k.count == 0) throw UserError("--cores {}: it leaves out '{}'", text, k.name);
    return cores;
}

class Scheduling {
public:
    explicit Scheduling(const ScheduleRequest& request) : request_(request) {
        options_.algorithm = schedule::algorithm_named(request.algorithm);
        options_.clone = request.clone;
        if (request.batch < 1) throw UserError("--batch {}: expected 1 or more", request.batch);
        options_.samples = request.batch;
        options_.time_limit_s = request.time_limit_s;
        if (double s = request.time_limit_s.value_or(1); !(s > 0) || !std::isfinite(s))
            throw UserError("--time-limit {}: expected seconds, more than 0", s);
        read_hyper();
        if (!request.training && !(request.loss.empty() && request.optimizer.empty()))
            throw UserError("--loss and --optimizer are of a step of training; add --training");
        result_.algorithm = request.algorithm;
    }

    ScheduleResult run() {
        if (request_.model.empty() == request_.graph_file.empty())
            throw UserError("expected a MODEL or --graph FILE, one of them");
        request_.model.empty() ? from_file() : from_model();
        result_.nodes = static_cast<int>(tasks_.tasks.size());
        result_.solution = schedule::solve(tasks_, cores_, options_, result_.of);
        if (costs_ == Costs::Measured && options_.samples == 1 && cores_->total() > 1)
            naming(request_.model, [&] { run_here(); });
        return std::move(result_);
    }

private:
    bool linear() const { return options_.algorithm == schedule::Algorithm::Linear; }

    void read_hyper() {
        const std::string& form = request_.hyper;
        if (form.empty()) return;
        if (form != "plain" && form != "switched")
            throw UserError("--hyper {}: expected plain or switched", form);
        if (!linear())
            throw UserError("--hyper {}: hyperclusters are made by --algorithm linear, not {}",
                            form, request_.algorithm);
        if (form == "switched") options_.hyper = schedule::Hyper::Switched;
    }

    void from_file() {
        result_.of = request_.graph_file;
        if (request_.training)
            throw UserError("--training: {} is a task graph; a model has training steps",
                            request_.graph_file);
        if (!request_.costs.empty())
            throw UserError("--costs {}: the tasks of {} have durations of their own",
                            request_.costs, request_.graph_file);
        tasks_ = schedule::read_task_graph(request_.graph_file);
        result_.nodes_raw = static_cast<int>(tasks_.tasks.size());
        if (!request_.cores.empty())
            cores_ = parse_cores(request_.cores, tasks_.kinds);
        else if (tasks_.cores)
            cores_ = tasks_.cores;
        else if (!linear())
            throw UserError("{}: it does not say how many cores there are; give --cores",
                            request_.graph_file);
    }

    void from_model() {
        result_.of = request_.model;
        if (!request_.cores.empty()) cores_ = parse_cores(request_.cores, {"core"});
        costs_ = costs_named(request_.costs.empty() ? "model" : request_.costs);
        result_.costs = name(costs_);
        bool priced = costs_ == Costs::Model || costs_ == Costs::Measured;
        if (!priced) result_.unit = "steps";
        open();  // before a machine is measured for it
        if (priced || !request_.machine_file.empty()) machine_ = read_machine();
        if (!cores_ && !linear())
            cores_ = schedule::cores_of_one_kind(
                machine_ ? static_cast<int>(machine::core_count(*machine_)) : run::usable_cores());
        naming(request_.model, [&] {
            if (request_.training) train();
            linear() ? operators() : kernels();
        });
    }

    void open() {
        const std::string ending = std::filesystem::path(request_.model).extension();
        if (ending == ".stg" || ending == ".td")
            throw UserError("{}: it is a task graph, no model; give it as --graph FILE",
                            request_.model);
        opened_ = open_model(request_.model, request_.feeds, request_.session);
        result_.nodes_raw = static_cast<int>(opened_.graph.nodes.size());
    }

    // The step in place of the model. Its sizes are numbers, and its inputs more than the model's.
    void train() {
        if (costs_ == Costs::Measured)
            throw UserError(
                "--costs measured: kernels of a training step are not timed; use model, "
                "class or unit");
        opened_.graph = training_step(opened_.graph, opened_.feeds, request_.session.dims,
                                      {request_.loss, request_.optimizer})
                            .shaped.graph;
        opened_.feeds.clear();
    }

    SessionOptions stage_options() const {
        SessionOptions session = request_.session;
        if (request_.training) session.dims.clear();
        return session;
    }

    machine::Machine read_machine() const {
        if (!request_.machine_file.empty() && costs_ == Costs::Measured)
            throw UserError("--costs measured: times are this machine's; leave out --machine");
        if (!request_.machine_file.empty())
            return machine::read_machine_file(request_.machine_file);
        return machine_here({request_.session.cache_folder, false, request_.session.progress});
    }

    // Linear clustering sees the operators as they are: constants folded, what is dead removed.
    void operators() {
        if (costs_ == Costs::Measured)
            throw UserError(
                "--costs measured: kernels are timed, and linear works on operators; use "
                "model, class or unit");
        SessionOptions session = stage_options();
        for (const std::string& pass : model::simplify_passes())
            if (pass != "fold_constants" && pass != "remove_dead_code")
                session.skip.push_back(pass);
        session.skip.emplace_back("fuse");
        if (costs_ != Costs::Model) session.stop_after = "simplify";
        gir::Target target = machine_ ? cost::target_of(*machine_) : target_here(session);
        target.cores = 1;
        Tuned tuned = tune_on(opened_.graph, opened_.feeds, session, target).tuned;
        result_.warnings = tuned.graph.graph.warnings;
        tasks_ = operator_tasks(tuned.graph.graph);
        if (costs_ == Costs::Model)
            set_operator_costs(tuned.program, *machine_, tuned.graph.graph, tasks_);
        else
            set_static_costs(tuned.graph.graph, costs_, tasks_);
    }

    void kernels() {
        const int cores = cores_->total();
        gir::Target target = costs_ == Costs::Measured || !machine_ ? target_here(request_.session)
                                                                    : cost::target_of(*machine_);
        target.cores = cores;
        Tuned tuned = tune_on(opened_.graph, opened_.feeds, stage_options(), target).tuned;
        result_.warnings = tuned.graph.graph.warnings;
        tasks_ = kernel_tasks(tuned.program);
        if (costs_ == Costs::Model)
            set_model_costs(tuned.program, *machine_, cores, tasks_);
        else if (costs_ == Costs::Measured)
            set_measured_costs(request_.model, request_.session, opened_.feeds, tuned.program,
                               *machine_, cores, tasks_);
        else
            set_static_costs(tuned.program, tuned.graph.graph, costs_, tasks_);
    }

    // By the schedule, whose tasks are the kernels of a session on so many threads.
    void run_here() {
        constexpr int kRuns = 10;
        const int cores = cores_->total();
        SessionOptions session = request_.session;
        session.threads = cores;
        session.schedule = std::make_shared<const schedule::Schedule>(
            on_neighbours(result_.solution.graph, *cores_, result_.solution.schedule));
        Session made(request_.model, session);
        for (int i = 0; i < kRuns; ++i) {
            Timeline timeline = timeline_of(made.trace(opened_.feeds));
            if (!result_.measured || timeline.length_us < result_.measured->length_us)
                result_.measured = std::move(timeline);
        }
    }

    const ScheduleRequest& request_;
    schedule::SolveOptions options_;
    Costs costs_ = Costs::Model;
    std::optional<machine::Machine> machine_;
    std::optional<schedule::Cores> cores_;
    Opened opened_;
    schedule::TaskGraph tasks_;
    ScheduleResult result_;
};

}  // namespace

Drawing draw(const ScheduleResult& result) {
    constexpr size_t kMostTasks = 800;  // beyond, nobody sees anything, and dot takes minutes
    const schedule::TaskGraph& graph = result.solution.graph;
    if (graph.tasks.size() > kMostTasks)
        return {"", fmt::format("{} tasks are too many to see, {} at most", graph.tasks.size(),
                                kMostTasks)};
    return draw_graph(dot_of(graph, result.solution.schedule));
}

std::string trace_json(const ScheduleResult& result) {
    const schedule::Solution& s = result.solution;
    std::vector<std::pair<std::string, Timeline>> timelines = {
        {result.of + ", predicted", timeline_of(s.schedule, s.cores.total())}};
    if (result.measured) timelines.emplace_back(result.of + ", measured", *result.measured);
    return perfetto_json(s.graph, timelines);
}

ScheduleResult make_schedule(const ScheduleRequest& request) {
    return Scheduling(request).run();
}

}  // namespace smeaton::driver
