#include "gir/rewrite/views.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "gir/rewrite/access.h"
#include "gir/rewrite/engine.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

std::optional<std::vector<Affine>> through_view(const std::vector<Affine>& at,
                                                const std::vector<int64_t>& from,
                                                const std::vector<int64_t>& to,
                                                const Extents& extents) {
    Affine flat;
    for (size_t i = 0; i < from.size(); ++i) flat = flat * from[i] + at[i];
    std::vector<Affine> out;
    int64_t stride = 1;
    for (int64_t e : to) stride *= e;
    if (stride == 0) return std::nullopt;
    // From the outermost dim: the terms that are multiples of its stride are its coordinate, as
    // long as what is left stays within one stride.
    for (int64_t e : to) {
        stride /= e;
        Affine quotient, rest;
        for (const Term& t : flat.terms)
            if (e > 1 && t.coefficient % stride == 0)
                quotient += Affine(t.var, t.coefficient / stride);
            else
                rest += Affine(t.var, t.coefficient);
        int64_t whole = flat.constant / stride;
        if (flat.constant < 0) return std::nullopt;
        quotient += Affine(whole);
        rest += Affine(flat.constant - whole * stride);
        for (const Term& t : rest.terms)
            if (extents.count(t.var) == 0) return std::nullopt;
        for (const Term& t : quotient.terms)
            if (extents.count(t.var) == 0) return std::nullopt;
        ValueRange q = value_range(quotient, extents), r = value_range(rest, extents);
        if (q.lo < 0 || q.hi >= e || r.lo < 0 || r.hi >= stride) return std::nullopt;
        out.push_back(quotient);
        flat = rest;
    }
    return out;
}

namespace {

std::optional<std::vector<int64_t>> const_extents(const Buffer& b) {
    std::vector<int64_t> out;
    for (const NamedDim& d : b.dims) {
        if (!d.extent.is_const()) return std::nullopt;
        out.push_back(d.extent.value());
    }
    return out;
}

struct ViewReader {
    const Program& program;
    const std::set<Name>& views;
    Extents extents;
    bool changed = false;

    void slice(Slice& s) {
        if (views.count(s.target) == 0) return;
        const Buffer* view = program.find_buffer(s.target);
        const Buffer& base = program.buffer(view->alias_of);
        auto from = const_extents(*view), to = const_extents(base);
        if (!from || !to || base.dtype != view->dtype || !base.layout.dense()) return;
        std::vector<Affine> at;
        for (const Coord& c : s.at) {
            if (c.index) return;
            at.push_back(c.affine);
        }
        if (s.within) return;
        std::optional<std::vector<Affine>> mapped = through_view(at, *from, *to, extents);
        if (!mapped) return;
        s.target = base.name;
        s.at.assign(mapped->begin(), mapped->end());
        changed = true;
        slice(s);  // a view of a view
    }
};

Program without_views(Program program) {
    std::set<Name> views;
    for (const Buffer& b : program.buffers)
        if (!b.alias_of.empty()) views.insert(b.name);
    if (views.empty()) return program;
    const Program before = program;
    program = map_kernels(std::move(program), [&](const KernelPtr& kernel) {
        ViewReader reader{before, views, extents_in(kernel->body)};
        Block body = map_ops(kernel->body, [&](const Op& op) {
            Op next = op;
            for (Operand& o : next.srcs)
                if (auto* s = std::get_if<Slice>(&o)) reader.slice(*s);
            return next;
        });
        if (!reader.changed) return kernel;
        Kernel next = *kernel;
        next.body = body;
        return std::make_shared<const Kernel>(with_uses(next));
    });
    // A view of an unused view is unused once that one has gone.
    const std::map<Name, Uses> uses = uses_of(program);
    for (size_t before_count = SIZE_MAX; before_count != program.buffers.size();) {
        before_count = program.buffers.size();
        std::set<Name> viewed;
        for (const Buffer& b : program.buffers)
            if (!b.alias_of.empty()) viewed.insert(b.alias_of);
        std::erase_if(program.buffers, [&](const Buffer& b) {
            return !b.alias_of.empty() && b.lifetime == Lifetime::Temp &&
                   viewed.count(b.name) == 0 && uses.count(b.name) == 0;
        });
    }
    return program;
}

/// May a temporary be replaced by its only view?
bool is_seen_by_one_view(const Program& program, const Buffer& behind, const Buffer& view) {
    if (behind.lifetime != Lifetime::Temp || !behind.alias_of.empty() || !behind.layout.dense())
        return false;
    if (view.lifetime != Lifetime::Temp || view.dtype != behind.dtype || !view.layout.dense())
        return false;
    if (touched_by_control(program, behind.name) || touched_by_control(program, view.name))
        return false;
    return std::count_if(program.buffers.begin(), program.buffers.end(),
                         [&](const Buffer& b) { return b.alias_of == behind.name; }) == 1;
}

/// Slices of one buffer become slices of another of as many elements.
struct Moved {
    const Buffer &from, &to;
    std::vector<int64_t> from_extents, to_extents;
    Extents extents = {};
    bool failed = false;

    void slice(Slice& s) {
        if (s.target != from.name) return;
        std::vector<Affine> at;
        for (const Coord& c : s.at) {
            failed = failed || c.index;
            at.push_back(c.affine);
        }
        failed = failed || s.within;
        if (failed) return;
        const auto mapped = through_view(at, from_extents, to_extents, extents);
        failed = !mapped;
        if (failed) return;
        s.target = to.name;
        s.at.assign(mapped->begin(), mapped->end());
    }
};

}  // namespace

std::optional<Program> written_through(const Program& program, Name name) {
    const Buffer* view = program.find_buffer(name);
    if (!view || view->alias_of.empty()) return std::nullopt;
    const Buffer& behind = program.buffer(view->alias_of);
    const auto from = const_extents(behind), to = const_extents(*view);
    if (!from || !to || !is_seen_by_one_view(program, behind, *view)) return std::nullopt;
    Moved moved{behind, *view, *from, *to};
    Program next = map_kernels(program, [&](const KernelPtr& kernel) {
        moved.extents = extents_in(kernel->body);
        Block body = map_ops(kernel->body, [&](const Op& op) {
            Op changed = op;
            moved.slice(changed.dst);
            for (Operand& o : changed.srcs)
                if (auto* s = std::get_if<Slice>(&o)) moved.slice(*s);
            return changed;
        });
        if (body == kernel->body) return kernel;
        Kernel written = *kernel;
        written.body = std::move(body);
        return std::make_shared<const Kernel>(with_uses(written));
    });
    const std::map<Name, Uses> uses = uses_of(next);
    if (moved.failed || uses.count(behind.name) > 0) return std::nullopt;
    next.buffer(name).alias_of = {};
    std::erase_if(next.buffers, [&](const Buffer& b) { return b.name == behind.name; });
    return next;
}

Program through_views(Program program, const Rules& rules) {
    return applied("through-views", std::move(program), rules, Prices::Kind::Tiled, without_views);
}

}  // namespace smeaton::gir::rewrite
