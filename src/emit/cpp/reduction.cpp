#include "emit/cpp/reduction.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/error.h"
#include "emit/cpp/op.h"
#include "emit/cpp/spell.h"
#include "emit/cpp/value.h"

namespace smeaton::emit {

using gir::OpKind;
using gir::ScalarFn;

namespace {

struct Destination {
    Point point;
    std::vector<std::string> accumulators;  ///< more than one where the lanes are reduced
    bool is_register = false;               ///< the tile's own variable
};

struct Reduction {
    Function& f;
    const gir::Op& op;
    const Access& dst;
    const std::vector<std::optional<Access>>& srcs;
    OpPlan plan;
    ScalarFn fn;
    Literal neutral;
    std::vector<size_t> kept, reduced;

    bool lanes_kept() const {
        return plan.lane_dim >= 0 && !plan.reduced[static_cast<size_t>(plan.lane_dim)];
    }
    bool lanes_reduced() const { return plan.lane_dim >= 0 && !lanes_kept(); }
    std::string type() const { return type_name(dst.dtype()); }

    Value operand(size_t i, const Point& point) const {
        const Literal* lit = std::get_if<Literal>(&op.srcs[i]);
        return read(f, srcs[i], lit ? *lit : Literal{}, dst.dtype(), point);
    }

    std::vector<Destination> destinations(Point point, const std::vector<Segment>& segments) const {
        std::vector<Destination> out;
        over_unrolled(plan, point, kept, [&] {
            for (const Segment& s : segments) {
                Destination d{point, {}, false};
                if (lanes_kept()) {
                    d.point.dims[static_cast<size_t>(plan.lane_dim)] = s.first;
                    d.point.lane_dim = plan.lane_dim;
                    d.point.count = s.count;
                }
                out.push_back(std::move(d));
            }
        });
        return out;
    }

    void declare(Destination& d, size_t chains) const {
        bool vector = plan.lane_dim >= 0;
        if (std::string own = register_variable(f, dst, d.point);
            !lanes_reduced() && !own.empty()) {
            d.is_register = true;
            d.accumulators = {own};
            if (!op.accumulate && op.kind != OpKind::Mma) start(own, vector, false);
            return;
        }
        for (size_t c = 0; c < chains; ++c) {
            std::string name = f.unique("sum");
            d.accumulators.push_back(name);
            if (!lanes_reduced() && accumulates()) {
                Value now = read(f, dst, d.point);
                f.line(fmt::format("{}{} {} = {};", vector ? "v" : "", type(), name,
                                   vector ? as_vector(now) : now.text));
            } else {
                start(name, vector, true);
            }
        }
    }

    bool accumulates() const { return op.accumulate || op.kind == OpKind::Mma; }

    void start(const std::string& name, bool vector, bool declares) const {
        std::string value = literal(dst.dtype(), neutral);
        if (vector) value = fmt::format("splat_{}({})", type(), value);
        f.line(fmt::format("{}{} = {};",
                           declares ? fmt::format("{}{} ", vector ? "v" : "", type()) : "", name,
                           value));
    }

    void finish(Destination& d) const {
        if (d.is_register) return;
        bool vector = plan.lane_dim >= 0;
        Value total{d.accumulators[0], dst.dtype(), vector, {}};
        for (size_t c = 1; c < d.accumulators.size(); ++c)
            total = apply(fn, dst.dtype(), {total, {d.accumulators[c], dst.dtype(), vector, {}}});
        if (lanes_reduced()) {
            total = across_lanes(fn, total);
            if (accumulates()) total = apply(fn, dst.dtype(), {read(f, dst, d.point), total});
        }
        write(f, dst, d.point, total);
    }

    /// One reduced point (or segment of lanes) for all destinations.
    void step(std::vector<Destination>& all, const Point& at, const Segment* lanes,
              size_t chain) const {
        std::vector<Product> products;
        for (Destination& d : all) {
            Point p = d.point;
            for (size_t r : reduced) p.dims[r] = at.dims[r];
            if (lanes) {
                p.dims[static_cast<size_t>(plan.lane_dim)] = lanes->first;
                p.lane_dim = plan.lane_dim;
                p.count = lanes->count;
            }
            Product product;
            product.accumulator = d.accumulators[chain % d.accumulators.size()];
            for (size_t i = 0; i < op.srcs.size() && !product.skipped; ++i)
                product.operands.push_back(tap(i, p, product));
            if (!product.skipped) products.push_back(std::move(product));
        }
        int count = lanes ? lanes->count : f.lanes();
        if (op.kind == OpKind::Mma) {
            multiply(products, count);
            return;
        }
        for (const Product& p : products) {
            Value v = p.operands[0];
            if (lanes && count < f.lanes()) {
                v.text = keep_lanes({as_vector(v), v.dtype, true, {}}, count, neutral);
                v.vector = true;
            }
            combine(p.accumulator, v);
        }
    }

