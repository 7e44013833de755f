#include "driver/study/study.h"

#include <filesystem>

#include "base/output_file.h"
#include "cli/check.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "report/html.h"

namespace smeaton::cli {

namespace {

struct Request {
    driver::StudyRequest study;
    CheckOptions check;
    std::string out;
    bool json = false, no_peer = false, wide = false;
};

int run(Request& r) {
    driver::MeasureRequest& m = r.study.measure;
    read_tolerance(r.check, m);
    r.study.peer = !r.no_peer;
    if (r.out.empty()) {
        // Named after the model, or its folder where the file's name says nothing.
        std::filesystem::path path = std::filesystem::absolute(m.model);
        std::string stem = path.stem().string();
        r.out = (stem == "model" ? path.parent_path().filename().string() : stem) + ".html";
    }
    require_writable(r.out);
    driver::StudyResult result;
    {
        Progress progress;
        m.session.progress = progress.callback();
        result = driver::study(r.study);
    }
    print_warnings(m.model, result.measured.warnings);
    write_file(r.out, report::html(result));
    print_out(r.json ? report::json(result)
                     : report::text(result, {table_width(r.wide)}) +
                           fmt::format("\nreport: {}\n", r.out));
    return require_equal(m.model, result.measured.checks);
}

}  // namespace

Verb study_verb() {
    return {"study", "all of it on one model: run, timed, explained, predicted; one HTML report",
            "smeaton study model.onnx --input image=cat.npy --out report.html",
            [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                driver::MeasureRequest& m = r->study.measure;
                arguments.positional("MODEL", m.model, "an ONNX file");
                arguments.option("-o,--out", r->out, "FILE", "the report; default MODEL.html here");
                feed_options(arguments, m.feeds);
                check_options(arguments, r->check, m);
                arguments.option("--threads", m.session.threads, 0, "0: all cores");
                arguments.option("--runs", m.runs, 1, "timed runs");
                arguments.option("--warmup", m.warmup, 0, "runs before those that are timed");
                arguments.option("--machine", r->study.machines, "MACHINE",
                                 "predict for these (files or names) instead of all that ship",
                                 true);
                arguments.flag("--no-onnx-runtime", r->no_peer, "no comparison with ONNX Runtime");
                stage_options(arguments, m.session);
                width_option(arguments, r->wide);
                arguments.flag("--json", r->json, "one JSON object on stdout, besides the report");
                return [r] { return run(*r); };
            }};
}

}  // namespace smeaton::cli
