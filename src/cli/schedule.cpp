#include "driver/scheduling/schedule.h"

#include "base/error.h"
#include "base/output_file.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/scheduling/graphviz.h"
#include "report/schedule.h"

namespace smeaton::cli {

namespace {

void schedule_options(Arguments& arguments, driver::ScheduleRequest& r) {
    arguments.positional("MODEL", r.model, "an ONNX file", false);
    arguments.option("--graph", r.graph_file, "FILE",
                     "a task graph in place of a model: .json, .stg or .td");
    arguments.option("--cores", r.cores, "N",
                     "how many, or KIND=N,KIND=N; else the machine's or the graph's");
    arguments.option("--algorithm", r.algorithm, "NAME",
                     "linear (Ramiel's, on operators), list, exact, ilp (HiGHS), cpsat or auto");
    arguments.option("--costs", r.costs, "NAME",
                     "unit, class, model (the default) or measured: what tasks of a model take");
    arguments.flag("--training", r.training, "a step of training: forward, gradients, update");
    arguments.option("--loss", r.loss, "LOSS", "cross-entropy (the default), mse or output:NAME");
    arguments.option("--optimizer", r.optimizer, "NAME",
                     "sgd (the default), momentum, adam or adamw");
    arguments.flag("--clone", r.clone, "linear: repeat cheap tasks in place of messages");
    arguments.option("--batch", r.batch, 1, "samples that go through together");
    arguments.option("--hyper", r.hyper, "FORM", "linear, of a batch: plain or switched");
    arguments.option("--time-limit", r.time_limit_s,
                     "seconds to search; else a fixed effort, which gives the same each time");
    arguments.option("--machine", r.machine_file, "MACHINE",
                     "a description: a file, or a name of `smeaton machine list`; without one, "
                     "this machine's");
    feed_options(arguments, r.feeds);
    stage_options(arguments, r.session);
}

/// What is written beside the text; empty: not.
struct Files {
    std::string html, svg, trace;
};

/// Before what may take minutes, and before the first of several files.
void require_writable(const Files& files) {
    for (const std::string& file : {files.html, files.svg, files.trace})
        if (!file.empty()) smeaton::require_writable(file);
}

void write(const driver::ScheduleResult& result, const Files& files) {
    driver::Drawing graph;
    if (!files.html.empty() || !files.svg.empty()) graph = driver::draw(result);
    if (!files.svg.empty() && graph.svg.empty())
        throw UserError("--svg {}: {}", files.svg, graph.missing);
    if (!files.html.empty()) write_file(files.html, report::html(result, graph));
    if (!files.svg.empty()) write_file(files.svg, graph.svg + "\n");
    if (!files.trace.empty()) write_file(files.trace, driver::trace_json(result));
}

}  // namespace

Verb schedule_verb() {
    return {"schedule", "what runs when, on which core, with a lower bound beside it",
            "smeaton schedule model.onnx --cores 4 --algorithm list", [](Arguments& arguments) {
                auto r = std::make_shared<driver::ScheduleRequest>();
                auto json = std::make_shared<bool>(false);
                auto files = std::make_shared<Files>();
                schedule_options(arguments, *r);
                arguments.option("--html", files->html, "FILE",
                                 "write a page: chart, graph with a colour per core, tasks");
                arguments.option("--svg", files->svg, "FILE",
                                 "write the graph with a colour per core (needs Graphviz)");
                arguments.option("--trace", files->trace, "FILE",
                                 "write the timeline for ui.perfetto.dev, predicted and measured");
                arguments.flag("--json", *json, "one JSON object on stdout");
                return [=] {
                    Progress progress;
                    r->session.progress = progress.callback();
                    require_writable(*files);
                    driver::ScheduleResult result = driver::make_schedule(*r);
                    print_warnings(result.of, result.warnings);
                    write(result, *files);
                    print_out(*json ? report::json(result) : report::text(result));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
