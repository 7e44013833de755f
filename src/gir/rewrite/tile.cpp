#include "gir/rewrite/tile.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "gir/rewrite/rules.h"
#include "gir/rewrite/scopes.h"
#include "gir/rewrite/tile_mma.h"
#include "gir/rewrite/vectorize.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

struct ProgramTiler {
    const Target& target;
    Program out;
    Steps packing_steps;
    std::vector<Packing> packed;  // made so far, shared between kernels
    std::set<Name> names;         // buffers and kernels
    std::set<Name> changed;       // states written so far

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

void ProgramTiler::pack(const Packing& packing) {
    out.buffers.push_back(packing.packed);
    names.insert(packing.packed.name);
    Name name = fresh("pack_" + packing.source.str(), names);
    auto kernel = std::make_shared<const Kernel>(packing_kernel(packing, name));
    packed.push_back(packing);
    const bool once = out.buffer(packing.source).lifetime == Lifetime::Weight;
    packing_steps.push_back({RunStep{tile_kernel(kernel), once}});
}

KernelPtr ProgramTiler::tile_kernel(const KernelPtr& kernel) {
    std::set<Name> taken = declared_names(kernel->body);
    taken.insert(names.begin(), names.end());
    Block body;
    for (const StmtPtr& s : kernel->body) {
        Block tiled;
        if (std::optional<TiledStmt> mma = tile_mma(out, s, target, taken, changed)) {
            tiled = mma->block;
            for (const Packing& packing : mma->packings) {
                auto known = std::find_if(packed.begin(), packed.end(), [&](const Packing& p) {
                    return p.source == packing.source && p.packed.layout == packing.packed.layout;
                });
                if (known != packed.end())
                    tiled = rename_targets(tiled, {{packing.packed.name, known->packed.name}});
                else
                    pack(packing);
            }
        } else {
            tiled = vectorize(out, s, target, taken);
        }
        body.insert(body.end(), tiled.begin(), tiled.end());
    }
    body = nest_scopes(body, target, taken);
    body = with_unique_tiles(body);  // tails have tiles of other shapes
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

/// Before everything that is not `once`, but after the step that writes the weight to pack.
Steps::iterator place_of_packing(Steps& steps, const Step& packing) {
    const auto& pack = std::get<RunStep>(packing.node);
    if (!pack.once) return place_in_run(steps, pack.kernel->writes.at(0));
    Name source = pack.kernel->reads.at(0);
    auto place =
        std::find_if(steps.begin(), steps.end(), [](const Step& s) { return !is_once(s); });
    for (auto s = place; s != steps.end(); ++s) {
        auto* run = std::get_if<RunStep>(&s->node);
        if (!run) continue;
        const std::vector<Name>& writes = run->kernel->writes;
        if (std::find(writes.begin(), writes.end(), source) != writes.end()) place = s + 1;
    }
    return place;
}

}  // namespace

Program tile(const Program& program, const Target& target) {
    ProgramTiler tiler{target, program, {}, {}, {}, {}};
    for (const Buffer& b : program.buffers) tiler.names.insert(b.name);
    for (const KernelPtr& k : kernels(program)) tiler.names.insert(k->name);
    Steps steps = program.steps;
    tiler.tile_steps(steps);
    for (const Step& s : tiler.packing_steps) steps.insert(place_of_packing(steps, s), s);
    tiler.out.steps = std::move(steps);
    return std::move(tiler.out);
}

}  // namespace smeaton::gir::rewrite
