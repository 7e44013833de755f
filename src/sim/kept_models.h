// What kernels were found to ask of a machine, kept for others of the same levels.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "cost/kernel_cost.h"
#include "gir/by_region.h"

namespace smeaton::sim {

/// Kernels of programs that were tiled from one, as analysed for machines that differ in
/// capacities alone.
struct KeptModels {
    /// Pointers that compare by what they stand for.
    struct Traffic {
        std::shared_ptr<const cost::CacheTraffic> of;
        friend bool operator==(const Traffic&, const Traffic&);
    };
    /// All but the caches of a kernel, and those, which are the same for equal kernels.
    struct Model {
        std::shared_ptr<const cost::KernelModel> bare;
        cost::CacheTraffics caches = {};
        friend bool operator==(const Model&, const Model&);
    };
    /// What is without caches of a kernel that came first with its form, and the same as another
    /// kernel names it.
    struct Named {
        std::shared_ptr<const cost::KernelModel> first, named;
    };
    explicit KeptModels(const gir::Program& like)
        : most(gir::most_for(like)), models(most), named(most), bare(most), parts(most) {}

    /// As KeptKernels.
    void turn();
    void measure(gir::KeptSize&) const;

    size_t most;                  ///< kernels, twice
    gir::Twins* twins = nullptr;  ///< among those kernels; null: none are known
    gir::ByForm<Model> models;
    gir::Recent<std::vector<Named>> named;
    /// Their parts, of kernels that came first with their form: without caches; by cache.
    gir::ByKernel<std::shared_ptr<const cost::KernelModel>> bare;
    std::deque<gir::ByKernel<Traffic>> caches;
    gir::Recent<cost::PartsTable> parts;
};

}  // namespace smeaton::sim
