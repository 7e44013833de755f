#include "driver/place.h"

#include <cmath>

#include "base/error.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/place_plan.h"
#include "report/place.h"

namespace smeaton::cli {

namespace {

struct Request {
    driver::PlaceRequest place;
    std::string problem;
    int sequence = 0;
    std::optional<double> devices, memory;
    bool json = false, wide = false;
};

int run_problem(const Request& r) {
    driver::PlaceProblemRequest request;
    request.file = r.problem;
    if (r.devices) {
        if (*r.devices != std::floor(*r.devices) || !(*r.devices >= 1 && *r.devices <= 1e6))
            throw UserError("--devices {}: expected a whole number from 1 on", *r.devices);
        request.overrides.devices = static_cast<int>(*r.devices);
    }
    request.overrides.memory_bytes = r.memory;
    const place::ProblemAnswer answer = driver::place_problem(request);
    print_out(r.json ? report::json(answer) : report::text(answer, {table_width(r.wide)}));
    return 0;
}

int run_model(const Request& r) {
    if (r.place.cluster_file.empty())
        throw UserError("place MODEL needs --cluster FILE: the devices and their network");
    if (r.devices || r.memory)
        throw UserError("--devices and --memory go with --problem; a MODEL's stand in --cluster");
    driver::PlaceRequest request = r.place;
    request.sequence = r.sequence;
    driver::PlaceResult result;
    {
        Progress progress;
        result = driver::place_model(request);
    }
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
                arguments.option("--batch", p.batch, 1, "samples of a step, over all devices");
                arguments.option("--sequence", r->sequence, 0,
                                 "length of sequences; 0: a config's largest");
                arguments.option("--dim", p.dims, "NAME=VALUE", "size of an open dim");
                arguments.option("--precision", p.precision, "NAME",
                                 "of weights and activations; sums and optimizer in fp32");
                arguments.words("--precision", {"bf16", "fp16", "fp32"});
                arguments.option("--optimizer", p.optimizer, "NAME", "what it keeps counts");
                arguments.words("--optimizer", {"sgd", "momentum", "adam", "adamw"});
                arguments.option("--fixed", p.fixed, "t=,p=,d=,...",
                                 "only plans with these: t, p, d, microbatch, recompute");
                arguments.option("--problem", r->problem, "FILE",
                                 "a placement problem as PHAZE, dnn-partitioning or Piper write it "
                                 "(docs/place.md)");
                arguments.option("--devices", r->devices, "devices, instead of the file's");
                arguments.option("--memory", r->memory, "bytes of a device, instead of the file's");
                width_option(arguments, r->wide);
                arguments.flag("--json", r->json, "one JSON object on stdout");
                return [r] { return run(*r); };
            }};
}

}  // namespace smeaton::cli
