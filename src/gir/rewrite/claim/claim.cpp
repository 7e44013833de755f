// Which levels are claimed, in which order, for what.
#include "gir/rewrite/claim/claim.h"

#include <fmt/core.h>

#include <optional>
#include <unordered_set>

#include "gir/each_kernel.h"
#include "gir/kernel_form.h"
#include "gir/layout.h"
#include "gir/rewrite/claim/claimer.h"
#include "gir/rewrite/claim/parts.h"
#include "gir/rewrite/kept.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

bool plain_loops(const Block& b) {
    bool plain = true;
    for_each_stmt(b, [&](const Stmt& s) {
        if (auto* f = std::get_if<For>(&s.node))
            plain = plain && f->from.empty() && f->to.empty() && f->extent.is_const() &&
                    f->extent.value() > 0;
        if (auto* p = std::get_if<Parallel>(&s.node))
            plain = plain && p->extent.is_const() && p->extent.value() > 0;
        if (auto* o = std::get_if<Op>(&s.node))
            for (const NamedDim& d : o->dims)
                plain = plain && d.extent.is_const() && d.extent.value() > 0;
    });
    return plain;
}

/// A scratchpad for whatever is computed with: all roles, or those of a kernel without
/// contractions.
bool holds_operands(const TargetLevel& level, bool contracts) {
    if (!level.software_managed || !level.takes(OperandRole::Vector)) return false;
    return !contracts || (level.takes(OperandRole::A) && level.takes(OperandRole::B));
}

// The software-managed level that is there for this operand.
const TargetLevel* scratchpad_for(const Target& target, OperandRole role) {
    for (const TargetLevel& level : target.levels)
        if (level.software_managed && !level.roles.empty() && level.takes(role) &&
            !holds_operands(level, true))
            return &level;
    return nullptr;
}

std::set<Name> levels_outside(const Target& target, const TargetLevel& level) {
    std::set<Name> names;
    for (const TargetLevel* l = &level; l != &target.outermost();) {
        l = &target.outwards_of(*l);
        names.insert(l->name);
    }
    return names;
}

bool contracts(const Block& body) {
    bool found = false;
    for_each_op(body, [&](const Op& op) { found = found || op.kind == OpKind::Mma; });
    return found;
}

// Tiles that ops fill change while they live.
std::set<Name> written_in(const Kernel& kernel) {
    std::set<Name> written(kernel.writes.begin(), kernel.writes.end());
    for_each_op(kernel.body, [&](const Op& op) {
        written.insert(op.dst.target);
        if (op.payload) written.insert(op.payload->target);
    });
    return written;
}

/// Claims at one level, of all operands or of one of contractions.
struct Step {
    size_t level = 0;
    int operand = kAllOperands;
    double share = cache::kReckonedShare;  ///< of its capacity

    static constexpr int kAllOperands = -1;
};

/// From the innermost outwards: a level sees what those further in do not hold. Then scratchpads
/// that take one operand of contractions; one that takes both is halved.
std::vector<Step> steps_for(const Target& target, const Block& body) {
    std::vector<Step> steps;
    const bool contraction = contracts(body);
    for (size_t i = 1; i + 1 < target.levels.size(); ++i) {
        const TargetLevel& level = target.levels[i];
        if (!level.capacity.bounded()) continue;
        if (!level.software_managed)
            steps.push_back({i});
        else if (holds_operands(level, contraction))
            steps.push_back({i, Step::kAllOperands, 1});
    }
    const TargetLevel* scratchpads[] = {scratchpad_for(target, OperandRole::A),
                                        scratchpad_for(target, OperandRole::B)};
    const double share = scratchpads[0] == scratchpads[1] ? 0.5 : 1;
    for (int operand : {0, 1})
        if (const TargetLevel* level = scratchpads[operand])
            steps.push_back({static_cast<size_t>(level - target.levels.data()), operand, share});
    return steps;
}

using BufferNames = std::unordered_set<Name>;

BufferNames names_of_buffers(const Program& program) {
    BufferNames names;
    for (const Buffer& b : program.buffers) names.insert(b.name);
    return names;
}

/// All claims of one kernel, step by step: each looks at one level and at what those before made.
class KernelClaims {
public:
    KernelClaims(const Program& program, const BufferNames& buffers, const KernelPtr& kernel,
                 const Target& target, cache::TouchTable& touches)
        : program_(program),
          buffers_(buffers),
          kernel_(kernel),
          target_(target),
          touches_(touches),
          written_(written_in(*kernel)) {}

