#include <algorithm>
#include <map>

#include "gir/text/print.h"
#include "gir/verify/rules.h"
#include "gir/walk.h"

namespace smeaton::gir::verifying {

namespace {

std::string place_of(const Buffer& b) {
    return fmt::format("buffer {}", b.name);
}

class ProgramChecker {
public:
    ProgramChecker(const Program& program, Faults& faults) : p_(program), faults_(faults) {}

    void run() {
        std::set<Name> names;
        for (const Param& param : p_.params) {
            if (param.name.empty() || !names.insert(param.name).second)
                fault("parameters",
                      fmt::format("the name '{}' is empty or used twice", param.name));
            if (param.bound && *param.bound < 0)
                fault("parameters", fmt::format("{} is negative", param.name));
        }
        for (const Buffer& b : p_.buffers) {
            if (b.name.empty() || !names.insert(b.name).second)
                fault(place_of(b), "the name is empty or used twice");
            buffer(b);
        }
        steps(p_.steps);
        kernels_by_name();
    }

private:
    void buffer(const Buffer& b) {
        std::set<Name> dims;
        for (const NamedDim& d : b.dims) {
            if (!d.name.empty() && !dims.insert(d.name).second)
                fault(place_of(b), fmt::format("two dims are called {}", d.name));
            extent(place_of(b), d.extent);
        }
        if (!b.layout.dense()) layout(b);
        if (!b.alias_of.empty()) alias(b);
        if (b.data) data(b);
        if (b.lifetime == Lifetime::State && !b.layout.dense())
            fault(place_of(b), "a state is dense: other programs share its bytes");
        if (!b.resident.empty() && b.lifetime != Lifetime::Temp)
            fault(place_of(b), "only a temp may claim residency");
    }

    void extent(const std::string& place, const Dim& d) {
        if (d.is_const() && d.value() < 0)
            fault(place, fmt::format("the extent {} is negative", d.value()));
        for (Name symbol : d.symbols())
            if (!has_param(symbol))
                fault(place, fmt::format("the parameter {} is not declared", symbol));
    }

    bool has_param(Name name) const {
        return std::any_of(p_.params.begin(), p_.params.end(),
                           [&](const Param& param) { return param.name == name; });
    }

    /// The pieces of each logical dim, from the outermost, must tile it: mod of each is what the
    /// piece outside it leaves.
    void layout(const Buffer& b) {
        std::vector<std::vector<PhysicalDim>> pieces(b.dims.size());
        for (const PhysicalDim& p : b.layout.dims) {
            if (p.dim < 0 || static_cast<size_t>(p.dim) >= b.dims.size())
                return fault(place_of(b), fmt::format("the layout names dim {}", p.dim));
            if (b.dims[static_cast<size_t>(p.dim)].name.empty())
                return fault(place_of(b), "a layout needs dims with names");
            if (p.div < 1 || p.mod < 0 || p.before < 0 || p.after < 0)
                return fault(place_of(b), "the layout has a negative block or border");
            if (p.mod != 0 && (p.before != 0 || p.after != 0))
                return fault(place_of(b), "only the outermost piece of a dim may have a border");
            pieces[static_cast<size_t>(p.dim)].push_back(p);
        }
        for (size_t d = 0; d < pieces.size(); ++d) {
            if (pieces[d].empty() && b.dims[d].extent.is(1)) continue;
            std::sort(pieces[d].begin(), pieces[d].end(),
                      [](const PhysicalDim& x, const PhysicalDim& y) { return x.div > y.div; });
            bool whole =
                !pieces[d].empty() && pieces[d].front().mod == 0 && pieces[d].back().div == 1;
            for (size_t i = 1; i < pieces[d].size(); ++i)
                whole = whole && pieces[d][i].mod * pieces[d][i].div == pieces[d][i - 1].div;
            if (!whole)
                fault(place_of(b), fmt::format("the layout {} does not tile dim {}", layout_text(b),
                                               b.dims[d].name));
        }
    }

