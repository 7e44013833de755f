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

using gir::interp::IterationRange;
using gir::interp::Memory;
using gir::interp::Storage;
using gir::interp::WrittenMap;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kHalfUlp = 0x1p-24;  // of float32, relative

// All iterations, or of each nest as many from the front and from the end as its share of the
// limit allows: edges, tails and what lies between them in layouts are at either end.
std::vector<IterationRange> samples(const gir::Kernel& kernel, const gir::Program& program,
                                    double limit, Judgement& about) {
    const double points = gir::points(kernel.body);
    const std::vector<gir::interp::NestSize> nests = gir::interp::separate_nests(kernel, program);
    for (const gir::interp::NestSize& nest : nests) about.of += nest.iterations;
    about.iterations = about.of;
    if (points <= limit || nests.empty()) return {{}};
    std::vector<IterationRange> ranges;
    about.iterations = 0;
    for (size_t n = 0; n < nests.size(); ++n) {
        const auto all = nests[n].iterations;
        const auto share = limit / points * static_cast<double>(all);
        const int64_t half = std::max<int64_t>(static_cast<int64_t>(share / 2), 1);
        const int at = static_cast<int>(n);
        about.iterations += std::min(2 * half, all);
        if (2 * half >= all) {
            ranges.push_back({0, all, at});
            continue;
        }
        ranges.push_back({0, half, at});
        ranges.push_back({all - half, half, at});
    }
    return ranges;
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
    return std::isnan(d) ? kInfinity : d;
}

tensor::Tensor view(const Storage& s) {
    return {s.dtype, {s.elements}, s.data, s.keep};
}

/// Differences of written elements over their largest magnitude: the worst of those that are
/// allowed goes into the judgement, the others are suspects.
void compare(const Name& buffer, const Storage& want, const Storage& got,
             const std::vector<uint8_t>& written, Judgement& about, std::vector<Apart>& suspects) {
    const tensor::Tensor a = view(want), b = view(got);
    double scale = 1e-30;
    std::vector<std::pair<int64_t, double>> differing;
    for (int64_t i = 0; i < want.elements; ++i) {
        if (written[static_cast<size_t>(i)] == 0) continue;
        ++about.elements;
        if (!tensor::is_float(want.dtype)) {
            if (a.at_as_int(i) != b.at_as_int(i)) about.worst = kInfinity;
            continue;
        }
        const double x = a.at_as_double(i);
        if (std::isfinite(x)) scale = std::max(scale, std::abs(x));
        const double off = difference(x, b.at_as_double(i));
        if (off > 0) differing.emplace_back(i, off);
    }
    for (const auto& [i, off] : differing) {
        if (off / scale <= kKernelTolerance || off == kInfinity)
            about.worst = std::max(about.worst, off / scale);
        else
            suspects.push_back(
                {buffer.str(), i, a.at_as_double(i), b.at_as_double(i), off / scale, 0});
    }
}

struct Judge {
    const gir::Program& program;
    const JudgeOptions& options;

    // `before`: what the kernel finds; `after`: what emitted code left.
    Judgement judge(const gir::Kernel& kernel, const Memory& before, const Memory& after) const {
        Judgement about;
        about.kernel = kernel.name.str();
        for (const IterationRange& range : samples(kernel, program, options.points, about)) {
            Memory want = apart(program, kernel, before);
            gir::interp::Options interpret;
            interpret.range = range;
            WrittenMap written;
            interpret.written = &written;
            gir::interp::run_kernel(kernel, program, want, interpret);
            std::vector<Apart> suspects;
            for (const auto& [name, map] : written)
                compare(name, want.at(name), after.at(name), map, about, suspects);
            if (suspects.empty()) continue;
            spread(suspects, kernel, before, range);
            for (const Apart& s : suspects) settle(s, about);
        }
        return about;
    }

    /// How far each moves with the kernel's sums: the furthest of some tries.
    void spread(std::vector<Apart>& suspects, const gir::Kernel& kernel, const Memory& before,
                const IterationRange& range) const {
        constexpr uint32_t kTries = 8;
        for (uint32_t seed = 1; seed <= kTries; ++seed) {
            Memory moved = apart(program, kernel, before);
            gir::interp::Options interpret;
            interpret.range = range;
            interpret.sum_slack = kHalfUlp;
            interpret.sum_seed = seed;
            gir::interp::run_kernel(kernel, program, moved, interpret);
            for (Apart& s : suspects) {
                const double now = view(moved.at(Name(s.buffer))).at_as_double(s.element);
                s.spread = std::max(s.spread, difference(now, s.wanted));
            }
        }
    }

    static void settle(const Apart& s, Judgement& about) {
        Apart& worst = s.ill_conditioned() ? about.worst_ill : about.wrong;
        if (s.ill_conditioned())
            ++about.ill_conditioned;
        else
            about.worst = std::max(about.worst, s.off);
        if (s.off > worst.off) worst = s;
    }
};

}  // namespace

bool Apart::ill_conditioned() const {
    return difference(wanted, found) <= 4 * spread;
}

std::vector<Judgement> judge(const gir::Program& program,
                             const std::map<Name, tensor::Tensor>& inputs,
                             const JudgeOptions& options) {
    emit::EmittedProgram emitted = emit::emit_program(program, {options.isa, 1, {}});
    run::CompileOptions compile;
    compile.flags = emit::compile_flags(options.isa);
    compile.cache_folder = options.cache_folder;
    std::shared_ptr<run::Library> library = run::compile_cached(emitted.units, compile);
    Memory memory = gir::interp::make_memory(program, inputs);
    Judge judge{program, options};
    std::vector<Judgement> out;
    for (size_t i = 0; i < program.steps.size(); ++i) {
        auto* step = std::get_if<gir::RunStep>(&program.steps[i].node);
        SMEATON_CHECK(step, "only kernels can be judged");
        if (options.before) options.before(*step, memory);
        // Emitted code writes the memory that goes on; the copy keeps what the kernel found.
        Memory found = apart(program, *step->kernel, memory);
        run_emitted(emitted.kernels[i], *library, memory);
        out.push_back(judge.judge(*step->kernel, found, memory));
    }
    return out;
}

}  // namespace smeaton::driver
