#include "driver/plan.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "driver/regions.h"
#include "gir/layout.h"
#include "gir/memory/arena.h"
#include "gir/text/print.h"
#include "gir/walk.h"
#include "run/cache.h"
#include "run/dependence.h"
#include "sim/simulate.h"
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

// Whether one step has ended when another begins, by their positions in the program.
using Before = std::function<bool(int, int)>;

struct Planner {
    const gir::Program& program;
    const PlanOptions& wanted;
    Before before = {};  // none: list order
    run::Plan plan = {};
    std::map<Name, int> index = {};  // buffer -> plan.buffers
    gir::ArenaPlan arena = {}, once_arena = {};
    std::map<Name, std::string> packed_keys = {};  // of roots
    int64_t packed = 0;

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
        once_arena = gir::plan_arena(program, options, true);
        options.before = before;
        arena = gir::plan_arena_with_borders(program, options);
        plan.arena_bytes = arena.arena_bytes;
        plan.persistent_bytes = aligned(once_arena.arena_bytes);
    }

    // Temps that `once` steps make of constants alone, for the steps of a run to read: by a digest
    // of the kernels that make them and of all that these read.
    void find_packed() {
        std::map<Name, std::string> known;  // of all that constants alone decide
        std::set<Name> others;              // what steps of a run write
        std::set<Name> kept;                // what they read
        for (const gir::Step& s : program.steps) {
            const gir::Kernel& kernel = *kernel_of(s);
            if (std::get<gir::RunStep>(s.node).once) {
                add_once(kernel, known);
                continue;
            }
            for (Name n : kernel.writes) others.insert(root(n));
            for (Name n : kernel.reads) kept.insert(root(n));
        }
        for (auto& [name, key] : known) {
            const Lifetime lifetime = program.buffer(name).lifetime;
            if (lifetime != Lifetime::Temp && lifetime != Lifetime::Weight) continue;
            if (kept.count(name) > 0 && others.count(name) == 0) packed_keys[name] = std::move(key);
        }
    }

    void add_once(const gir::Kernel& kernel, std::map<Name, std::string>& known) const {
        std::string text = gir::print(kernel);
        bool closed = true;
        auto declare = [&](Name name) {
            const Buffer& b = program.buffer(root(name));
            // Constants stand in the declaration, by their hash where they are large.
            text += "\n" + gir::print(program.buffer(name)) + "\n" + gir::print(b);
            if (auto made = known.find(b.name); made != known.end()) text += made->second;
            return b.data.has_value() || known.count(b.name) > 0;
        };
        for (Name name : kernel.reads) closed = declare(name) && closed;
        for (Name name : kernel.writes) declare(name);
        for (Name name : kernel.writes)
            if (closed)
                known[root(name)] = run::digest(text + "\n" + root(name).str());
            else
                known.erase(root(name));
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
        } else if (auto key = packed_keys.find(b.name); key != packed_keys.end()) {
            out.place = run::PlanBuffer::Place::Packed;
            out.key = key->second;
            out.at = packed++;
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

    // Borders that nobody overwrites are set when the executor is made; the program has steps for
    // the others.
    void fill_borders() {
        for (const Buffer& b : program.buffers) {
            if (!b.alias_of.empty() || index.count(b.name) == 0) continue;
            std::vector<run::PlanFill> more = fills(b);
            plan.fills.insert(plan.fills.end(), more.begin(), more.end());
        }
    }

    double work_ns(const gir::Kernel& kernel, int position) const {
        if (wanted.work_ns.empty()) return gir::points(kernel.body) * kPointNs;
        return wanted.work_ns.at(static_cast<size_t>(position));
    }

    run::PlanStep step(const gir::RunStep& run, const emit::EmittedKernel& emitted, int position) {
        const gir::Kernel& kernel = *run.kernel;
        run::PlanStep out;
        out.name = kernel.name.str();
        out.messages = emitted.messages;
        for (Name n : emitted.buffers) out.buffers.push_back(index.at(n));
        for (Name n : kernel.writes) out.writes.push_back(index.at(n));
        if (emitted.shared_bytes > 0) {
            out.writes.push_back(shared_buffer(kernel, emitted.shared_bytes, position, run.once));
            out.buffers.push_back(out.writes.back());
        }
        out.work_ns = work_ns(kernel, position);
        for (const emit::EmittedPhase& phase : emitted.phases)
            out.phases.push_back({phase.symbol, phase.range, phase.parallel});
        plan.scratch_bytes = std::max(plan.scratch_bytes, emitted.scratch_bytes);
        return out;
    }
};

