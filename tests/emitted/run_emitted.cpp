#include "run_emitted.h"

#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

#include "base/error.h"
#include "gir/common_cpu.h"
#include "gir/layout.h"
#include "gir/rewrite/spell/spell.h"
#include "run/cache.h"
#include "run/compile.h"
#include "run/executor.h"

namespace smeaton::emitted {

using gir::Buffer;
using tensor::DType;
using tensor::Tensor;

std::string cache_folder() {
    return run::default_cache_folder() + "-tests";
}

std::map<Name, Tensor> random_inputs(const gir::Program& program, uint64_t seed) {
    std::map<Name, Tensor> inputs;
    std::mt19937_64 random(seed);
    for (const Buffer& b : program.buffers) {
        if (b.lifetime != gir::Lifetime::Input) continue;
        std::vector<int64_t> shape;
        for (const gir::NamedDim& d : b.dims) shape.push_back(d.extent.value());
        Tensor t(b.dtype, shape);
        int64_t limit = 0;
        if (size_t at = b.name.str().rfind('_'); b.name.str().rfind("ids", 0) == 0)
            limit = std::atoll(b.name.str().c_str() + at + 1);
        for (int64_t i = 0; i < t.elements(); ++i) {
            if (limit > 0)
                t.set_from_int(i, static_cast<int64_t>(random() % static_cast<uint64_t>(limit)));
            else if (tensor::is_float(b.dtype))
                t.set_from_double(i, static_cast<double>(random() % 4001) / 1000.0 - 2.0);
            else if (b.dtype == DType::kBool)
                t.set_from_int(i, static_cast<int64_t>(random() % 2));
            else
                t.set_from_int(
                    i, static_cast<int64_t>(random() % 21) -
                           (tensor::dtype_class(b.dtype) == tensor::DTypeClass::Int ? 10 : 0));
        }
        inputs.emplace(b.name, std::move(t));
    }
    return inputs;
}

gir::Target target_of(const emit::Isa& isa) {
    return gir::common_cpu(isa.vector_bytes, isa.vector_registers);
}

gir::Target target_of(const emit::Isa& isa, uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto one_of = [&](std::initializer_list<double> rates) {
        return *(rates.begin() + static_cast<ptrdiff_t>(random() % rates.size()));
    };
    gir::Target target = target_of(isa);
    target.gathers_per_cycle = isa.gathers() ? one_of({0, 0.5, 1, 3}) : 0;
    target.inserts_per_cycle = one_of({0.25, 1, 2});
    target.shuffles_per_cycle = one_of({0, 1, 2});
    return target;
}

namespace {

/// Runs each phase in several uneven parts, as threads would.
void run_phases(const emit::EmittedProgram& emitted, const run::Library& library,
                gir::interp::Memory& memory) {
    for (const emit::EmittedKernel& kernel : emitted.kernels) {
        std::vector<void*> pointers;
        for (Name n : kernel.buffers) pointers.push_back(memory.at(n).data);
        run::Block shared(kernel.shared_bytes), scratch(kernel.scratch_bytes + 64);
        pointers.push_back(shared.data());
        for (const emit::EmittedPhase& phase : kernel.phases) {
            run::KernelFunction function = library.function(phase.symbol);
            int64_t cut = phase.parallel ? phase.range / 3 : phase.range;
            for (auto [begin, end] : {std::pair(cut, phase.range), std::pair(int64_t{0}, cut)}) {
                int result =
                    begin < end ? function(pointers.data(), scratch.data(), begin, end) : 0;
                if (result != 0)
                    throw UserError("{}", kernel.messages.at(static_cast<size_t>(result) - 1));
            }
        }
    }
}

double at(const gir::interp::Storage& s, int64_t i) {
    Tensor view(s.dtype, {s.elements}, s.data, s.keep);
    return tensor::is_float(s.dtype) ? view.at_as_double(i)
                                     : static_cast<double>(view.at_as_int(i));
}

std::string difference(const Buffer& b, const gir::interp::Storage& want,
                       const gir::interp::Storage& got, const std::vector<uint8_t>& written,
                       double tolerance) {
    Tensor a(want.dtype, {want.elements}, want.data, want.keep),
        c(got.dtype, {got.elements}, got.data, got.keep);
    int64_t size = tensor::byte_count(want.dtype, 1), wrong = 0;
    double scale = 0;
    bool is_float = tensor::is_float(want.dtype);
    for (int64_t i = 0; is_float && i < want.elements; ++i)
        if (double v = std::abs(a.at_as_double(i));
            written[static_cast<size_t>(i)] && std::isfinite(v))
            scale = std::max(scale, v);
    std::string first;
    double slack = want.dtype == DType::kF16 ? 2e-3 : want.dtype == DType::kBF16 ? 1e-2 : tolerance;
    for (int64_t i = 0; i < want.elements; ++i) {
        bool same =
            std::memcmp(want.data + i * size, got.data + i * size, static_cast<size_t>(size)) == 0;
        if (!same && is_float && written[static_cast<size_t>(i)]) {
            double x = a.at_as_double(i), y = c.at_as_double(i);
            same = (std::isnan(x) && std::isnan(y)) || x == y || std::abs(x - y) <= slack * scale;
        }
        if (same) continue;
        if (wrong++ == 0)
            first = fmt::format("element {}: {} instead of {}", i, at(got, i), at(want, i));
    }
    if (wrong == 0) return "";
    return fmt::format("{}: {} of {} elements differ, first {}", b.name.str(), wrong, want.elements,
                       first);
}

}  // namespace

Comparison compare(const gir::Program& program, const std::map<Name, Tensor>& inputs,
                   const std::string& isa, double tolerance) {
    emit::Isa target = emit::isa_named(isa);
    emit::EmittedProgram emitted =
        emit::emit_program(gir::rewrite::spell(program, target_of(target)), {target, 2, {}});
    run::CompileOptions options;
    options.flags = emit::compile_flags(target);
    options.cache_folder = cache_folder();
    auto library = run::compile_cached(emitted.units, options);

    gir::interp::Memory want = gir::interp::make_memory(program, inputs);
    gir::interp::Memory got = gir::interp::make_memory(program, inputs);
    gir::interp::WrittenMap written;
    gir::interp::Options interpreted;
    interpreted.written = &written;
    gir::interp::run_steps(program, want, interpreted);
    run_phases(emitted, *library, got);

    Comparison result;
    for (const Buffer& b : program.buffers) {
        if (!b.alias_of.empty()) continue;
        std::vector<uint8_t>& map = written[b.name];
        map.resize(static_cast<size_t>(want.at(b.name).elements), 0);
        std::string text = difference(b, want.at(b.name), got.at(b.name), map, tolerance);
        if (!text.empty()) result.differences.push_back(text);
    }
    return result;
}

}  // namespace smeaton::emitted
