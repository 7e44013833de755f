// smeaton._core: driver::Session for Python. run() takes numpy arrays without copying dense ones,
// lets other Python threads go on while the model runs, and returns arrays that own their memory.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "arrays.h"
#include "base/error.h"
#include "driver/session.h"
#include "driver/train/trainer.h"
#include "driver/train/training_graph.h"
#include "searches.h"
#include "signals.h"
#include "studies.h"
#include "words.h"

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

/// "; give x.astype(numpy.float32)" for the first feed of another element type than its input.
std::string astype_hint(const Session& session, const Feeds& feeds) {
    for (const auto* ports : {&session.inputs(), &session.overridable()})
        for (const driver::PortInfo& port : *ports) {
            auto fed = feeds.find(port.name);
            if (fed != feeds.end() && fed->second.dtype() != port.dtype)
                return "; give its array .astype(" + numpy_name(port.dtype) + ")";
        }
    return "";
}

nb::list run(Session& session, nb::handle output_names, const nb::dict& arrays) {
    const bool all = output_names.is_none();
    const std::vector<std::string> names = names_of(output_names);
    nb::list result;
    if (!all && names.empty()) return result;
    const Feeds feeds = feeds_of(arrays);
    std::vector<Tensor> outputs;
    try {
        nb::gil_scoped_release others_may_go_on;
        outputs = session.run(feeds, names);
    } catch (const UserError& error) {
        throw UserError(error.what() + astype_hint(session, feeds));
    }
    for (Tensor& output : outputs) {
        PyObject* array = array_of(std::move(output));
        if (array == nullptr) nb::raise_python_error();
        result.append(nb::steal(array));
    }
    return result;
}

nb::dict arrays_by_name(Feeds&& tensors) {
    nb::dict result;
    for (auto& [name, tensor] : tensors) {
        PyObject* array = array_of(std::move(tensor));
        if (array == nullptr) nb::raise_python_error();
        result[nb::str(name.c_str(), name.size())] = nb::steal(array);
    }
    return result;
}

nb::dict state(Session& session) {
    Feeds values;
    {
        nb::gil_scoped_release others_may_go_on;
        values = session.state();
    }
    return arrays_by_name(std::move(values));
}

void set_state(Session& session, const nb::dict& arrays) {
    const Feeds values = feeds_of(arrays);
    nb::gil_scoped_release others_may_go_on;
    session.set_state(values);
}

nb::list judged(Session& session, const Feeds& feeds, double points) {
    std::vector<driver::Judgement> found;
    {
        nb::gil_scoped_release release;
        driver::JudgeOptions options;
        options.points = points;
        found = session.judge(feeds, options);
    }
    const auto element = [](const driver::Apart& a) {
        nb::dict about;
        about["buffer"] = a.buffer;
        about["element"] = a.element;
        about["wanted"] = a.wanted;
        about["found"] = a.found;
        about["off"] = a.off;
        about["spread"] = a.spread;
        return about;
    };
    nb::list out;
    for (const driver::Judgement& j : found) {
        nb::dict row;
        row["kernel"] = j.kernel;
        row["iterations"] = j.iterations;
        row["of"] = j.of;
        row["elements"] = j.elements;
        row["worst"] = j.worst;
        row["ill_conditioned"] = j.ill_conditioned;
        row["worst_ill"] = element(j.worst_ill);
        row["wrong"] = element(j.wrong);
        row["holds"] = j.holds();
        out.append(row);
    }
    return out;
}

nb::list judge(Session& session, const nb::dict& arrays, double points) {
    return judged(session, feeds_of(arrays), points);
}

double prepare(Session& session, const nb::dict& arrays) {
    const Feeds feeds = feeds_of(arrays);
    nb::gil_scoped_release others_may_go_on;
    return session.prepare(feeds);
}

nb::dict memory_of(Session& session, const Feeds& feeds) {
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
    result["state_bytes"] = stats.state_bytes;
    return result;
}

