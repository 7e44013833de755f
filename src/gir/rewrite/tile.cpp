#include "gir/rewrite/tile.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "gir/names.h"
#include "gir/rewrite/claim/claim.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/kept.h"
#include "gir/rewrite/lives.h"
#include "gir/rewrite/scopes.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/rewrite/stream.h"
#include "gir/rewrite/tile_mma.h"
#include "gir/rewrite/vectorize.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

/// Kernels by themselves: what others pack, and how that is called, is no matter.
struct KernelTiler {
    const Program& program;  ///< its buffers
    const Target& target;
    const Rules& rules;
    const std::set<Name>& given;    ///< buffers and kernels that there were
    const std::set<Name>& changed;  ///< states written so far
    std::set<Name> taken;           ///< given, and those of the kernel at hand

    void forget(const std::set<Name>& of_kernel);
    std::optional<Block> tile_stmt(const StmtPtr& s, const Target&, TiledKernel&,
                                   std::map<Name, int64_t>& placed, bool* lone_column);
    TiledKernel tiled_for(const KernelPtr& kernel, const Target&, bool* lone_column);
    TiledKernel tiled_where_cheaper(const KernelPtr& kernel, const Target&, Region* asked);
    std::optional<double> price(const TiledKernel&, const Target&, Region* asked) const;
    bool reads_changed_state(const Kernel&) const;
    std::optional<TiledKernel> follow(const Kernel& kernel, const TiledKernel& made,
                                      const KernelForm& from, const KernelForm& to) const;
};

/// Tilers for as many threads as ask at once.
class Tilers {
public:
    explicit Tilers(const KernelTiler& like) : like_(like) {}

    TiledKernel tiled(const KernelPtr& kernel, const Target& target, Region* asked) {
        std::unique_ptr<KernelTiler> tiler = taken();
        TiledKernel made = tiler->tiled_where_cheaper(kernel, target, asked);
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(tiler));
        return made;
    }

private:
    std::unique_ptr<KernelTiler> taken() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) return std::make_unique<KernelTiler>(like_);
        std::unique_ptr<KernelTiler> tiler = std::move(idle_.back());
        idle_.pop_back();
        return tiler;
    }

    const KernelTiler& like_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<KernelTiler>> idle_;
};

struct ProgramTiler {
    const Target& target;
    const Rules& rules;
    Program out;
    std::set<Name> given, names;  ///< as for kernels; and those that pack
    std::vector<double> numbers;  ///< of the target
    std::set<Name> changed;
    KernelTiler one;
    Tilers tilers;
    Steps packing_steps;
    std::vector<Packing> packed;  ///< made so far, shared between kernels
    std::set<Name> contracted;    ///< kernels that tile_mma tiled
    std::unordered_map<const Kernel*, TiledKernel> ahead;

    ProgramTiler(const Program& p, const Target& t, const Rules& r,
                 const std::set<Name>& names_given)
        : target(t),
          rules(r),
          out(p),
          given(names_given),
          names(given),
          numbers(numbers_of(t)),
          one{out, target, rules, given, changed, given},
          tilers(one) {}
    ProgramTiler(const ProgramTiler&) = delete;
    std::vector<TiledKernel> tiled(const std::vector<KernelPtr>& kernels);
    std::vector<TiledKernel> tiled_from(const std::vector<KernelPtr>& kernels, KeptKernels&);
    void tile_ahead(const std::vector<KernelPtr>& kernels);
    KernelPtr tile_kernel(const KernelPtr& kernel);
    Packing pack(Packing);
    void tile_steps(Steps& steps);
    void tile_packings();
    void note_changes(const Kernel& kernel);
};

// parallel over all dims: move packed[i0, i1, ...] <- source[i0, i1, ...]
Kernel packing_kernel(const Packing& packing, Name name) {
    Op move;
    move.dst.target = packing.packed.name;
    Slice from{packing.source, {}, {}};
    for (const NamedDim& d : packing.packed.dims) {
        move.dst.at.emplace_back(Affine(d.name));
        from.at.emplace_back(Affine(d.name));
    }
    move.srcs = {from};
    Block body{stmt(move)};
    for (size_t i = packing.packed.dims.size(); i-- > 0;) {
        const NamedDim& d = packing.packed.dims[i];
        body = {stmt(Parallel{d.name, d.extent, "any", std::move(body)})};
    }
    return with_uses({name, {}, {}, std::move(body), {packing.source.str()}});
}

