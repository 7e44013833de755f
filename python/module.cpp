// smeaton._core: driver::Session for Python. run() takes numpy arrays without copying dense ones,
// lets other Python threads go on while the model runs, and returns arrays that own their memory.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "arrays.h"
#include "base/error.h"
#include "driver/session.h"

namespace nb = nanobind;

namespace smeaton::python {
namespace {

using driver::Session;
using Feeds = std::map<std::string, Tensor>;

std::string text_of(nb::handle value, const char* what) {
    Py_ssize_t length = 0;
    const char* utf8 =
        PyUnicode_Check(value.ptr()) ? PyUnicode_AsUTF8AndSize(value.ptr(), &length) : nullptr;
    if (utf8 == nullptr) {
        PyErr_Clear();
        throw UserError("{} must be strings", what);
    }
    return {utf8, static_cast<size_t>(length)};
}

Feeds feeds_of(const nb::dict& arrays) {
    Feeds feeds;
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t position = 0;
    // tensor_of may run Python code (__array__ of a feed); the pair is held, not borrowed, while it
    // does.
    while (PyDict_Next(arrays.ptr(), &position, &key, &value) != 0) {
        const nb::object held = nb::borrow(value);
        std::string name = text_of(key, "the names of inputs");
        Tensor tensor = tensor_of(held.ptr(), name.c_str());
        feeds.emplace(std::move(name), std::move(tensor));
    }
    return feeds;
}

std::vector<std::string> names_of(nb::handle output_names) {
    std::vector<std::string> names;
    if (output_names.is_none()) return names;
    if (PyUnicode_Check(output_names.ptr())) {
        throw UserError("output_names must be a list of strings, or None for all outputs");
    }
    for (nb::handle name : output_names) names.push_back(text_of(name, "output_names"));
    return names;
}

nb::list run(Session& session, nb::handle output_names, const nb::dict& arrays) {
    const bool all = output_names.is_none();
    const std::vector<std::string> names = names_of(output_names);
    nb::list result;
    if (!all && names.empty()) return result;
    const Feeds feeds = feeds_of(arrays);
    std::vector<Tensor> outputs;
    {
        nb::gil_scoped_release others_may_go_on;
        outputs = session.run(feeds, names);
    }
    for (Tensor& output : outputs) {
        PyObject* array = array_of(std::move(output));
        if (array == nullptr) nb::raise_python_error();
        result.append(nb::steal(array));
    }
    return result;
}

nb::list judge(Session& session, const nb::dict& arrays, double points) {
    Feeds feeds = feeds_of(arrays);
    std::vector<driver::Judgement> found;
    {
        nb::gil_scoped_release release;
        driver::JudgeOptions options;
        options.points = points;
        found = session.judge(feeds, options);
    }
    nb::list out;
    for (const driver::Judgement& j : found) {
        nb::dict row;
        row["kernel"] = j.kernel;
        row["iterations"] = j.iterations;
        row["of"] = j.of;
        row["elements"] = j.elements;
        row["worst"] = j.worst;
        row["sensitivity"] = j.sensitivity;
        row["holds"] = j.holds();
        out.append(row);
    }
    return out;
}

double prepare(Session& session, const nb::dict& arrays) {
    const Feeds feeds = feeds_of(arrays);
    nb::gil_scoped_release others_may_go_on;
    return session.prepare(feeds);
}

nb::dict memory(Session& session, const nb::dict& arrays) {
    const Feeds feeds = feeds_of(arrays);
    driver::MemoryStats stats;
    {
        nb::gil_scoped_release others_may_go_on;
        stats = session.memory(feeds);
    }
    nb::dict result;
    result["arena_bytes"] = stats.arena_bytes;
    result["arena_lower_bound_bytes"] = stats.arena_lower_bound_bytes;
    result["graph_max_live_bytes"] = stats.graph_max_live_bytes;
    result["scratch_bytes"] = stats.scratch_bytes;
    result["weights_bytes"] = stats.weights_bytes;
    return result;
}

nb::list profile(Session& session, const nb::dict& arrays, int runs) {
    const Feeds feeds = feeds_of(arrays);
    std::vector<driver::KernelStats> kernels;
    {
        nb::gil_scoped_release others_may_go_on;
        kernels = session.profile(feeds, runs);
    }
    nb::list result;
    for (const driver::KernelStats& kernel : kernels) {
        nb::dict row;
        row["name"] = kernel.name;
        row["ops"] = kernel.ops;
        row["time_us"] = kernel.time_us;
        row["flops"] = kernel.flops;
        row["bytes"] = kernel.bytes;
        result.append(row);
    }
    return result;
}

std::vector<std::string> source(Session& session, const nb::dict& arrays) {
    const Feeds feeds = feeds_of(arrays);
    nb::gil_scoped_release others_may_go_on;
    return session.source(feeds);
}

/// A size, the bare name of an open one (as `dims` takes it), or the text of an expression.
nb::object size_of(const tensor::Dim& dim) {
    if (dim.is_const()) return nb::int_(dim.value());
    const std::vector<Name> symbols = dim.symbols();
    const bool bare = symbols.size() == 1 && dim == tensor::Dim::symbol(symbols[0]);
    const std::string text = bare ? symbols[0].str() : dim.str();
    return nb::str(text.c_str(), text.size());
}

/// [(name, element type, [size, …] or None where the rank is not known), …]
nb::list ports(const std::vector<driver::PortInfo>& infos) {
    nb::list result;
    for (const driver::PortInfo& info : infos) {
        nb::list sizes;
        for (const tensor::Dim& dim : info.shape) sizes.append(size_of(dim));
        nb::object shape = sizes;
        if (!info.rank_known) shape = nb::none();
        result.append(nb::make_tuple(info.name, std::string(name(info.dtype)), shape));
    }
    return result;
}

/// Lets Ctrl-C end a compilation: Python's handlers run on its main thread alone.
void raise_signals() {
    nb::gil_scoped_acquire held;
    if (PyErr_CheckSignals() != 0) nb::raise_python_error();
}

void open_session(Session* place, const std::string& path, int threads,
                  std::map<std::string, int64_t> dims, std::string isa,
                  std::vector<std::string> skip, std::string cache_folder,
                  std::string dump_folder) {
    driver::SessionOptions options;
    options.threads = threads;
    options.dims = std::move(dims);
    options.isa = std::move(isa);
    options.skip = std::move(skip);
    options.cache_folder = std::move(cache_folder);
    options.dump_folder = std::move(dump_folder);
    options.poll = raise_signals;
    nb::gil_scoped_release others_may_go_on;
    new (place) Session(path, std::move(options));
}

/// What users of ONNX Runtime are used to; all other calls that `run` does not take end here too.
nb::list run_of_another_kind(nb::handle, const nb::args& positional, const nb::kwargs& named) {
    const char* hint = "run takes output_names (a list, or None for all) and feeds (a dict)";
    if (named.contains("input_feed"))
        hint = "run has no argument 'input_feed': it is called 'feeds'";
    else if (named.contains("run_options") || positional.size() > 2)
        hint = "run takes no run options: output_names and feeds are all there is";
    PyErr_SetString(PyExc_TypeError, hint);
    nb::raise_python_error();
}

void add_dtype(nb::handle descr, const std::string& dtype) {
    const auto known = tensor::dtype_named(dtype);
    if (!known) throw UserError("register_dtype: no element type '{}'", dtype);
    register_dtype(descr.ptr(), *known);
}

}  // namespace
}  // namespace smeaton::python

