// Which levels are claimed, in which order, for what.
#include "gir/rewrite/claim/claim.h"

#include <optional>

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

int64_t tile_bytes_at(const Block& body, Name level) {
    int64_t bytes = 0;
    for_each_stmt(body, [&](const Stmt& s) {
        auto* let = std::get_if<Let>(&s.node);
        if (let && let->tile.level == level) bytes += bytes_of(let->tile);
    });
    return bytes;
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

/// All claims of one kernel.
class KernelClaims {
public:
    KernelClaims(const Program& program, const Kernel& kernel, const Target& target)
        : target_(target),
          kernel_{program, target, [this](Name base) { return name_for(base); },
                  written_in(kernel)},
          body_(kernel.body) {}

    /// The body with its claims; nothing where there are none to make.
    std::optional<Block> make() {
        by_levels();
        for_operands();
        if (made_ == 0) return std::nullopt;
        return in_parts(body_, kernel_.program, target_);
    }

private:
    /// From the innermost outwards: a level sees what those further in do not hold.
    void by_levels() {
        for (const TargetLevel& level : target_.levels) {
            if (&level == &target_.registers() || &level == &target_.outermost()) continue;
            if (!level.capacity.bounded()) continue;
            const Room capacity = level.capacity.room();
            if (!level.software_managed)
                claim_at(level, levels_outside(target_, level), kAllOperands,
                         capacity * cache::kReckonedShare);
            else if (holds_operands(level, contracts(body_)))
                claim_at(level, levels_outside(target_, level), kAllOperands,
                         capacity - static_cast<double>(tile_bytes_at(body_, level.name)));
        }
    }

    /// Scratchpads that take one operand of contractions; one that takes both is halved.
    void for_operands() {
        const TargetLevel* scratchpads[] = {scratchpad_for(target_, OperandRole::A),
                                            scratchpad_for(target_, OperandRole::B)};
        double share = scratchpads[0] == scratchpads[1] ? 0.5 : 1;
        for (int operand : {0, 1})
            if (const TargetLevel* level = scratchpads[operand])
                claim_at(*level, {target_.outermost().name}, operand,
                         level->capacity.room() * share);
    }

    void claim_at(const TargetLevel& level, std::set<Name> further_out, int operand, const Room& room) {
        Claimer claimer{kernel_,
                        level,
                        std::move(further_out),
                        {kernel_.program, {target_.registers().name, level.line_bytes, operand}}};
        body_ = claimer.block(body_, {}, {}, false, room.whole());
        made_ += claimer.made;
    }

    Name name_for(Name base) {
        if (taken_.empty()) {
            taken_ = declared_names(body_);
            for (const Buffer& b : kernel_.program.buffers) taken_.insert(b.name);
        }
        return fresh(base, taken_);
    }

    static constexpr int kAllOperands = -1;
    const Target& target_;
    ClaimedKernel kernel_;
    Block body_;
    std::set<Name> taken_;  // filled when the first claim needs a name
    int64_t made_ = 0;
};

KernelPtr claim_kernel(const Program& program, const KernelPtr& kernel, const Target& target) {
    if (!plain_loops(kernel->body)) return kernel;
    std::optional<Block> body = KernelClaims(program, *kernel, target).make();
    if (!body) return kernel;
    Kernel next = *kernel;
    next.body = std::move(*body);
    return std::make_shared<const Kernel>(with_uses(next));
}

/// As map_forms, but from what is kept of other targets.
Program claimed_from(Program program, const Target& target, KeptKernels& kept) {
    const Program before = program;
    const std::vector<double> capacities = capacities_by_level(target);
    std::set<Name> buffers;
    for (const Buffer& b : before.buffers) buffers.insert(b.name);
    return map_kernels(std::move(program), [&](const KernelPtr& kernel) {
        auto make = [&](Region& asked) {
            KernelPtr made = claim_kernel(before, kernel, noting(target, asked));
            return SameKernel{made == kernel ? nullptr : std::move(made)};
        };
        auto follow = [&](const SameKernel& made, const KernelForm& from, const KernelForm& to) {
            if (!made.kernel) return made;
            std::optional<Kernel> copy = renamed(*made.kernel, from, to, *kernel, buffers);
            Region again;
            return copy ? SameKernel{std::make_shared<const Kernel>(std::move(*copy))}
                        : make(again);
        };
        const KernelPtr made =
            kept.claimed.get(before, kernel, capacities, make, follow).kernel;
        return made ? made : kernel;
    });
}

}  // namespace

Program claim_residents(Program program, const Target& target, const Rules& rules) {
    if (!rules.on("claim-resident")) return program;
    if (rules.kept_kernels)
        return claimed_from(std::move(program), target, *rules.kept_kernels);
    const Program before = program;
    return map_forms(std::move(program),
                     [&](const KernelPtr& kernel) { return claim_kernel(before, kernel, target); });
}

}  // namespace smeaton::gir::rewrite
