#include "cli/check.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/bucket.h"
#include "driver/ports.h"
#include "driver/study/measure.h"
#include "report/json.h"
#include "report/text.h"

namespace smeaton::cli {

namespace {

struct Request {
    driver::MeasureRequest measure;
    std::vector<std::string> states, buckets;
    CheckOptions check;
    bool json = false, wide = false;
};

int run(Request& r) {
    Progress progress;
    r.measure.session.progress = progress.callback();
    r.measure.session.state = driver::parse_states(r.states);
    r.measure.session.bucket = driver::parse_buckets(r.buckets);
    r.measure.kernels |= r.json;
    read_tolerance(r.check, r.measure);
    if (!r.measure.session.stop_after.empty()) {
        const std::string text = driver::text_after(r.measure);
        print_out(r.json
                      ? report::json_of_stage(r.measure.model, r.measure.session.stop_after, text)
                      : text);
        return 0;
    }
    driver::MeasureResult result = driver::measure(r.measure);
    print_warnings(result.model, result.warnings);
    print_out(r.json ? report::json(result) : report::text(result, {table_width(r.wide)}));
    return require_equal(result.model, result.checks);
}

}  // namespace

Verb run_verb() {
    return {"run", "compiles for this machine, runs, checks, times",
            "smeaton run model.onnx --input image=cat.npy --check expected.npy --runs 50\n"
            "  smeaton run examples/stencil.gir --inputs heat.npz --check interpreter",
            [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                driver::MeasureRequest& m = r->measure;
                arguments.positional("MODEL", m.model, "an ONNX file, or a program (.gir, a dump)");
                feed_options(arguments, m.feeds);
                arguments.option("--state", r->states, "INPUT=OUTPUT",
                                 "keep this input between runs: it starts at the initializer of "
                                 "that name, else at zeros, and takes the output's value");
                arguments.option("--bucket", r->buckets, "NAME=MULTIPLE",
                                 "round an open size (or INPUT:AXIS) up to a multiple: inputs are "
                                 "padded with zeros, outputs cut");
                check_options(arguments, r->check, m);
                arguments.option("--output-dir", m.output_folder, "DIR", "write outputs as .npy");
                arguments.option("--threads", m.session.threads, 0, "0: all cores");
                arguments.option("--parallel", m.session.parallel, "NAME",
                                 "kernels side by side: off, auto (where it measures faster), or "
                                 "linear, list, exact, ilp, cpsat");
                arguments.option("--batch", m.session.samples, 1,
                                 "samples in one call, each of the model's own sizes: given arrays "
                                 "are cut along their first axis, outputs are put together");
                arguments.option("--hyper", m.session.hyper, "FORM",
                                 "of a batch by linear or auto: plain (cluster k of all samples on "
                                 "one thread) or switched (clusters go round); auto tries both");
                arguments.option("--machine", m.energy_machine, "MACHINE",
                                 "with --parallel: a description whose energy figures stand in "
                                 "where the system has no counters");
                arguments.option("--runs", m.runs, 0, "timed runs");
                arguments.option("--warmup", m.warmup, 0, "runs before those that are timed");
                arguments.flag("--kernels", m.kernels,
                               "time each kernel beside what this machine allows");
                arguments.option("--trace", m.trace_file, "FILE",
                                 "write a timeline of the kernels for ui.perfetto.dev");
                stage_options(arguments, m.session);
                resume_option(arguments, m.session);
                stop_option(arguments, m.session);
                width_option(arguments, r->wide);
                arguments.flag("--json", r->json, "one JSON object on stdout");
                return [r] { return run(*r); };
            }};
}

}  // namespace smeaton::cli