NB_MODULE(_core, m) {
    using namespace smeaton::python;
    if (!load_numpy()) nb::raise_python_error();
    const nb::exception<smeaton::UserError> user_error(m, "UserError", PyExc_ValueError);
    const nb::exception<smeaton::InternalError> internal_error(m, "InternalError",
                                                               PyExc_RuntimeError);
    m.def("register_dtype", &add_dtype);
    nb::class_<Session>(m, "Session")
        .def("__init__", &open_session, nb::arg("path"), nb::arg("threads"), nb::arg("dims"),
             nb::arg("isa"), nb::arg("skip"), nb::arg("cache_folder"), nb::arg("dump_folder"))
        .def("run", &run, nb::arg("output_names").none(), nb::arg("feeds"),
             "run(output_names, feeds) -> list of arrays\n\n"
             "feeds: {input name: array}; output_names: which outputs, in which order; None: all.")
        .def("run", &run_of_another_kind)
        .def(
            "prepare", &prepare, nb::arg("feeds"),
            "Compiles for the shapes of these feeds; seconds it took, 0 where it was kept already.")
        .def("memory", &memory, nb::arg("feeds"),
             "Arena, its lower bound, scratch and weights, in bytes, for these feeds.")
        .def("profile", &profile, nb::arg("feeds"), nb::arg("runs") = 10,
             "One dict per kernel: name, ops (nodes of the model), time_us (median of the runs), "
             "flops, "
             "bytes (by level, from the ledger).")
        .def("judge", &judge, nb::arg("feeds"), nb::arg("points") = 2e7,
             "Every kernel as emitted against the interpreter, on the values of these feeds: dicts "
             "of "
             "kernel, iterations (interpreted), of, elements (compared), worst (relative), "
             "sensitivity (of the interpreter to half an ulp in its sums), holds.")
        .def("source", &source, nb::arg("feeds"), "The emitted C++, one string per unit.")
        .def_prop_ro("threads", &Session::threads)
        .def("_inputs", [](Session& session) { return ports(session.inputs()); })
        .def("_warnings", &Session::warnings)
        .def("_overridable", [](Session& session) { return ports(session.overridable()); })
        .def("_outputs", [](Session& session) { return ports(session.outputs()); });
}