nb::dict memory(Session& session, const nb::dict& arrays) {
    return memory_of(session, feeds_of(arrays));
}

nb::dict parallel_of(Session& session, const Feeds& feeds) {
    driver::ParallelChoice c;
    {
        nb::gil_scoped_release others_may_go_on;
        c = session.parallel(feeds);
    }
    nb::dict out;
    out["wanted"] = c.wanted;
    out["method"] = c.method;
    out["tried"] = c.tried;
    out["why"] = c.why;
    out["threads"] = c.threads;
    out["machine"] = c.cpu;
    out["kept"] = c.kept;
    out["serial_us"] = c.serial_us;
    out["linear_us"] = c.linear_us;
    out["scheduled_us"] = c.scheduled_us;
    out["lower_bound_us"] = c.bound_us;
    out["critical_path_us"] = c.critical_path_us;
    out["work_us"] = c.work_us;
    out["uncertainty"] = c.uncertainty;
    nb::list ways;
    for (const driver::TriedWay& w : c.ways) {
        nb::dict way;
        way["method"] = w.method;
        way["hyper"] = w.hyper;
        way["time_us"] = w.us;
        ways.append(way);
    }
    out["ways"] = ways;
    return out;
}

nb::dict parallel(Session& session, const nb::dict& arrays) {
    return parallel_of(session, feeds_of(arrays));
}

