#include "driver/plan.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/walk.h"
#include "tensor/convert.h"

namespace smeaton::driver {

namespace {

using gir::Buffer;
using gir::Lifetime;

constexpr int64_t kAlignment = 64;

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

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

    // Padding behind the innermost dim only keeps rows off each other's cache sets: nobody reads it.
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
        if (has_border(k)) add(offset + (extents[k] - dims[k].after) * strides[k], dims[k].after * strides[k]);
    }
};

struct Planner {
    const gir::Program& program;
    run::Plan plan;
    std::map<Name, int> index;       // buffer -> plan.buffers
    std::set<Name> written_once;
    std::set<Name> bordered;         // border set already in this run

    Name root(Name name) const {
        const Buffer* b = &program.buffer(name);
        while (!b->alias_of.empty()) b = &program.buffer(b->alias_of);
        return b->name;
    }

    void find_once() {
        for (const gir::Step& s : program.steps)
            if (auto* run = std::get_if<gir::RunStep>(&s.node); run && run->once)
                for (Name n : run->kernel->writes) written_once.insert(root(n));
    }

    run::PlanBuffer place(const Buffer& b) {
        run::PlanBuffer out;
        out.name = b.name.str();
        out.bytes = gir::physical_bytes(b).value();
        if (b.lifetime == Lifetime::State)
            throw UserError("buffer {}: state kept between runs is not supported yet", b.name);
        if (b.lifetime == Lifetime::Input || b.lifetime == Lifetime::Output) {
            out.place = run::PlanBuffer::Place::External;
            out.at = plan.externals++;
        } else if (b.data) {
            out.place = run::PlanBuffer::Place::Constant;
            out.data = b.data->data();
            plan.keep.push_back(std::make_shared<tensor::Tensor>(*b.data));
        } else {
            bool stays = b.lifetime == Lifetime::Weight || written_once.count(b.name) > 0;
            int64_t& end = stays ? plan.persistent_bytes : plan.arena_bytes;
            out.place = stays ? run::PlanBuffer::Place::Persistent : run::PlanBuffer::Place::Arena;
            out.at = end;
            end += aligned(out.bytes);
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
                if (b.lifetime == first) add(b);
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
        if (tensor::is_float(b.dtype)) tensor::store_double(b.dtype, value, 0, b.layout.border->as_double());
        else tensor::store_int(b.dtype, value, 0, b.layout.border->i);
        std::memcpy(&element, value, sizeof element);
        for (auto [offset, count] : BorderRuns(b).runs)
            out.push_back({index.at(b.name), offset * bytes, count, bytes, element});
        return out;
    }

    run::PlanStep step(const gir::Kernel& kernel, const emit::EmittedKernel& emitted,
                       const run::Library& library) {
        run::PlanStep out;
        out.name = kernel.name.str();
        out.messages = emitted.messages;
        for (Name n : emitted.buffers) out.buffers.push_back(index.at(n));
        if (emitted.shared_bytes > 0) {
            run::PlanBuffer shared;
            shared.name = kernel.name.str() + ".shared";
            shared.bytes = emitted.shared_bytes;
            shared.at = plan.arena_bytes;
            plan.arena_bytes += aligned(shared.bytes);
            out.buffers.push_back(static_cast<int>(plan.buffers.size()));
            plan.buffers.push_back(shared);
        }
        for (const emit::EmittedPhase& phase : emitted.phases) {
            auto* function = reinterpret_cast<run::KernelFunction>(library.symbol(phase.symbol));
            out.phases.push_back({function, phase.range, phase.parallel, 0});
        }
        plan.scratch_bytes = std::max(plan.scratch_bytes, emitted.scratch_bytes);
        for (Name n : kernel.writes) {
            const Buffer& b = program.buffer(root(n));
            if (!bordered.insert(b.name).second) continue;
            std::vector<run::PlanFill> more = fills(b);
            out.fills.insert(out.fills.end(), more.begin(), more.end());
        }
        return out;
    }
};

}  // namespace

run::Plan make_plan(const gir::Program& program, const emit::EmittedProgram& emitted,
                    std::shared_ptr<run::Library> library) {
    Planner planner{program, {}, {}, {}, {}};
    planner.find_once();
    planner.place_buffers();
    SMEATON_CHECK(emitted.kernels.size() == program.steps.size(), "emitted kernels are not the steps");
    for (size_t i = 0; i < program.steps.size(); ++i) {
        auto* run = std::get_if<gir::RunStep>(&program.steps[i].node);
        SMEATON_CHECK(run, "only kernels can be planned");
        run::PlanStep step = planner.step(*run->kernel, emitted.kernels[i], *library);
        (run->once ? planner.plan.once : planner.plan.steps).push_back(std::move(step));
    }
    planner.plan.keep.push_back(std::move(library));
    return std::move(planner.plan);
}

MemoryStats memory_of(const gir::Program& program) {
    MemoryStats stats;
    for (const Buffer& b : program.buffers)
        if (b.lifetime == Lifetime::Weight && b.alias_of.empty())
            stats.weights_bytes += gir::physical_bytes(b).value();
    return stats;
}

}  // namespace smeaton::driver
