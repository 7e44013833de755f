#include "driver/train/recompute.h"

#include <algorithm>

#include "base/error.h"
#include "gir/names.h"
#include "gir/rewrite/again.h"
#include "gir/rewrite/rules.h"
#include "gir/walk.h"

namespace smeaton::driver {

size_t forward_steps(const gir::Program& program, const std::string& loss) {
    size_t steps = 0;
    for (size_t i = 0; i < program.steps.size(); ++i) {
        const gir::KernelPtr kernel = gir::rewrite::kernel_of(program.steps[i]);
        if (!kernel) continue;
        for (Name name : kernel->writes)
            if (program.buffer(gir::root_of(program, name)).value_name == loss) steps = i + 1;
    }
    SMEATON_CHECK(steps > 0, "no step makes '{}'", loss);
    return steps;
}

namespace {

/// What a kernel of the forward half does.
struct Work {
    int block = -1;          // -1: no node is known
    bool cheap = false;      // no contraction, no pooling
    bool attention = false;  // contracts nothing but queries with keys
};

Work work_of(const gir::Kernel& kernel, const model::ForwardHalf& half) {
    Work work;
    bool others = false;  // what is neither cheap nor contracts
    for (const std::string& origin : kernel.origins) {
        const model::ForwardNode* node = half.find(origin);
        if (node == nullptr) continue;
        work.block = work.block < 0 ? node->block : std::min(work.block, node->block);
        work.cheap = work.cheap || node->cheap;
        work.attention = work.attention || node->attention;
        others = others || !(node->cheap || node->contracts);
    }
    bool contracts = false, contracts_others = false;
    gir::for_each_op(kernel.body, [&](const gir::Op& op) {
        if (op.kind != gir::OpKind::Mma) return;
        contracts = true;
        for (const std::string& origin : op.origins.empty() ? kernel.origins : op.origins) {
            const model::ForwardNode* node = half.find(origin);
            contracts_others = contracts_others || node == nullptr || !node->attention;
        }
    });
    work.cheap = work.cheap && !others && !contracts;
    work.attention = work.attention && !others && !contracts_others;
    return work;
}

}  // namespace

gir::Program recomputing(const gir::Program& program, const model::ForwardHalf& half,
                         model::Recompute how, const std::string& loss) {
    if (how == model::Recompute::None) return program;
    const bool by_blocks = how == model::Recompute::Full || !half.has_attention;
    gir::rewrite::Halves halves;
    halves.first = forward_steps(program, loss);
    halves.again.resize(halves.first);
    if (by_blocks) halves.part.resize(halves.first);
    int block = 0;
    for (size_t i = halves.first; i-- > 0;) {  // a move of no node belongs to what comes behind it
        const gir::KernelPtr kernel = gir::rewrite::kernel_of(program.steps[i]);
        const Work work = kernel ? work_of(*kernel, half) : Work{};
        block = work.block < 0 ? block : work.block;
        if (by_blocks) halves.part[i] = block;
        const bool chosen = half.has_attention ? work.attention : work.cheap;
        halves.again[i] = kernel && (how == model::Recompute::Full || chosen);
    }
    return gir::rewrite::compute_again(program, halves);
}

}  // namespace smeaton::driver
