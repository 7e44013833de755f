#include "driver/schedule.h"

#include "cli/progress.h"
#include "cli/verbs.h"
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

}  // namespace

Verb schedule_verb() {
    return {"schedule", "what runs when, on which core, with a lower bound beside it",
            "smeaton schedule model.onnx --cores 4 --algorithm list", [](Arguments& arguments) {
                auto r = std::make_shared<driver::ScheduleRequest>();
                auto json = std::make_shared<bool>(false);
                schedule_options(arguments, *r);
                arguments.flag("--json", *json, "one JSON object on stdout");
                return [=] {
                    Progress progress;
                    r->session.progress = progress.callback();
                    driver::ScheduleResult result = driver::make_schedule(*r);
                    print_warnings(result.of, result.warnings);
                    print_out(*json ? report::json(result) : report::text(result));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