    struct Product {
        std::string accumulator;
        std::vector<Value> operands;
        std::string condition;  ///< the product counts only where this holds; empty: always
        bool skipped = false;
    };

    /// An operand of mma whose bounds give zero outside adds nothing there: the product is left out
    /// (where that is known now) or stands behind the condition, so that no select is left inside.
    Value tap(size_t i, const Point& point, Product& product) const {
        bool zero = op.kind == OpKind::Mma && srcs[i] && !srcs[i]->bounds.empty() &&
                    !srcs[i]->computed() && srcs[i]->otherwise.as_double() == 0;
        if (!zero) return operand(i, point);
        Guard g = guard(f, *srcs[i], point);
        if (g.all_out) {
            product.skipped = true;
            return {};
        }
        if (!g.mask.empty()) return operand(i, point);
        if (!g.condition.empty())
            product.condition =
                product.condition.empty() ? g.condition : product.condition + " & " + g.condition;
        Access inside = *srcs[i];
        inside.bounds.clear();
        return read(f, inside, point);
    }

    void combine(const std::string& accumulator, const Value& v) const {
        Value now{accumulator, dst.dtype(), plan.lane_dim >= 0, {}};
        Value next = apply(fn, dst.dtype(), {now, v});
        f.line(fmt::format("{} = {};", accumulator,
                           next.vector == now.vector ? next.text : as_vector(next)));
    }

    /// Vectors that several destinations share are loaded first; then each scalar is broadcast
    /// once, before the row of multiply-adds that uses it.
    void multiply(std::vector<Product>& products, int count) const {
        std::map<std::string, int> uses;
        for (const Product& p : products)
            for (const Value& v : p.operands) uses[v.text] += 1;
        std::map<std::string, std::string> held;
        auto hold = [&](Value& v, bool broadcast) {
            auto [at, fresh] = held.try_emplace(v.text);
            if (fresh) {
                at->second = f.unique(broadcast ? "a" : "b");
                f.line(fmt::format("const v{} {} = {};", type(), at->second,
                                   broadcast ? as_vector(v) : v.text));
            }
            v.text = at->second;
            v.vector = true;
        };
        auto shared_vector = [&](const Value& v) { return v.vector && uses[v.text] > 1; };
        // What some product needs unconditionally may be read ahead of all.
        std::map<std::string, bool> always;
        for (const Product& p : products)
            for (const Value& v : p.operands)
                always[v.text] = always[v.text] || p.condition.empty() || !bounded(p, v);
        for (Product& p : products)
            for (Value& v : p.operands)
                if (shared_vector(v) && always[v.text]) hold(v, false);
        for (size_t i = 0; i < products.size();) {
            size_t end = i;
            while (end < products.size() && products[end].condition == products[i].condition) ++end;
            std::string condition = products[i].condition;
            auto before = held;
            if (!condition.empty()) f.open_scope();
            for (; i < end; ++i) {
                Product& p = products[i];
                for (Value& v : p.operands)
                    if (!v.vector && !v.known && plan.lane_dim >= 0 && uses[v.text] > 1)
                        hold(v, true);
                add_product(p.accumulator, p.operands[0], p.operands[1], count);
            }
            if (condition.empty()) continue;
            f.close_scope(fmt::format("if ({}) {{", condition));
            held = std::move(before);  // what the scope declared ended with it
        }
    }

    /// Does the operand itself stand behind the product's condition?
    bool bounded(const Product& p, const Value& v) const {
        for (size_t i = 0; i < p.operands.size(); ++i)
            if (&p.operands[i] == &v) return srcs[i] && !srcs[i]->bounds.empty();
        return true;
    }