// The kernel that packs is tiled after all others.
Packing ProgramTiler::pack(Packing packing) {
    if (!names.insert(packing.packed.name).second)
        packing.packed.name = fresh(packing.source.str() + "_packed", names);
    out.buffers.push_back(packing.packed);
    Name name = fresh("pack_" + packing.source.str(), names);
    auto kernel = std::make_shared<const Kernel>(packing_kernel(packing, name));
    if (rules.kept_kernels) kernel = rules.kept_kernels->known(kernel, out);
    packed.push_back(packing);
    const bool once = out.buffer(packing.source).lifetime == Lifetime::Weight;
    packing_steps.push_back({RunStep{kernel, once}});
    return packing;
}

// Takes a kernel's own names out of `taken` again. One set for all kernels: a copy for each would
// make their number count twice.
void KernelTiler::forget(const std::set<Name>& of_kernel) {
    for (Name n : of_kernel)
        if (given.count(n) == 0) taken.erase(n);
}

// Nothing where the rules that would tile it are skipped.
std::optional<Block> KernelTiler::tile_stmt(const StmtPtr& s, const Target& asked,
                                            TiledKernel& kernel, std::map<Name, int64_t>& placed,
                                            bool* lone_column) {
    const bool weighs = rules.on("weigh-tiles");
    std::optional<TiledStmt> mma;
    if (rules.on("tile-contraction")) mma = tile_mma(program, s, asked, taken, changed, weighs);
    if (!mma)
        return rules.on("vectorize")
                   ? std::optional(vectorize(program, s, asked, taken, placed, weighs))
                   : std::nullopt;
    kernel.contracted = true;
    if (lone_column) *lone_column = *lone_column || mma->lone_column;
    kernel.packings.insert(kernel.packings.end(), mma->packings.begin(), mma->packings.end());
    return mma->block;
}

TiledKernel KernelTiler::tiled_for(const KernelPtr& kernel, const Target& asked,
                                   bool* lone_column) {
    TiledKernel made{kernel};
    const std::set<Name> declared = declared_names(kernel->body);
    taken.insert(declared.begin(), declared.end());
    Block body;
    std::map<Name, int64_t> placed;  // by tiles that live to the kernel's end
    const bool streams = moves_beside_units(asked) && rules.on("vectorize");
    const Block given_body = streams ? sum_as_it_comes(kernel->body) : kernel->body;
    bool changes = given_body != kernel->body;
    for (const StmtPtr& s : given_body) {
        std::optional<Block> tiled = tile_stmt(s, asked, made, placed, lone_column);
        changes = changes || tiled;
        if (!tiled) tiled = Block{s};
        body.insert(body.end(), tiled->begin(), tiled->end());
    }
    if (changes) {
        body = nest_scopes(body, asked, taken);
        body = with_unique_tiles(body);  // tails have tiles of other shapes
        body = with_short_lives(body, asked, taken);
        made.kernel = std::make_shared<const Kernel>(
            with_uses({kernel->name, {}, {}, std::move(body), kernel->origins}));
    }
    forget(declared);
    forget(declared_names(made.kernel->body));
    for (const Packing& p : made.packings) forget({p.packed.name});
    if (taken.size() != given.size()) taken = given;  // names were made and not used
    return made;
}

// Of the kernel as it will stand, without what is packed for it.
std::optional<double> KernelTiler::price(const TiledKernel& made, const Target& on,
                                         Region* asked) const {
    Program with = program;
    for (const Packing& p : made.packings) with.buffers.push_back(p.packed);
    Program one = alone(with, made.kernel);
    Rules quiet;
    quiet.skip = rules.skip;
    on.oracle.note();
    one = spell(claim_residents(std::move(one), on, quiet), on);
    double sum = 0;
    try {
        for (const Step& s : one.steps)
            if (auto* run = std::get_if<RunStep>(&s.node))
                sum += rules.oracle(one, *run->kernel, asked);
    } catch (const UserError&) {
        return std::nullopt;  // the target has no rate for what it does
    }
    return sum;
}

