// What tiling, claims and spelling made of the kernels of one shaped program, or of a kernel alone,
// for targets of the same levels (levels_of_any_size).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gir/by_region.h"
#include "gir/cache/touch_table.h"
#include "gir/rewrite/tile_mma.h"

namespace smeaton::gir::rewrite {

/// What tiling makes of a kernel by itself.
struct TiledKernel {
    KernelPtr kernel;
    std::vector<Packing> packings = {};  ///< that it needs
    bool contracted = false;             ///< by tile_mma
};
bool operator==(const TiledKernel&, const TiledKernel&);

/// A kernel that compares by what it says; null: the rewrite left it as it is.
struct SameKernel {
    KernelPtr kernel;
};
bool operator==(const SameKernel&, const SameKernel&);

/// A kernel with some of its claims.
struct Claimed {
    KernelPtr kernel;
    std::map<Name, std::string> claim_of = {};  ///< what each claim is of
    int64_t made = 0;
};
bool operator==(const Claimed&, const Claimed&);

struct KeptKernels {
    explicit KeptKernels(const Program& shaped) : KeptKernels(most_for(shaped)) {}
    explicit KeptKernels(size_t of_kernels)
        : most(of_kernels),
          tiled(most),
          claimed(most),
          spelled(most),
          twins(most),
          touches_(most / 8) {}

    size_t most;                ///< kernels, twice
    ByForm<TiledKernel> tiled;  ///< without a kernel: it is left as it is
    ByForm<SameKernel> claimed;
    std::deque<ByKernel<Claimed>> claim_steps;  ///< of kernels that came first with their form
    ByKernel<SameKernel> spelled;
    Twins twins;  ///< of all that was made here

    /// The kernel, or one made before that says the same of buffers that lie the same: so that what
    /// is kept of it is found.
    KernelPtr known(KernelPtr, const Program&);
    /// The kernel, which is another one's twin from now on.
    KernelPtr twin(Kernel, Twin);
    /// Drops what was not asked for since the last turn.
    void turn();
    void measure(KeptSize&) const;
    /// What blocks of the kernel touch, and of what claims make of it. Never null.
    std::shared_ptr<cache::TouchTable> touches_of(const KernelPtr& kernel) {
        return touches_.of(kernel);
    }

private:
    struct Known {
        KernelPtr kernel;
        std::vector<Buffer> ports;
    };
    using KnownByName = std::map<Name, std::vector<Known>>;
    static KernelPtr found(const KnownByName&, const KernelPtr&, const std::vector<Buffer>& ports);

    KnownByName known_, known_before_;
    size_t known_count_ = 0;             ///< of the former
    Recent<cache::TouchTable> touches_;  // large ones, of kernels that came first with their form
};

/// A kernel by itself, to be priced; one stands for all of its form.
struct KeptForm {
    explicit KeptForm(Program one, size_t hash);

    Program alone;  ///< made by `alone` (engine.h)
    size_t hash;    ///< of the form
    bool bound;     ///< all of its sizes have numbers
    KeptKernels kept;
};
using KeptFormPtr = std::shared_ptr<KeptForm>;
using KeptForms = FormTable<KeptFormPtr>;

/// The entry of the kernel of a program made by `alone`, made where there is none.
KeptFormPtr kept_form(KeptForms&, Program alone);
/// Drops those that nobody else has, and of the others what was not asked for since the last turn.
void turn(KeptForms&);
void measure(KeptSize&, const KeptForms&);
/// Once, whoever has it.
void measure(KeptSize&, const KeptFormPtr&);

}  // namespace smeaton::gir::rewrite