    void add_product(const std::string& accumulator, const Value& a, const Value& b,
                     int count) const {
        for (auto [constant, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
            if (!constant->known) continue;
            double k = constant->known->as_double();
            if (k == 0) return;
            if ((k == 1 || k == -1) && !lanes_reduced()) {
                f.line(fmt::format("{} {}= {};", accumulator, k > 0 ? '+' : '-', other->text));
                return;
            }
        }
        SMEATON_CHECK(a.dtype == b.dtype && a.dtype == dst.dtype(), "mma of {} and {} into {}",
                      tensor::name(a.dtype), tensor::name(b.dtype), tensor::name(dst.dtype()));
        Value product = apply(ScalarFn::mul, dst.dtype(), {a, b});
        if (lanes_reduced() && count < f.lanes())
            product.text =
                keep_lanes({as_vector(product), product.dtype, true, {}}, count, neutral);
        if (size_of(dst.dtype()) < 4 && !product.vector)
            f.line(fmt::format("{0} = ({1})({0} + {2});", accumulator, type(), product.text));
        else
            f.line(fmt::format("{} += {};", accumulator, product.text));
    }

    void run() {
        Point point;
        point.dims.resize(op.dims.size());
        over_loops(f, plan, op.dims, point, kept, [&] {
            if (lanes_kept())
                over_lanes(f, plan, plan.turn,
                           [&](const std::vector<Segment>& s) { group_of(point, s); });
            else
                group_of(point, {Segment{}});
        });
    }

    void group_of(const Point& at, const std::vector<Segment>& segments) {
        std::vector<Destination> all = destinations(at, segments);
        auto chains = static_cast<size_t>(plan.sums);
        for (Destination& d : all) declare(d, chains);
        Point point = at;
        auto add_up = [&](std::vector<Destination>& into, const std::vector<size_t>& dims) {
            over_loops(f, plan, op.dims, point, dims, [&] { steps(into, point, chains); });
        };
        std::vector<size_t> looped = looped_dims();
        if (plan.part == 0 || looped.empty())
            add_up(all, reduced);
        else
            over_parts(point, looped[0], all, [&](auto& parts) {
                add_up(parts, {looped.begin() + 1, looped.end()});
            });
        for (Destination& d : all) finish(d);
    }

    void steps(std::vector<Destination>& into, Point& point, size_t chains) const {
        auto unrolled = [&](const std::vector<Segment>& lanes) {
            size_t chain = 0;
            over_unrolled(plan, point, reduced, [&] {
                if (!lanes_reduced()) {
                    step(into, point, nullptr, 0);
                    return;
                }
                for (const Segment& s : lanes) step(into, point, &s, chain++);
            });
        };
        if (lanes_reduced())
            over_lanes(f, plan, static_cast<int>(chains), unrolled);
        else
            unrolled({});
    }

    // ---- sums of sums: the rounding errors of a sum grow with its length

    /// Reduced dims that become loops at run time.
    std::vector<size_t> looped_dims() const {
        std::vector<size_t> looped;
        for (size_t d : plan.loops)
            if (plan.reduced[d]) looped.push_back(d);
        return looped;
    }

    /// Runs `body` on sums of its own, which are added to those of `all`.
    template <class Body>
    void in_part(std::vector<Destination>& all, const Body& body) const {
        std::vector<Destination> parts = all;
        for (Destination& d : parts) {
            d.is_register = false;
            for (std::string& name : d.accumulators) {
                name = f.unique("part");
                start(name, plan.lane_dim >= 0, true);
            }
        }
        body(parts);
        for (size_t i = 0; i < all.size(); ++i)
            for (size_t c = 0; c < all[i].accumulators.size(); ++c)
                combine(all[i].accumulators[c],
                        {parts[i].accumulators[c], dst.dtype(), plan.lane_dim >= 0, {}});
    }

    /// The loop over `d` in parts of plan.part iterations, each summed apart.
    template <class Body>
    void over_parts(Point& point, size_t d, std::vector<Destination>& all, const Body& body) const {
        if (plan.part == 1) {
            over_loops(f, plan, op.dims, point, {d}, [&] { in_part(all, body); });
            return;
        }
        int64_t extent = plan.extents[d];
        f.open_scope();
        std::string first = f.unique("first");
        in_part(all, [&](auto& parts) {
            f.open_scope();
            std::string name = f.unique(stem(op.dims[d].name.str()));
            point.dims[d] = Linear{};
            point.dims[d].add(f.declare(name, {0, extent - 1}), 1);
            body(parts);
            f.close_scope(fmt::format(
                "for (i64 {0} = {1}, {0}_end = min_i64({1} + {2}, {3}); {0} < {0}_end; ++{0}) {{",
                name, first, plan.part, extent));
        });
        f.close_scope(
            fmt::format("for (i64 {0} = 0; {0} < {1}; {0} += {2}) {{", first, extent, plan.part));
    }
};

}  // namespace

void emit_reduction(Function& f, const gir::Op& op, const Access& dst,
                    const std::vector<std::optional<Access>>& srcs) {
    ScalarFn fn = op.kind == OpKind::Mma ? ScalarFn::add : op.fn;
    Reduction r{f, op, dst, srcs, plan_of(f, op), fn, identity(fn, dst.dtype()), {}, {}};
    for (size_t d = 0; d < op.dims.size(); ++d)
        (r.plan.reduced[d] ? r.reduced : r.kept).push_back(d);
    r.run();
}

}  // namespace smeaton::emit
