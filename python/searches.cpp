#include "searches.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/output_file.h"
#include "driver/search.h"
#include "report/search.h"
#include "signals.h"

namespace nb = nanobind;

namespace smeaton::python {
namespace {

using driver::Search;
using driver::SearchRequest;
using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;
using FoundTuple = std::tuple<std::vector<uint32_t>, search::Criteria, std::vector<double>>;
/// evaluated, refused, one refusal, bound on the time, the front is whole, the front
using PartTuple = std::tuple<double, double, std::string, double, bool, std::vector<FoundTuple>>;

void open_search(Search* place, std::vector<std::string> models, std::string space,
                 std::string model, bool training, bool inference, int batch,
                 std::vector<std::string> dims, std::vector<double> weights, std::string baseline,
                 std::string objective, double economic, bool exhaustive, bool resplit,
                 std::string log, std::optional<double> time_limit_s, int threads) {
    SearchRequest request;
    request.models = std::move(models);
    request.space_file = std::move(space);
    request.cost_model = std::move(model);
    request.training = training;
    request.inference = inference;
    request.batch = batch;
    request.dims = std::move(dims);
    request.weights = std::move(weights);
    request.baseline_file = std::move(baseline);
    request.objective = std::move(objective);
    request.economic = economic;
    request.exhaustive = exhaustive;
    request.resplit = resplit;
    request.log_file = std::move(log);
    request.time_limit_s = time_limit_s;
    request.threads = threads;
    request.progress = [](const search::Progress&) { raise_signals(); };
    const nb::gil_scoped_release others_may_go_on;
    new (place) Search(std::move(request));
}

search::Box box_of(const Ranges& ranges) {
    search::Box box;
    for (const auto& [low, high] : ranges) box.push_back({low, high});
    return box;
}

std::vector<Ranges> parts(const Search& search, size_t count) {
    std::vector<Ranges> all;
    for (const search::Box& box : search.parts(count)) {
        all.emplace_back();
        for (const search::Range& r : box) all.back().emplace_back(r.low, r.high);
    }
    return all;
}

PartTuple run_part(Search& search, const Ranges& box, double known) {
    const nb::gil_scoped_release others_may_go_on;
    const search::Result r = search.run_part(box_of(box), known);
    std::vector<FoundTuple> front;
    for (const search::Found& f : r.front)
        front.emplace_back(f.point, f.evaluation.criteria, f.evaluation.cycles);
    return {r.evaluated, r.refused, r.refusal, r.lower_bound, r.front_proven, std::move(front)};
}

/// The driver's result as JSON; a page of it where a file is named.
std::string told(const driver::SearchResult& result, const std::string& out) {
    if (!out.empty()) write_file(out, report::html(result));
    return report::json(result);
}

std::string merged(Search& search, const std::vector<PartTuple>& parts, const std::string& out) {
    const nb::gil_scoped_release others_may_go_on;
    std::vector<search::Result> results;
    for (const auto& [evaluated, refused, refusal, bound, whole, front] : parts) {
        search::Result& r = results.emplace_back();
        r.evaluated = evaluated, r.refused = refused, r.refusal = refusal;
        r.lower_bound = bound, r.front_proven = whole;
        for (const auto& [point, criteria, cycles] : front)
            r.front.push_back({point, {criteria, cycles, ""}});
    }
    return told(search.merged(results), out);
}

std::string run(Search& search, const std::string& out) {
    const nb::gil_scoped_release others_may_go_on;
    return told(search.run(), out);
}

}  // namespace

void add_searches(nb::module_& m) {
    nb::class_<Search>(m, "_Search")
        .def("__init__", &open_search, nb::arg("models"), nb::arg("space"), nb::arg("model"),
             nb::arg("training"), nb::arg("inference"), nb::arg("batch"), nb::arg("dims"),
             nb::arg("weights"), nb::arg("baseline"), nb::arg("objective"), nb::arg("economic"),
             nb::arg("exhaustive"), nb::arg("resplit"), nb::arg("log"),
             nb::arg("time_limit_s").none(), nb::arg("threads"))
        .def("run", &run, nb::arg("out"))
        .def("parts", &parts, nb::arg("count"))
        .def("run_part", &run_part, nb::arg("box"), nb::arg("known"))
        .def("merged", &merged, nb::arg("parts"), nb::arg("out"));
}

}  // namespace smeaton::python
