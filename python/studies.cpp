#include "studies.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/output_file.h"
#include "driver/inspect/inspect.h"
#include "driver/simulate/machine_check.h"
#include "driver/simulate/simulate.h"
#include "driver/study/study.h"
#include "report/html.h"
#include "report/json.h"
#include "signals.h"

namespace nb = nanobind;

namespace smeaton::python {
namespace {

using Texts = std::vector<std::string>;

// Work of seconds: Ctrl-C is heard between its steps, other threads go on.
auto progress() {
    return [](const std::string&, double) { raise_signals(); };
}

std::string inspect(const std::string& model, const Texts& dims, bool memory, bool blocks,
                    int threads) {
    const nb::gil_scoped_release others_may_go_on;
    driver::InspectRequest request;
    request.model = model;
    request.dims = dims;
    request.memory = memory;
    request.blocks = blocks;
    request.threads = threads;
    request.progress = progress();
    return report::json(driver::inspect(request));
}

std::string simulate(const std::string& model, const std::string& machine, const Texts& inputs,
                     const Texts& dims, int threads, const Texts& skip) {
    const nb::gil_scoped_release others_may_go_on;
    driver::SimulateRequest request;
    request.model = model;
    request.machine_file = machine;
    request.threads = threads;
    request.feeds.inputs = inputs;
    request.feeds.dims = dims;
    request.session.skip = skip;
    request.session.progress = progress();
    return report::json(driver::simulate(request));
}

std::string study(const std::string& model, const std::string& out, const Texts& inputs,
                  const Texts& dims, const Texts& machines, int threads, int runs, int warmup,
                  bool onnx_runtime) {
    const nb::gil_scoped_release others_may_go_on;
    if (runs < 1) throw UserError("runs {}: expected 1 or more", runs);
    if (warmup < 0) throw UserError("warmup {}: expected 0 or more", warmup);
    driver::StudyRequest request;
    request.measure.model = model;
    request.measure.feeds.inputs = inputs;
    request.measure.feeds.dims = dims;
    request.measure.session.threads = threads;
    request.measure.session.progress = progress();
    request.measure.session.poll = raise_signals;
    request.measure.runs = runs;
    request.measure.warmup = warmup;
    request.machines = machines;
    request.peer = onnx_runtime;
    if (!out.empty()) require_writable(out);
    const driver::StudyResult result = driver::study(request);
    if (!out.empty()) write_file(out, report::html(result));
    return report::json(result);
}

Texts machine_names() {
    Texts names;
    for (const driver::MachineRow& row : driver::list_machines()) names.push_back(row.name);
    return names;
}

}  // namespace

void add_studies(nb::module_& m) {
    m.def("_inspect", &inspect, nb::arg("model"), nb::arg("dims"), nb::arg("memory"),
          nb::arg("blocks"), nb::arg("threads"));
    m.def("_simulate", &simulate, nb::arg("model"), nb::arg("machine"), nb::arg("inputs"),
          nb::arg("dims"), nb::arg("threads"), nb::arg("skip"));
    m.def("_study", &study, nb::arg("model"), nb::arg("out"), nb::arg("inputs"), nb::arg("dims"),
          nb::arg("machines"), nb::arg("threads"), nb::arg("runs"), nb::arg("warmup"),
          nb::arg("onnx_runtime"));
    m.def("_machine_names", &machine_names);
    m.def("_machine_text", &driver::machine_text, nb::arg("name"));
}

}  // namespace smeaton::python
