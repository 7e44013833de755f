#include "driver/session.h"

#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "base/mapped_file.h"
#include "driver/bucket.h"
#include "driver/check_feeds.h"
#include "driver/compiled.h"
#include "driver/entry.h"
#include "driver/graph_memory.h"
#include "driver/kernel_stats.h"
#include "driver/naming.h"
#include "driver/parallel/parallel.h"
#include "driver/parallel/plan.h"
#include "driver/pipeline.h"
#include "driver/plan.h"
#include "driver/ports.h"
#include "driver/resume.h"
#include "driver/session_options.h"
#include "driver/source.h"
#include "driver/stages.h"
#include "driver/state.h"
#include "driver/weights.h"
#include "emit/cpp/emit.h"
#include "gir/interp/interp.h"
#include "gir/ledger/ledger.h"
#include "gir/memory/arena.h"
#include "model/hf/read.h"
#include "model/onnx/read.h"
#include "model/open_weights.h"
#include "model/shape/infer.h"
#include "run/alive.h"
#include "run/background.h"
#include "run/compile.h"
#include "run/cpu.h"
#include "run/executor.h"
#include "run/plan_text.h"
#include "run/pool.h"

namespace smeaton::driver {

using CompiledPtr = std::shared_ptr<Compiled>;

struct Session::Impl {
    std::string path;
    SessionOptions options;
    model::Graph graph;  // empty where there is an entry, and while it is let go
    MappedFile file;     // of the model, where it can be read again
    bool graph_let_go = false;
    std::optional<Entry> entry;  // a program in the graph's place
    std::vector<PortInfo> inputs, outputs, overridable;
    std::shared_ptr<run::Pool> pool;
    std::vector<std::string> warnings;
    StateMemory state;       // of all specialisations
    std::mutex state_mutex;  // held for a run, where there are states
    Buckets buckets;
    run::BackgroundCompiler background;
    std::shared_ptr<run::PackedStore> packed = std::make_shared<run::PackedStore>();

    std::mutex mutex;                          // guards what follows
    std::deque<CompiledPtr> kept;              // most recently used first
    std::vector<std::string> deciding_inputs;  // their values are part of the key
    bool has_compiled = false;

