#include "driver/search/search.h"

#include "base/error.h"
#include "base/output_file.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/place/phaze.h"
#include "report/phaze.h"
#include "report/search.h"

namespace smeaton::cli {

namespace {

struct Request {
    driver::SearchRequest search;
    std::string economic = "5%", gap = "0", weights, out;
    std::optional<double> time_limit_s;
    driver::PhazeRequest phaze;
    std::string microbatches, widths = "1";
    int sequence = 0;
    std::vector<std::string> defects;
    bool json = false, wide = false;
};

/// "5%" or a share.
double share_of(const std::string& text, const char* option) {
    if (!text.ends_with("%")) return number_in(text, option);
    return number_in(text.substr(0, text.size() - 1), option) / 100;
}

/// Numbers with commas between them.
std::vector<double> numbers_of(const std::string& text, const char* option) {
    std::vector<double> weights;
    for (size_t at = 0; at < text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        weights.push_back(number_in(text.substr(at, comma - at), option));
        at = comma + 1;
    }
    return weights;
}

std::string progress_text(const search::Progress& p) {
    std::string text =
        p.solving.empty() ? "searching" : fmt::format("solving again, '{}' raised", p.solving);
    if (p.best < 1e300) text += fmt::format(", best {:.6g}", p.best);
    if (p.gap < 1e300) text += fmt::format(", gap {:.2f} %", 100 * p.gap);
    if (p.done > 0.001) text += fmt::format(", {:.0f} s left", p.seconds * (1 - p.done) / p.done);
    return text;
}

int run_phaze(Request& r) {
    const driver::SearchRequest& s = r.search;
    driver::PhazeRequest& p = r.phaze;
    if (!s.space_file.empty()) throw UserError("--space: the space of phaze is its template's");
    if (!r.out.empty() && s.list) throw UserError("--out: of a search, not of --list");
    if (!r.out.empty()) require_writable(r.out);
    p.sequence = r.sequence, p.models = s.models, p.dims = s.dims, p.list = s.list,
    p.exhaustive = s.exhaustive;
    p.log_file = s.log_file, p.threads = s.threads, p.time_limit_s = r.time_limit_s;
    if (s.batch > 0) p.batch = s.batch;
    p.microbatches = counts_in(r.microbatches, "--microbatch");
    if (r.microbatches.empty()) p.microbatches = {1, 2, 4, 8};
    p.widths = counts_in(r.widths, "--widths");
    for (const std::string& d : r.defects)
        p.defects.push_back(static_cast<int>(number_in(d, "--phaze-defect")));
    driver::PhazeResult result;
    {
        Progress progress;
        p.progress = [say = progress.callback()](const search::Progress& now) {
            say(progress_text(now), now.done);
        };
        result = driver::search_phaze(p);
    }
    if (!r.out.empty()) write_file(r.out, report::html(result));
    print_out(r.json ? report::json(result) : report::text(result, {table_width(r.wide)}));
    return 0;
}

int run(Request& r) {
    if (r.search.cost_model == "phaze") return run_phaze(r);
    r.search.economic = share_of(r.economic, "--economic");
    r.search.gap = share_of(r.gap, "--gap");
    r.search.weights = numbers_of(r.weights, "--weights");
    r.search.time_limit_s = r.time_limit_s;
    if (!r.out.empty()) require_writable(r.out);
    driver::SearchResult result;
    {
        Progress progress;
        r.search.progress = [say = progress.callback()](const search::Progress& p) {
            say(progress_text(p), p.done);
        };
        result = driver::search_space(r.search);
    }
    if (!r.out.empty()) write_file(r.out, report::html(result));
    print_out(r.json ? report::json(result) : report::text(result, {table_width(r.wide)}));
    return 0;
}

}  // namespace

Verb search_verb() {
    return {
        "search", "the best chip of a space, proven: front, economic points, what more would give",
        "smeaton search model.onnx --space SPACE.yaml\n"
        "  smeaton search a.onnx b.onnx --space SPACE.yaml --weights 3,1 --economic 5%\n"
        "  smeaton search model.onnx --space SPACE.yaml --training --batch 32 --log FILE.db\n"
        "  smeaton search config.json --model phaze --log FILE.db",
        [](Arguments& arguments) {
            auto r = std::make_shared<Request>();
            driver::SearchRequest& s = r->search;
            arguments.positional("MODEL", s.models, "ONNX files; --list needs none");
            arguments.option("--space", s.space_file, "SPACE.yaml",
                             "what varies, and the caps: docs/search.md");
            arguments.option(
                "--model", s.cost_model, "NAME",
                "what costs a point: simdit (the base is SimDIT's JSON), native (a machine, as "
                "simulate has it), or phaze (its own space, with the placement: docs/phaze.md)");
            arguments.words("--model", {"simdit", "native", "phaze"});
            driver::PhazeRequest& p = r->phaze;
            arguments.option("--sequence", r->sequence, 0,
                             "phaze: length of sequences; 0: the model's largest");
            arguments.option("--devices", p.devices, 1, "phaze: devices");
            arguments.option("--microbatch", r->microbatches, "A,B",
                             "phaze: sizes of microbatches; default 1,2,4,8");
            arguments.option("--widths", r->widths, "A,B",
                             "phaze: numbers of devices that a layer may be cut over");
            arguments.option("--optimizer", p.optimizer, "NAME", "phaze: what the memory counts");
            arguments.words("--optimizer", {"sgd", "adam"});
            arguments.option("--phaze-defect", r->defects, "N",
                             "restores a defect of the published program (docs/phaze.md)");
            arguments.flag("--training", s.training, "a step of training of each model");
            arguments.flag("--inference", s.inference,
                           "with --training: inference of each model as well");
            arguments.option("--batch", s.batch, 0,
                             "leading size of every input; 0: as in the file");
            arguments.option("--dim", s.dims, "NAME=VALUE", "size of an open dim");
            arguments.option("--weights", r->weights, "A,B",
                             "of the workloads in the time that is minimised; default 1 each");
            arguments.option("--baseline", s.baseline_file, "FILE",
                             "hardware in the base's format: times count relative to those on it");
            arguments.option("--objective", s.objective, "WHAT",
                             "what is minimised; energy where the space gives its prices");
            arguments.words("--objective", {"time", "energy"});
            arguments.option("--economic", r->economic, "P%",
                             "how far above the best an economic point may be");
            arguments.flag("--exhaustive", s.exhaustive,
                           "evaluate every point; the JSON has all of them, and the worst");
            arguments.flag("--list", s.list, "list the points of the space, evaluate none");
            arguments.flag("--resplit", s.resplit,
                           "what buffers split anew by phase or layer would gain at most");
            arguments.option("--log", s.log_file, "FILE",
                             "keeps evaluations: a search that was stopped goes on from there");
            arguments.option("--time-limit", r->time_limit_s,
                             "seconds; then the gap is stated that is left");
            arguments.option("--gap", r->gap, "P%",
                             "ends when the best is proven to be so near; the front may grow yet");
            arguments.option("--threads", s.threads, 0, "0: all cores");
            arguments.option("--out", r->out, "FILE.html", "the front as a page");
            width_option(arguments, r->wide);
            arguments.flag("--json", r->json, "one JSON object on stdout");
            return [r] { return run(*r); };
        }};
}

}  // namespace smeaton::cli
