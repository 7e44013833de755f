#include "gir/rewrite/layout_choice.h"

#include <algorithm>
#include <limits>

#include "gir/contraction.h"
#include "gir/layout.h"
#include "gir/rewrite/access.h"
#include "gir/rewrite/engine.h"
#include "gir/rewrite/views.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

std::optional<Name> axis_at(const Slice& s, size_t dim) {
    if (s.at[dim].index) return std::nullopt;
    for (const Term& t : s.at[dim].affine.terms) return t.var;
    return std::nullopt;
}

// A contraction whose result has dims [n, channel, spatial...], the channel from the weight, the
// spatial ones from the data alone: a convolution of any rank, grouped or not. Returns the store.
std::optional<Slice> convolution_store(const Program& program, const Kernel& kernel,
                                       const ContractionShape& c) {
    std::optional<Slice> store;
    for_each_op(kernel.body, [&](const Op& op) {
        if (program.find_buffer(op.dst.target)) store = op.dst;
    });
    const size_t rank = c.data_slice().at.size();
    if (rank < 3 || !store || store->at.size() != rank) return std::nullopt;
    if (std::optional<Name> channel = axis_at(*store, 1);
        channel && !uses(c.weight_slice(), *channel))
        return std::nullopt;
    for (size_t d = 2; d < rank; ++d)
        if (std::optional<Name> axis = axis_at(*store, d);
            axis && std::none_of(c.m.begin(), c.m.end(),
                                 [&](const ContractionAxis& m) { return m.name == *axis; }))
            return std::nullopt;
    return store;
}

// Rows of pixels whose channels span a multiple of half a way of the first cache fall into the same
// few sets; one more line of padding spreads them.
Layout channels_last(const Buffer& buffer, const Target& target) {
    const TargetLevel& first = target.first_level(OperandRole::Vector);
    Layout layout;
    layout.dims.push_back({0, 1, 0, 0, 0});
    for (size_t d = 2; d < buffer.dims.size(); ++d)
        layout.dims.push_back({static_cast<int>(d), 1, 0, 0, 0});
    PhysicalDim channels{1, 1, 0, 0, 0};
    int64_t element = tensor::byte_count(buffer.dtype, 1);
    int64_t bytes = buffer.dims[1].extent.value() * element;
    bool one_pixel = true;
    for (size_t d = 2; d < buffer.dims.size(); ++d)
        one_pixel = one_pixel && buffer.dims[d].extent.is(1);
    bool aliases = first.ways > 0 && first.capacity.is_in_step(bytes, 2 * first.ways);
    if (!one_pixel && aliases) channels.after = first.line_bytes / element;
    layout.dims.push_back(channels);
    return layout;
}

bool can_be_channels_last(const Buffer& b) {
    if (b.dims.size() < 3 || !b.alias_of.empty() || !b.layout.dense()) return false;
    return std::all_of(b.dims.begin(), b.dims.end(), [](const NamedDim& d) {
        return d.extent.is_const() && d.extent.value() > 0;
    });
}

struct LayoutChooser {
    Program& program;
    std::set<Name> chosen;

    bool eligible(Name n) const {
        const Buffer& b = program.buffer(n);
        return b.lifetime != Lifetime::Weight && b.lifetime != Lifetime::State &&
               can_be_channels_last(b) && !touched_by_control(program, n);
    }

    // Convolutions choose; elementwise, pooling and copying kernels pass the choice on.
    void choose() {
        std::vector<KernelPtr> all = kernels(program);
        for (const KernelPtr& k : all) {
            const std::optional<ContractionShape> c = contraction_of(*k, program);
            if (k->body.size() != 1 || !c || !convolution_store(program, *k, *c)) continue;
            if (Name data = c->data_slice().target; eligible(data)) chosen.insert(data);
            for (Name n : k->writes)
                if (eligible(n)) chosen.insert(n);
        }
        for (size_t before = SIZE_MAX; before != chosen.size();) {
            before = chosen.size();
            for (const KernelPtr& k : all)
                if (!only_mma(k->body)) pass_on(*k);
        }
    }