    void alias(const Buffer& b) {
        const Buffer* of = p_.find_buffer(b.alias_of);
        if (of == nullptr)
            return fault(place_of(b),
                         fmt::format("it is an alias of {}, which is no buffer", b.alias_of));
        std::set<Name> chain = {b.name};
        for (const Buffer* at = of; at != nullptr && !at->alias_of.empty();
             at = p_.find_buffer(at->alias_of))
            if (!chain.insert(at->name).second)
                return fault(place_of(b), "its aliases run in a ring");
        if (of->dtype != b.dtype || elements(*of) != elements(b) || !of->layout.dense() ||
            !b.layout.dense())
            fault(place_of(b),
                  fmt::format("an alias has the dtype and element count of {}, both dense",
                              of->name));
    }

    static Dim elements(const Buffer& b) {
        Dim out(1);
        for (const NamedDim& d : b.dims) out *= d.extent;
        return out;
    }

    void data(const Buffer& b) {
        if (b.lifetime != Lifetime::Weight && b.lifetime != Lifetime::State)
            fault(place_of(b), "only weights and states have data");
        bool same_shape = b.data->shape().size() == b.dims.size();
        for (size_t i = 0; same_shape && i < b.dims.size(); ++i)
            same_shape = b.dims[i].extent.is(b.data->shape()[i]);
        if (b.data->dtype() != b.dtype || !same_shape)
            fault(place_of(b), "its data has another dtype or shape");
    }

    void steps(const Steps& list) {
        for (const Step& s : list) std::visit([&](const auto& node) { step(node); }, s.node);
    }

    void step(const RunStep& s) {
        if (s.kernel == nullptr) fault("steps", "a run step has no kernel");
    }
    void step(const BranchStep& s) {
        scalar("branch", s.condition, DType::kBool);
        steps(s.then_steps);
        steps(s.else_steps);
    }
    void step(const RepeatStep& s) {
        scalar("repeat", s.counter, DType::kI64);
        if (!s.condition.empty()) scalar("repeat", s.condition, DType::kBool);
        if (s.trips) extent("repeat", *s.trips);
        for (const auto& c : s.carried) {
            const Buffer* from = p_.find_buffer(c.from);
            const Buffer* to = p_.find_buffer(c.to);
            if (to != nullptr &&
                (to->lifetime == Lifetime::Input || to->lifetime == Lifetime::Weight))
                fault("repeat", fmt::format("it carries into {}, an input or weight", c.to));
            if (from == nullptr || to == nullptr)
                fault("repeat",
                      fmt::format("carries {} to {}, which are not both buffers", c.from, c.to));
            else if (from->dtype != to->dtype || extents(*from) != extents(*to))
                fault("repeat", fmt::format("{} and {} have another dtype or shape", c.from, c.to));
        }
        steps(s.body);
    }
    void step(const SettleStep& s) {
        if (!has_param(s.parameter))
            fault("settle", fmt::format("the parameter {} is not declared", s.parameter));
        const Buffer* b = p_.find_buffer(s.from);
        if (b == nullptr || !tensor::is_integer(b->dtype) || !elements(*b).is(1))
            fault("settle", fmt::format("{} is no buffer of one integer", s.from));
    }

    static std::vector<Dim> extents(const Buffer& b) {
        std::vector<Dim> out;
        for (const NamedDim& d : b.dims) out.push_back(d.extent);
        return out;
    }

    void scalar(const std::string& place, Name name, DType dtype) {
        const Buffer* b = p_.find_buffer(name);
        if (b == nullptr || b->dtype != dtype || !elements(*b).is(1))
            fault(place, fmt::format("{} is no buffer of one {}", name, tensor::name(dtype)));
    }

    void kernels_by_name() {
        std::map<Name, KernelPtr> by_name;
        for (const KernelPtr& k : kernels(p_)) {
            if (k == nullptr) continue;
            auto [at, added] = by_name.emplace(k->name, k);
            if (!added && at->second != k && !same(at->second->body, k->body))
                fault(fmt::format("kernel {}", k->name), "another kernel has the same name");
        }
    }

    void fault(const std::string& place, const std::string& message) {
        faults_.add(place, message);
    }

    const Program& p_;
    Faults& faults_;
};

/// Follows the steps and keeps what has been written.
class WriteOrder {
public:
    WriteOrder(const Program& program, Faults& faults) : p_(program), faults_(faults) {
        for (const Buffer& b : p_.buffers) {
            bool filled = b.lifetime == Lifetime::Input || b.lifetime == Lifetime::State ||
                          (b.lifetime == Lifetime::Weight && b.data);
            if (filled && b.alias_of.empty()) written_.insert(b.name);
            if (b.lifetime == Lifetime::Weight || b.lifetime == Lifetime::Temp)
                loaded_.insert(b.name);
        }
        // A temp counts as known at load only when `once` steps alone write it.
        for (const auto& [kernel, once] : runs(p_.steps))
            if (!once)
                for (Name w : kernel->writes) loaded_.erase(w);
    }

