#include "driver/plan.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/memory/arena.h"
#include "gir/walk.h"
#include "tensor/convert.h"

namespace smeaton::driver {

namespace {

using gir::Buffer;
using gir::Lifetime;

constexpr int64_t kAlignment = 64;
// A vector of sixteen points per cycle or two: only to tell kernels too short to wake anybody for.
constexpr double kPointNs = 0.05;

int64_t aligned(int64_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Bytes of border elements, as runs: a box of physical dims inside which nothing is logical.
struct BorderRuns {
    const Buffer& buffer;
    std::vector<gir::PhysicalDim> dims;
    std::vector<int64_t> extents, strides;
    std::vector<std::pair<int64_t, int64_t>> runs;  // element offset, count

    explicit BorderRuns(const Buffer& b)
        : buffer(b), dims(gir::physical_dims(b)), strides(gir::physical_strides(b)) {
        for (const gir::Dim& e : gir::physical_extents(b)) extents.push_back(e.value());
        visit(0, 0);
    }

    // Padding behind the innermost dim only keeps rows off each other's cache sets: nobody reads
    // it, and add_borders puts no border there.
    bool has_border(size_t k) const {
        if (k + 1 == dims.size()) return dims[k].before > 0;
        return dims[k].before + dims[k].after > 0;
    }

    void add(int64_t offset, int64_t count) {
        if (count == 0) return;
        if (!runs.empty() && runs.back().first + runs.back().second == offset)
            runs.back().second += count;
        else
            runs.emplace_back(offset, count);
    }

    void visit(size_t k, int64_t offset) {
        bool deeper = false;
        for (size_t j = k; j < dims.size(); ++j) deeper = deeper || has_border(j);
        if (!deeper) return;
        if (has_border(k)) add(offset, dims[k].before * strides[k]);
        for (int64_t i = dims[k].before; i < extents[k] - dims[k].after; ++i)
            visit(k + 1, offset + i * strides[k]);
        if (has_border(k))
            add(offset + (extents[k] - dims[k].after) * strides[k], dims[k].after * strides[k]);
    }
};

const gir::Kernel* kernel_of(const gir::Step& s) {
    auto* run = std::get_if<gir::RunStep>(&s.node);
    SMEATON_CHECK(run, "only kernels can be planned");
    return run->kernel.get();
}

struct Planner {
    const gir::Program& program;
    run::Plan plan = {};
    std::map<Name, int> index = {};  // buffer -> plan.buffers
    gir::ArenaPlan arena = {}, once_arena = {};
    std::set<Name> refilled = {};  // border set again in every run
    std::set<Name> bordered = {};  // border set already

    Name root(Name name) const {
        const Buffer* b = &program.buffer(name);
        while (!b->alias_of.empty()) b = &program.buffer(b->alias_of);
        return b->name;
    }

    void plan_arenas(const emit::EmittedProgram& emitted) {
        std::map<const gir::Kernel*, int64_t> shared;
        for (size_t i = 0; i < program.steps.size(); ++i)
            shared[kernel_of(program.steps[i])] = emitted.kernels[i].shared_bytes;
        gir::MemoryOptions options;
        options.alignment_bytes = kAlignment;
        options.scratch_bytes = [&](const gir::Kernel& k) { return shared.at(&k); };
        arena = gir::plan_arena(program, options);
        once_arena = gir::plan_arena(program, options, true);
        plan.arena_bytes = arena.arena_bytes;
        plan.persistent_bytes = aligned(once_arena.arena_bytes);
        refilled.insert(arena.needs_border_fill.begin(), arena.needs_border_fill.end());
    }

    // A place for bytes that stay for the life of the executor.
    int64_t stay(int64_t bytes) {
        int64_t at = plan.persistent_bytes;
        plan.persistent_bytes += aligned(bytes);
        return at;
    }

    run::PlanBuffer place(const Buffer& b) {
        run::PlanBuffer out;
        out.name = b.name.str();
        out.bytes = gir::physical_bytes(b).value();
        if (b.lifetime == Lifetime::State) {
            out.place = run::PlanBuffer::Place::State;
            out.at = plan.states++;
        } else if (b.lifetime == Lifetime::Input || b.lifetime == Lifetime::Output) {
            out.place = run::PlanBuffer::Place::External;
            out.at = plan.externals++;
        } else if (b.data) {
            out.place = run::PlanBuffer::Place::Constant;
            out.data = b.data->data();
            plan.keep.push_back(std::make_shared<tensor::Tensor>(*b.data));
        } else {
            auto in_arena = arena.offsets.find(b.name), in_once = once_arena.offsets.find(b.name);
            bool temp = b.lifetime == Lifetime::Temp && in_arena != arena.offsets.end();
            out.place = temp ? run::PlanBuffer::Place::Arena : run::PlanBuffer::Place::Persistent;
            if (temp)
                out.at = in_arena->second;
            else
                out.at = in_once != once_arena.offsets.end() ? in_once->second : stay(out.bytes);
        }
        return out;
    }

    void place_buffers() {
        auto add = [&](const Buffer& b) {
            index[b.name] = static_cast<int>(plan.buffers.size());
            plan.buffers.push_back(place(b));
        };
        for (Lifetime first : {Lifetime::Input, Lifetime::Output})
            for (const Buffer& b : program.buffers)
                if (b.lifetime == first && b.alias_of.empty()) add(b);
        for (const Buffer& b : program.buffers)
            if (b.alias_of.empty() && index.count(b.name) == 0) add(b);
        for (const Buffer& b : program.buffers)
            if (index.count(b.name) == 0) index[b.name] = index.at(root(b.name));
    }

    std::vector<run::PlanFill> fills(const Buffer& b) const {
        std::vector<run::PlanFill> out;
        if (!b.layout.border) return out;
        int bytes = static_cast<int>(tensor::byte_count(b.dtype, 1));
        uint64_t element = 0;
        std::byte value[8] = {};
        if (tensor::is_float(b.dtype))
            tensor::store_double(b.dtype, value, 0, b.layout.border->as_double());
        else
            tensor::store_int(b.dtype, value, 0, b.layout.border->i);
        std::memcpy(&element, value, sizeof element);
        for (auto [offset, count] : BorderRuns(b).runs)
            out.push_back({index.at(b.name), offset * bytes, count, bytes, element});
        return out;
    }

    // Memory that one kernel's threads share while it runs.
    int shared_buffer(const gir::Kernel& kernel, int64_t bytes, int position, bool once) {
        run::PlanBuffer shared;
        shared.name = kernel.name.str() + ".shared";
        shared.bytes = bytes;
        shared.at = (once ? once_arena : arena).scratch_offsets.at(position);
        if (once) shared.place = run::PlanBuffer::Place::Persistent;
        plan.buffers.push_back(shared);
        return static_cast<int>(plan.buffers.size()) - 1;
    }

    // Borders that nobody overwrites are set when the executor is made.
    run::PlanStep first_borders() const {
        run::PlanStep out;
        out.name = "borders";
        for (const Buffer& b : program.buffers) {
            if (!b.alias_of.empty() || refilled.count(b.name) > 0 || index.count(b.name) == 0)
                continue;
            std::vector<run::PlanFill> more = fills(b);
            out.fills.insert(out.fills.end(), more.begin(), more.end());
        }
        return out;
    }

    run::PlanStep step(const gir::RunStep& run, const emit::EmittedKernel& emitted,
                       const run::Library& library, int position) {
        const gir::Kernel& kernel = *run.kernel;
        run::PlanStep out;
        out.name = kernel.name.str();
        out.messages = emitted.messages;
        for (Name n : emitted.buffers) out.buffers.push_back(index.at(n));
        if (emitted.shared_bytes > 0)
            out.buffers.push_back(shared_buffer(kernel, emitted.shared_bytes, position, run.once));
        double work_ns = gir::points(kernel.body) * kPointNs;
        for (const emit::EmittedPhase& phase : emitted.phases) {
            auto* function = reinterpret_cast<run::KernelFunction>(library.symbol(phase.symbol));
            out.phases.push_back({function, phase.range, phase.parallel, work_ns});
        }
        plan.scratch_bytes = std::max(plan.scratch_bytes, emitted.scratch_bytes);
        for (Name n : kernel.writes) {
            const Buffer& b = program.buffer(root(n));
            if (refilled.count(b.name) == 0 || !bordered.insert(b.name).second) continue;
            std::vector<run::PlanFill> more = fills(b);
            out.fills.insert(out.fills.end(), more.begin(), more.end());
        }
        return out;
    }
};

}  // namespace

Placed make_plan(const gir::Program& program, const emit::EmittedProgram& emitted,
                 std::shared_ptr<run::Library> library) {
    SMEATON_CHECK(emitted.kernels.size() == program.steps.size(),
                  "emitted kernels are not the steps");
    Planner planner{program};
    planner.plan_arenas(emitted);
    planner.place_buffers();
    planner.plan.once.push_back(planner.first_borders());
    for (size_t i = 0; i < program.steps.size(); ++i) {
        const auto& run = std::get<gir::RunStep>(program.steps[i].node);
        run::PlanStep step = planner.step(run, emitted.kernels[i], *library, static_cast<int>(i));
        (run.once ? planner.plan.once : planner.plan.steps).push_back(std::move(step));
    }
    planner.plan.keep.push_back(std::move(library));
    return {std::move(planner.plan), planner.arena.lower_bound_bytes};
}

int64_t weight_bytes(const gir::Program& program) {
    int64_t bytes = 0;
    for (const Buffer& b : program.buffers)
        if (b.lifetime == Lifetime::Weight && b.alias_of.empty())
            bytes += gir::physical_bytes(b).value();
    return bytes;
}

}  // namespace smeaton::driver
