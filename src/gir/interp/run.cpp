// Programs: memory, steps, inputs and outputs.
#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "gir/interp/interp.h"
#include "gir/walk.h"

namespace smeaton::gir::interp {

Bindings bindings_of(const Program& program, const Bindings& more) {
    Bindings all = more;
    for (const Param& p : program.params)
        if (p.bound) all.emplace(p.name, *p.bound);
    return all;
}

namespace {

bool sized(const Buffer& buffer, const Bindings& bindings) {
    return std::all_of(buffer.dims.begin(), buffer.dims.end(),
                       [&](const NamedDim& d) { return d.extent.bind(bindings).is_const(); });
}

Name root_of(const Program& program, Name name) {
    const Buffer* b = &program.buffer(name);
    for (int hops = 0; !b->alias_of.empty(); ++hops) {
        SMEATON_CHECK(hops < 1000, "buffer {}: its aliases run in a circle", name);
        b = &program.buffer(b->alias_of);
    }
    return b->name;
}

// Roots of buffers that some step writes.
std::set<Name> written_roots(const Program& program, const Steps& steps) {
    std::set<Name> roots;
    for (const KernelPtr& k : kernels(program))
        for (Name w : k->writes) roots.insert(root_of(program, w));
    std::function<void(const Steps&)> carried = [&](const Steps& list) {
        for (const Step& s : list) {
            if (auto* branch = std::get_if<BranchStep>(&s.node)) {
                carried(branch->then_steps);
                carried(branch->else_steps);
            }
            auto* repeat = std::get_if<RepeatStep>(&s.node);
            if (!repeat) continue;
            roots.insert(root_of(program, repeat->counter));
            for (const auto& c : repeat->carried) roots.insert(root_of(program, c.to));
            carried(repeat->body);
        }
    };
    carried(steps);
    return roots;
}

Storage owned_copy(const Storage& s) {
    if (s.writable) return s;
    Storage copy = make_storage(s.dtype, s.elements);
    if (s.bytes() > 0) std::memcpy(copy.data, s.data, static_cast<size_t>(s.bytes()));
    return copy;
}

const Tensor* given_value(const Buffer& b, const std::map<Name, Tensor>& inputs) {
    if (auto found = inputs.find(b.name); found != inputs.end()) return &found->second;
    if (b.data) return &*b.data;
    if (b.lifetime == Lifetime::Input)
        throw UserError("input {} is missing", b.value_name.empty() ? b.name.str() : b.value_name);
    return nullptr;
}

// Adds storages of buffers that became known and are not there yet.
void allocate_known(const Program& program, const std::map<Name, Tensor>& inputs,
                    const Bindings& bindings, Memory& memory) {
    std::set<Name> written = written_roots(program, program.steps);
    for (const Buffer& b : program.buffers) {
        if (memory.count(b.name) > 0 || !b.alias_of.empty() || !sized(b, bindings)) continue;
        Buffer known = bound_buffer(b, bindings);
        const Tensor* value = given_value(b, inputs);
        Storage s = value ? to_layout(known, *value) : allocate(known);
        if (!value && b.lifetime == Lifetime::State && s.bytes() > 0)
            std::memset(s.data, 0, static_cast<size_t>(s.bytes()));
        memory[b.name] = written.count(b.name) > 0 ? owned_copy(s) : s;
    }
    for (const Buffer& b : program.buffers) {
        if (b.alias_of.empty() || memory.count(b.name) > 0 || !sized(b, bindings)) continue;
        auto target = memory.find(root_of(program, b.name));
        if (target == memory.end()) continue;
        Storage s = target->second;
        int64_t elements = physical_elements(bound_buffer(b, bindings)).value();
        SMEATON_CHECK(elements <= s.elements && b.dtype == s.dtype,
                      "buffer {} does not fit {}, whose bytes it shares", b.name, b.alias_of);
        s.elements = elements;
        memory[b.name] = s;
    }
}

class StepRunner {
public:
    StepRunner(const Program& program, Memory& memory, const Options& options)
        : program_(program),
          memory_(memory),
          options_(options),
          bindings_(bindings_of(program, options.bindings)) {}

