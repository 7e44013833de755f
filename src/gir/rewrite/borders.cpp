#include "gir/rewrite/borders.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/memory/arena.h"
#include "gir/names.h"
#include "gir/rewrite/kept.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

// What a dim of the buffer has besides its logical coordinates: some before 0, some from the extent
// on.
struct Margin {
    size_t dim = 0;
    int64_t before = 0, after = 0;
};

// Outermost in memory first. Padding behind the innermost dim only keeps rows off each other's
// cache sets: nobody reads it.
std::vector<Margin> margins_of(const Buffer& b) {
    std::vector<Margin> out;
    const std::vector<PhysicalDim> dims = physical_dims(b);
    for (size_t k = 0; k < dims.size(); ++k) {
        const PhysicalDim& p = dims[k];
        const int64_t after = k + 1 == dims.size() ? 0 : p.after;
        if (p.mod == 0 && p.before + after > 0)
            out.push_back({static_cast<size_t>(p.dim), p.before * p.div, after * p.div});
    }
    return out;
}

// The coordinates from `lo` on, `count` of them, in each dim.
struct Part {
    int64_t lo = 0, count = 0;
};

StmtPtr fill(const Buffer& b, const std::vector<Part>& box) {
    Op op;
    op.kind = OpKind::Fill;
    op.dst.target = b.name;
    op.srcs = {*b.layout.border};
    for (size_t d = 0; d < box.size(); ++d) {
        Affine at(box[d].lo);
        if (box[d].count > 1) {
            op.dims.push_back({b.dims[d].name, box[d].count});
            at += Affine(b.dims[d].name);
        }
        op.dst.at.emplace_back(at);
    }
    return stmt(std::move(op));
}

// Boxes that hold each element of the border once, those on both sides of a dim in a step of their
// own: a step's cost is that of the box around what it touches. They are as wide as memory in the
// margins further in, so that they lie in long runs.
void add_border_steps(const Program& program, const Buffer& b, std::set<Name>& taken,
                      KeptKernels* kept, Steps& steps) {
    std::vector<Part> box;
    for (const NamedDim& d : b.dims) box.push_back({0, d.extent.value()});
    const std::vector<Margin> margins = margins_of(b);
    for (const Margin& m : margins) box[m.dim] = {-m.before, m.before + box[m.dim].count + m.after};
    for (const Margin& m : margins) {
        const NamedDim& dim = b.dims[m.dim];
        Kernel k;
        k.name = fresh(fmt::format("border_{}_{}", b.name, dim.name), taken);
        for (const Part& part : {Part{-m.before, m.before}, Part{dim.extent.value(), m.after}}) {
            box[m.dim] = part;
            if (part.count > 0) k.body.push_back(fill(b, box));
        }
        box[m.dim] = {0, dim.extent.value()};
        KernelPtr kernel = std::make_shared<const Kernel>(with_uses(std::move(k)));
        steps.push_back({RunStep{kept ? kept->known(kernel, program) : kernel, false}});
    }
}

// As many bytes as the kernel's code will ask for while it runs: tiles that its units share.
int64_t shared_bytes(const Kernel& k) {
    std::set<Name> levels;
    for_each_stmt(k.body, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node)) levels.insert(let->tile.level);
    });
    levels.erase("reg");
    return tile_bytes(k, {levels.begin(), levels.end()}, 0);
}

bool only_runs(const Program& p) {
    return std::all_of(p.steps.begin(), p.steps.end(),
                       [](const Step& s) { return std::holds_alternative<RunStep>(s.node); });
}

}  // namespace

Program set_borders(Program program, KeptKernels* kept) {
    const bool bordered =
        std::any_of(program.buffers.begin(), program.buffers.end(),
                    [](const Buffer& b) { return b.layout.border && !b.layout.dense(); });
    if (!bordered || !only_runs(program)) return program;
    MemoryOptions options;
    options.scratch_bytes = shared_bytes;
    std::set<Name> open, taken;
    for (Name n : plan_arena(program, options).needs_border_fill)
        if (!is_set_by_step(program, n)) open.insert(n);
    if (open.empty()) return program;
    for (const KernelPtr& k : kernels(program)) taken.insert(k->name);
    for (const Buffer& b : program.buffers) taken.insert(b.name);
    Steps steps;
    for (Step& s : program.steps) {
        for (Name w : std::get<RunStep>(s.node).kernel->writes)
            if (open.erase(root_of(program, w)) > 0)
                add_border_steps(program, program.buffer(root_of(program, w)), taken, kept, steps);
        steps.push_back(std::move(s));
    }
    program.steps = std::move(steps);
    return program;
}

}  // namespace smeaton::gir::rewrite
