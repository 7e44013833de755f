#include "gir/rewrite/kept.h"

#include <algorithm>

namespace smeaton::gir::rewrite {

namespace {

bool same_kernel(const KernelPtr& a, const KernelPtr& b) {
    if (!a || !b) return a == b;
    return a == b || (a->name == b->name && a->origins == b->origins && same(a->body, b->body));
}

bool lie_the_same(const std::vector<Buffer>& a, const std::vector<Buffer>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Buffer& x, const Buffer& y) {
        return x.name == y.name && same_port(x, y);
    });
}

std::vector<Buffer> ports_of(const Kernel& kernel, const Program& program) {
    std::vector<Buffer> ports;
    for (const auto* names : {&kernel.reads, &kernel.writes})
        for (Name n : *names) {
            ports.push_back(program.buffer(n));
            ports.back().data.reset();
        }
    return ports;
}

}  // namespace

bool operator==(const TiledKernel& a, const TiledKernel& b) {
    return a.contracted == b.contracted && same_kernel(a.kernel, b.kernel) &&
           std::equal(a.packings.begin(), a.packings.end(), b.packings.begin(), b.packings.end(),
                      [](const Packing& x, const Packing& y) {
                          return x.source == y.source && x.packed.name == y.packed.name &&
                                 same_port(x.packed, y.packed);
                      });
}

bool operator==(const Claimed& a, const Claimed& b) {
    return a.made == b.made && a.claim_of == b.claim_of && same_kernel(a.kernel, b.kernel);
}

bool operator==(const SameKernel& a, const SameKernel& b) {
    return same_kernel(a.kernel, b.kernel);
}

KernelPtr KeptKernels::known(KernelPtr kernel, const Program& program) {
    if (known_count_ >= 2 * most) {
        known_.clear();
        known_count_ = 0;
    }
    std::vector<Buffer> ports = ports_of(*kernel, program);
    std::vector<Known>& named = known_[kernel->name];
    for (const Known& k : named)
        if (same_kernel(k.kernel, kernel) && lie_the_same(k.ports, ports)) return k.kernel;
    named.push_back({kernel, std::move(ports)});
    ++known_count_;
    return kernel;
}

cache::TouchTable& KeptKernels::touches_of(const KernelPtr& kernel) {
    cache::TouchTable* table = touches_.find(kernel);
    return table ? *table : touches_.add(kernel, {});
}

namespace {

constexpr size_t kKernelsOfAForm = 24;

bool is_bound(const Program& program) {
    return std::all_of(program.buffers.begin(), program.buffers.end(), [](const Buffer& b) {
        return std::all_of(b.dims.begin(), b.dims.end(),
                           [](const NamedDim& d) { return d.extent.is_const(); });
    });
}

}  // namespace

KeptForm::KeptForm(Program one, size_t of_form)
    : alone(std::move(one)), hash(of_form), bound(is_bound(alone)), kept(kKernelsOfAForm) {}

KeptFormPtr kept_form(KeptForms& forms, Program alone) {
    KernelForm form = form_of(*std::get<RunStep>(alone.steps.at(0).node).kernel, alone);
    if (const auto* known = forms.find(form)) return known->value;
    const size_t hash = form.hash;
    return forms.add(std::move(form), std::make_shared<KeptForm>(std::move(alone), hash)).value;
}

}  // namespace smeaton::gir::rewrite
