#include "base/error.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/pytorch.h"
#include "driver/source.h"

namespace smeaton::cli {

namespace {

void pytorch_options(Arguments& arguments, driver::PytorchRequest& r) {
    arguments.option("--cores", r.cores, 1, "pytorch: clusters to run at once, at most");
    arguments.option("--algorithm", r.algorithm, "NAME",
                     "pytorch: plan of the clusters, as `schedule` takes it");
    arguments.option("--machine", r.machine_file, "FILE",
                     "pytorch: what operators take; else assumed figures, which are told");
    arguments.option("--workers", r.workers, "KIND",
                     "pytorch: what forward_parallel runs clusters on: threads or processes");
    arguments.flag("--train", r.train, "pytorch: write train.py as well");
    arguments.option("--loss", r.loss, "LOSS",
                     "of train.py: cross-entropy (the default), mse or output:NAME");
    arguments.option("--optimizer", r.optimizer, "NAME",
                     "of train.py: sgd (the default), momentum, adam or adamw");
}

int emit_pytorch(const driver::SourceRequest& source, const std::string& folder,
                 driver::PytorchRequest r) {
    r.model = source.model;
    r.folder = folder;
    r.feeds = source.feeds;
    r.session = source.session;
    const driver::PytorchResult made = driver::emit_pytorch(r);
    print_warnings(r.model, made.notes);
    for (const std::string& path : made.paths) print_out(path + "\n");
    return 0;
}

}  // namespace

Verb emit_verb() {
    struct Request {
        driver::SourceRequest source;
        std::string as = "cpp", folder;
        driver::PytorchRequest pytorch;
    };
    return {"emit", "readable source of the model, as it is compiled",
            "smeaton emit model.onnx --as cpp --output-dir source", [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                arguments.positional("MODEL", r->source.model,
                                     "an ONNX file, or a program (.gir, a dump)");
                arguments.option("--as", r->as, "LANGUAGE", "cpp or pytorch");
                feed_options(arguments, r->source.feeds);
                arguments.option("--output-dir", r->folder, "DIR",
                                 "write files there instead of to stdout");
                arguments.option("--threads", r->source.session.threads, 0, "0: all cores");
                stage_options(arguments, r->source.session);
                resume_option(arguments, r->source.session);
                pytorch_options(arguments, r->pytorch);
                return [r] {
                    if (r->as == "pytorch") return emit_pytorch(r->source, r->folder, r->pytorch);
                    if (r->as != "cpp")
                        throw UserError("--as {}: source is emitted as cpp or pytorch", r->as);
                    Progress progress;
                    r->source.session.progress = progress.callback();
                    r->source.one_unit = r->folder.empty();
                    std::vector<driver::SourceFile> files = driver::emit_source(r->source);
                    if (r->folder.empty()) {
                        for (const driver::SourceFile& f : files) print_out(f.text);
                        return 0;
                    }
                    for (const std::string& path : driver::write_source(files, r->folder))
                        print_out(path + "\n");
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
