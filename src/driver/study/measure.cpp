#include "driver/study/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/nearest.h"
#include "base/output_file.h"
#include "driver/entry.h"
#include "driver/here.h"
#include "driver/parallel/samples.h"
#include "driver/pipeline.h"
#include "driver/scheduling/energy.h"
#include "driver/source.h"
#include "driver/study/trace.h"
#include "gir/ledger/ledger.h"
#include "gir/walk.h"
#include "machine/query.h"
#include "machine/read.h"
#include "tensor/npy.h"
#include "tensor/npz.h"

namespace smeaton::driver {

namespace {

using Feeds = std::map<std::string, Tensor>;

int vector_bits(const std::string& isa) {
    if (isa == "avx512" || isa == "avx512bf16") return 512;
    if (isa == "avx2") return 256;
    return isa == "plain" ? 128 : 0;
}

double ms_of(const std::function<void()>& body) {
    auto begin = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
        .count();
}

std::vector<int64_t> compulsory_bytes(const gir::Program& program) {
    std::vector<int64_t> all;
    for (const gir::Step& s : program.steps) {
        auto* run = std::get_if<gir::RunStep>(&s.node);
        if (!run || run->once) continue;
        gir::Compulsory c =
            gir::compulsory(*run->kernel, program, gir::ledger(*run->kernel, program));
        all.push_back(c.read_bytes.value() + c.write_bytes.value());
    }
    return all;
}

}  // namespace

Latency latency_of(std::vector<double> ms) {
    if (ms.empty()) return {};
    std::sort(ms.begin(), ms.end());
    auto at = [&](double q) {
        auto i = static_cast<size_t>(std::ceil(q * static_cast<double>(ms.size())));
        return ms[std::min(ms.size() - 1, i > 0 ? i - 1 : 0)];
    };
    return {at(0.5), at(0.95), ms.front()};
}

std::string noise_warning(const Latency& ms, int runs) {
    constexpr double kQuiet = 1.25, kLeastMs = 0.02;
    if (runs < 3 || ms.median < kQuiet * ms.min || ms.median - ms.min < kLeastMs) return "";
    return fmt::format(
        "noise: the median of {} runs is {:.2f} times the fastest; something else runs on this "
        "machine: time more runs, or when it is quiet",
        runs, ms.median / ms.min);
}

SimulateOptions simulate_options(const Session& session, const machine::Machine& here,
                                 const SessionOptions& options) {
    const int cores = static_cast<int>(machine::core_count(here));
    return {std::min(session.threads(), cores), vector_bits(options.isa)};
}

SimulateResult predict_here(Session& session, const Feeds& feeds, const SessionOptions& options) {
    machine::Machine here = machine_here({options.cache_folder, false, options.progress});
    return simulate_program(session.tuned(feeds)->program, here,
                            simulate_options(session, here, options));
}

std::vector<MeasuredKernel> measured_kernels(Session& session, const Feeds& feeds, int runs,
                                             const SimulateResult& predicted) {
    std::vector<KernelStats> stats = session.profile(feeds, runs);
    std::vector<int64_t> compulsory = compulsory_bytes(session.tuned(feeds)->program);
    std::vector<const SimulatedKernel*> rows;
    for (const SimulatedKernel& k : predicted.kernels)
        if (!k.once) rows.push_back(&k);
    SMEATON_CHECK(rows.size() == stats.size() && compulsory.size() == stats.size(),
                  "{} kernels measured, {} predicted", stats.size(), rows.size());
    std::vector<MeasuredKernel> all;
    for (size_t i = 0; i < stats.size(); ++i) {
        MeasuredKernel k;
        k.name = stats[i].name;
        k.ops = stats[i].ops;
        k.time_us = stats[i].time_us;
        k.flops = stats[i].flops;
        k.bytes = stats[i].bytes;
        k.compulsory_bytes = compulsory[i];
        k.predicted_us = rows[i]->time_us.value;
        k.bound = rows[i]->bound;
        k.efficiency = k.time_us > 0 ? rows[i]->bound_us / k.time_us : 0;
        k.gflops = k.time_us > 0 ? static_cast<double>(k.flops) / k.time_us / 1e3 : 0;
        all.push_back(std::move(k));
    }
    double all_us = 0;
    for (const MeasuredKernel& k : all) all_us += k.time_us;
    for (MeasuredKernel& k : all) k.share = all_us > 0 ? k.time_us / all_us : 0;
    return all;
}

std::vector<PortShape> shapes_of(const std::vector<PortInfo>& ports,
                                 const std::vector<Tensor>& tensors) {
    std::vector<PortShape> all;
    for (size_t i = 0; i < tensors.size(); ++i)
        all.push_back(
            {ports[i].name, std::string(tensor::name(tensors[i].dtype())), tensors[i].shape()});
    return all;
}

std::vector<std::string> write_outputs(const std::vector<PortInfo>& ports,
                                       const std::vector<Tensor>& tensors,
                                       const std::string& folder) {
    std::vector<std::string> files;
    make_folder(folder);
    for (size_t i = 0; i < tensors.size(); ++i) {
        std::string file = ports[i].name;
        for (char& c : file)
            if (c == '/' || c == '\\' || c == ':') c = '_';
        // Two names may differ in such signs alone.
        std::string path = fmt::format("{}/{}.npy", folder, file);
        if (std::find(files.begin(), files.end(), path) != files.end())
            path = fmt::format("{}/{}.{}.npy", folder, file, i);
        write_file(path, tensor::npy_bytes(tensors[i]));
        files.push_back(path);
    }
    return files;
}

namespace {

std::vector<Comparison> check_by_name(const std::vector<PortInfo>& ports,
                                      const std::vector<Tensor>& tensors, const std::string& file,
                                      const Tolerance& tolerance) {
    std::map<std::string, Tensor> wanted = tensor::read_npz(file);
    if (wanted.empty()) throw UserError("{}: holds no arrays to compare with", file);
    std::vector<Comparison> all;
    std::vector<std::string> names;
    for (size_t i = 0; i < tensors.size(); ++i) {
        names.push_back(ports[i].name);
        if (auto found = wanted.extract(ports[i].name))
            all.push_back(compare(ports[i].name, tensors[i], found.mapped(), file, tolerance));
    }
    if (wanted.empty()) return all;
    const std::string& stray = wanted.begin()->first;
    std::string list;
    for (const std::string& n : names) list += (list.empty() ? "" : ", ") + n;
    throw UserError("{}: holds '{}', but the model has no such output{}; its outputs are {}", file,
                    stray, nearest_hint(stray, names), list);
}

}  // namespace

std::vector<Comparison> check_outputs(const std::vector<PortInfo>& ports,
                                      const std::vector<Tensor>& tensors,
                                      const std::vector<std::string>& files,
                                      const Tolerance& tolerance) {
    std::vector<Comparison> all;
    size_t next = 0;  // output that the next file without names is for
    for (const std::string& file : files) {
        if (file.ends_with(".npz")) {
            for (Comparison& c : check_by_name(ports, tensors, file, tolerance))
                all.push_back(std::move(c));
            continue;
        }
        if (next == tensors.size())
            throw UserError("{}: one file too many to compare with, the model has {} outputs", file,
                            tensors.size());
        all.push_back(compare(ports[next].name, tensors[next], read_tensor(file), file, tolerance));
        ++next;
    }
    return all;
}

std::string text_after(const MeasureRequest& request) {
    SessionOptions options = request.session;
    options.dims = parse_dims(request.feeds.dims);
    return stage_text(request.model, open_file(request.model, request.feeds, options), options,
                      target_here(options));
}

MeasureResult measure(const MeasureRequest& request) {
    if (!request.energy_machine.empty()) {
        if (request.session.parallel == "off")
            throw UserError("--machine {}: its figures are for the energy of --parallel; add that",
                            request.energy_machine);
        machine::read_machine_file(request.energy_machine);  // an error before what takes long
    }
    SessionOptions options = request.session;
    options.dims = parse_dims(request.feeds.dims);
    if (is_program_file(request.model)) {
        Opened opened = open_program(request.model, request.feeds, options, OpenWeights::Random);
        if (options.samples > 1)
            throw UserError("{}: a batch of {}: a program's samples are its own; give a model",
                            request.model, options.samples);
        Session session(*std::move(opened.entry), request.model, options);
        MeasureResult result = measure_in(session, {opened.feeds}, request);
        result.warnings.insert(result.warnings.end(), opened.warnings.begin(),
                               opened.warnings.end());
        return result;
    }
    Session session(request.model, options);
    return measure_in(session,
                      gather_samples(request.model, session.inputs(), request.feeds,
                                     session.overridable(), options.samples),
                      request);
}

namespace {

// What was chosen, with what it draws.
ParallelChoice parallel_choice(Session& session, const Feeds& feeds, const gir::Program& program,
                               const MeasureRequest& request) {
    ParallelChoice choice = session.parallel(feeds);
    if (choice.ways.empty()) return choice;
    const SessionOptions& options = request.session;
    const machine::Machine m = request.energy_machine.empty()
                                   ? machine_here({options.cache_folder, false, options.progress})
                                   : machine::read_machine_file(request.energy_machine);
    predict_energy(choice, program, m, simulate_options(session, m, options));
    return choice;
}

}  // namespace

MeasureResult measure_in(Session& session, const std::vector<Feeds>& samples,
                         const MeasureRequest& request) {
    const SessionOptions& options = request.session;
    const Feeds& feeds = samples.front();
    const auto run = [&] {
        return samples.size() == 1 ? session.run(feeds) : put_together(session.run_batch(samples));
    };
    MeasureResult result;
    result.samples = static_cast<int>(samples.size());
    result.model = request.model;
    result.threads = session.threads();
    result.compile_s = session.prepare(feeds);
    // Before the first run, which lets weights go that the stages then had to make again.
    std::shared_ptr<const Tuned> tuned = session.tuned(feeds);
    result.warnings = tuned->graph.graph.warnings;
    result.warnings.insert(result.warnings.begin(), session.warnings().begin(),
                           session.warnings().end());
    if (!options.explain.empty()) result.explained = explanation(tuned->explained, options.explain);
    if (!request.kernels && request.trace_file.empty() && options.parallel == "off") tuned.reset();
    if (options.progress) options.progress("run", 1);
    const bool interpreted = request.expected == std::vector<std::string>{kInterpreter};
    std::vector<std::vector<Tensor>> by_sample;
    for (const Feeds& own : samples)
        if (interpreted) by_sample.push_back(session.interpreted(own));
    const std::vector<Tensor> wanted =
        interpreted ? put_together(by_sample) : std::vector<Tensor>{};
    std::vector<Tensor> outputs = run();
    result.outputs = shapes_of(session.outputs(), outputs);
    for (const PortInfo& port : session.inputs())
        result.inputs.push_back(
            {port.name, std::string(tensor::name(port.dtype)), feeds.at(port.name).shape()});
    if (!interpreted)
        result.checks =
            check_outputs(session.outputs(), outputs, request.expected, request.tolerance);
    for (size_t i = 0; i < wanted.size(); ++i)
        result.checks.push_back(compare(session.outputs()[i].name, outputs[i], wanted[i],
                                        "the interpreter", request.tolerance));
    if (!request.output_folder.empty())
        result.written = write_outputs(session.outputs(), outputs, request.output_folder);
    for (int i = 1; i < request.warmup; ++i) run();
    std::vector<double> ms;
    for (int i = 0; i < request.runs; ++i) ms.push_back(ms_of([&] { run(); }));
    result.runs = request.runs;
    result.latency_ms = latency_of(ms);
    result.memory = session.memory(feeds);
    if (options.parallel != "off")
        result.parallel = parallel_choice(session, feeds, tuned->program, request);
    if (std::string noise = noise_warning(result.latency_ms, result.runs); !noise.empty())
        result.warnings.push_back(std::move(noise));
    if (request.kernels || !request.trace_file.empty()) {
        SimulateResult predicted = predict_here(session, feeds, options);
        result.machine = predicted.machine;
        int runs = std::max(3, std::min(request.runs, 20));
        result.kernels = measured_kernels(session, feeds, runs, predicted);
        if (!request.trace_file.empty())
            write_file(request.trace_file,
                       trace_json(request.model, session.trace(feeds), result.kernels));
    }
    return result;
}

}  // namespace smeaton::driver
