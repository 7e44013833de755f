#include "searches.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/output_file.h"
#include "driver/search/search.h"
#include "report/search.h"
#include "signals.h"

namespace nb = nanobind;

namespace smeaton::python {
namespace {

using driver::Search;
using driver::SearchRequest;
using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;
/// point, criteria, cycles, why it is none
using FoundTuple =
    std::tuple<std::vector<uint32_t>, search::Criteria, std::vector<double>, std::string>;
/// evaluated, known before, refused, one refusal, bound on the time, the front is whole, the front,
/// all points
using PartTuple = std::tuple<double, double, double, std::string, double, bool,
                             std::vector<FoundTuple>, std::vector<FoundTuple>>;

template <auto Member>
void set(SearchRequest& request, nb::handle value) {
    auto& member = request.*Member;
    member = nb::cast<std::remove_reference_t<decltype(member)>>(value);
}

/// What a search takes by name.
struct Field {
    const char* name;
    void (*set)(SearchRequest&, nb::handle);
};

constexpr Field kFields[] = {
    {"models", set<&SearchRequest::models>},
    {"space", set<&SearchRequest::space_file>},
    {"model", set<&SearchRequest::cost_model>},
    {"training", set<&SearchRequest::training>},
    {"inference", set<&SearchRequest::inference>},
    {"batch", set<&SearchRequest::batch>},
    {"dims", set<&SearchRequest::dims>},
    {"weights", set<&SearchRequest::weights>},
    {"baseline", set<&SearchRequest::baseline_file>},
    {"objective", set<&SearchRequest::objective>},
    {"economic", set<&SearchRequest::economic>},
    {"exhaustive", set<&SearchRequest::exhaustive>},
    {"resplit", set<&SearchRequest::resplit>},
    {"log", set<&SearchRequest::log_file>},
    {"time_limit_s", set<&SearchRequest::time_limit_s>},
    {"gap", set<&SearchRequest::gap>},
    {"threads", set<&SearchRequest::threads>},
};

void open_search(Search* place, const nb::kwargs& settings) {
    SearchRequest request;
    for (const auto& [key, value] : settings) {
        const std::string name = nb::cast<std::string>(key);
        const auto* field = std::find_if(std::begin(kFields), std::end(kFields),
                                         [&](const Field& f) { return name == f.name; });
        if (field == std::end(kFields))
            throw nb::type_error(("a search has no setting " + name).c_str());
        field->set(request, value);
    }
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

std::vector<FoundTuple> told(const std::vector<search::Found>& all) {
    std::vector<FoundTuple> tuples;
    for (const search::Found& f : all)
        tuples.emplace_back(f.point, f.evaluation.criteria, f.evaluation.cycles,
                            f.evaluation.refused);
    return tuples;
}

std::vector<search::Found> found_of(const std::vector<FoundTuple>& tuples) {
    std::vector<search::Found> all;
    for (const auto& [point, criteria, cycles, refused] : tuples)
        all.push_back({point, {criteria, cycles, refused}});
    return all;
}

search::Result result_of(const PartTuple& part) {
    search::Result r;
    std::vector<FoundTuple> front, points;
    std::tie(r.evaluated, r.from_store, r.refused, r.refusal, r.lower_bound, r.front_proven, front,
             points) = part;
    r.front = found_of(front);
    r.points = found_of(points);
    return r;
}

std::vector<FoundTuple> known_in(Search& search, const Ranges& box) {
    const nb::gil_scoped_release others_may_go_on;
    return told(search.known_in(box_of(box)));
}

PartTuple run_part(Search& search, const Ranges& box, double best,
                   const std::vector<FoundTuple>& known) {
    const nb::gil_scoped_release others_may_go_on;
    const search::Result r = search.run_part(box_of(box), best, found_of(known));
    return {r.evaluated,   r.from_store,   r.refused,     r.refusal,
            r.lower_bound, r.front_proven, told(r.front), told(r.points)};
}

void keep(Search& search, const PartTuple& part) {
    const nb::gil_scoped_release others_may_go_on;
    search.keep(result_of(part));
}

/// The driver's result as JSON; a page of it where a file is named.
std::string told(const driver::SearchResult& result, const std::string& out) {
    if (!out.empty()) write_file(out, report::html(result));
    return report::json(result);
}

std::string merged(Search& search, const std::vector<PartTuple>& parts, const std::string& out) {
    const nb::gil_scoped_release others_may_go_on;
    std::vector<search::Result> results;
    for (const PartTuple& part : parts) results.push_back(result_of(part));
    return told(search.merged(results), out);
}

std::string run(Search& search, const std::string& out) {
    const nb::gil_scoped_release others_may_go_on;
    return told(search.run(), out);
}

}  // namespace

void add_searches(nb::module_& m) {
    nb::class_<Search>(m, "_Search")
        .def("__init__", &open_search)
        .def("run", &run, nb::arg("out"))
        .def("parts", &parts, nb::arg("count"))
        .def("known_in", &known_in, nb::arg("box"))
        .def("run_part", &run_part, nb::arg("box"), nb::arg("best"), nb::arg("known"))
        .def("keep", &keep, nb::arg("part"))
        .def("merged", &merged, nb::arg("parts"), nb::arg("out"));
}

}  // namespace smeaton::python
