// kernels_bench [ISA] [FILE.gir ...]: emitted kernels against a loop of FMAs and L1 loads, run turn
// by turn in the same seconds. Prints one row per file: GFLOP/s and the ratio to that loop.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "base/error.h"
#include "emit/cpp/emit.h"
#include "emit/cpp/prelude.h"
#include "gir/common_cpu.h"
#include "gir/layout.h"
#include "gir/rewrite/tile.h"
#include "gir/target.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/walk.h"
#include "run/compile.h"
#include "run/cpu.h"
#include "run/executor.h"

namespace {

using namespace smeaton;
using Entry = int (*)(void* const*, char*, long long, long long);

/// CPU time of this thread: what other processes take from the core does not count.
double now_ns() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

/// Rows x columns of vectors held in registers; operands a few kilobytes in L1.
std::string peak_source(const emit::Isa& isa, int rows, int columns, int depth) {
    std::string body =
        "extern \"C\" int peak(void* const* buffers, char* scratch, i64 begin, i64 end) {\n"
        "    f32* const a = (f32*)buffers[0];\n    f32* const b = (f32*)buffers[1];\n"
        "    f32* const y = (f32*)buffers[2];\n";
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c) body += fmt::format("    vf32 acc{}_{} = {{}};\n", r, c);
    body += fmt::format("    for (i64 i = begin; i < end; ++i) for (i64 k = 0; k < {}; ++k) {{\n",
                        depth);
    for (int c = 0; c < columns; ++c)
        body += fmt::format("        const vf32 b{0} = *(const uf32*)(b + k*{1} + {2});\n", c,
                            columns * isa.lanes(), c * isa.lanes());
    for (int r = 0; r < rows; ++r) {
        body += fmt::format("        const vf32 a{0} = splat_f32(a[k + {1}]);\n", r, r * depth);
        for (int c = 0; c < columns; ++c)
            body += fmt::format("        acc{0}_{1} += a{0} * b{1};\n", r, c);
    }
    body += "    }\n";
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c)
            body += fmt::format("    *(uf32*)(y + {}) = acc{}_{};\n",
                                (r * columns + c) * isa.lanes(), r, c);
    body += "    return 0;\n}\n";
    return emit::prelude_for(body, isa) + body;
}

int64_t flops_of(const gir::Block& block, int64_t times) {
    int64_t total = 0;
    for (const gir::StmtPtr& s : block) {
        if (auto* p = std::get_if<gir::Parallel>(&s->node))
            total += flops_of(p->body, times * p->extent.value());
        if (auto* f = std::get_if<gir::For>(&s->node))
            total += flops_of(f->body, times * f->extent.value());
        if (auto* op = std::get_if<gir::Op>(&s->node); op && op->kind == gir::OpKind::Mma) {
            int64_t points = times;
            for (const gir::NamedDim& d : op->dims) points *= d.extent.value();
            total += 2 * points;
        }
    }
    return total;
}

struct Memory {
    std::vector<void*> blocks;
    std::vector<void*> pointers;
    void* add(int64_t bytes) {
        int64_t size = (bytes + 4095) / 4096 * 4096 + 4096;
        void* p = std::aligned_alloc(4096, static_cast<size_t>(size));
        auto* f = static_cast<float*>(p);
        for (int64_t i = 0; i < size / 4; ++i)
            f[i] = static_cast<float>(i * 7 % 13) * 0.01f - 0.05f;
        blocks.push_back(p);
        return p;
    }
    ~Memory() {
        for (void* p : blocks) std::free(p);
    }
};

/// A target with this ISA's registers and common cache sizes.
gir::Target target_of(const emit::Isa& isa) {
    return gir::common_cpu(isa.vector_bytes, isa.vector_registers);
}

