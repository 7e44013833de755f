#include "place/partition.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "place/closed_sets.h"
#include "place/partition_groups.h"

namespace smeaton::place {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;

/// Sums over each closed set, and the nodes whose edges cross its border.
struct SetFigures {
    double accelerator_time = 0, cpu_time = 0, bytes = 0;
    int off_accelerators = 0;  ///< groups that may be on CPUs only
    std::vector<int> crossing;
};

/// dp[cpus][accelerators][set]: the least largest load of the set on so many devices at most.
class Cuts {
public:
    Cuts(const PartitionProblem& problem, const Groups& groups, const ClosedSets& sets,
         double known)
        : problem_(problem),
          groups_(groups),
          sets_(sets),
          known_(known * (1 + kRounding)),
          counts_(static_cast<size_t>(problem.cpus + 1) *
                  static_cast<size_t>(problem.accelerators + 1)) {
        add_figures();
        run();
    }
    bool fits() const { return least_[last()] < kInfinite; }
    std::vector<PartitionPart> parts() const;

private:
    struct From {
        uint32_t set = 0;
        char kind = 'n';  // what the last part is: accelerator, cpu, nothing (one device fewer)
    };
    size_t index(size_t set, int cpus, int accelerators) const {
        return set * counts_ +
               static_cast<size_t>(cpus) * static_cast<size_t>(problem_.accelerators + 1) +
               static_cast<size_t>(accelerators);
    }
    size_t last() const { return index(sets_.count() - 1, problem_.cpus, problem_.accelerators); }
    void add_figures();
    void run();
    void extend(size_t inner, size_t outer);
    double sends(size_t inner, size_t outer) const;
    bool improves(size_t inner, size_t outer, double load, bool cpu, bool take);