    Feeds padded(const Feeds&) const;
    Specialisation specialisation(const Feeds&) const;
    bool serves(const Compiled&, const Feeds&) const;
    CompiledPtr find(const Feeds&);
    CompiledPtr get(const Feeds&);
    CompiledPtr get_whole(const Feeds&);
    CompiledPtr get_to_run(const Feeds&);
    CompiledPtr compile(const Feeds&, bool quick);
    void tell(const Feeds&, bool quick) const;
    void take_over(Compiled&, bool wait);
    void require_code(const Compiled&) const;
    std::shared_ptr<Compiled> build(const Specialisation&, bool quick);
    Tuned tune_for(const Specialisation&, StageRunner&);
    std::shared_ptr<const Tuned> tuned_of(const Compiled&);
    std::shared_ptr<const Tuned> whole_of(Compiled&);
    void read_graph();
    void need_graph();
    void let_graph_go();
    void let_weights_go(Compiled&);
    std::shared_ptr<run::Library> code(const std::vector<std::string>& units, bool quick,
                                       Compiled& made);
    void place(Compiled&, const Arrangement&) const;
    void arrange(Compiled&, const Feeds&);
    std::unique_lock<std::mutex> state_turn();
    void start();
    void start_file();
    void start_graph(model::Graph);
    void start_ports();
    void start_program(Entry);
};

// Held while states are read or written; holds nothing where there are none.
std::unique_lock<std::mutex> Session::Impl::state_turn() {
    return state.empty() ? std::unique_lock<std::mutex>()
                         : std::unique_lock<std::mutex>(state_mutex);
}

// What is compiled for and run: the feeds, checked, with rounded sizes.
Feeds Session::Impl::padded(const Feeds& feeds) const {
    check_feeds(
        path, inputs, overridable, [&](const std::string& n) { return state.holds(n); }, feeds);
    return naming(path, [&] { return buckets.padded(feeds); });
}

Specialisation Session::Impl::specialisation(const Feeds& feeds) const {
    Specialisation s;
    s.dims = options.dims;
    for (const auto& [key, tensor] : feeds) s.shapes[key] = tensor.shape();
    for (const std::string& key : deciding_inputs) {
        // Kept beyond the call, so the bytes must be our own.
        auto found = feeds.find(key);
        if (found == feeds.end()) continue;  // an overridable constant that is not fed this time
        const Tensor& fed = found->second;
        Tensor copy(fed.dtype(), fed.shape());
        std::copy(fed.data(), fed.data() + fed.bytes(), copy.mutable_data());
        s.values[key] = copy;
    }
    return s;
}

bool Session::Impl::serves(const Compiled& c, const Feeds& feeds) const {
    if (c.made_for.shapes.size() != feeds.size()) return false;
    for (const auto& [key, fed] : feeds) {
        auto shape = c.made_for.shapes.find(key);
        if (shape == c.made_for.shapes.end() || shape->second != fed.shape()) return false;
        auto value = c.made_for.values.find(key);
        if (value != c.made_for.values.end() && !tensor::same(value->second, fed)) return false;
    }
    return true;
}

CompiledPtr Session::Impl::find(const Feeds& feeds) {
    for (size_t i = 0; i < kept.size(); ++i) {
        if (!serves(*kept[i], feeds)) continue;
        CompiledPtr hit = kept[i];
        if (i > 0) {
            kept.erase(kept.begin() + static_cast<long>(i));
            kept.push_front(hit);
        }
        return hit;
    }
    return nullptr;
}

// With the code that takes longest to make and runs fastest.
CompiledPtr Session::Impl::get(const Feeds& feeds) {
    std::lock_guard lock(mutex);
    CompiledPtr hit = find(feeds);
    if (!hit) return naming(path, [&] { return compile(feeds, false); });
    take_over(*hit, true);
    return hit;
}

void Session::Impl::require_code(const Compiled& compiled) const {
    if (!compiled.executor)
        throw UserError(
            "{}: compilation stopped after '{}' as asked, so that there is no code to run", path,
            options.stop_after);
}

// One that can run, as it cannot where the stages were stopped.
CompiledPtr Session::Impl::get_whole(const Feeds& feeds) {
    CompiledPtr compiled = get(feeds);
    require_code(*compiled);
    return compiled;
}

// The same with what code there is, and if need be with code that is there soon.
CompiledPtr Session::Impl::get_to_run(const Feeds& feeds) {
    std::lock_guard lock(mutex);
    CompiledPtr compiled = find(feeds);
    if (compiled) {
        take_over(*compiled, false);
    } else {
        // Schedules hang on times, which those of quick code are not.
        const bool quick =
            options.parallel == "off" && !options.schedule &&
            (options.compile == "quick" || (options.compile == "auto" && has_compiled));
        tell(feeds, quick);
        compiled = naming(path, [&] { return compile(feeds, quick); });
    }
    require_code(*compiled);
    let_weights_go(*compiled);
    return compiled;
}

void Session::Impl::read_graph() {
    std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (folder.empty()) folder = ".";
    graph = with_states(model::onnx::read_onnx_bytes(file.bytes, file.keep, path, {folder}), path,
                        options);
    graph_let_go = false;
}

void Session::Impl::need_graph() {
    if (graph_let_go) read_graph();
}

// Copies of the file's bytes can be read again; what lies elsewhere may be gone by then.
void Session::Impl::let_graph_go() {
    if (file.bytes.empty() || entry) return;
    if (const HeldWeights held = held_weights(graph, file.bytes);
        held.copied_bytes > 0 && !held.elsewhere) {
        graph = {};
        graph_let_go = true;
    }
    forget_pages(file.bytes);
}

// Constants that packed copies stand for now. Not where somebody looks into the stages.
void Session::Impl::let_weights_go(Compiled& compiled) {
    if (file.bytes.empty() || compiled.is_light()) return;
    if (!options.resume.empty() || !options.explain.empty() || !options.dump_folder.empty()) return;
    compiled.let_weights_go();
    let_graph_go();
    malloc_trim(0);
}

// As the stages left it, or without weighty constants.
std::shared_ptr<const Tuned> Session::Impl::tuned_of(const Compiled& compiled) {
    std::lock_guard lock(mutex);
    return compiled.tuned;
}

// With all constants: the stages run again where they were let go and nobody holds them.
std::shared_ptr<const Tuned> Session::Impl::whole_of(Compiled& compiled) {
    std::lock_guard lock(mutex);
    if (std::shared_ptr<const Tuned> held = compiled.whole()) return held;
    need_graph();
    StageRunner runner({"", "", options.progress});
    auto whole = std::make_shared<const Tuned>(
        naming(path, [&] { return tune_for(compiled.made_for, runner); }));
    compiled.hold_whole(whole);
    let_graph_go();
    return whole;
}

void Session::Impl::tell(const Feeds& feeds, bool quick) const {
    if (!has_compiled || !options.log) return;
    std::string shapes;
    for (const auto& [key, tensor] : feeds)
        shapes += fmt::format("{}{} [{}]", shapes.empty() ? "" : ", ", key,
                              fmt::join(tensor.shape(), ","));
    options.log(fmt::format("{}: compiles for new shapes, {}; {}{} of at most {} forms are kept",
                            path, shapes,
                            quick ? "first quick code, then better code behind the runs; " : "",
                            kept.size(), options.kept));
}

// Code that was compiled behind the runs, where it is ready or shall be waited for.
void Session::Impl::take_over(Compiled& compiled, bool wait) {
    if (!compiled.better || (!wait && !run::BackgroundCompiler::ended(*compiled.better))) return;
    try {
        compiled.take(naming(path, [&] { return background.wait(compiled.better, options.poll); }));
    } catch (const std::exception& error) {
        if (wait) throw;
        if (options.log) options.log(fmt::format("{}; quick code stays", error.what()));
    }
    compiled.better = nullptr;
}

CompiledPtr Session::Impl::compile(const Feeds& feeds, bool quick) {
    std::shared_ptr<Compiled> made;
    need_graph();
    while (!made) {
        try {
            made = build(specialisation(feeds), quick);
        } catch (const model::NeedsValue& needs) {
            naming(path, [&] { refuse_deciding_states(graph, needs.inputs); });
            size_t before = deciding_inputs.size();
            for (const std::string& key : needs.inputs)
                if (std::find(deciding_inputs.begin(), deciding_inputs.end(), key) ==
                    deciding_inputs.end())
                    deciding_inputs.push_back(key);
            if (deciding_inputs.size() == before) throw UserError("{}: {}", path, needs.what());
        }
    }
    if (made->executor && (options.parallel != "off" || options.schedule)) arrange(*made, feeds);
    made->emitted = {};
    made->symbols = {};
    kept.push_front(made);
    if (kept.size() > static_cast<size_t>(options.kept)) kept.pop_back();
    has_compiled = true;
    return made;
}

void Session::Impl::place(Compiled& made, const Arrangement& arrangement) const {
    const gir::Program& program = made.tuned->program;
    Placed placed = make_plan(program, made.emitted, {arrangement, {}});
    made.arena_lower_bound_bytes = placed.arena_lower_bound_bytes;
    // The one before goes last: it holds what is packed.
    made.executor = std::make_unique<run::Executor>(run::link(std::move(placed.plan), made.symbols),
                                                    pool, state.addresses(program), packed);
}

// Optimised code, or quick code and a job that makes the other.
std::shared_ptr<run::Library> Session::Impl::code(const std::vector<std::string>& units, bool quick,
                                                  Compiled& made) {
    const emit::Isa isa = isa_for(options.isa);
    run::CompileOptions compile;
    compile.flags = emit::compile_flags(isa);
    compile.cache_folder = options.cache_folder;
    compile.label = path;
    run::CompileOptions now = compile;
    now.poll = options.poll;
    if (options.progress)
        now.progress = [&](double fraction) { options.progress("compile", fraction); };
    if (!quick) return run::compile_cached(units, now);
    if (std::shared_ptr<run::Library> library = run::load_cached(units, now)) return library;
    now.flags = emit::quick_compile_flags(isa);
    std::shared_ptr<run::Library> library = run::compile_uncached(units, now);
    made.better = background.add(units, compile);
    return library;
}

Tuned Session::Impl::tune_for(const Specialisation& wanted, StageRunner& runner) {
    const gir::Target target = target_for(options.isa, pool->threads());
    PipelineOptions pipeline{{options.skip.begin(), options.skip.end()}, !options.explain.empty()};
    if (!options.resume.empty()) pipeline.resume = read_resume(options.resume);
    pipeline.finish = options.finish;
    return entry ? tune(*entry, wanted, target, pipeline, runner)
                 : tune(graph, wanted, target, pipeline, runner);
}

std::shared_ptr<Compiled> Session::Impl::build(const Specialisation& wanted, bool quick) {
    auto made = std::make_shared<Compiled>();
    made->made_for = wanted;
    made->parallel.wanted = options.parallel;
    made->parallel.method = "serial";
    made->parallel.threads = pool->threads();
    for (const PortInfo& port : inputs) made->fed.push_back(port.name);
    for (const PortInfo& port : overridable)
        if (wanted.shapes.count(port.name) > 0) made->fed.push_back(port.name);
    StageRunner runner({options.dump_folder, options.stop_after, options.progress});
    made->tuned = std::make_shared<const Tuned>(tune_for(wanted, runner));
    const gir::Target target = target_for(options.isa, pool->threads());
    const emit::Isa isa = isa_for(options.isa);
    const gir::Program& program = made->tuned->program;
    emit::EmittedProgram& emitted = made->emitted;
    std::shared_ptr<run::Library>& library = made->library;
    runner.run("emit", [&] {
        int units = run::usable_cores();
        const gir::Levels levels = gir::levels_of(target, program);
        auto comment = [&](const gir::Kernel& k) { return kernel_comment(k, program, levels); };
        emitted = emit::emit_program(program, {isa, units, comment});
    });
    runner.run("compile", [&] { library = code(emitted.units, quick, *made); });
    made->source = emitted.units;
    if (runner.stopped() && !library) return made;
    auto plan = [&] {
        made->symbols = symbols_of(program, library);
        place(*made, {});
    };
    runner.run("plan", plan, [&] { return run::print(made->executor->plan()); });
    for (const gir::Buffer& b : program.buffers) {
        if (b.lifetime != gir::Lifetime::Output || !b.alias_of.empty()) continue;
        std::vector<int64_t> shape;
        for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
        made->output_shapes.push_back(shape);
        made->output_dtypes.push_back(b.dtype);
    }
    SMEATON_CHECK(made->output_shapes.size() == outputs.size(), "{} output buffers for {} outputs",
                  made->output_shapes.size(), outputs.size());
    for (const StageTime& t : runner.times()) made->seconds += t.seconds;
    return made;
}

void Session::Impl::start() {
    check_parallel(options.parallel, options.samples, options.hyper);
    if (options.samples > 1 && !state.empty())
        throw UserError("{}: a batch of {}: the model keeps states, which the samples would share",
                        path, options.samples);
    pool = std::make_shared<run::Pool>(options.threads);
    if (!pool->warning().empty()) warnings.push_back(pool->warning());
}

void Session::Impl::start_file() {
    file = map_file(path);
    read_graph();
    start_ports();
    forget_pages(file.bytes);
}

void Session::Impl::start_graph(model::Graph made_of) {
    graph = with_states(std::move(made_of), path, options);
    start_ports();
}

void Session::Impl::start_ports() {
    inputs = input_ports(graph);
    outputs = output_ports(graph);
    overridable = overridable_ports(graph);
    check_options(graph, path, options);
    naming(path, [&] {
        state = StateMemory(graph, options.dims);
        if (!options.bucket.empty())
            buckets = Buckets(options.bucket, inputs, inferred_output_ports(graph));
    });
    start();
}

void Session::Impl::start_program(Entry made_of) {
    entry = std::move(made_of);
    inputs = input_ports(entry->program);
    outputs = output_ports(entry->program);
    check_words(options);
    naming(path, [&] {
        buckets = Buckets(options.bucket, inputs, outputs);
        check_program_options(*entry, options);
        require_weights(*entry);
        isa_for(options.isa);
        target_for(options.isa, 1);
        state = StateMemory(entry->program, options.dims);
    });
    start();
}

Session::Session(const std::string& path, SessionOptions options)
    : impl_(std::make_unique<Impl>()) {
    impl_->path = path;
    impl_->options = std::move(options);
    if (model::hf::is_config_file(path))
        model::require_weights(model::hf::read_config(path).graph, path, "running");
    if (is_program_file(path))
        impl_->start_program(read_entry(path));
    else
        impl_->start_file();
}

Session::Session(model::Graph graph, const std::string& label, SessionOptions options)
    : impl_(std::make_unique<Impl>()) {
    impl_->path = label;
    impl_->options = std::move(options);
    impl_->start_graph(std::move(graph));
}

Session::Session(Entry entry, const std::string& label, SessionOptions options)
    : impl_(std::make_unique<Impl>()) {
    impl_->path = label;
    impl_->options = std::move(options);
    impl_->start_program(std::move(entry));
}

Session::~Session() = default;

const std::vector<PortInfo>& Session::inputs() const {
    return impl_->inputs;
}
const std::vector<PortInfo>& Session::outputs() const {
    return impl_->outputs;
}
const std::vector<PortInfo>& Session::overridable() const {
    return impl_->overridable;
}
const std::vector<std::string>& Session::warnings() const {
    return impl_->warnings;
}
int Session::threads() const {
    return impl_->pool->threads();
}

// In the place where the steps run one after another, if that is worth it.
void Session::Impl::arrange(Compiled& made, const Feeds& feeds) {
    if (options.schedule) {
        made.parallel = given_choice(made.tuned->program, *options.schedule, pool->threads());
        return place(made, arrangement_of(made.parallel));
    }
    std::unique_lock turn = state_turn();
    ParallelSubject subject{made.tuned->program, made.emitted, made.symbols, pool};
    for (const std::string& input : made.fed) subject.inputs.push_back(bytes_of(feeds.at(input)));
    subject.states = state.addresses(made.tuned->program);
    subject.wanted = options.parallel;
    subject.samples = options.samples;
    subject.hyper = options.hyper;
    subject.cache_folder = options.cache_folder;
    subject.progress = options.progress;
    subject.poll = options.poll;
    const auto begin = std::chrono::steady_clock::now();
    made.parallel = choose_arrangement(subject);
    if (made.parallel.method != "serial" && options.samples == 1)
        place(made, arrangement_of(made.parallel));
    else if (made.parallel.method != "serial")
        made.batch = std::make_unique<run::Executor>(
            run::link(plan_of(made.tuned->program, made.emitted, made.parallel), made.symbols),
            pool, std::vector<void*>{}, packed);
    made.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<Tensor> Session::run(const Feeds& fed, const std::vector<std::string>& names) {
    Impl& s = *impl_;
    const Feeds feeds = s.padded(fed);
    std::vector<size_t> places;  // among outputs; their number: the output goes into a state
    for (const std::string& wanted : names) {
        size_t at = 0;
        while (at < s.outputs.size() && s.outputs[at].name != wanted) ++at;
        if (at == s.outputs.size() && !s.state.takes_output(wanted))
            refuse_output(s.path, s.outputs, wanted);
        places.push_back(at);
    }
    CompiledPtr compiled = s.get_to_run(feeds);
    Bound bound = bind_buffers(*compiled, feeds);
    std::unique_lock turn = s.state_turn();
    naming(s.path, [&] { compiled->executor->run(bound.externals); });
    s.buckets.cut(bound.outputs, fed);
    if (names.empty()) return std::move(bound.outputs);
    std::vector<Tensor> chosen;
    for (size_t i = 0; i < places.size(); ++i)
        chosen.push_back(places[i] < bound.outputs.size() ? bound.outputs[places[i]]
                                                          : s.state.value_of_output(names[i]));
    return chosen;
}

std::vector<std::vector<Tensor>> Session::run_batch(const std::vector<Feeds>& samples) {
    Impl& s = *impl_;
    if (samples.size() != static_cast<size_t>(s.options.samples))
        throw UserError("{}: {} samples, but the session is made for {}", s.path, samples.size(),
                        s.options.samples);
    std::vector<Feeds> feeds;
    for (const Feeds& fed : samples) feeds.push_back(s.padded(fed));
    CompiledPtr compiled = s.get_to_run(feeds.front());
    std::vector<Bound> bound;
    std::vector<void*> externals;
    for (const Feeds& own : feeds) {
        if (!s.serves(*compiled, own))
            throw UserError(
                "{}: the samples of a batch differ in a shape, or in a value that "
                "decides shapes",
                s.path);
        bound.push_back(bind_buffers(*compiled, own));
        externals.insert(externals.end(), bound.back().externals.begin(),
                         bound.back().externals.end());
    }
    naming(s.path, [&] {
        if (compiled->batch) return compiled->batch->run(externals);
        for (const Bound& b : bound) compiled->executor->run(b.externals);
    });
    std::vector<std::vector<Tensor>> outputs;
    for (size_t i = 0; i < bound.size(); ++i) {
        s.buckets.cut(bound[i].outputs, samples[i]);
        outputs.push_back(std::move(bound[i].outputs));
    }
    return outputs;
}

std::map<std::string, Tensor> Session::state() {
    std::unique_lock turn = impl_->state_turn();
    return impl_->state.values();
}

void Session::set_state(const std::map<std::string, Tensor>& values) {
    std::unique_lock turn = impl_->state_turn();
    naming(impl_->path, [&] { impl_->state.set(values); });
}

double Session::prepare(const Feeds& fed) {
    const Feeds feeds = impl_->padded(fed);
    bool there = false;
    {
        std::lock_guard lock(impl_->mutex);
        there = impl_->find(feeds) != nullptr;
    }
    const CompiledPtr compiled = impl_->get(feeds);
    return there ? 0 : compiled->seconds;
}

std::vector<KernelStats> Session::profile(const Feeds& fed, int runs) {
    if (runs < 1) throw UserError("profile: {} runs to time; expected 1 or more", runs);
    const Feeds feeds = impl_->padded(fed);
    CompiledPtr compiled = impl_->get_whole(feeds);
    Bound bound = bind_buffers(*compiled, feeds);
    std::vector<std::vector<int64_t>> samples;
    std::unique_lock turn = impl_->state_turn();
    const std::map<std::string, Tensor> held = impl_->state.values();
    for (int i = 0; i < runs; ++i) {
        std::vector<int64_t> step_ns;
        naming(impl_->path, [&] { compiled->executor->run_timed(bound.externals, step_ns); });
        impl_->state.set(held);  // a state that counts must not count on: it may leave a table
        samples.resize(step_ns.size());
        for (size_t k = 0; k < step_ns.size(); ++k) samples[k].push_back(step_ns[k]);
    }
    turn = {};
    const std::shared_ptr<const Tuned> tuned = impl_->tuned_of(*compiled);
    return kernel_stats(tuned->program, target_for(impl_->options.isa, impl_->pool->threads()),
                        std::move(samples));
}

RunTrace Session::trace(const Feeds& fed) {
    const Feeds feeds = impl_->padded(fed);
    CompiledPtr compiled = impl_->get_whole(feeds);
    Bound bound = bind_buffers(*compiled, feeds);
    std::vector<run::Span> spans;
    std::unique_lock turn = impl_->state_turn();
    const std::map<std::string, Tensor> held = impl_->state.values();
    naming(impl_->path, [&] { compiled->executor->run_traced(bound.externals, spans); });
    impl_->state.set(held);
    turn = {};
    RunTrace trace;
    trace.threads = impl_->pool->threads();
    trace.alive_bytes = run::arena_bytes_alive(compiled->executor->plan());
    auto us = [](int64_t ns) { return static_cast<double>(ns) * 1e-3; };
    for (const run::Span& s : spans)
        trace.spans.push_back(
            {static_cast<size_t>(s.step), s.thread, us(s.begin_ns), us(s.end_ns)});
    return trace;
}

std::shared_ptr<const Tuned> Session::tuned(const Feeds& fed) {
    const Feeds feeds = impl_->padded(fed);
    CompiledPtr compiled = impl_->get(feeds);
    return impl_->whole_of(*compiled);
}

ParallelChoice Session::parallel(const Feeds& fed) {
    return impl_->get_whole(impl_->padded(fed))->parallel;
}

MemoryStats Session::memory(const Feeds& fed) {
    const Feeds feeds = impl_->padded(fed);
    CompiledPtr compiled = impl_->get_whole(feeds);
    const std::shared_ptr<const Tuned> tuned = impl_->tuned_of(*compiled);
    MemoryStats stats;
    stats.weights_bytes = weight_bytes(tuned->program);
    stats.arena_lower_bound_bytes = compiled->arena_lower_bound_bytes;
    stats.scratch_bytes = compiled->executor->scratch_bytes();
    const run::Executor& runs = compiled->batch ? *compiled->batch : *compiled->executor;
    stats.arena_bytes = runs.plan().arena_bytes + stats.scratch_bytes;
    stats.state_bytes = impl_->state.bytes();
    stats.graph_max_live_bytes = impl_->entry ? gir::plan_arena(tuned->lowered).lower_bound_bytes
                                              : graph_max_live_bytes(tuned->graph);
    return stats;
}

std::vector<Tensor> Session::interpreted(const Feeds& fed) {
    const Feeds feeds = impl_->padded(fed);
    CompiledPtr compiled = impl_->get_whole(feeds);
    const std::shared_ptr<const Tuned> whole = impl_->whole_of(*compiled);
    const gir::Program& program = whole->lowered;
    const std::map<Name, Tensor> values =
        values_by_buffer(whole->program, compiled->fed, feeds, state());
    std::map<Name, Tensor> made =
        naming(impl_->path, [&] { return gir::interp::run(program, values).outputs; });
    std::vector<Tensor> outputs;
    for (const gir::Buffer& b : program.buffers)
        if (b.lifetime == gir::Lifetime::Output && b.alias_of.empty())
            outputs.push_back(made.at(b.name));
    impl_->buckets.cut(outputs, fed);
    return outputs;
}

std::vector<Judgement> Session::judge(const Feeds& fed, JudgeOptions options) {
    const Feeds feeds = impl_->padded(fed);
    CompiledPtr compiled = impl_->get(feeds);
    options.isa = isa_for(impl_->options.isa);
    options.cache_folder = impl_->options.cache_folder;
    const std::shared_ptr<const Tuned> whole = impl_->whole_of(*compiled);
    return driver::judge(whole->program,
                         values_by_buffer(whole->program, compiled->fed, feeds, state()), options);
}

std::vector<std::string> Session::source(const Feeds& fed) {
    const Feeds feeds = impl_->padded(fed);
    return impl_->get(feeds)->source;
}

}  // namespace smeaton::driver