nb::list profiled(Session& session, const Feeds& feeds, int runs) {
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

nb::list profile(Session& session, const nb::dict& arrays, int runs) {
    return profiled(session, feeds_of(arrays), runs);
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

void log_line(const std::string& line) {
    nb::gil_scoped_acquire held;
    nb::module_::import_("logging").attr("getLogger")("smeaton").attr("warning")("%s", line);
}

void open_session(Session* place, const std::string& path, int threads,
                  std::map<std::string, int64_t> dims, std::string isa,
                  std::vector<std::string> skip, std::string cache_folder, std::string dump_folder,
                  std::map<std::string, std::string> state, std::string compile, int kept,
                  std::map<std::string, int64_t> bucket, std::string parallel) {
    driver::SessionOptions options;
    options.compile = std::move(compile);
    options.kept = kept;
    options.bucket = std::move(bucket);
    options.log = log_line;
    options.threads = threads;
    options.dims = std::move(dims);
    options.isa = std::move(isa);
    options.skip = std::move(skip);
    options.cache_folder = std::move(cache_folder);
    options.dump_folder = std::move(dump_folder);
    options.poll = raise_signals;
    options.state = std::move(state);
    options.parallel = std::move(parallel);
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

// ---- training

using driver::Trainer;

void open_trainer(Trainer* place, const std::string& path, const std::string& loss,
                  const std::string& loss_output, const std::string& optimizer,
                  double learning_rate, const std::map<std::string, double>& settings,
                  std::vector<std::string> freeze, bool training_form, std::string recompute,
                  uint64_t seed, int threads, std::map<std::string, int64_t> dims, std::string isa,
                  std::vector<std::string> skip, std::string cache_folder, std::string dump_folder,
                  std::string parallel) {
    driver::TrainerOptions options;
    options.loss = loss;
    options.loss_output = loss_output;
    options.optimizer = optimizer;
    options.learning_rate = learning_rate;
    const std::map<std::string, std::optional<double>*> places = {
        {"momentum", &options.momentum},
        {"beta1", &options.beta1},
        {"beta2", &options.beta2},
        {"epsilon", &options.epsilon},
        {"weight_decay", &options.weight_decay}};
    for (const auto& [name, value] : settings) *places.at(name) = value;
    options.freeze = std::move(freeze);
    options.training_form = training_form;
    options.recompute = std::move(recompute);
    options.seed = seed;
    options.session.threads = threads;
    options.session.dims = std::move(dims);
    options.session.isa = std::move(isa);
    options.session.skip = std::move(skip);
    options.session.cache_folder = std::move(cache_folder);
    options.session.dump_folder = std::move(dump_folder);
    options.session.poll = raise_signals;
    options.session.parallel = std::move(parallel);
    nb::gil_scoped_release others_may_go_on;
    new (place) Trainer(path, std::move(options));
}

double train_step(Trainer& trainer, const nb::dict& arrays) {
    const Feeds feeds = feeds_of(arrays);
    nb::gil_scoped_release others_may_go_on;
    return trainer.step(feeds);
}

nb::tuple loss_and_gradients(Trainer& trainer, const nb::dict& arrays) {
    const Feeds feeds = feeds_of(arrays);
    Feeds gradients;
    double loss = 0;
    {
        nb::gil_scoped_release others_may_go_on;
        gradients = trainer.gradients(feeds, &loss);
    }
    return nb::make_tuple(loss, arrays_by_name(std::move(gradients)));
}

double prepare_step(Trainer& trainer, const nb::dict& arrays) {
    const Feeds feeds = feeds_of(arrays);
    nb::gil_scoped_release others_may_go_on;
    return trainer.prepare(feeds);
}

void add_trainer(nb::module_& m) {
    nb::class_<Trainer>(m, "Trainer")
        .def("__init__", &open_trainer, nb::arg("path"), nb::arg("loss"), nb::arg("loss_output"),
             nb::arg("optimizer"), nb::arg("learning_rate"), nb::arg("settings"), nb::arg("freeze"),
             nb::arg("training_form"), nb::arg("recompute"), nb::arg("seed"), nb::arg("threads"),
             nb::arg("dims"), nb::arg("isa"), nb::arg("skip"), nb::arg("cache_folder"),
             nb::arg("dump_folder"), nb::arg("parallel"))
        .def("step", &train_step, nb::arg("feeds"),
             "One step of training; gives the loss before it.\n\n"
             "feeds: {input name: array} and 'target'.")
        .def("_gradients", &loss_and_gradients, nb::arg("feeds"))
        .def("prepare", &prepare_step, nb::arg("feeds"),
             "Derives and compiles the step for the shapes of these feeds; seconds it took.")
        .def(
            "parameters", [](Trainer& t) { return arrays_by_name(t.parameters()); },
            "{initializer name: array} of all that a step changes, running statistics too.")
        .def(
            "set_parameters",
            [](Trainer& t, const nb::dict& values) { t.set_parameters(feeds_of(values)); },
            nb::arg("values"),
            "Gives some of the parameters another value: {initializer name: array} of their "
            "element "
            "types and shapes. UserError otherwise; then nothing has changed.")
        .def(
            "state", [](Trainer& t) { return arrays_by_name(t.state()); },
            "{name: array} of all that the next step depends on; load_state takes it back.")
        .def(
            "load_state",
            [](Trainer& t, const nb::dict& values) { t.load_state(feeds_of(values)); },
            nb::arg("values"),
            "Goes on, bit for bit, from what state() gave: {name: array}, whole. UserError "
            "otherwise.")
        .def("_judge",
             [](Trainer& t, const nb::dict& arrays, double points) {
                 const Feeds feeds = feeds_of(arrays);
                 return judged(t.session(feeds), t.session_feeds(feeds), points);
             })
        .def("_profile",
             [](Trainer& t, const nb::dict& arrays, int runs) {
                 const Feeds feeds = feeds_of(arrays);
                 return profiled(t.session(feeds), t.session_feeds(feeds), runs);
             })
        .def("_parallel",
             [](Trainer& t, const nb::dict& arrays) {
                 const Feeds feeds = feeds_of(arrays);
                 return parallel_of(t.session(feeds), t.session_feeds(feeds));
             })
        .def("_memory",
             [](Trainer& t, const nb::dict& arrays) {
                 const Feeds feeds = feeds_of(arrays);
                 nb::dict memory = memory_of(t.session(feeds), t.session_feeds(feeds));
                 memory["activation_bytes"] = t.activation_bytes(feeds);
                 return memory;
             })
        .def("_take_warnings", &Trainer::take_warnings)
        .def("_save", [](Trainer& t, const std::string& path) { t.save(path); })
        .def("_save_step", [](Trainer& t, const std::string& path,
                              const nb::dict& arrays) { t.save_step(path, feeds_of(arrays)); })
        .def_prop_ro("steps", &Trainer::steps, "Steps made so far.")
        .def_prop_rw("learning_rate", &Trainer::learning_rate, &Trainer::set_learning_rate,
                     "Of the steps to come; above 0.")
        .def("_inputs", [](Trainer& trainer) { return ports(trainer.inputs()); });
}

void translate_user_error(const std::exception_ptr& thrown, void* type) {
    try {
        std::rethrow_exception(thrown);
    } catch (const UserError& error) {
        PyErr_SetString(static_cast<PyObject*>(type), python_words(error.what()).c_str());
    }
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
    nb::register_exception_translator(&translate_user_error, user_error.ptr());
    const nb::exception<smeaton::InternalError> internal_error(m, "InternalError",
                                                               PyExc_RuntimeError);
    user_error.attr("__doc__") =
        "What the caller can mend: the message says what was expected, and what to do.";
    internal_error.attr("__doc__") = "A fault of ours; please report it.";
    m.def("register_dtype", &add_dtype);
    m.def("_differentiable", &smeaton::driver::differentiable_operators);
    nb::class_<Session>(m, "Session")
        .def("__init__", &open_session, nb::arg("path"), nb::arg("threads"), nb::arg("dims"),
             nb::arg("isa"), nb::arg("skip"), nb::arg("cache_folder"), nb::arg("dump_folder"),
             nb::arg("state"), nb::arg("compile"), nb::arg("kept"), nb::arg("bucket"),
             nb::arg("parallel"))
        .def("run", &run, nb::arg("output_names").none(), nb::arg("feeds"),
             "run(output_names, feeds) -> list of arrays\n\n"
             "feeds: {input name: array}; output_names: which outputs, in which order; None: all.")
        .def("state", &state, "{name: array}: copies of what the states hold.")
        .def("set_state", &set_state, nb::arg("values"),
             "Gives some or all states another value: {name: array} of their element types and "
             "shapes.")
        .def("run", &run_of_another_kind)
        .def(
            "prepare", &prepare, nb::arg("feeds"),
            "Compiles for the shapes of these feeds, in full; seconds it took, 0 where it was kept "
            "already.")
        .def("memory", &memory, nb::arg("feeds"),
             "Arena, its lower bound, scratch and weights, in bytes, for these feeds.")
        .def("profile", &profile, nb::arg("feeds"), nb::arg("runs") = 10,
             "One dict per kernel: name, ops (nodes of the model), time_us (median of the runs), "
             "flops, "
             "bytes (by level, from the ledger).")
        .def(
            "judge", &judge, nb::arg("feeds"), nb::arg("points") = 2e7,
            "Every kernel as emitted against the interpreter, on the values of these feeds: dicts "
            "of kernel, iterations (interpreted), of, elements (compared), worst (difference over "
            "the largest magnitude beside it), ill_conditioned (elements that half an ulp in the "
            "kernel's sums moves as far: not in worst), worst_ill and wrong (the furthest of those "
            "and of the others: buffer, element, wanted, found, off, spread), holds.")
        .def("source", &source, nb::arg("feeds"), "The emitted C++, one string per unit.")
        .def("parallel", &parallel, nb::arg("feeds"),
             "How runs on these feeds take up their kernels: method ('serial': one after another, "
             "or\nthe algorithm whose schedule runs) and the times that it was weighed by, in us.")
        .def_prop_ro("threads", &Session::threads, "Workers that a run uses.")
        .def("_inputs", [](Session& session) { return ports(session.inputs()); })
        .def("_warnings", &Session::warnings)
        .def("_overridable", [](Session& session) { return ports(session.overridable()); })
        .def("_outputs", [](Session& session) { return ports(session.outputs()); });
    add_trainer(m);
    add_studies(m);
    add_searches(m);
}
