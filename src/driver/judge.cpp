#include "driver/judge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "emit/cpp/emit.h"
#include "gir/interp/interp.h"
#include "gir/walk.h"
#include "run/compile.h"
#include "run/executor.h"

namespace smeaton::driver {

namespace {

using gir::interp::Memory;
using gir::interp::Storage;

// Where a kernel is too long: a stretch of iterations that neither begins nor ends with the edges.
gir::interp::IterationRange stretch(const gir::Kernel& kernel, double limit, Judgement& about) {
    about.of = gir::interp::sampled_iterations(kernel);
    about.iterations = about.of;
    double points = gir::points(kernel.body);
    if (about.of <= 1 || points <= limit) return {};
    double each = points / static_cast<double>(about.of);
    about.iterations = std::clamp<int64_t>(static_cast<int64_t>(limit / each), 1, about.of);
    return {(about.of - about.iterations) / 2, about.iterations};
}

Name root(const gir::Program& program, Name name) {
    const gir::Buffer* b = &program.buffer(name);
    while (!b->alias_of.empty()) b = &program.buffer(b->alias_of);
    return b->name;
}

// The memory with copies of its own for what the kernel writes.
Memory apart(const gir::Program& program, const gir::Kernel& kernel, const Memory& memory) {
    Memory out = memory;
    std::map<Name, Storage> copies;
    for (Name n : kernel.writes) {
        Name r = root(program, n);
        const Storage& from = memory.at(r);
        Storage copy = gir::interp::make_storage(from.dtype, from.elements);
        std::memcpy(copy.data, from.data, static_cast<size_t>(from.bytes()));
        copies[r] = copy;
    }
    for (auto& [name, storage] : out)
        if (auto copy = copies.find(root(program, name)); copy != copies.end())
            storage = copy->second;
    return out;
}

void run_emitted(const emit::EmittedKernel& kernel, const run::Library& library, Memory& memory) {
    std::vector<void*> pointers;
    for (Name n : kernel.buffers) pointers.push_back(memory.at(n).data);
    run::Block shared(kernel.shared_bytes), scratch(kernel.scratch_bytes);
    if (kernel.shared_bytes > 0) pointers.push_back(shared.data());
    for (const emit::EmittedPhase& phase : kernel.phases) {
        int failed =
            library.function(phase.symbol)(pointers.data(), scratch.data(), 0, phase.range);
        if (failed != 0) throw UserError("{}", kernel.messages.at(static_cast<size_t>(failed) - 1));
    }
}

double difference(double a, double b) {
    if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
    double d = std::abs(a - b);
    return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

void compare(const Storage& want, const Storage& got, const std::vector<uint8_t>& written,
             Judgement& about) {
    tensor::Tensor a(want.dtype, {want.elements}, want.data, want.keep);
    tensor::Tensor b(got.dtype, {got.elements}, got.data, got.keep);
    double worst = 0, scale = 0;
    for (int64_t i = 0; i < want.elements; ++i) {
        if (written[static_cast<size_t>(i)] == 0) continue;
        double x = a.at_as_double(i), y = b.at_as_double(i);
        if (std::isfinite(x)) scale = std::max(scale, std::abs(x));
        worst = std::max(worst, difference(x, y));
        ++about.elements;
    }
    about.worst = std::max(about.worst, worst == 0 ? 0 : worst / std::max(scale, 1e-30));
}

}  // namespace

std::vector<Judgement> judge(const gir::Program& program,
                             const std::map<Name, tensor::Tensor>& inputs,
                             const JudgeOptions& options) {
    emit::EmittedProgram emitted = emit::emit_program(program, {options.isa, 1, {}});
    run::CompileOptions compile;
    compile.flags = emit::compile_flags(options.isa);
    compile.cache_folder = options.cache_folder;
    std::shared_ptr<run::Library> library = run::compile_cached(emitted.units, compile);
    Memory memory = gir::interp::make_memory(program, inputs);
    std::vector<Judgement> out;
    for (size_t i = 0; i < program.steps.size(); ++i) {
        auto* step = std::get_if<gir::RunStep>(&program.steps[i].node);
        SMEATON_CHECK(step, "only kernels can be judged");
        const gir::Kernel& kernel = *step->kernel;
        Judgement about;
        about.kernel = kernel.name.str();
        gir::interp::WrittenMap written;
        gir::interp::Options interpret;
        interpret.written = &written;
        interpret.range = stretch(kernel, options.points, about);
        Memory judged = apart(program, kernel, memory);
        gir::interp::run_kernel(kernel, program, judged, interpret);
        run_emitted(emitted.kernels[i], *library, memory);
        for (const auto& [name, elements] : written)
            compare(judged.at(name), memory.at(name), elements, about);
        out.push_back(about);
    }
    return out;
}

}  // namespace smeaton::driver
