#include "driver/simulate/simulate.h"

#include "base/error.h"
#include "base/output_file.h"
#include "cli/progress.h"
#include "cli/published.h"
#include "cli/verbs.h"
#include "report/html.h"
#include "report/json.h"
#include "report/text.h"

namespace smeaton::cli {

namespace {

void refuse_native_options(const driver::SimulateRequest& r, const std::string& cost_model) {
    const driver::SessionOptions& s = r.session;
    if (!r.loss.empty() || !r.optimizer.empty() || !r.recompute.empty())
        throw UserError("--loss, --optimizer and --recompute belong to --model native, not to {}",
                        cost_model);
    if (r.threads > 0 || r.sources || r.events || !r.trace.empty() || !s.explain.empty() ||
        !s.skip.empty() || !s.dump_folder.empty() || !s.isa.empty() || !s.stop_after.empty() ||
        !s.resume.empty() || !s.precision.empty() || !r.without.empty())
        throw UserError(
            "--threads, --events, --trace, --sources, --skip, --dump, --explain, --isa, "
            "--stop-after, --resume, --precision and --without belong to --model native, not to {}",
            cost_model);
}

}  // namespace

Verb simulate_verb() {
    return {
        "simulate", "time on a described machine, kernel by kernel",
        "smeaton simulate model.onnx --machine server-cpu --threads 8\n"
        "  smeaton simulate model.onnx --machine simdit-training-08 --events\n"
        "  smeaton simulate model.onnx --machine simdit-training-08 --training "
        "--batch 32\n"
        "  smeaton simulate model.onnx --model simdit --machine HW.json --training --batch 32\n"
        "  smeaton simulate model.onnx --model scalesim --array 32x32 --dataflow ws",
        [](Arguments& arguments) {
            auto r = std::make_shared<driver::SimulateRequest>();
            auto published = std::make_shared<PublishedOptions>();
            auto wide = std::make_shared<bool>(false);
            auto out = std::make_shared<std::string>();
            arguments.positional("MODEL", r->model,
                                 "an ONNX file, or a program (.gir, a dump); for scalesim also "
                                 "a topology file (.csv)");
            arguments.option("--machine", r->machine_file, "MACHINE",
                             "a description: a file, or a name of `smeaton machine list`; without "
                             "one, this machine's");
            arguments.option("--threads", r->threads, 0, "0: all cores of the machine");
            feed_options(arguments, r->feeds);
            stage_options(arguments, r->session);
            resume_option(arguments, r->session);
            stop_option(arguments, r->session);
            published_options(arguments, *published);
            width_option(arguments, *wide);
            arguments.option("--loss", r->loss, "LOSS",
                             "of a step of training: cross-entropy (the default), mse or "
                             "output:NAME");
            arguments.option("--optimizer", r->optimizer, "NAME",
                             "of a step of training: sgd (the default), momentum, adam or "
                             "adamw");
            arguments.option("--precision", r->session.precision, "TYPE",
                             "operands of products: f32 (the default), bf16, fp16 or int8; sums "
                             "keep their type");
            arguments.option("--without", r->without, "LIST",
                             "switches off, commas between: overlap, phase-gradients, "
                             "searched-tiles, fusion (docs/cost.md)");
            arguments.option("--recompute", r->recompute, "WHAT",
                             "of a step of training: none, everything is kept");
            arguments.flag("--events", r->events,
                           "walk the program event by event beside the closed form; a machine "
                           "of scratchpads and one core");
            arguments.option("--trace", r->trace, "FILE",
                             "the timeline of the events, for Perfetto or chrome://tracing");
            arguments.option("--out", *out, "FILE.html",
                             "the report as a page: classes by phase, roofline, units and "
                             "memory over time");
            arguments.flag("--sources", r->sources,
                           "list each figure that went into the result, and its source");
            arguments.flag("--json", published->json, "one JSON object on stdout");
            return [=] {
                check_published(*published, r->machine_file);
                if (published->cost_model != "native") {
                    refuse_native_options(*r, published->cost_model);
                    if (!out->empty())
                        throw UserError("--out belongs to --model native, not to {}",
                                        published->cost_model);
                    return run_published(*published, r->model, r->machine_file, r->feeds);
                }
                r->all = published->all;
                r->memory = !out->empty();
                r->training = published->training;
                r->batch = published->batch;
                Progress progress;
                r->session.progress = progress.callback();
                if (!r->session.stop_after.empty()) {
                    const std::string text = driver::text_after(*r);
                    print_out(published->json
                                  ? report::json_of_stage(r->model, r->session.stop_after, text)
                                  : text);
                    return 0;
                }
                driver::SimulateResult result = driver::simulate(*r);
                print_warnings(r->model, result.warnings);
                if (!out->empty()) write_file(*out, report::html(result));
                print_out(published->json ? report::json(result)
                                          : report::text(result, {table_width(*wide)}));
                return 0;
            };
        }};
}

}  // namespace smeaton::cli