/// Without the units that contract in shapes of their own: the vector unit does it.
Target without_arrays(Target target) {
    std::erase_if(target.shapes, [](const MmaShape& s) { return s.rows > 1 || s.group > 1; });
    return target;
}

// A contraction that leaves all columns of an array but one idle may be the vector unit's: where
// its sums lie in registers, it is.
TiledKernel KernelTiler::tiled_where_cheaper(const KernelPtr& kernel, const Target& on,
                                             Region* asked) {
    bool lone_column = false;
    TiledKernel by_array = tiled_for(kernel, on, &lone_column);
    if (!lone_column || !rules.oracle || !rules.on("weigh-tiles") || !moves_beside_units(on))
        return by_array;
    const Target vectors = without_arrays(on);
    if (vectors.shapes.empty()) return by_array;
    TiledKernel by_vectors = tiled_for(kernel, vectors, nullptr);
    const std::optional<double> array_us = price(by_array, on, asked);
    const std::optional<double> vector_us = price(by_vectors, on, asked);
    return vector_us && (!array_us || *vector_us < *array_us) ? by_vectors : by_array;
}

bool KernelTiler::reads_changed_state(const Kernel& kernel) const {
    return std::any_of(kernel.reads.begin(), kernel.reads.end(),
                       [&](Name n) { return changed.count(root_of(program, n)) > 0; });
}

/// Buffers of the one stand in the order of names in which those of the other do.
bool in_one_order(const std::vector<Name>& a, const std::vector<Name>& b) {
    for (size_t i = 0; i < a.size(); ++i)
        for (size_t j = 0; j < i; ++j)
            if ((a[i] < a[j]) != (b[i] < b[j])) return false;
    return true;
}

bool has_views(const KernelForm& form) {
    return std::any_of(form.ports.begin(), form.ports.end(),
                       [](const Buffer& b) { return !b.alias_of.empty(); });
}

/// What was made of an equal kernel, as it would be made of this one. Nothing: it would be called
/// otherwise, or more than kernel and buffers may count.
std::optional<TiledKernel> KernelTiler::follow(const Kernel& kernel, const TiledKernel& made,
                                               const KernelForm& from, const KernelForm& to) const {
    if (!made.kernel) return made;
    if (from.vars != to.vars || from.tiles != to.tiles || !in_one_order(from.buffers, to.buffers) ||
        has_views(from))
        return std::nullopt;
    TiledKernel other{nullptr, made.packings, made.contracted};
    Renaming names;
    for (Packing& p : other.packings) {
        const auto at = std::find(from.buffers.begin(), from.buffers.end(), p.source);
        const Name source = to.buffers[static_cast<size_t>(at - from.buffers.begin())];
        const Name packed(source.str() + "_packed");
        if (p.packed.name != Name(p.source.str() + "_packed") || given.count(packed) > 0)
            return std::nullopt;
        names.targets.emplace(p.packed.name, packed);
        p.source = source;
        p.packed.name = packed;
        p.packed.value_name = program.buffer(source).value_name;
    }
    std::optional<Kernel> copy = renamed(*made.kernel, from, to, kernel, given, &names);
    if (!copy) return std::nullopt;
    other.kernel = rules.kept_kernels->twin(
        std::move(*copy), {made.kernel, from.buffers, to.buffers, std::move(names)});
    return other;
}

/// No two of which are one.
std::vector<TiledKernel> ProgramTiler::tiled(const std::vector<KernelPtr>& kernels) {
    std::vector<TiledKernel> made;
    if (rules.kept_kernels) {
        made = tiled_from(kernels, *rules.kept_kernels);
    } else {
        made.resize(kernels.size());
        std::vector<Region> asked(rules.asked ? kernels.size() : 0, Region(numbers.size()));
        for_each_item(rules.workers, kernels.size(), [&](size_t i) {
            made[i] = tilers.tiled(kernels[i], target, rules.asked ? &asked[i] : nullptr);
        });
        for (const Region& region : asked) meet(*rules.asked, KeptRegion(region));
    }
    for (size_t i = 0; i < kernels.size(); ++i)
        if (!made[i].kernel) made[i].kernel = kernels[i];
    return made;
}