void bench(const std::string& path, const emit::Isa& isa) {
    std::ifstream in(path);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    gir::Program program = gir::parse_program(text, path);
    if (path.find("/lowered/") != std::string::npos)
        program = gir::rewrite::tile(program, target_of(isa));
    bool show = std::getenv("SMEATON_BENCH_SOURCE") != nullptr;
    if (show) fmt::print("{}\n", gir::print(program));
    emit::EmittedProgram emitted = emit::emit_program(program, {isa, 1, {}});
    int depth = 64, rows = isa.vector_registers == 32 ? 6 : 6,
        columns = isa.vector_registers == 32 ? 4 : 2;
    std::vector<std::string> sources = emitted.units;
    sources.push_back(peak_source(isa, rows, columns, depth));
    run::CompileOptions options;
    options.flags = emit::compile_flags(isa);
    auto library = run::compile_cached(sources, options);
    if (show) fmt::print("{}\n", emitted.units[0]);

    Memory memory;
    std::map<Name, void*> place;
    for (const gir::Buffer& b : program.buffers)
        place[b.name] = memory.add(gir::physical_bytes(b).value());
    std::vector<void*> peak_pointers = {memory.add(16384), memory.add(65536), memory.add(16384)};
    auto peak = reinterpret_cast<Entry>(library->symbol("peak"));
    double per_round = 2.0 * rows * columns * isa.lanes() * depth;
    auto median = [](std::vector<double> v) {
        std::nth_element(v.begin(), v.begin() + static_cast<long>(v.size() / 2), v.end());
        return v[v.size() / 2];
    };
    for (size_t i = 0; i < emitted.kernels.size(); ++i) {
        const emit::EmittedKernel& kernel = emitted.kernels[i];
        std::vector<void*> pointers;
        double bytes = 0;
        for (Name n : kernel.buffers) {
            pointers.push_back(place.at(n));
            bytes += static_cast<double>(gir::logical_bytes(program.buffer(n)).value());
        }
        run::Block shared(kernel.shared_bytes), scratch(kernel.scratch_bytes + 64);
        pointers.push_back(shared.data());
        std::vector<std::pair<Entry, int64_t>> phases;
        for (const emit::EmittedPhase& p : kernel.phases)
            phases.push_back({reinterpret_cast<Entry>(library->symbol(p.symbol)), p.range});
        auto flops = static_cast<double>(flops_of(gir::kernels(program)[i]->body, 1));
        long long rounds = static_cast<long long>(std::max(flops, 1e6) / per_round) + 1;
        std::vector<double> ratios, speeds, peaks, times;
        for (int turn = 0; turn < 41; ++turn) {
            double t0 = now_ns();
            peak(peak_pointers.data(), nullptr, 0, rounds);
            double t1 = now_ns();
            for (auto [entry, range] : phases) entry(pointers.data(), scratch.data(), 0, range);
            double t2 = now_ns();
            times.push_back(t2 - t1);
            peaks.push_back(per_round * static_cast<double>(rounds) / (t1 - t0));
            ratios.push_back(flops / (t2 - t1) / peaks.back());
        }
        double ns = median(times);
        fmt::print("{:<28} {:>9.1f} us {:>8.1f} GB/s", kernel.name.str(), ns / 1000, bytes / ns);
        if (flops > 0)
            fmt::print(" {:>8.1f} GFLOP/s {:>7.1f} peak  ratio {:.3f}", flops / ns, median(peaks),
                       median(ratios));
        fmt::print("\n");
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        std::string name = argc > 1 ? argv[1] : run::host_isa();
        emit::Isa isa = emit::isa_named(name);
        std::vector<std::string> files(argv + std::min(argc, 2), argv + argc);
        if (files.empty()) {
            for (const char* folder : {"/kernels", "/lowered"})
                for (const auto& entry :
                     std::filesystem::directory_iterator(std::string(SMEATON_BENCH_DIR) + folder))
                    files.push_back(entry.path());
            std::sort(files.begin(), files.end());
        }
        for (const std::string& f : files) bench(f, isa);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
    return 0;
}