// By step of a run: the earlier steps that it must come after for what they do to one buffer. Those
// that use parts of it apart from each other need not.
std::vector<std::vector<int>> within_buffers(const gir::Program& program) {
    std::vector<const gir::Step*> steps;
    for (const gir::Step& s : program.steps)
        if (!std::get<gir::RunStep>(s.node).once) steps.push_back(&s);
    std::vector<std::vector<int>> out(steps.size());
    for (const Dependence& d : dependences(program, steps))
        out[static_cast<size_t>(d.to)].push_back(d.from);
    return out;
}

Placed placed(const gir::Program& program, const emit::EmittedProgram& emitted,
              const PlanOptions& options, const std::vector<std::vector<int>>& within,
              Before before) {
    Planner planner{program, options, std::move(before)};
    planner.plan_arenas(emitted);
    planner.find_packed();
    planner.place_buffers();
    planner.fill_borders();
    for (size_t i = 0; i < program.steps.size(); ++i) {
        const auto& run = std::get<gir::RunStep>(program.steps[i].node);
        run::PlanStep step = planner.step(run, emitted.kernels[i], static_cast<int>(i));
        (run.once ? planner.plan.once : planner.plan.steps).push_back(std::move(step));
    }
    run::Plan plan = std::move(planner.plan);
    std::vector<std::vector<int>> after = run::dependences(plan, &within);
    for (size_t i = 0; i < after.size(); ++i) plan.steps[i].after = std::move(after[i]);
    return {std::move(plan), planner.arena.lower_bound_bytes};
}

void arrange(run::Plan& plan, const Arrangement& wanted) {
    plan.order = wanted.order;
    SMEATON_CHECK(wanted.teams.empty() || wanted.teams.size() == plan.steps.size(),
                  "{} teams for {} steps", wanted.teams.size(), plan.steps.size());
    for (size_t i = 0; i < wanted.teams.size(); ++i) plan.steps[i].team = wanted.teams[i];
    run::check_order(plan, wanted.threads);
}

// By step of a plan whose temps share nothing: the steps that have ended before any thread begins
// it. A thread knows of those that it waited for, now or before, and of those that it ran alone:
// from others it may have gone on while the rest of their team still ran.
std::vector<std::vector<bool>> ended_before(const run::Plan& plan, int threads) {
    const size_t n = plan.steps.size();
    std::vector<std::vector<bool>> ended(n, std::vector<bool>(n));
    std::vector<std::vector<bool>> known(static_cast<size_t>(threads), std::vector<bool>(n));
    const auto join = [n](std::vector<bool>& into, const std::vector<bool>& more) {
        for (size_t k = 0; k < n; ++k) into[k] = into[k] || more[k];
    };
    for (int i : run::order_of(plan)) {
        std::vector<bool>& own = ended[static_cast<size_t>(i)];
        const run::PlanStep& step = plan.steps[static_cast<size_t>(i)];
        for (int earlier : step.after) {
            join(own, ended[static_cast<size_t>(earlier)]);
            own[static_cast<size_t>(earlier)] = true;
        }
        const int count = step.team.count == 0 ? threads : step.team.count;
        std::vector<bool> of_all(n, true);
        for (int t = step.team.first; t < step.team.first + count; ++t) {
            std::vector<bool>& mine = known[static_cast<size_t>(t)];
            join(mine, own);
            for (size_t k = 0; k < n; ++k) of_all[k] = of_all[k] && mine[k];
        }
        own = std::move(of_all);
        if (count == 1) known[static_cast<size_t>(step.team.first)][static_cast<size_t>(i)] = true;
    }
    return ended;
}

