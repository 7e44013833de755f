#include "driver/place.h"

#include <cmath>

#include "base/error.h"
#include "cli/verbs.h"
#include "report/place.h"

namespace smeaton::cli {

namespace {

struct Request {
    std::string model, problem;
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

int run(Request& r) {
    if (r.problem.empty() == r.model.empty())
        throw UserError("place takes a MODEL with --cluster FILE, or --problem FILE");
    return run_problem(r);
}

}  // namespace

Verb place_verb() {
    return {"place", "layers over devices: stages, splits, memory, with a proof",
            "smeaton place --problem problem.json --devices 8 --memory 16e9",
            [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                arguments.positional("MODEL", r->model, "ONNX file", false);
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
