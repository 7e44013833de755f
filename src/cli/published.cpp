#include "cli/published.h"

#include "base/error.h"
#include "cli/verbs.h"
#include "driver/simulate/published.h"
#include "report/published.h"

namespace smeaton::cli {

void published_options(Arguments& arguments, PublishedOptions& o) {
    arguments.option("--model", o.cost_model, "NAME",
                     "native, or a published cost model: simdit (--machine is SimDIT's JSON), "
                     "scalesim (--array, --dataflow)");
    arguments.flag("--training", o.training,
                   "native, simdit: a step of training: forward, gradients, update");
    arguments.option("--batch", o.batch, 0, "leading size of every input; 0: as in the file");
    arguments.flag("--fusion", o.fusion, "simdit: keep results on the chip for the next operator");
    arguments.option("--array", o.array, "RxC", "scalesim: rows and columns, such as 32x32");
    arguments.option("--dataflow", o.dataflow, "NAME", "scalesim: os, ws or is");
    arguments.flag("--all", o.all, "print every row, not the largest alone");
}

namespace {

void only_for(const char* option, bool given, const std::string& cost_model,
              const char* belongs_to) {
    if (given && cost_model != belongs_to)
        throw UserError("{} belongs to --model {}, not to --model {}", option, belongs_to,
                        cost_model);
}

}  // namespace

void check_published(const PublishedOptions& o, const std::string& machine) {
    if (o.cost_model != "native" && o.cost_model != "simdit" && o.cost_model != "scalesim")
        throw UserError("--model '{}': expected native, simdit or scalesim", o.cost_model);
    if (o.training && o.cost_model == "scalesim")
        throw UserError("--training belongs to --model native and simdit, not to --model scalesim");
    only_for("--fusion", o.fusion, o.cost_model, "simdit");
    if (o.all && o.cost_model == "scalesim")
        throw UserError("--all: --model scalesim prints every row anyway");
    only_for("--array", !o.array.empty(), o.cost_model, "scalesim");
    only_for("--dataflow", !o.dataflow.empty(), o.cost_model, "scalesim");
    if (o.cost_model == "scalesim" && !machine.empty())
        throw UserError("--model scalesim takes --array and --dataflow, no --machine");
}

int run_published(const PublishedOptions& o, const std::string& model, const std::string& machine,
                  const driver::FeedRequest& feeds) {
    if (!feeds.inputs.empty())
        throw UserError("--input: --model {} needs sizes only (--dim, --batch)", o.cost_model);
    const driver::LayerRequest layers{model, feeds.dims, o.batch, o.training};
    if (o.cost_model == "simdit") {
        const driver::SimditResult result = driver::simulate_simdit({layers, machine, o.fusion});
        print_out(o.json ? report::json(result) : report::text(result, o.all));
    } else {
        const driver::ScaleSimResult result =
            driver::simulate_scalesim({layers, o.array, o.dataflow});
        print_out(o.json ? report::json(result) : report::text(result));
    }
    return 0;
}

}  // namespace smeaton::cli
