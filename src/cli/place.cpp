#include "driver/place/place.h"

#include <cmath>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/place/chip.h"
#include "driver/place/plan.h"
#include "report/place.h"

namespace smeaton::cli {

namespace {

struct Request {
    driver::PlaceRequest place;
    std::string cost_model = "native", chip, expert, widths, out;
    std::vector<std::string> defects;
    std::string problem;
    int sequence = 0;
    std::optional<double> devices, memory;
    bool json = false, wide = false;
};

/// A whole number from 1 on.
int devices_of(double given) {
    if (given != std::floor(given) || !(given >= 1 && given <= 1e6))
        throw UserError("--devices {}: expected a whole number from 1 on", given);
    return static_cast<int>(given);
}

int run_problem(const Request& r) {
    driver::PlaceProblemRequest request;
    request.file = r.problem;
    if (r.devices) request.overrides.devices = devices_of(*r.devices);
    if (!r.out.empty()) throw UserError("--out goes with a MODEL");
    request.overrides.memory_bytes = r.memory;
    const place::ProblemAnswer answer = driver::place_problem(request);
    print_out(r.json ? report::json(answer) : report::text(answer, {table_width(r.wide)}));
    return 0;
}

driver::PlaceResult placed_on_chips(const Request& r) {
    driver::ChipPlaceRequest request;
    request.place = r.place;
    request.place.sequence = r.sequence;
    if (r.place.batch == 0) request.place.batch = 4096;
    if (r.place.optimizer.empty()) request.place.optimizer = "sgd";
    if (!r.place.precision.empty() && r.place.precision != "bf16" && r.place.precision != "fp16")
        throw UserError("--precision {}: PHAZE's costs are of 16 bits", r.place.precision);
    if (!r.place.cluster_file.empty() && (r.devices || r.memory))
        throw UserError("--devices and --memory stand in --cluster, where there is one");
    if (!r.chip.empty()) request.chip = driver::parse_chip(r.chip);
    if (r.devices) request.devices = devices_of(*r.devices);
    request.memory_bytes = r.memory;
    request.expert = r.expert;
    request.widths = counts_in(r.widths, "--widths");
    for (const std::string& d : r.defects)
        request.defects.push_back(static_cast<int>(number_in(d, "--phaze-defect")));
    Progress progress;
    return driver::place_on_chips(request);
}

driver::PlaceResult placed_on_cluster(const Request& r) {
    if (!r.chip.empty() || !r.defects.empty() || !r.expert.empty() || !r.widths.empty())
        throw UserError("--chip, --expert, --widths and --phaze-defect go with --model phaze");
    if (r.place.cluster_file.empty())
        throw UserError("place MODEL needs --cluster FILE: the devices and their network");
    if (r.devices || r.memory)
        throw UserError("--devices and --memory go with --problem; a MODEL's stand in --cluster");
    driver::PlaceRequest request = r.place;
    request.sequence = r.sequence;
    if (request.precision.empty()) request.precision = "bf16";
    if (request.optimizer.empty()) request.optimizer = "adam";
    Progress progress;
    return driver::place_model(request);
}

int run_model(const Request& r) {
    if (!r.out.empty()) require_writable(r.out);
    const driver::PlaceResult result =
        r.cost_model == "phaze" ? placed_on_chips(r) : placed_on_cluster(r);
    if (!r.out.empty()) write_file(r.out, report::html(result));
    print_out(r.json ? report::json(result) : report::text(result, {table_width(r.wide)}));
    return 0;
}

int run(Request& r) {
    if (r.problem.empty() == r.place.model.empty())
        throw UserError("place takes a MODEL with --cluster FILE, or --problem FILE");
    return r.problem.empty() ? run_model(r) : run_problem(r);
}

}  // namespace

Verb place_verb() {
    return {"place", "layers over devices: stages, splits, memory, with a proof",
            "smeaton place model.onnx --cluster cluster.yaml --batch 256\n"
            "  smeaton place --problem problem.json --devices 8 --memory 16e9",
            [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                driver::PlaceRequest& p = r->place;
                arguments.positional("MODEL", p.model, "ONNX file, or a config.json", false);
                arguments.option("--cluster", p.cluster_file, "FILE",
                                 "devices and their network (docs/place.md)");
                arguments.option(
                    "--batch", p.batch, 1,
                    "samples of a step, over all devices; under phaze 4096 unless given");
                arguments.option("--sequence", r->sequence, 0,
                                 "length of sequences; 0: a config's largest");
                arguments.option("--dim", p.dims, "NAME=VALUE", "size of an open dim");
                arguments.option(
                    "--precision", p.precision, "NAME",
                    "of weights and activations, default bf16; sums and optimizer in fp32");
                arguments.words("--precision", {"bf16", "fp16", "fp32"});
                arguments.option("--optimizer", p.optimizer, "NAME",
                                 "what it keeps counts; default adam, under phaze sgd");
                arguments.words("--optimizer", {"sgd", "momentum", "adam", "adamw"});
                arguments.option("--fixed", p.fixed, "t=,p=,d=,...",
                                 "only plans with these: t, p, d, microbatch, recompute");
                arguments.option(
                    "--model", r->cost_model, "NAME",
                    "what costs a layer: native (as `simulate` prices it on the device), or phaze "
                    "(chips of its template: docs/phaze.md)");
                arguments.words("--model", {"native", "phaze"});
                arguments.option("--chip", r->chip, "n_tc=,n_vc=,...",
                                 "phaze: n_tc, n_vc, width, depth, buffer_mb; default 8, 2, 128, "
                                 "128, 128");
                arguments.option("--expert", r->expert,
                                 "p=,t=,d=", "phaze: a plan that is valued beside the best");
                arguments.option("--widths", r->widths, "A,B",
                                 "phaze: numbers of devices that a layer may be cut over; default "
                                 "those of 1, 2, 4, 8 that the layers can be cut over");
                arguments.option("--phaze-defect", r->defects, "N",
                                 "restores a defect of the published program (docs/phaze.md)");
                arguments.option("--out", r->out, "FILE.html", "the plan as a page");
                arguments.option("--problem", r->problem, "FILE",
                                 "a placement problem as PHAZE, dnn-partitioning or Piper write it "
                                 "(docs/place.md)");
                arguments.option("--devices", r->devices,
                                 "devices, instead of the file's; of phaze without a cluster");
                arguments.option("--memory", r->memory,
                                 "bytes of a device, instead of the file's; likewise");
                width_option(arguments, r->wide);
                arguments.flag("--json", r->json, "one JSON object on stdout");
                return [r] { return run(*r); };
            }};
}

}  // namespace smeaton::cli