    const PartitionProblem& problem_;
    const Groups& groups_;
    const ClosedSets& sets_;
    double known_;
    size_t counts_;
    std::vector<SetFigures> figures_;
    std::vector<double> least_;
    std::vector<From> from_;
};

void Cuts::add_figures() {
    figures_.resize(sets_.count());
    std::vector<int> talking;  // nodes with an edge out of their group
    for (size_t n = 0; n < groups_.out.size(); ++n)
        if (!groups_.out[n].empty()) talking.push_back(static_cast<int>(n));
    for (size_t set = 0; set < sets_.count(); ++set) {
        SetFigures& f = figures_[set];
        for (size_t g = 0; g < groups_.groups.size(); ++g) {
            if (!sets_.has(set, static_cast<int>(g))) continue;
            const Group& group = groups_.groups[g];
            if (std::isinf(group.accelerator_time))
                ++f.off_accelerators;
            else
                f.accelerator_time += group.accelerator_time;
            f.cpu_time += group.cpu_time, f.bytes += group.bytes;
        }
        for (const int n : talking) {
            const auto node = static_cast<size_t>(n);
            const bool in = sets_.has(set, groups_.of_node[node]);
            if (std::any_of(groups_.out[node].begin(), groups_.out[node].end(),
                            [&](int g) { return sets_.has(set, g) != in; }))
                f.crossing.push_back(n);
        }
    }
}

/// Send costs of nodes with an edge across the border of outer \ inner: each of them crosses the
/// border of one of the two.
double Cuts::sends(size_t inner, size_t outer) const {
    double sum = 0;
    auto inside = [&](int g) { return sets_.has(outer, g) && !sets_.has(inner, g); };
    auto add = [&](int n) {
        const auto node = static_cast<size_t>(n);
        const bool in = inside(groups_.of_node[node]);
        for (const int g : groups_.out[node])
            if (inside(g) != in) {
                sum += problem_.nodes[node].send_cost;
                return;
            }
    };
    const std::vector<int>&a = figures_[inner].crossing, &b = figures_[outer].crossing;
    size_t i = 0, j = 0;
    while (i < a.size() || j < b.size()) {
        const int next = j == b.size() || (i < a.size() && a[i] < b[j]) ? a[i] : b[j];
        if (i < a.size() && a[i] == next) ++i;
        if (j < b.size() && b[j] == next) ++j;
        add(next);
    }
    return sum;
}

/// Whether a last part of this load betters some entry of `outer`; takes it where asked.
bool Cuts::improves(size_t inner, size_t outer, double load, bool cpu, bool take) {
    if (load > known_) return false;
    bool any = false;
    for (int c = cpu ? 1 : 0; c <= problem_.cpus; ++c)
        for (int a = cpu ? 0 : 1; a <= problem_.accelerators; ++a) {
            const double before = least_[cpu ? index(inner, c - 1, a) : index(inner, c, a - 1)];
            const double now = std::max(before, load);
            const size_t at = index(outer, c, a);
            if (!(now < least_[at]) || now > known_) continue;
            any = true;
            if (!take) return true;
            least_[at] = now;
            from_[at] = {static_cast<uint32_t>(inner), cpu ? 'c' : 'a'};
        }
    return any;
}

void Cuts::extend(size_t inner, size_t outer) {
    const SetFigures &in = figures_[inner], &out = figures_[outer];
    const double cpu = out.cpu_time - in.cpu_time;
    if (problem_.cpus > 0) improves(inner, outer, cpu, true, true);
    if (out.off_accelerators > in.off_accelerators || problem_.accelerators == 0) return;
    if (out.bytes - in.bytes > problem_.memory_bytes) return;
    const double compute = out.accelerator_time - in.accelerator_time;
    if (!improves(inner, outer, compute, false, false)) return;
    improves(inner, outer, compute + sends(inner, outer), false, true);
}

void Cuts::run() {
    least_.assign(sets_.count() * counts_, kInfinite);
    from_.resize(least_.size());
    std::fill_n(least_.begin(), counts_, 0.0);
    std::vector<size_t> alive = {0};  // sets that some number of devices holds
    for (size_t outer = 1; outer < sets_.count(); ++outer) {
        const SetFigures& out = figures_[outer];
        for (const size_t inner : alive) {
            const SetFigures& in = figures_[inner];
            if (out.accelerator_time - in.accelerator_time > known_ &&
                out.cpu_time - in.cpu_time > known_)
                continue;
            if (sets_.within(inner, outer)) extend(inner, outer);
        }
        for (int c = 0; c <= problem_.cpus; ++c)
            for (int a = 0; a <= problem_.accelerators; ++a) {
                const size_t at = index(outer, c, a);
                for (const auto& [fewer_c, fewer_a] : {std::pair{c - 1, a}, {c, a - 1}})
                    if (fewer_c >= 0 && fewer_a >= 0 &&
                        least_[index(outer, fewer_c, fewer_a)] < least_[at]) {
                        least_[at] = least_[index(outer, fewer_c, fewer_a)];
                        from_[at] = {static_cast<uint32_t>(outer), fewer_c < c ? 'C' : 'A'};
                    }
            }
        if (least_[index(outer, problem_.cpus, problem_.accelerators)] < kInfinite)
            alive.push_back(outer);
    }
}

std::vector<PartitionPart> Cuts::parts() const {
    std::vector<PartitionPart> parts;
    int c = problem_.cpus, a = problem_.accelerators;
    for (size_t set = sets_.count() - 1; set > 0;) {
        const From from = from_[index(set, c, a)];
        if (from.kind == 'c' || from.kind == 'C') --c;
        if (from.kind == 'a' || from.kind == 'A') --a;
        if (from.kind == 'C' || from.kind == 'A') continue;
        std::vector<int> nodes;
        for (const int g : sets_.between(from.set, set))
            for (const int n : groups_.groups[static_cast<size_t>(g)].nodes) nodes.push_back(n);
        parts.push_back(part_of(problem_, std::move(nodes), from.kind == 'c'));
        set = from.set;
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
}

double largest(const std::vector<PartitionPart>& parts) {
    double load = 0;
    for (const PartitionPart& part : parts) load = std::max(load, part.load);
    return load;
}

/// All devices share all work; the largest group stands on one.
double simple_bound(const PartitionProblem& problem, const Groups& groups) {
    double sum = 0, most = 0;
    for (const Group& g : groups.groups) {
        double least = kInfinite;
        if (problem.cpus > 0) least = g.cpu_time;
        if (problem.accelerators > 0) least = std::min(least, g.accelerator_time);
        sum += least, most = std::max(most, least);
    }
    return std::max(most, sum / (problem.cpus + problem.accelerators));
}

}  // namespace

void verify(const PartitionProblem& p) {
    auto require = [&](bool holds, const std::string& message) {
        if (!holds) throw UserError("{}: {}", p.name, message);
    };
    require(p.accelerators >= 0 && p.cpus >= 0 && p.accelerators + p.cpus > 0,
            fmt::format("{} accelerators and {} CPUs: expected at least one device", p.accelerators,
                        p.cpus));
    require(p.accelerators + p.cpus <= 4096, "more than 4096 devices");
    require(p.memory_bytes >= 0 && !std::isnan(p.memory_bytes),
            fmt::format("a memory of {} bytes an accelerator: expected a number from 0 on",
                        p.memory_bytes));
    require(!p.nodes.empty(), "there are no nodes");
    for (const PartitionNode& n : p.nodes)
        for (const double v : {n.cpu_time, n.accelerator_time, n.send_cost, n.bytes})
            require(v >= 0 && !std::isnan(v),
                    fmt::format("node {}: {} is to be a number from 0 on", n.id, v));
}

PartitionPart part_of(const PartitionProblem& problem, std::vector<int> nodes, bool cpu) {
    PartitionPart part{std::move(nodes), cpu, 0, 0};
    std::sort(part.nodes.begin(), part.nodes.end());
    std::vector<char> in(problem.nodes.size(), 0);
    for (const int n : part.nodes) {
        const PartitionNode& node = problem.nodes[static_cast<size_t>(n)];
        in[static_cast<size_t>(n)] = 1;
        part.bytes += node.bytes;
        part.load += cpu ? node.cpu_time : node.on_accelerator ? node.accelerator_time : kInfinite;
    }
    if (cpu) return part;
    std::set<int> senders;
    for (const auto& [from, to] : problem.edges)
        if (in[static_cast<size_t>(from)] != in[static_cast<size_t>(to)]) senders.insert(from);
    for (const int n : senders) part.load += problem.nodes[static_cast<size_t>(n)].send_cost;
    return part;
}

PartitionAnswer solve(const PartitionProblem& problem, const PartitionLimits& limits) {
    verify(problem);
    const Groups groups = groups_of(problem);
    PartitionAnswer answer;
    // Cuts along one order, for something to be better than.
    const ClosedSets line = ClosedSets::along(order_of(groups.needs));
    {
        const Cuts cuts(problem, groups, line, kInfinite);
        if (cuts.fits()) answer.parts = cuts.parts();
        answer.fits = cuts.fits();
    }
    const double known = answer.fits ? largest(answer.parts) : kInfinite;
    const std::optional<ClosedSets> sets = ClosedSets::all(groups.needs, limits.most_sets);
    answer.sets = sets ? sets->count() : line.count();
    if (sets) {
        const Cuts cuts(problem, groups, *sets, known);
        answer.fits |= cuts.fits();
        if (cuts.fits()) answer.parts = cuts.parts();
    } else {
        answer.note = fmt::format(
            "more than {} ways to cut the graph: only cuts along one order were looked at",
            limits.most_sets);
    }
    answer.objective = largest(answer.parts);
    answer.optimal = sets.has_value();
    answer.lower_bound = answer.optimal ? answer.objective : simple_bound(problem, groups);
    return answer;
}

}  // namespace smeaton::place
