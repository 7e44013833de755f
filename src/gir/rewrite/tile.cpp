#include "gir/rewrite/tile.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/scopes.h"
#include "gir/rewrite/tile_mma.h"
#include "gir/rewrite/vectorize.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

struct ProgramTiler {
    const Target& target;
    const Rules& rules;
    Program out;
    Steps packing_steps;
    std::vector<Packing> packed;  // made so far, shared between kernels
    std::set<Name> names;         // buffers and kernels
    std::set<Name> taken;         // between kernels the same
    std::set<Name> changed;       // states written so far
    std::set<Name> contracted;    // kernels that tile_mma tiled

    void add_name(Name n) { names.insert(n), taken.insert(n); }
    void forget(const std::set<Name>& of_kernel);
    std::optional<Block> tile_stmt(Name kernel, const StmtPtr& s);
    KernelPtr tile_kernel(const KernelPtr& kernel);
    void pack(const Packing&);
    void tile_steps(Steps& steps);
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
void ProgramTiler::pack(const Packing& packing) {
    out.buffers.push_back(packing.packed);
    add_name(packing.packed.name);
    Name name = fresh("pack_" + packing.source.str(), names);
    add_name(name);
    auto kernel = std::make_shared<const Kernel>(packing_kernel(packing, name));
    packed.push_back(packing);
    const bool once = out.buffer(packing.source).lifetime == Lifetime::Weight;
    packing_steps.push_back({RunStep{kernel, once}});
}

// Takes a kernel's own names out of `taken` again. One set for all kernels: a copy for each would
// make their number count twice.
void ProgramTiler::forget(const std::set<Name>& of_kernel) {
    for (Name n : of_kernel)
        if (names.count(n) == 0) taken.erase(n);
}

// Nothing where the rules that would tile it are skipped.
std::optional<Block> ProgramTiler::tile_stmt(Name kernel, const StmtPtr& s) {
    std::optional<TiledStmt> mma;
    if (rules.on("tile-contraction")) mma = tile_mma(out, s, target, taken, changed);
    if (!mma)
        return rules.on("vectorize") ? std::optional(vectorize(out, s, target, taken))
                                     : std::nullopt;
    contracted.insert(kernel);
    Block tiled = mma->block;
    for (const Packing& packing : mma->packings) {
        auto known = std::find_if(packed.begin(), packed.end(), [&](const Packing& p) {
            return p.source == packing.source && p.packed.layout == packing.packed.layout;
        });
        if (known != packed.end())
            tiled = rename_targets(tiled, {{packing.packed.name, known->packed.name}});
        else
            pack(packing);
    }
    return tiled;
}

KernelPtr ProgramTiler::tile_kernel(const KernelPtr& kernel) {
    const std::set<Name> before = declared_names(kernel->body);
    taken.insert(before.begin(), before.end());
    Block body;
    bool changes = false;
    for (const StmtPtr& s : kernel->body) {
        std::optional<Block> tiled = tile_stmt(kernel->name, s);
        changes = changes || tiled;
        if (!tiled) tiled = Block{s};
        body.insert(body.end(), tiled->begin(), tiled->end());
    }
    if (changes) {
        body = nest_scopes(body, target, taken);
        body = with_unique_tiles(body);  // tails have tiles of other shapes
    }
    forget(before);
    forget(declared_names(body));
    if (taken.size() != names.size()) taken = names;  // names were made and not used
    if (!changes) return kernel;
    return std::make_shared<const Kernel>(with_uses({kernel->name, {}, {}, body, kernel->origins}));
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
    ProgramTiler tiler{target, rules, program, {}, {}, {}, {}, {}, {}};
    for (const Buffer& b : program.buffers) tiler.names.insert(b.name);
    std::set<Name> olds;
    for (const KernelPtr& k : kernels(program)) olds.insert(k->name);
    tiler.names.insert(olds.begin(), olds.end());
    tiler.taken = tiler.names;
    Steps steps = program.steps;
    tiler.tile_steps(steps);
    for (size_t i = 0; i < tiler.packing_steps.size(); ++i) {  // tiling one may add others
        const auto pack = std::get<RunStep>(tiler.packing_steps[i].node);
        const KernelPtr tiled = tiler.tile_kernel(pack.kernel);
        std::get<RunStep>(tiler.packing_steps[i].node).kernel = tiled;
    }
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