/// Equal ones once.
std::vector<TiledKernel> ProgramTiler::tiled_from(const std::vector<KernelPtr>& kernels,
                                                  KeptKernels& kept) {
    auto make = [&](const KernelPtr& kernel, Region& asked) {
        TiledKernel made = tilers.tiled(kernel, noting(target, asked), &asked);
        if (made.kernel == kernel) made.kernel = nullptr;
        return made;
    };
    auto follow = [&](const KernelPtr& kernel, const TiledKernel& made, const KernelForm& from,
                      const KernelForm& to) {
        if (std::optional<TiledKernel> other = one.follow(*kernel, made, from, to)) return *other;
        Region asked_by_the_equal_one(numbers.size());
        return make(kernel, asked_by_the_equal_one);
    };
    return kept.tiled.get(out, kernels, {numbers, rules.asked}, rules.workers, nullptr, make,
                          follow);
}

/// Those that read no state, which may have changed when their turn comes.
void ProgramTiler::tile_ahead(const std::vector<KernelPtr>& kernels) {
    std::vector<KernelPtr> todo;
    for (const KernelPtr& k : kernels) {
        const bool state = std::any_of(k->reads.begin(), k->reads.end(), [&](Name n) {
            return out.buffer(root_of(out, n)).lifetime == Lifetime::State;
        });
        if (!state && ahead.emplace(k.get(), TiledKernel{}).second) todo.push_back(k);
    }
    std::vector<TiledKernel> made = tiled(todo);
    for (size_t i = 0; i < todo.size(); ++i) ahead.find(todo[i].get())->second = std::move(made[i]);
}

KernelPtr ProgramTiler::tile_kernel(const KernelPtr& kernel) {
    // A kernel may stand in two places, of which one sees a state as the run began.
    auto known = ahead.find(kernel.get());
    const TiledKernel made = known != ahead.end() ? known->second
                             : one.reads_changed_state(*kernel)
                                 ? one.tiled_where_cheaper(kernel, target, rules.asked)
                                 : tiled({kernel}).front();
    if (made.contracted) contracted.insert(kernel->name);
    OtherNames renamed;
    for (const Packing& packing : made.packings) {
        auto same = std::find_if(packed.begin(), packed.end(), [&](const Packing& p) {
            return p.source == packing.source && p.packed.layout == packing.packed.layout;
        });
        const Name name = (same != packed.end() ? *same : pack(packing)).packed.name;
        if (name != packing.packed.name) renamed[packing.packed.name] = name;
    }
    if (renamed.empty()) return made.kernel;
    Kernel next = *made.kernel;
    next.body = rename_targets(next.body, renamed);
    auto named = std::make_shared<const Kernel>(with_uses(std::move(next)));
    return rules.kept_kernels ? rules.kept_kernels->known(named, out) : named;
}

void ProgramTiler::note_changes(const Kernel& kernel) {
    for (Name n : kernel.writes)
        if (out.buffer(n).lifetime == Lifetime::State) changed.insert(root_of(out, n));
}

void ProgramTiler::tile_steps(Steps& steps) {
    for (Step& s : steps) {
        if (auto* run = std::get_if<RunStep>(&s.node)) {
            note_changes(*run->kernel);
            run->kernel = tile_kernel(run->kernel);
        }
        if (auto* branch = std::get_if<BranchStep>(&s.node)) {
            tile_steps(branch->then_steps);
            tile_steps(branch->else_steps);
        }
        if (auto* repeat = std::get_if<RepeatStep>(&s.node)) tile_steps(repeat->body);
    }
}