    std::vector<Written> run() {
        steps(p_.steps);
        for (const Buffer& b : p_.buffers)
            if (b.lifetime == Lifetime::Output && written_.count(root_of(p_, b.name)) == 0)
                faults_.add(place_of(b), "no step writes this output");
        return std::move(before_);
    }

private:
    static std::vector<std::pair<KernelPtr, bool>> runs(const Steps& list) {
        std::vector<std::pair<KernelPtr, bool>> out;
        auto append = [&](const Steps& inner) {
            auto more = runs(inner);
            out.insert(out.end(), more.begin(), more.end());
        };
        for (const Step& s : list) {
            if (const auto* run = std::get_if<RunStep>(&s.node))
                out.push_back({run->kernel, run->once});
            if (const auto* branch = std::get_if<BranchStep>(&s.node)) {
                append(branch->then_steps);
                append(branch->else_steps);
            }
            if (const auto* repeat = std::get_if<RepeatStep>(&s.node)) append(repeat->body);
        }
        return out;
    }

    void steps(const Steps& list) {
        for (const Step& s : list) std::visit([&](const auto& node) { step(node); }, s.node);
    }

    void step(const RunStep& s) {
        const Kernel& k = *s.kernel;
        std::string place = fmt::format("kernel {}", k.name);
        before_.push_back(written_);
        for (Name r : k.reads) {
            bool written_here = std::find(k.writes.begin(), k.writes.end(), r) != k.writes.end();
            if (!written_here) need(place, r);
            if (s.once && loaded_.count(root_of(p_, r)) == 0)
                faults_.add(place,
                            fmt::format("a once step reads {}, which is not known at load", r));
        }
        for (Name w : k.writes) {
            const Buffer& root = p_.buffer(root_of(p_, w));
            if (root.lifetime == Lifetime::Input)
                faults_.add(place, fmt::format("it writes the input {}", root.name));
            if (root.lifetime == Lifetime::State && s.once)
                faults_.add(place, fmt::format("a once step writes the state {}", root.name));
            if (root.lifetime == Lifetime::Weight && (root.data || !s.once))
                faults_.add(place, fmt::format("it writes the weight {}", root.name));
            written_.insert(root.name);
        }
    }
    void step(const BranchStep& s) {
        need("branch", s.condition);
        std::set<Name> before = written_;
        steps(s.then_steps);
        std::set<Name> after_then = std::move(written_);
        written_ = std::move(before);
        steps(s.else_steps);
        std::set<Name> both;
        std::set_intersection(after_then.begin(), after_then.end(), written_.begin(),
                              written_.end(), std::inserter(both, both.end()));
        written_ = std::move(both);
    }
    void step(const RepeatStep& s) {
        for (const auto& c : s.carried) need("repeat", c.to);
        std::set<Name> before = written_;
        written_.insert(root_of(p_, s.counter));
        steps(s.body);
        for (const auto& c : s.carried) need("repeat", c.from);
        if (!s.condition.empty()) need("repeat", s.condition);
        written_ = std::move(before);  // the body may run no time at all
    }
    void step(const SettleStep& s) { need("settle", s.from); }

    void need(const std::string& place, Name buffer) {
        if (written_.count(root_of(p_, buffer)) == 0)
            faults_.add(place, fmt::format("{} is read before any step writes it", buffer));
    }

    const Program& p_;
    Faults& faults_;
    std::set<Name> written_;
    std::set<Name> loaded_;
    std::vector<Written> before_;
};

}  // namespace

Name root_of(const Program& p, Name buffer) {
    const Buffer* b = p.find_buffer(buffer);
    while (b != nullptr && !b->alias_of.empty()) {
        buffer = b->alias_of;
        b = p.find_buffer(buffer);
    }
    return buffer;
}

void check_program(const Program& p, Faults& faults) {
    ProgramChecker(p, faults).run();
}

std::vector<Written> written_before(const Program& p, Faults& faults) {
    return WriteOrder(p, faults).run();
}

}  // namespace smeaton::gir::verifying