    Result run() {
        if (options_.count && !options_.levels) levels_ = levels_used(program_);
        run_steps(program_.steps);
        for (const Buffer& b : program_.buffers) {
            bool state = b.lifetime == Lifetime::State && b.alias_of.empty();
            if (b.lifetime != Lifetime::Output && !state) continue;
            auto s = memory_.find(b.name);
            SMEATON_CHECK(s != memory_.end(),
                          "output {} has no storage: its size never became known", b.name);
            (state ? result_.state : result_.outputs)[b.name] =
                from_layout(bound_buffer(b, bindings_), s->second);
        }
        return std::move(result_);
    }

private:
    void run_steps(const Steps& steps) {
        for (const Step& s : steps) std::visit([&](const auto& step) { run_step(step); }, s.node);
    }

    void run_step(const RunStep& step) {
        if (step.once && options_.skip_once) return;
        if (options_.before) options_.before(step, memory_);
        Options options = options_;
        if (options.count && !options.levels) options.levels = levels_;
        options.bindings = bindings_;
        options.range = {};
        run_kernel(*step.kernel, program_, memory_, options,
                   step.once ? &result_.once_traffic : &result_.traffic);
        if (options_.after) options_.after(step, memory_);
    }

    int64_t integer(Name buffer) {
        auto found = memory_.find(buffer);
        SMEATON_CHECK(found != memory_.end() && found->second.elements == 1 &&
                          !tensor::is_float(found->second.dtype),
                      "{} is not an integer or bool scalar with a value", buffer);
        return from_layout(bound_buffer(program_.buffer(buffer), bindings_), found->second)
            .at_as_int(0);
    }

    void run_step(const BranchStep& step) {
        run_steps(integer(step.condition) != 0 ? step.then_steps : step.else_steps);
    }

    void run_step(const RepeatStep& step) {
        std::optional<int64_t> trips;
        if (step.trips) {
            Dim d = step.trips->bind(bindings_);
            SMEATON_CHECK(d.is_const(), "the trip count {} is not bound", d.str());
            trips = d.value();
        }
        SMEATON_CHECK(trips || !step.condition.empty(), "a repeat without end");
        auto counter = memory_.find(step.counter);
        SMEATON_CHECK(counter != memory_.end() && counter->second.dtype == DType::kI64 &&
                          counter->second.elements == 1,
                      "the counter {} is not an i64 scalar", step.counter);
        for (int64_t trip = 0; !trips || trip < *trips; ++trip) {
            if (!step.condition.empty() && integer(step.condition) == 0) break;
            std::memcpy(counter->second.data, &trip, sizeof trip);
            run_steps(step.body);
            carry(step);
        }
    }

    // All at once: a value may be carried into a buffer that another is carried from.
    void carry(const RepeatStep& step) {
        std::vector<std::vector<std::byte>> values;
        for (const auto& c : step.carried) {
            const Storage& s = memory_.at(c.from);
            values.emplace_back(s.data, s.data + s.bytes());
        }
        for (size_t i = 0; i < values.size(); ++i) {
            Storage& s = memory_.at(step.carried[i].to);
            SMEATON_CHECK(s.bytes() == static_cast<int64_t>(values[i].size()),
                          "carried {} and {} differ in size", step.carried[i].from,
                          step.carried[i].to);
            if (!values[i].empty()) std::memcpy(s.data, values[i].data(), values[i].size());
        }
    }

    void run_step(const SettleStep& step) {
        int64_t value = integer(step.from);
        if (value < 0) throw UserError("{}: a size of {}", step.from, value);
        auto [at, fresh] = bindings_.emplace(step.parameter, value);
        SMEATON_CHECK(fresh, "parameter {} is settled but already bound", step.parameter);
        result_.settled[step.parameter] = value;
        allocate_known(program_, {}, bindings_, memory_);
    }

    const Program& program_;
    Memory& memory_;
    const Options& options_;
    Bindings bindings_;
    std::optional<Levels> levels_;
    Result result_;
};

}  // namespace

Memory make_memory(const Program& program, const std::map<Name, Tensor>& inputs,
                   const Bindings& bindings) {
    for (const auto& [name, tensor] : inputs) {
        const Buffer* b = program.find_buffer(name);
        if (!b || (b->lifetime != Lifetime::Input && b->lifetime != Lifetime::State))
            throw UserError("{} is no input of program {}", name, program.name);
    }
    Memory memory;
    allocate_known(program, inputs, bindings_of(program, bindings), memory);
    return memory;
}

Result run_steps(const Program& program, Memory& memory, const Options& options) {
    return StepRunner(program, memory, options).run();
}

Result run(const Program& program, const std::map<Name, Tensor>& inputs, const Options& options) {
    Memory memory = make_memory(program, inputs, options.bindings);
    return run_steps(program, memory, options);
}

}  // namespace smeaton::gir::interp