/// Tiling one may add others.
void ProgramTiler::tile_packings() {
    for (size_t i = 0, ready = 0; i < packing_steps.size(); ++i) {
        if (i == ready) {
            std::vector<KernelPtr> next;
            for (; ready < packing_steps.size(); ++ready)
                next.push_back(std::get<RunStep>(packing_steps[ready].node).kernel);
            tile_ahead(next);
        }
        const KernelPtr pack = std::get<RunStep>(packing_steps[i].node).kernel;
        const KernelPtr tiled = tile_kernel(pack);
        std::get<RunStep>(packing_steps[i].node).kernel = tiled;
    }
}

bool is_once(const Step& s) {
    auto* run = std::get_if<RunStep>(&s.node);
    return run && run->once;
}

/// That of a state: before its first reader.
Steps::iterator place_in_run(Steps& steps, Name packed) {
    return std::find_if(steps.begin(), steps.end(), [&](const Step& s) {
        auto* run = std::get_if<RunStep>(&s.node);
        return !run || std::count(run->kernel->reads.begin(), run->kernel->reads.end(), packed) > 0;
    });
}

/// The `once` ones, each before everything that is not `once`, but after the last step that writes
/// the weight to pack; those of one place in their order.
void insert_packings(Steps& steps, const Steps& packings) {
    std::map<Name, size_t> last_writer;
    size_t first = steps.size();
    for (size_t i = steps.size(); i-- > 0;) {
        if (!is_once(steps[i])) first = i;
        if (auto* run = std::get_if<RunStep>(&steps[i].node))
            for (Name n : run->kernel->writes) last_writer.emplace(n, i);
    }
    std::vector<Steps> before(steps.size() + 1);
    for (const Step& packing : packings) {
        if (!is_once(packing)) continue;
        const Name source = std::get<RunStep>(packing.node).kernel->reads.at(0);
        auto writer = last_writer.find(source);
        const bool later = writer != last_writer.end() && writer->second >= first;
        before[later ? writer->second + 1 : first].push_back(packing);
    }
    Steps out;
    for (size_t i = 0; i <= steps.size(); ++i) {
        out.insert(out.end(), before[i].begin(), before[i].end());
        if (i < steps.size()) out.push_back(std::move(steps[i]));
    }
    steps = std::move(out);
}

}  // namespace

Program tile(const Program& program, const Target& target, const Rules& rules) {
    std::set<Name> olds, given;
    for (const KernelPtr& k : kernels(program)) olds.insert(k->name);
    for (const Buffer& b : program.buffers) given.insert(b.name);
    given.insert(olds.begin(), olds.end());
    ProgramTiler tiler(program, target, rules, given);
    Steps steps = program.steps;
    tiler.tile_ahead(kernels(program));
    tiler.tile_steps(steps);
    tiler.tile_packings();
    insert_packings(steps, tiler.packing_steps);
    for (const Step& s : tiler.packing_steps)
        if (!is_once(s))
            steps.insert(place_in_run(steps, std::get<RunStep>(s.node).kernel->writes.at(0)), s);
    tiler.out.steps = std::move(steps);
    note_changes(program, tiler.out, rules, Prices::Kind::Standing, [&](Name kernel) {
        const bool packs = olds.count(kernel) == 0;
        return packs || tiler.contracted.count(kernel) > 0 ? "tile-contraction" : "vectorize";
    });
    return placed(std::move(tiler.out), target);
}

Program placed(Program program, const Target& target) {
    const Name unplaced("memory"), outermost = target.outermost().name;
    for (Buffer& b : program.buffers)
        if (b.level == unplaced) b.level = outermost;
    auto place_tile = [&](const StmtPtr& s) -> Block {
        auto* let = std::get_if<Let>(&s->node);
        if (!let || let->tile.level != unplaced) return {s};
        Let there = *let;
        there.tile.level = outermost;
        return {stmt(std::move(there))};
    };
    return map_kernels(std::move(program), [&](const KernelPtr& k) -> KernelPtr {
        bool any = false;
        for_each_stmt(k->body, [&](const Stmt& s) {
            auto* let = std::get_if<Let>(&s.node);
            any = any || (let && let->tile.level == unplaced);
        });
        if (!any) return k;
        Kernel there = *k;
        there.body = map_stmts(k->body, place_tile);
        return std::make_shared<const Kernel>(std::move(there));
    });
}

}  // namespace smeaton::gir::rewrite