// The places of a run's steps among all steps of the program, by position there; -1: runs once.
std::vector<int> numbers_in_run(const gir::Program& program) {
    std::vector<int> out;
    int next = 0;
    for (const gir::Step& s : program.steps)
        out.push_back(std::get<gir::RunStep>(s.node).once ? -1 : next++);
    return out;
}

// Whether one step is planned to have ended when another begins. Of steps that share memory the
// one that stands later in the list waits for the other, so that only the list's own direction
// counts.
class PlannedEnds {
public:
    PlannedEnds(const run::Plan& plan, const Arrangement& wanted) : wanted_(wanted) {
        const std::vector<int> order = run::order_of(plan);
        place_.resize(order.size());
        for (size_t k = 0; k < order.size(); ++k)
            place_[static_cast<size_t>(order[k])] = static_cast<int>(k);
    }

    bool operator()(int earlier, int later) const {
        const auto i = static_cast<size_t>(earlier), j = static_cast<size_t>(later);
        return !wanted_.start_us.empty() && earlier < later && place_[i] < place_[j] &&
               wanted_.finish_us[i] <= wanted_.start_us[j];
    }

private:
    const Arrangement& wanted_;
    std::vector<int> place_;
};

}  // namespace

Placed make_plan(const gir::Program& program, const emit::EmittedProgram& emitted,
                 const PlanOptions& options) {
    SMEATON_CHECK(emitted.kernels.size() == program.steps.size(),
                  "emitted kernels are not the steps");
    const std::vector<std::vector<int>> within = within_buffers(program);
    if (options.arrangement.empty()) return placed(program, emitted, options, within, {});
    // What depends on what, where no temp stands in another's place.
    run::Plan apart =
        placed(program, emitted, options, within, [](int, int) { return false; }).plan;
    arrange(apart, options.arrangement);
    const std::vector<std::vector<bool>> ended = ended_before(apart, options.arrangement.threads);
    const std::vector<int> number = numbers_in_run(program);
    const PlannedEnds planned(apart, options.arrangement);
    Placed out = placed(program, emitted, options, within, [&](int a, int b) {
        int i = number[static_cast<size_t>(a)], j = number[static_cast<size_t>(b)];
        return i >= 0 && j >= 0 &&
               (ended[static_cast<size_t>(j)][static_cast<size_t>(i)] || planned(i, j));
    });
    arrange(out.plan, options.arrangement);
    return out;
}

run::Symbols symbols_of(const gir::Program& program, std::shared_ptr<run::Library> library) {
    auto constants = std::make_shared<std::map<std::string, tensor::Tensor>>();
    for (const Buffer& b : program.buffers)
        if (b.data) constants->emplace(b.name.str(), *b.data);
    run::Symbols out;
    out.function = [library](const std::string& name) { return library->function(name); };
    out.constant = [constants](const std::string& name) -> const void* {
        auto found = constants->find(name);
        return found == constants->end() ? nullptr : found->second.data();
    };
    out.keep = {library, constants};
    return out;
}

std::vector<double> step_work_ns(const gir::Program& program, const machine::Machine& machine) {
    std::vector<double> out;
    for (const cost::KernelCost& k : sim::simulate(program, machine, {.threads = 1}).kernels)
        out.push_back(k.time_us.value * 1000);
    SMEATON_CHECK(out.size() == program.steps.size(), "{} costs for {} steps", out.size(),
                  program.steps.size());
    return out;
}

int64_t weight_bytes(const gir::Program& program) {
    int64_t bytes = 0;
    for (const Buffer& b : program.buffers)
        if (b.lifetime == Lifetime::Weight && b.alias_of.empty())
            bytes += gir::physical_bytes(b).value();
    return bytes;
}

}  // namespace smeaton::driver
