// Each kernel of a compiled model: emitted code against the interpreter, claims against caches.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>

#include "base/error.h"
#include "cost/target.h"
#include "driver/pipeline.h"
#include "driver/session.h"
#include "emit/cpp/emit.h"
#include "gir/interp/agreement.h"
#include "gir/interp/interp.h"
#include "gir/ledger/ledger.h"
#include "machine/probe/cpu.h"
#include "model/onnx/read.h"
#include "run/compile.h"
#include "run/cpu.h"
#include "run/executor.h"

namespace smeaton {
namespace {

using gir::Buffer;
using gir::Kernel;
using gir::Program;
using gir::interp::Memory;
using gir::interp::Storage;
using gir::interp::WrittenMap;

constexpr double kOperations = 2e7;  // interpreted per kernel, about

struct Arguments {
    std::string model, isa;
    int threads = 1;
    bool caches = false;
    std::map<std::string, int64_t> dims;
};

Arguments parse(int count, char** values) {
    Arguments a;
    for (int i = 1; i < count; ++i) {
        std::string word = values[i];
        auto next = [&]() -> std::string {
            if (++i == count) throw UserError("{} needs a value", word);
            return values[i];
        };
        if (word == "--isa") {
            a.isa = next();
        } else if (word == "--threads") {
            a.threads = std::stoi(next());
        } else if (word == "--caches") {
            a.caches = true;
        } else if (word == "--dim") {
            std::string pair = next();
            a.dims[pair.substr(0, pair.find('='))] = std::stoll(pair.substr(pair.find('=') + 1));
        } else if (a.model.empty() && word[0] != '-') {
            a.model = word;
        } else {
            throw UserError("unknown argument {}", word);
        }
    }
    if (a.model.empty()) throw UserError("which model?");
    return a;
}

struct Compiled {
    gir::Target target;
    Program program;
    emit::EmittedProgram emitted;
    std::shared_ptr<run::Library> library;
    std::map<std::string, tensor::Tensor> feeds;
};

Compiled compile(const Arguments& a) {
    Compiled c;
    model::Graph graph = model::onnx::read_onnx(a.model);
    std::vector<driver::PortInfo> ports;
    for (model::ValueId id : graph.inputs) {
        const model::Value& v = graph.at(id);
        ports.push_back({v.name, *v.dtype, v.shape.value_or(std::vector<tensor::Dim>{})});
    }
    c.feeds = driver::random_feeds(ports, a.dims, 1);
    driver::Specialisation wanted;
    wanted.dims = a.dims;
    for (const auto& [name, t] : c.feeds) wanted.shapes[name] = t.shape();
    for (const auto& [name, t] : c.feeds)
        if (!tensor::is_float(t.dtype()) && t.elements() < 64) wanted.values[name] = t;
    std::string isa = a.isa.empty() ? run::host_isa() : a.isa;
    c.target = cost::target_of(machine::cpu_features(), isa == "avx512bf16" ? "" : isa);
    c.target.cores = a.threads;
    driver::StageRunner runner({});
    c.program = driver::tune(graph, wanted, c.target, {}, runner).program;
    emit::Isa dialect = emit::isa_named(isa);
    c.emitted = emit::emit_program(c.program, {dialect, run::usable_cores(), {}});
    run::CompileOptions options;
    options.flags = emit::compile_flags(dialect);
    c.library = run::compile_cached(c.emitted.units, options);
    return c;
}

Memory first_memory(const Compiled& c) {
    std::map<Name, tensor::Tensor> inputs;
    for (const Buffer& b : c.program.buffers) {
        if (b.lifetime != gir::Lifetime::Input) continue;
        auto fed = c.feeds.find(b.value_name.empty() ? b.name.str() : b.value_name);
        SMEATON_CHECK(fed != c.feeds.end(), "nothing feeds buffer {}", b.name);
        inputs[b.name] = fed->second;
    }
    return gir::interp::make_memory(c.program, inputs);
}

void run_emitted(const Compiled& c, const emit::EmittedKernel& kernel, Memory& memory) {
    std::vector<void*> pointers;
    for (Name n : kernel.buffers) pointers.push_back(memory.at(n).data);
    run::Block shared(kernel.shared_bytes + 64), scratch(kernel.scratch_bytes + 64);
    pointers.push_back(shared.data());
    for (const emit::EmittedPhase& phase : kernel.phases) {
        int result =
            c.library->function(phase.symbol)(pointers.data(), scratch.data(), 0, phase.range);
        if (result != 0) throw UserError("{}", kernel.messages.at(static_cast<size_t>(result) - 1));
    }
}

/// Memory whose written buffers (and what shares their bytes) are copies.
Memory branch_off(const Kernel& kernel, const Memory& memory) {
    Memory out = memory;
    for (Name written : kernel.writes) {
        const Storage& old = memory.at(written);
        // The largest of those that share these bytes is the one to copy.
        Storage whole = old;
        for (const auto& [name, s] : memory)
            if (s.data == old.data && s.elements > whole.elements) whole = s;
        Storage copy = gir::interp::make_storage(whole.dtype, whole.elements);
        std::memcpy(copy.data, whole.data, static_cast<size_t>(whole.bytes()));
        for (auto& [name, s] : out) {
            if (s.data != old.data) continue;
            int64_t elements = s.elements;
            s = copy;
            s.elements = elements;
        }
    }
    return out;
}

struct Difference {
    double worst = 0;  // of the largest magnitude
    int64_t compared = 0, wrong = 0;
    std::string first;
};

void compare(const Buffer& b, const Storage& want, const Storage& got,
             const std::vector<uint8_t>& written, Difference& d) {
    tensor::Tensor a(want.dtype, {want.elements}, want.data, want.keep);
    tensor::Tensor c(got.dtype, {got.elements}, got.data, got.keep);
    double scale = 1e-30;
    for (int64_t i = 0; i < want.elements; ++i)
        if (double v = std::abs(c.at_as_double(i)); std::isfinite(v)) scale = std::max(scale, v);
    double slack = tensor::is_float(want.dtype) ? 1e-4 : 0;
    if (want.dtype == tensor::DType::kF16) slack = 2e-3;
    if (want.dtype == tensor::DType::kBF16) slack = 1e-2;
    for (int64_t i = 0; i < want.elements; ++i) {
        if (!written[static_cast<size_t>(i)]) continue;
        ++d.compared;
        double x = a.at_as_double(i), y = c.at_as_double(i);
        if (x == y || (std::isnan(x) && std::isnan(y))) continue;
        double error = std::abs(x - y) / scale;
        if (error <= slack) {
            d.worst = std::max(d.worst, error);
        } else if (d.wrong++ == 0) {
            d.first = fmt::format("{}[{}]: {} instead of {}", b.name, i, y, x);
        }
    }
}

/// Ranges of iterations worth about kOperations; one that takes in everything if that is less.
std::vector<gir::interp::IterationRange> samples(const Kernel& kernel, const Program& program) {
    int64_t iterations = gir::interp::sampled_iterations(kernel, gir::interp::bindings_of(program));
    double operations = 0;
    for (const auto& [key, n] : gir::traffic_at(gir::ledger(kernel, program)).operations)
        operations += static_cast<double>(n);
    if (iterations == 0 || operations <= kOperations) return {{}};
    auto half =
        static_cast<int64_t>(kOperations / 2 / operations * static_cast<double>(iterations));
    half = std::max<int64_t>(half, 1);
    if (2 * half >= iterations) return {{}};
    return {{0, half}, {iterations - half, half}};
}

Difference interpret(const Kernel& kernel, const Program& program, const Memory& before,
                     const Memory& after) {
    Difference d;
    for (const gir::interp::IterationRange& range : samples(kernel, program)) {
        Memory memory = branch_off(kernel, before);
        WrittenMap written;
        gir::interp::Options options;
        options.range = range;
        options.written = &written;
        gir::interp::run_kernel(kernel, program, memory, options);
        for (Name n : kernel.writes)
            compare(program.buffer(n), memory.at(n), after.at(n), written[n], d);
    }
    return d;
}

/// The target's chain with the levels of what was left as lowered: memory around all, local tiles
/// between the innermost cache and the registers.
gir::Levels whole_chain(const gir::Target& target) {
    gir::Levels levels = gir::levels_of(target);
    levels.list.insert(levels.list.begin(), {"memory", -1, false});
    levels.list.insert(levels.list.end() - 1, {"local", 0, false});
    for (size_t i = 0; i < levels.list.size(); ++i) levels.list[i].parent = static_cast<int>(i) - 1;
    return levels;
}

void print_agreement(const Compiled& c, const Kernel& kernel, const Memory& memory) {
    gir::interp::AgreementOptions o;
    o.levels = whole_chain(c.target);
    for (const gir::TargetLevel& l : c.target.levels)
        if (&l != &c.target.registers() && &l != &c.target.outermost())
            o.caches.push_back({l.name, l.capacity_bytes, l.line_bytes});
    o.registers = c.target.registers().name;
    int64_t iterations =
        gir::interp::sampled_iterations(kernel, gir::interp::bindings_of(c.program));
    o.warm = std::max<int64_t>(iterations / 4, 1);
    o.count = std::max<int64_t>(iterations / 8, 1);
    Memory own = branch_off(kernel, memory);
    for (const gir::interp::Agreement& a :
         gir::interp::claims_against_caches(kernel, c.program, own, o))
        fmt::print("    {} -> {}: ledger {} + {}, caches {} + {}: {:+.1f} %\n", a.outside, a.inside,
                   a.ledger_read_bytes, a.ledger_write_bytes, a.trace_read_bytes,
                   a.trace_write_bytes, 100 * a.error());
}

int audit(const Arguments& a) {
    Compiled c = compile(a);
    Memory memory = first_memory(c);
    int wrong = 0;
    size_t index = 0;
    for (const gir::Step& step : c.program.steps) {
        const auto& run = std::get<gir::RunStep>(step.node);
        const Kernel& kernel = *run.kernel;
        auto start = std::chrono::steady_clock::now();
        Memory before = branch_off(kernel, memory);
        run_emitted(c, c.emitted.kernels.at(index++), memory);
        Difference d = interpret(kernel, c.program, before, memory);
        double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        fmt::print("{} {}: {} elements, worst {:.1e}, {:.2f} s{}\n", d.wrong ? "FAIL" : "ok  ",
                   kernel.name, d.compared, d.worst, seconds,
                   d.wrong ? fmt::format("; {} differ, {}", d.wrong, d.first) : "");
        if (a.caches && !run.once) print_agreement(c, kernel, before);
        wrong += d.wrong > 0 || d.compared == 0;
        std::fflush(stdout);
    }
    fmt::print("{}: {} kernels, {} differ\n", a.model, index, wrong);
    return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace smeaton

int main(int count, char** values) {
    try {
        return smeaton::audit(smeaton::parse(count, values));
    } catch (const std::exception& e) {
        fmt::print(stderr, "model_audit: {}\n", e.what());
        return 2;
    }
}
