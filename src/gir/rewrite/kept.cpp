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

KernelPtr KeptKernels::found(const KnownByName& known, const KernelPtr& kernel,
                             const std::vector<Buffer>& ports) {
    auto named = known.find(kernel->name);
    if (named == known.end()) return nullptr;
    for (const Known& k : named->second)
        if (same_kernel(k.kernel, kernel) && lie_the_same(k.ports, ports)) return k.kernel;
    return nullptr;
}

KernelPtr KeptKernels::known(KernelPtr kernel, const Program& program) {
    if (known_count_ >= most) {
        known_before_ = std::move(known_);
        known_ = {};
        known_count_ = 0;
    }
    std::vector<Buffer> ports = ports_of(*kernel, program);
    if (KernelPtr same = found(known_, kernel, ports)) return same;
    if (KernelPtr same = found(known_before_, kernel, ports)) kernel = std::move(same);
    known_[kernel->name].push_back({kernel, std::move(ports)});
    ++known_count_;
    return kernel;
}

KernelPtr KeptKernels::twin(Kernel made, Twin of) {
    auto kernel = std::make_shared<const Kernel>(std::move(made));
    twins.add(kernel, std::make_shared<const Twin>(std::move(of)));
    return kernel;
}

void KeptKernels::turn() {
    tiled.turn();
    claimed.turn();
    for (auto& step : claim_steps) step.turn();
    spelled.turn();
    twins.turn();
    touches_.turn();
    known_before_ = std::move(known_);
    known_ = {};
    known_count_ = 0;
}

void KeptKernels::measure(KeptSize& size) const {
    tiled.measure(size, [&](const TiledKernel& t) {
        size.add(t.kernel);
        for (const Packing& p : t.packings) size.add(p.packed);
    });
    auto add_kernel = [&](const SameKernel& s) { size.add(s.kernel); };
    claimed.measure(size, add_kernel);
    for (const auto& step : claim_steps)
        step.measure(size, [&](const Claimed& c) {
            size.add(c.kernel);
            size.add_all(c.claim_of);
        });
    spelled.measure(size, add_kernel);
    twins.measure(size, [&](const Twin& twin) { size.add(twin); });
    touches_.measure(size, [&](const cache::TouchTable& table) { table.measure(size); });
    for (const KnownByName* known : {&known_, &known_before_})
        for (const auto& [name, named] : *known)
            for (const Known& k : named) {
                size.add(k.kernel);
                for (const Buffer& b : k.ports) size.add(b);
            }
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

void turn(KeptForms& forms) {
    forms.erase_if([](const KeptFormPtr& form) { return form.use_count() == 1; });
    forms.for_each([](const KernelForm&, const KeptFormPtr& form) { form->kept.turn(); });
}

void measure(KeptSize& size, const KeptForms& forms) {
    forms.for_each([&](const KernelForm& form, const KeptFormPtr& kept) {
        size.add(form);
        measure(size, kept);
    });
}

void measure(KeptSize& size, const KeptFormPtr& form) {
    if (!size.is_new(form.get())) return;
    size.add(sizeof(KeptForm) + KeptSize::kNode);
    size.add(form->alone);
    form->kept.measure(size);
}

}  // namespace smeaton::gir::rewrite
