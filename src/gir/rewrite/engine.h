// The engine that applies rules. A rule proposes kernels in place of others; the engine asks the
// oracle where the rule cannot tell whether that pays, logs what it did to ledger and price, and
// logs what it refused.
//
// Prices come in two kinds. While kernels are fused and laid out, a kernel costs what it will once
// it is tiled, claimed and spelled: that is what a proposal changes. From tiling on, it costs what
// it does as it stands, so that the gain of a tile is the difference to loops.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gir/by_region.h"
#include "gir/ledger/levels.h"
#include "gir/rewrite/kept.h"
#include "gir/rewrite/rules.h"

namespace smeaton::gir::rewrite {

/// A kernel and the buffers that it names, as a program of its own.
Program alone(const Program&, const KernelPtr&);

/// Prices by form: equal kernels are priced once.
struct KeptPrices {
    /// `shared`: with others whose targets have the same levels; null: with nobody.
    explicit KeptPrices(std::shared_ptr<KeptForms> shared = nullptr)
        : forms(shared ? std::move(shared) : std::make_shared<KeptForms>()),
          charged(kMostCharged) {}

    using Price = std::optional<double>;
    std::shared_ptr<KeptForms> forms;
    std::unordered_map<KeptFormPtr, ByRegion<Price>> tiled, standing;
    ByKernel<Price> charged;  ///< what spelled kernels take

    /// Drops what was not asked for since the last turn; not the forms.
    void turn();
    void measure(KeptSize&) const;

    static constexpr size_t kMostCharged = 4096;
};

/// Prices of kernels on one target.
class Prices {
public:
    /// `kept`: from targets that differ in capacities alone; null: none.
    Prices(Target, Oracle, std::set<std::string> skip, std::shared_ptr<KeptPrices> kept = nullptr);

    enum class Kind { Tiled, Standing };
    /// Of the one kernel of a program made by `alone`, without what runs at load. Nothing where
    /// sizes are open or the kernel cannot be priced.
    /// `asked` (null: no matter) is narrowed to the capacities for which that is so.
    std::optional<double> us(const KeptFormPtr&, Kind, Region* asked = nullptr);
    std::optional<double> us(Program alone, Kind);
    /// What is kept of such a kernel.
    KeptFormPtr form(Program alone) const { return kept_form(*kept_->forms, std::move(alone)); }

    /// Pairs of kernels that were not worth merging: every round proposes them again.
    std::set<std::pair<KernelPtr, KernelPtr>> refused;

    /// Do bytes move beside the target's units (stream.h)?
    bool streams() const;

    /// layout_choice's, empty where its rule is skipped.
    std::map<Name, Layout> layouts_to_come(const Program&) const;

private:
    std::optional<double> priced(KeptForm&, Kind, Region& asked) const;
    std::optional<double> charged(const Program&, const KernelPtr&, Region& asked) const;

    Target target_;
    std::vector<double> numbers_;
    Oracle oracle_;
    std::set<std::string> skip_;
    std::shared_ptr<KeptPrices> kept_;
};

/// Levels of lowered and of tiled programs in one tree: "memory" outermost, the target's, "local".
Levels levels_while_rewriting(const Target&);

/// What the kernels of one program move and take. `us` is there where all have a price.
Effect effect_of(const Program&, const std::vector<KernelPtr>&, const Rules&, Prices::Kind);
/// Of all its kernels.
Effect effect_of(const Program&, const Rules&, Prices::Kind);

/// What was asked: whether kernels, each alone, cost less than others; and the answer.
struct Question {
    std::vector<KeptFormPtr> before, after;
    bool pays = false;
};
/// The answer that these rules' oracle gives; false where it cannot price one of them. `asked`
/// (null: no matter) is narrowed to the capacities for which it is the same.
bool pays(const Question&, const Rules&, Region* asked = nullptr);

struct Proposal {
    std::string rule, what;
    std::vector<KernelPtr> before, after;
    /// Bytes and operations do not tell whether it pays.
    bool asks = false;
    /// Of buffers that will be laid out otherwise before they are tiled; may be null.
    const std::map<Name, Layout>* layouts = nullptr;
};
/// Whether the program takes the proposal; logged either way. A price that rises refuses one that
/// asks, and so does the lack of one.
bool accept(const Proposal&, const Program&, const Rules&);
/// Whether `after`, whose kernels and layouts may differ anywhere, takes the place of `before`: its
/// price must not be higher. A refusal is logged; what is taken, by `applied`.
bool accept(const std::string& rule, const std::string& what, const Program& before,
            const Program& after, const Rules&);

/// `body`, which logs its proposals itself, applied to the program unless the rule is skipped; the
/// result verified where that is wanted (InternalError that names the rule).
Program proposed(const std::string& rule, Program, const Rules&,
                 const std::function<Program(Program)>& body);
/// The same, but each kernel that it changed, made or dropped, or whose buffers it laid out
/// otherwise, is an entry of the log.
Program applied(const std::string& rule, Program, const Rules&, Prices::Kind,
                const std::function<Program(Program)>& body);
/// The log of such a change, the rule named for each kernel; what is new and runs at load only is
/// part of what it is made for.
void note_changes(const Program& before, const Program& after, const Rules&, Prices::Kind,
                  const std::function<std::string(Name kernel)>& rule);

}  // namespace smeaton::gir::rewrite