    void pass_on(const Kernel& k) {
        size_t rank = 0;
        for (const auto* list : {&k.reads, &k.writes})
            for (Name n : *list)
                if (chosen.count(n) > 0) rank = program.buffer(n).dims.size();
        if (rank == 0) return;
        for (const auto* list : {&k.reads, &k.writes})
            for (Name n : *list)
                if (eligible(n) && program.buffer(n).dims.size() == rank &&
                    program.buffer(n).lifetime == Lifetime::Temp)
                    chosen.insert(n);
    }
};

Kernel copy_kernel(const Buffer& from, const Buffer& to, Name name) {
    Op move;
    Slice src{from.name, {}, {}};
    move.dst.target = to.name;
    for (const NamedDim& d : from.dims) {
        bool one = d.extent.is(1);
        src.at.emplace_back(one ? Affine(0) : Affine(d.name));
        move.dst.at.emplace_back(one ? Affine(0) : Affine(d.name));
    }
    move.srcs = {src};
    Block body{stmt(move)};
    for (size_t i = from.dims.size(); i-- > 0;)
        if (!from.dims[i].extent.is(1))
            body = {stmt(Parallel{from.dims[i].name, from.dims[i].extent, "any", std::move(body)})};
    return with_uses({name, {}, {}, std::move(body), {}});
}

bool has_views(const Program& program, Name n) {
    return std::any_of(program.buffers.begin(), program.buffers.end(),
                       [&](const Buffer& b) { return b.alias_of == n; });
}

bool writes_view_of(const Program& program, Name n) {
    for (const KernelPtr& k : kernels(program))
        for (Name w : k->writes)
            if (w != n && root_of(program, w) == n) return true;
    return false;
}

// The buffer keeps its dense form for the outside (caller, views); kernels use a copy `inside`.
void split_off(Program& program, Name outside, const Target& target) {
    std::set<Name> taken;
    for (const Buffer& b : program.buffers) taken.insert(b.name);
    for (const KernelPtr& k : kernels(program)) taken.insert(k->name);
    Buffer inside = program.buffer(outside);
    inside.name = fresh(outside.str() + "_cl", taken);
    inside.lifetime = Lifetime::Temp;
    inside.layout = channels_last(inside, target);
    bool is_input = program.buffer(outside).lifetime == Lifetime::Input;
    const Buffer from = is_input ? program.buffer(outside) : inside;
    const Buffer to = is_input ? inside : program.buffer(outside);
    std::map<Name, Uses> uses = uses_of(program);
    KernelPtr copy = std::make_shared<const Kernel>(
        copy_kernel(from, to, fresh("reorder_" + outside.str(), taken)));
    program = map_kernels(std::move(program), [&](const KernelPtr& k) {
        bool touches = std::count(k->reads.begin(), k->reads.end(), outside) +
                           std::count(k->writes.begin(), k->writes.end(), outside) >
                       0;
        if (!touches) return k;
        Kernel next = *k;
        next.body = rename_targets(k->body, {{outside, inside.name}});
        return std::make_shared<const Kernel>(with_uses(next));
    });
    program.buffers.push_back(inside);
    const std::vector<size_t>& at = is_input ? uses[outside].readers : uses[outside].writers;
    size_t where = is_input ? at.front() : at.back() + 1;
    bool once = !is_input && std::get<RunStep>(program.steps[at.back()].node).once;
    program.steps.insert(program.steps.begin() + static_cast<long>(where),
                         Step{RunStep{copy, once}});
}

