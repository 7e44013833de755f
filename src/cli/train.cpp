#include "driver/train/train.h"

#include <cstdlib>

#include "base/error.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "report/json.h"
#include "report/text.h"

namespace smeaton::cli {

namespace {

struct Request {
    driver::TrainRequest train;
    std::vector<std::string> dims;
    std::string betas;
    std::optional<double> learning_rate;
    bool json = false;
};

/// "0.9,0.999"
void read_betas(const std::string& text, driver::TrainerOptions& options) {
    if (text.empty()) return;
    const char* at = text.c_str();
    char* end = nullptr;
    options.beta1 = std::strtod(at, &end);
    const bool first = end != at && *end == ',';
    at = first ? end + 1 : at;
    if (first) options.beta2 = std::strtod(at, &end);
    if (!first || end == at || *end != '\0')
        throw UserError("--betas {}: expected two numbers, as in 0.9,0.999", text);
}

int run(Request& r) {
    Progress progress;
    driver::TrainerOptions& options = r.train.trainer;
    read_betas(r.betas, options);
    if (r.learning_rate) options.learning_rate = *r.learning_rate;
    options.session.dims = driver::parse_dims(r.dims);
    options.session.progress = progress.callback();
    r.train.progress = progress.callback();
    const driver::TrainResult result = driver::train(r.train);
    print_warnings(result.model, result.warnings);
    print_out(r.json ? report::json(result) : report::text(result));
    return 0;
}

void optimizer_options(Arguments& arguments, Request& r) {
    driver::TrainerOptions& o = r.train.trainer;
    arguments.option("--optimizer", o.optimizer, "NAME", "sgd (default), momentum, adam or adamw");
    arguments.option("--learning-rate,--lr", r.learning_rate, "0.001 unless given");
    arguments.option("--momentum", o.momentum, "of momentum; 0.9 unless given");
    arguments.option("--betas", r.betas, "B1,B2", "of adam and adamw; 0.9,0.999 unless given");
    arguments.option("--weight-decay", o.weight_decay, "0 unless given, 0.01 for adamw");
}

}  // namespace

Verb train_verb() {
    return {"train", "steps of the derived training graph on this machine",
            "smeaton train model.onnx --data digits.npz --optimizer adam --epochs 5 --batch 32 "
            "--save trained.onnx",
            [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                driver::TrainRequest& t = r->train;
                arguments.positional("MODEL", t.model, "an ONNX file");
                arguments.option("--data", t.data, "FILE.npz",
                                 "an array for each input and 'target' (class numbers, or the "
                                 "wished output), examples along axis 0");
                arguments.option("--loss", t.trainer.loss, "LOSS",
                                 "cross-entropy (default), mse, or output:NAME");
                arguments.option("--output", t.trainer.loss_output, "NAME",
                                 "the output that the loss compares; the first unless given");
                optimizer_options(arguments, *r);
                arguments.option("--batch", t.batch, 0, "examples of a step; 0: all");
                arguments.option("--steps", t.steps, 0, "of this run; 0: as --epochs says");
                arguments.option("--epochs", t.epochs, 1, "times through the data");
                arguments.option("--freeze", t.trainer.freeze, "PATTERN",
                                 "initializers that stay as they are (*, ?, [abc])");
                arguments.option("--recompute", t.trainer.recompute, "WHAT",
                                 "what the backward half computes again instead of keeping it: "
                                 "none (default), selective or full");
                arguments.option("--seed", t.trainer.seed, "of what Dropout drops");
                arguments.option("--dim", r->dims, "NAME=VALUE",
                                 "size of a symbolic dim that the data does not give");
                arguments.option("--threads", t.trainer.session.threads, 0, "0: all cores");
                arguments.option("--save", t.save, "OUT.onnx", "write the trained model");
                arguments.option("--save-step", t.save_step, "OUT.onnx",
                                 "write the step itself: forward, gradients, optimizer");
                arguments.option("--save-state", t.save_state, "FILE.npz",
                                 "write what --resume goes on from");
                arguments.option("--resume", t.resume, "FILE.npz",
                                 "go on from a state, bit for bit");
                stage_options(arguments, t.trainer.session);
                arguments.flag("--json", r->json, "one JSON object on stdout");
                return [r] {
                    if (r->train.data.empty()) throw UserError("train: --data FILE.npz is missing");
                    return run(*r);
                };
            }};
}

}  // namespace smeaton::cli
