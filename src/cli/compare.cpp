#include "driver/compare/compare.h"

#include "base/error.h"
#include "base/output_file.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "report/compare.h"

namespace smeaton::cli {

namespace {

struct Request {
    driver::CompareRequest compare;
    std::string out;
    bool json = false, wide = false, survey = false;
};

int calibrate_only(const Request& r) {
    const compare::CalibrationResult result =
        driver::calibrate_rows({r.compare.calibrate, r.compare.models, r.compare.terms});
    if (!r.out.empty()) {
        std::string yaml = cost::print_calibrations(result.calibrations);
        write_file(r.out, yaml);
    }
    print_out(r.json ? report::json(result) : report::text(result, {table_width(r.wide)}));
    return 0;
}

int print_survey(const Request& r) {
    const auto rows = compare::shipped_survey_rows(compare::default_ground());
    print_out(r.json ? report::json(rows) : report::text(rows, {table_width(r.wide)}));
    return 0;
}

int run(Request& r) {
    if (r.survey) {
        if (!r.compare.devices.empty() || !r.compare.traffic.empty())
            throw UserError(
                "--survey compares published designs; it takes no --devices and no "
                "--traffic");
        return print_survey(r);
    }
    if (r.compare.model.model.empty()) {
        if (!r.compare.calibrate.empty()) return calibrate_only(r);
        throw UserError(
            "compare: which model? an ONNX file or a config.json (--survey and "
            "--calibrate alone need none)");
    }
    driver::CompareResult result;
    {
        Progress progress;
        r.compare.progress = progress.callback();
        result = driver::compare_devices(r.compare);
    }
    print_warnings(result.model, result.warnings);
    if (!r.out.empty()) write_file(r.out, report::html(result));
    print_out(r.json ? report::json(result) : report::text(result, {table_width(r.wide)}));
    return 0;
}

}  // namespace

Verb compare_verb() {
    return {
        "compare", "real devices side by side for a model and a traffic",
        "smeaton compare config.json --devices H100*8,A100*8,mine.yaml --traffic chat.yaml\n"
        "  smeaton compare resnet50.onnx --devices A100,\"Xeon 8592+\" --format fp16 --out "
        "page.html\n"
        "  smeaton compare config.json --devices H100 --traffic chat.yaml --engine vllm --format "
        "fp8\n"
        "  smeaton compare --calibrate rows.csv\n"
        "  smeaton compare --survey",
        [](Arguments& arguments) {
            auto r = std::make_shared<Request>();
            driver::CompareRequest& c = r->compare;
            arguments.positional("MODEL", c.model.model, "an ONNX file, or a config.json", false);
            arguments.option("--devices", c.devices, "A,B*8,FILE",
                             "names of `smeaton devices`, with a count, or files");
            arguments.option("--traffic", c.traffic, "FILE",
                             "of models that give tokens: concurrency, prompt, output");
            arguments.option("--engine", c.engine, "NAME",
                             "llama.cpp, vllm, trtllm, sglang, onnxruntime or smeaton; absent: "
                             "the range over all that run the device");
            arguments.option("--format", c.format, "NAME",
                             "fp16, bf16, fp8, fp4, int8, q4_0, q4_k_m, q8_0, ...");
            arguments.option("--bits", c.bits, "w=,a=,kv=",
                             "bits of weights, activations, cache; group=, scale=, zero= of "
                             "groups of weights");
            arguments.option(
                "--parallel", c.parallel, "t=,p=,d=,e=",
                "tensor, stages, replicas, devices over which experts lie whole; absent: the "
                "fastest that fits");
            arguments.option("--expert-imbalance", c.expert_imbalance,
                             "tokens of the busiest device of experts over the mean; absent: 1");
            arguments.option("--efficiency", c.efficiency, "1|FILE",
                             "1: the roofline; a file of calibrations");
            arguments.option("--calibrate", c.calibrate, "ROWS.csv",
                             "fit to rows of measurements; without a model: print the fit, "
                             "--out writes it");
            arguments.option("--terms", c.terms, "ENGINE/WIDTH=A,B",
                             "coefficients that are fitted, in the place of the default ones");
            arguments.option("--models", c.models, "FOLDER",
                             "configurations that those rows name; absent: machines/models");
            arguments.option("--cost", c.cost, "FILE", "inputs of cost, each with source and date");
            arguments.option("--set", c.sets, "KEY[.DEVICE]=V", "one of them, V or LOW:VALUE:HIGH");
            arguments.option("--power-cap-w", c.power_cap_w, "a limit on each device");
            arguments.option("--throughput-tokens-s", c.throughput_tokens_s,
                             "tokens/s known from elsewhere, for energy and cost");
            arguments.option("--sparsity", c.sparsity, "N:M|P%",
                             "weights that pruning keeps, or the share that is zero");
            arguments.flag("--compressions", c.compressions,
                           "every published compression of a model of this shape too");
            arguments.option("--max-accuracy-loss", c.max_accuracy_loss,
                             "per cent; formats that lose more, or of which nobody says, are "
                             "refused");
            arguments.flag("--unknown-accuracy", c.unknown_accuracy,
                           "take formats whose loss nobody says");
            arguments.flag("--survey", r->survey,
                           "published accelerators on one ground; needs no model");
            arguments.option("--batch", c.model.batch, 0,
                             "leading size of every input of an ONNX model; 0: as in the file");
            arguments.option("--dim", c.model.dims, "NAME=VALUE", "size of a symbolic dim");
            arguments.option("--out", r->out, "FILE", "the comparison as one HTML page");
            width_option(arguments, r->wide);
            arguments.flag("--json", r->json, "one JSON object on stdout");
            return [r] { return run(*r); };
        }};
}

}  // namespace smeaton::cli