Program with_layouts(Program program, const Target& target) {
    LayoutChooser chooser{program, {}};
    chooser.choose();
    for (Name n : chooser.chosen) {
        Buffer& b = program.buffer(n);
        if (b.lifetime == Lifetime::Temp && !has_views(program, n)) {
            b.layout = channels_last(b, target);
        } else if (!writes_view_of(program, n)) {
            std::map<Name, Uses> uses = uses_of(program);
            const Uses& u = uses[n];
            if (b.lifetime == Lifetime::Input ? !u.readers.empty() : !u.writers.empty())
                split_off(program, n, target);
        }
    }
    return program;
}

/// Views that convolutions read become buffers, which have layouts of their own, where all that is
/// laid out otherwise then takes no longer.
Program with_views_laid_out(Program program, const Target& target, const Rules& rules) {
    Program laid_out = with_layouts(program, target);
    for (const KernelPtr& k : kernels(program)) {
        const std::optional<ContractionShape> c = contraction_of(*k, program);
        if (k->body.size() != 1 || !c || !convolution_store(program, *k, *c)) continue;
        const Name data = c->data_slice().target;
        std::optional<Program> next = written_through(program, data);
        if (!next) continue;
        Program next_laid_out = with_layouts(*next, target);
        if (!accept("channels-last", fmt::format("{} as a buffer", data), laid_out, next_laid_out,
                    rules))
            continue;
        program = std::move(*next);
        laid_out = std::move(next_laid_out);
    }
    return laid_out;
}

}  // namespace

Program choose_layouts(Program program, const Target& target, const Rules& rules) {
    return applied("channels-last", std::move(program), rules, Prices::Kind::Tiled,
                   [&](Program p) { return with_views_laid_out(std::move(p), target, rules); });
}

std::map<Name, Layout> layouts_to_come(Program program, const Target& target) {
    LayoutChooser chooser{program, {}};
    chooser.choose();
    std::map<Name, Layout> layouts;
    for (Name n : chooser.chosen) layouts[n] = channels_last(program.buffer(n), target);
    return layouts;
}

