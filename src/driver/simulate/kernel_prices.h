// What kernels of one model take on machines that differ in capacities alone: each is tiled,
// claimed, spelled and costed by itself, once for all capacities that it cannot tell apart.
#pragma once

#include <limits>
#include <memory>
#include <unordered_map>
#include <vector>

#include "gir/by_region.h"
#include "gir/program.h"
#include "gir/rewrite/kept.h"
#include "gir/rewrite/rules.h"
#include "gir/room.h"
#include "gir/target.h"
#include "machine/machine.h"

namespace smeaton::driver {

/// A machine of the family, and the numbers that its kernels are rewritten by.
struct PricedOn {
    const machine::Machine& machine;
    const gir::Target& target;
    const gir::rewrite::Rules& rules;
    std::vector<double> of_levels;  ///< the machine's capacities
    std::vector<double> numbers;    ///< these, then the capacities of the target's levels
};

class KernelPrices {
public:
    /// Equal kernels of a shaped program, and what came of them.
    struct Entry {
        static constexpr size_t kMostPrices = 1024, kMostCharged = 64;
        explicit Entry(gir::rewrite::KeptFormPtr of) : form(std::move(of)) {}

        gir::rewrite::KeptFormPtr form;
        gir::ByRegion<double, kMostPrices> prices = {};
        gir::ByKernel<double> charged{kMostCharged};  ///< what spelled kernels take
        double last_us = 0;  ///< when it was asked last, here or on another family
    };
    struct Group {
        std::shared_ptr<Entry> entry;
        double count = 0;
    };

    /// The kernels of the program's runs by form. Left out are what runs at load only, what stands
    /// in branches and repeats, and what reads a state that has changed: that is tiled otherwise.
    std::vector<Group> groups_of(const gir::Program& shaped, gir::rewrite::KeptForms&);
    /// Drops what was not asked for since the last turn.
    void turn();
    void measure(gir::KeptSize&) const;
    /// Takes over how long each took when it was asked last.
    void expect(const KernelPrices& of_another_family);

    /// Microseconds of one kernel; 0 where the machine has no rate for it.
    static double us(Entry&, const PricedOn&);

private:
    std::unordered_map<gir::rewrite::KeptFormPtr, std::shared_ptr<Entry>> entries_;
    std::unordered_map<size_t, double> expected_us_;  ///< by the hash of a form
};

/// The sum over the groups, until it is at least `enough_us`: those first that took the longest
/// when they were asked last. No more than the program takes on the machine, where no level is a
/// cache: kernels follow one another there, and borders and what is packed come on top.
double least_us(std::vector<KernelPrices::Group>&, const PricedOn&, double enough_us);

}  // namespace smeaton::driver
