#include "gir/each_kernel.h"

#include <unordered_set>

#include "gir/walk.h"

namespace smeaton::gir {

std::vector<KernelPtr> distinct_kernels(const Program& program) {
    std::vector<KernelPtr> all = kernels(program);
    std::unordered_set<const Kernel*> seen;
    std::erase_if(all, [&](const KernelPtr& k) { return !seen.insert(k.get()).second; });
    return all;
}

Program with_kernels(Program program, const OtherKernels& others) {
    return map_kernels(std::move(program), [&](const KernelPtr& kernel) {
        auto other = others.find(kernel.get());
        return other == others.end() ? kernel : other->second;
    });
}

}  // namespace smeaton::gir