namespace {

struct Margin {
    int64_t before = 0, after = 0;
};

// Does a bound only keep coordinate `dim` of the slice inside the buffer? An end that it cannot
// reach may be missing.
bool guards_extent(const Bound& bound, const Slice& s, const Buffer& b, size_t dim) {
    return !s.at[dim].index && bound.expr == s.at[dim].affine && (!bound.lo || bound.lo->is(0)) &&
           (!bound.hi || *bound.hi == b.dims[dim].extent);
}

// Only permuted layouts without a border yet: pieces of a split dim have no ends of their own.
bool can_take_border(const Buffer& b) {
    if (b.layout.dense() || b.layout.border) return false;
    return std::all_of(b.layout.dims.begin(), b.layout.dims.end(),
                       [](const PhysicalDim& p) { return p.div == 1 && p.mod == 0; });
}

// What lies behind the innermost dim is padding that nobody sets: no border may be read there.
bool may_read_behind(const Buffer& b, size_t dim) {
    return physical_dims(b).back().dim != static_cast<int>(dim);
}

struct BorderPlan {
    std::optional<Literal> value;
    std::vector<Margin> margins;
    int readers = 0;
};

// Margins that would cover every guarded read of the buffer; nothing when a bound guards otherwise.
void widen(BorderPlan& plan, const Slice& s, const Buffer& b, const Extents& extents) {
    if (plan.value && !(*plan.value == s.within->otherwise)) return;
    std::vector<Margin> margins = plan.margins;
    margins.resize(b.dims.size());
    for (const Bound& bound : s.within->bounds)
        for (size_t d = 0; d < s.at.size(); ++d) {
            if (!guards_extent(bound, s, b, d)) continue;
            for (const Term& t : bound.expr.terms)
                if (extents.count(t.var) == 0) return;
            ValueRange i = value_range(bound.expr, extents);
            margins[d].before = std::max(margins[d].before, -i.lo);
            const int64_t after = i.hi - (b.dims[d].extent.value() - 1);
            if (after > 0 && !may_read_behind(b, d)) return;
            margins[d].after = std::max(margins[d].after, after);
        }
    plan.value = s.within->otherwise;
    plan.margins = margins;
    ++plan.readers;
}

bool worth_it(const Buffer& b, const BorderPlan& plan, const Target& target) {
    if (!plan.value) return false;
    double grown = 1;
    bool any = false;
    for (size_t d = 0; d < b.dims.size(); ++d) {
        double extent = static_cast<double>(b.dims[d].extent.value());
        grown *=
            (extent + static_cast<double>(plan.margins[d].before + plan.margins[d].after)) / extent;
        any = any || plan.margins[d].before + plan.margins[d].after > 0;
    }
    // A border that more than doubles a buffer costs more memory than its tests cost time, unless
    // two of the first level's kind hold the buffer.
    const Capacity& room = target.first_level(OperandRole::Vector).capacity;
    bool small = room.holds((logical_bytes(b).value() + 1) / 2);
    return any && (grown <= 2 || small);
}

void set_margins(Buffer& b, const BorderPlan& plan) {
    b.layout.dims = physical_dims(b);
    for (PhysicalDim& p : b.layout.dims) {
        const Margin& m = plan.margins[static_cast<size_t>(p.dim)];
        p.before += m.before;
        p.after += m.after;
    }
    b.layout.border = plan.value;
}

Slice without_guards(const Slice& s, const Buffer& b, const Literal& value,
                     const Extents& extents) {
    if (!s.within || !(s.within->otherwise == value)) return s;
    Slice out = s;
    std::erase_if(out.within->bounds, [&](const Bound& bound) {
        for (size_t d = 0; d < s.at.size(); ++d) {
            if (!guards_extent(bound, s, b, d)) continue;
            for (const Term& t : bound.expr.terms)
                if (extents.count(t.var) == 0) return false;
            ValueRange i = value_range(bound.expr, extents);
            for (const PhysicalDim& p : b.layout.dims)
                if (p.dim == static_cast<int>(d) && p.div == 1 && p.mod == 0)
                    return i.lo >= -p.before &&
                           i.hi < b.dims[d].extent.value() + (may_read_behind(b, d) ? p.after : 0);
        }
        return false;
    });
    if (out.within->bounds.empty()) out.within.reset();
    return out;
}

Program with_borders(Program program, const Target& target) {
    std::map<Name, BorderPlan> plans;
    for (const KernelPtr& k : kernels(program)) {
        Extents extents = extents_in(k->body);
        for_each_op(k->body, [&](const Op& op) {
            for_each_slice(op, [&](const Slice& s, bool written) {
                const Buffer* b = program.find_buffer(s.target);
                if (written || !s.within || !b || b->lifetime != Lifetime::Temp) return;
                if (!can_take_border(*b) || !is_free_temp(program, *b)) return;
                widen(plans[b->name], s, *b, extents);
            });
        });
    }
    for (auto& [name, plan] : plans) {
        Buffer& b = program.buffer(name);
        if (!worth_it(b, plan, target)) {
            plan.value.reset();
            continue;
        }
        set_margins(b, plan);
    }
    return map_kernels(program, [&](const KernelPtr& k) {
        Extents extents = extents_in(k->body);
        Block body = map_ops(k->body, [&](const Op& op) {
            Op next = op;
            for (Operand& o : next.srcs) {
                auto* s = std::get_if<Slice>(&o);
                auto plan = s ? plans.find(s->target) : plans.end();
                if (plan == plans.end() || !plan->second.value) continue;
                *s = without_guards(*s, program.buffer(s->target), *plan->second.value, extents);
            }
            return next;
        });
        if (body == k->body) return k;
        Kernel next = *k;
        next.body = body;
        return std::make_shared<const Kernel>(next);
    });
}

}  // namespace

Program add_borders(Program program, const Target& target, const Rules& rules) {
    return applied("border", std::move(program), rules, Prices::Kind::Tiled,
                   [&](Program p) { return with_borders(std::move(p), target); });
}

}  // namespace smeaton::gir::rewrite
