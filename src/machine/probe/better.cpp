#include "machine/probe/better.h"

#include <algorithm>

namespace smeaton::machine {
namespace {

using MaybeNumber = std::optional<Number>;

/// `b` where it is better, with the spread of both.
Number chosen(const Number& a, const Number& b, bool of_b) {
    Number n = of_b ? b : a;
    n.low = std::min(a.low, b.low);
    n.high = std::max(a.high, b.high);
    return n;
}

void choose(MaybeNumber& a, const MaybeNumber& b, bool of_b) {
    if (a && b)
        a = chosen(*a, *b, of_b);
    else if (!a || of_b)
        a = b;
}

void more(Number& a, const Number& b) {
    a = chosen(a, b, b.value > a.value);
}

void more(MaybeNumber& a, const MaybeNumber& b) {
    choose(a, b, !a || (b && b->value > a->value));
}

void less(MaybeNumber& a, const MaybeNumber& b) {
    choose(a, b, !a || (b && b->value < a->value));
}

/// All together do at least what one does alone.
void at_least(MaybeNumber& all, const Number& one) {
    if (!all || all->value >= one.value) return;
    all->value = one.value;
    all->high = std::max(all->high, one.value);
}

void more(std::optional<Bandwidth>& a, const std::optional<Bandwidth>& b) {
    if (!a || !b) return;
    more(a->one_gb_s, b->one_gb_s);
    more(a->all_gb_s, b->all_gb_s);
    at_least(a->all_gb_s, a->one_gb_s);
}

void take(Level& a, const Level& b) {
    const bool faster = a.read && b.read && b.read->one_gb_s.value > a.read->one_gb_s.value;
    more(a.read, b.read);
    more(a.write, b.write);
    more(a.copy, b.copy);
    less(a.latency_ns, b.latency_ns);
    choose(a.split, b.split, faster);
    choose(a.stall_ns, b.stall_ns, faster);
    // Who pushes data out less leaves it longer; where nothing was lost, nothing is.
    if (!b.kept_ms)
        a.kept_ms.reset();
    else if (a.kept_ms)
        more(a.kept_ms, b.kept_ms);
}

void take(Unit& a, const Unit& b, bool faster_clock) {
    more(a.clock_ghz, b.clock_ghz);
    choose(a.in_flight, b.in_flight, faster_clock);
    for (size_t i = 0; i < a.rates.size(); ++i) {
        Rate& rate = a.rates[i];
        more(rate.gops_per_s, b.rates[i].gops_per_s);
        more(rate.all_gops_per_s, b.rates[i].all_gops_per_s);
        if (rate.gops_per_s) at_least(rate.all_gops_per_s, *rate.gops_per_s);
        choose(rate.latency_cycles, b.rates[i].latency_cycles, faster_clock);
    }
    for (size_t i = 0; i < a.shapes.size(); ++i) {
        more(a.shapes[i].gops_per_s, b.shapes[i].gops_per_s);
        choose(a.shapes[i].latency_cycles, b.shapes[i].latency_cycles, faster_clock);
    }
}

bool same_parts(const Unit& a, const Unit& b) {
    auto same_rate = [](const Rate& x, const Rate& y) {
        return x.op == y.op && x.dtype == y.dtype;
    };
    auto same_shape = [](const ContractionShape& x, const ContractionShape& y) {
        return x.a == y.a && x.b == y.b && x.acc == y.acc && x.rows == y.rows &&
               x.columns == y.columns && x.group == y.group;
    };
    return a.name == b.name && a.kind == b.kind && a.isa == b.isa &&
           std::equal(a.rates.begin(), a.rates.end(), b.rates.begin(), b.rates.end(), same_rate) &&
           std::equal(a.shapes.begin(), a.shapes.end(), b.shapes.begin(), b.shapes.end(),
                      same_shape);
}

bool same_parts(const Level& a, const Level& b) {
    return a.name == b.name && a.next == b.next && a.private_to == b.private_to &&
           a.managed == b.managed && a.capacity_bytes.value == b.capacity_bytes.value;
}

bool same_parts(const Machine& a, const Machine& b) {
    auto same_level = [](const Level& x, const Level& y) { return same_parts(x, y); };
    auto same_unit = [](const Unit& x, const Unit& y) { return same_parts(x, y); };
    return a.scopes == b.scopes &&
           std::equal(a.levels.begin(), a.levels.end(), b.levels.begin(), b.levels.end(),
                      same_level) &&
           std::equal(a.units.begin(), a.units.end(), b.units.begin(), b.units.end(), same_unit);
}

}  // namespace

std::optional<Machine> better_of(const Machine& before, const Machine& now) {
    if (!same_parts(before, now)) return std::nullopt;
    Machine m = before;
    m.name = now.name;
    m.sources = now.sources;
    for (const std::string& line : now.about)
        if (std::find(m.about.begin(), m.about.end(), line) == m.about.end())
            m.about.push_back(line);
    const std::string several =
        "Of several probes: each figure of the one that others disturbed least.";
    if (std::find(m.about.begin(), m.about.end(), several) == m.about.end())
        m.about.push_back(several);
    const bool faster_clock = now.clock_ghz.value > before.clock_ghz.value;
    more(m.clock_ghz, now.clock_ghz);
    for (size_t i = 0; i < m.levels.size(); ++i) take(m.levels[i], now.levels[i]);
    for (size_t i = 0; i < m.units.size(); ++i) take(m.units[i], now.units[i], faster_clock);
    if (m.handoff && now.handoff) {
        MaybeNumber spin = m.handoff->spin_ns;
        less(spin, now.handoff->spin_ns);
        m.handoff->spin_ns = *spin;
        less(m.handoff->wake_ns, now.handoff->wake_ns);
    }
    return m;
}

}  // namespace smeaton::machine