    /// The kernel with its claims; the same where there are none to make. `kept`: what steps gave
    /// on other targets; null: nothing.
    KernelPtr make(KeptKernels* kept, const Asking& now) const {
        const std::vector<Step> steps = steps_for(target_, kernel_->body);
        Claimed claimed{kernel_};
        for (size_t i = 0; i < steps.size(); ++i)
            claimed = taken(kept, i, now, claimed, [&](const Target& target) {
                return claimed_at(claimed, steps[i], target);
            });
        if (claimed.made == 0) return kernel_;
        return taken(kept, steps.size(), now, claimed,
                     [&](const Target& target) {
                         Kernel next = *kernel_;
                         next.body = in_parts(claimed.kernel->body, program_, target);
                         return Claimed{std::make_shared<const Kernel>(with_uses(std::move(next)))};
                     })
            .kernel;
    }

private:
    template <class Make>
    Claimed taken(KeptKernels* kept, size_t step, const Asking& now, const Claimed& before,
                  Make make) const {
        if (!kept) return make(target_);
        return kept->claim_steps[step].get(
            before.kernel, now, [&](Region& asked) { return make(noting(target_, asked)); });
    }

    Claimed claimed_at(Claimed claimed, const Step& step, const Target& target) const {
        const Block& body = claimed.kernel->body;
        const TargetLevel& level = target.levels[step.level];
        std::set<Name> taken;  // filled when the first claim needs a name
        auto name_for = [&](Name base) {
            if (taken.empty()) taken = declared_names(body);
            Name name = base;
            for (int k = 2; taken.count(name) > 0 || buffers_.contains(name); ++k)
                name = fmt::format("{}_{}", base, k);
            taken.insert(name);
            return name;
        };
        ClaimedKernel of{program_, target, name_for, written_, claimed.claim_of};
        const bool all = step.operand == Step::kAllOperands;
        Claimer claimer{
            of,
            level,
            all ? levels_outside(target, level) : std::set{target.outermost().name},
            {program_, {target.registers().name, level.line_bytes, step.operand}, &touches_}};
        const Room all_of_it = level.capacity.room();
        Block next =
            claimer.block(body, {}, {}, false, {(all_of_it * step.share).whole(), all_of_it});
        if (claimer.made == 0) return claimed;
        Kernel kernel = *claimed.kernel;
        kernel.body = std::move(next);
        return {std::make_shared<const Kernel>(std::move(kernel)), std::move(of.claim_of),
                claimed.made + claimer.made};
    }

    const Program& program_;
    const BufferNames& buffers_;
    const KernelPtr& kernel_;
    const Target& target_;
    cache::TouchTable& touches_;
    const std::set<Name> written_;
};

KernelPtr claim_kernel(const Program& program, const BufferNames& buffers, const KernelPtr& kernel,
                       const Target& target, KeptKernels* kept, const Asking& now) {
    if (!plain_loops(kernel->body)) return kernel;
    const auto touches = kept ? kept->touches_of(kernel) : std::make_shared<cache::TouchTable>();
    return KernelClaims(program, buffers, kernel, target, *touches).make(kept, now);
}

/// As map_forms, but from what is kept of other targets.
Program claimed_from(Program program, const Target& target, const Rules& rules) {
    KeptKernels& kept = *rules.kept_kernels;
    // One for each step that there may be (steps_for), and the parts.
    while (kept.claim_steps.size() < target.levels.size() + 3)
        kept.claim_steps.emplace_back(kept.most);
    const std::vector<double> numbers = numbers_of(target);
    const BufferNames buffers = names_of_buffers(program);
    const std::set<Name> in_use(buffers.begin(), buffers.end());
    auto make = [&](const KernelPtr& kernel, Region& asked) {
        KernelPtr made = claim_kernel(program, buffers, kernel, target, &kept, {numbers, &asked});
        return SameKernel{made == kernel ? nullptr : std::move(made)};
    };
    auto follow = [&](const KernelPtr& kernel, const SameKernel& made, const KernelForm& from,
                      const KernelForm& to) {
        if (!made.kernel) return made;
        Renaming names;
        std::optional<Kernel> copy = renamed(*made.kernel, from, to, *kernel, in_use, &names);
        if (copy)
            return SameKernel{kept.twin(std::move(*copy),
                                        {made.kernel, from.buffers, to.buffers, std::move(names)})};
        Region asked_by_the_equal_one(numbers.size());
        return make(kernel, asked_by_the_equal_one);
    };
    const std::vector<KernelPtr> all = distinct_kernels(program);
    const std::vector<SameKernel> claimed = kept.claimed.get(
        program, all, {numbers, rules.asked}, rules.workers, &kept.twins, make, follow);
    OtherKernels others;
    for (size_t i = 0; i < all.size(); ++i)
        if (claimed[i].kernel) others.emplace(all[i].get(), claimed[i].kernel);
    return with_kernels(std::move(program), others);
}

}  // namespace

Program claim_residents(Program program, const Target& target, const Rules& rules) {
    if (!rules.on("claim-resident")) return program;
    if (rules.kept_kernels) return claimed_from(std::move(program), target, rules);
    const Program before = program;
    const BufferNames buffers = names_of_buffers(before);
    return map_forms(std::move(program), [&](const KernelPtr& kernel) {
        return claim_kernel(before, buffers, kernel, target, nullptr, {{}});
    });
}

}  // namespace smeaton::gir::rewrite
