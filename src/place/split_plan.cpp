#include "place/split_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "place/closed_sets.h"

namespace smeaton::place {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;

const SplitWays* ways_of(const SplitNode& node, int t) {
    for (const SplitWays& w : node.ways)
        if (w.t == t) return &w;
    return nullptr;
}

std::vector<std::vector<int>> needs_of(const SplitProblem& problem) {
    // Sets from the end of the model: a node needs what reads it.
    std::vector<std::vector<int>> needs(problem.nodes.size());
    for (const SplitEdge& e : problem.edges) {
        std::vector<int>& of = needs[static_cast<size_t>(e.from)];
        if (std::find(of.begin(), of.end(), e.to) == of.end()) of.push_back(e.to);
    }
    return needs;
}

/// dp[set][devices][sum of d] as a list of labels that none beats in all three.
class Search {
public:
    Search(const SplitProblem& problem, const ClosedSets& sets, Knapsack knapsack, double known,
           size_t beam)
        : problem_(problem),
          sets_(sets),
          knapsack_(knapsack),
          known_(known * (1 + kRounding)),
          beam_(beam) {
        add_choices();
        add_figures();
        run();
    }
    SplitAnswer answer() const;

private:
    struct Choice {
        int t, d;
    };
    struct Label {
        int devices = 0, degrees = 0;
        double value = 0;
        uint32_t from_set = 0, from_label = 0;
        int t = 1, d = 1;
    };
    struct Figures {
        double work = 0;                       // least device time
        std::vector<double> time, parameters;  // by t: least of the variants
        std::vector<char> can;                 // by t: every node can be split so
        double cut = 0;                        // bytes of edges into the set
        std::vector<int> cut_edges;
    };
    void add_choices();
    void add_figures();
    void add_node(Figures&, size_t node) const;
    void run();
    void extend(size_t inner, size_t outer);
    void extend(size_t inner, size_t outer, const Choice&, double bound);
    bool beaten(size_t set, const Label&) const;
    void add(size_t set, const Label&);
    void keep_beam(std::vector<Label>&) const;
    double cut_between(size_t inner, size_t outer) const;

    const SplitProblem& problem_;
    const ClosedSets& sets_;
    Knapsack knapsack_;
    double known_;
    size_t beam_;  // labels of a set; 0: all
    std::vector<int> widths_;
    std::vector<Choice> choices_;
    std::vector<Figures> figures_;
    double whole_work_ = 0;
    std::vector<std::vector<Label>> labels_;
};

void Search::add_choices() {
    for (const SplitNode& node : problem_.nodes)
        for (const SplitWays& w : node.ways)
            if (std::find(widths_.begin(), widths_.end(), w.t) == widths_.end())
                widths_.push_back(w.t);
    std::sort(widths_.begin(), widths_.end());
    for (const int t : widths_)
        for (int d = 1; d <= std::min(problem_.samples, problem_.devices / t); ++d)
            if (problem_.samples % d == 0) choices_.push_back({t, d});
}

void Search::add_node(Figures& f, size_t node) const {
    double work = kInfinite;
    for (size_t i = 0; i < widths_.size(); ++i) {
        const SplitWays* ways = ways_of(problem_.nodes[node], widths_[i]);
        if (!ways) {
            f.can[i] = 0;
            continue;
        }
        double time = kInfinite, bytes = kInfinite;
        for (const SplitVariant& v : ways->variants)
            time = std::min(time, v.time), bytes = std::min(bytes, v.parameter_bytes);
        f.time[i] += time, f.parameters[i] += bytes;
        work = std::min(work, time * widths_[i]);
    }
    f.work += work;
}

void Search::add_figures() {
    figures_.resize(sets_.count());
    for (size_t set = 0; set < sets_.count(); ++set) {
        Figures& f = figures_[set];
        f.time.assign(widths_.size(), 0), f.parameters = f.time;
        f.can.assign(widths_.size(), 1);
        for (size_t n = 0; n < problem_.nodes.size(); ++n)
            if (sets_.has(set, static_cast<int>(n))) add_node(f, n);
        for (size_t e = 0; e < problem_.edges.size(); ++e) {
            const SplitEdge& edge = problem_.edges[e];
            if (sets_.has(set, edge.to) && !sets_.has(set, edge.from)) {
                f.cut += edge.bytes;
                f.cut_edges.push_back(static_cast<int>(e));
            }
        }
    }
    whole_work_ = figures_.back().work;
}

bool Search::beaten(size_t set, const Label& label) const {
    return std::any_of(labels_[set].begin(), labels_[set].end(), [&](const Label& l) {
        return l.devices <= label.devices && l.degrees <= label.degrees && l.value <= label.value;
    });
}

void Search::add(size_t set, const Label& label) {
    std::erase_if(labels_[set], [&](const Label& l) {
        return label.devices <= l.devices && label.degrees <= l.degrees && label.value <= l.value;
    });
    labels_[set].push_back(label);
}

/// Bytes of edges across the border of outer \ inner.
double Search::cut_between(size_t inner, size_t outer) const {
    double cut = figures_[inner].cut + figures_[outer].cut;
    for (const int e : figures_[inner].cut_edges) {
        const SplitEdge& edge = problem_.edges[static_cast<size_t>(e)];
        if (!sets_.has(outer, edge.from)) cut -= 2 * edge.bytes;  // from before into what is behind
    }
    return cut;
}

void Search::extend(size_t inner, size_t outer) {
    const Figures &in = figures_[inner], &out = figures_[outer];
    const double cut = cut_between(inner, outer);
    for (const Choice& choice : choices_) {
        const auto t = static_cast<size_t>(std::find(widths_.begin(), widths_.end(), choice.t) -
                                           widths_.begin());
        const double bound =
            (out.time[t] - in.time[t]) / choice.d * (1 - kRounding) +
            (2 * cut / choice.d + 4.0 * (choice.d - 1) / choice.d *
                                      (out.parameters[t] - in.parameters[t]) / problem_.samples) /
                problem_.bandwidth * (1 - kRounding);
        if (bound > known_) continue;
        extend(inner, outer, choice, bound);
    }
}

void Search::extend(size_t inner, size_t outer, const Choice& choice, double bound) {
    std::vector<int> nodes;
    std::vector<std::optional<SplitStage>> by_y;  // worked out once
    std::vector<char> have_y;
    const double left_work = whole_work_ - figures_[outer].work;
    for (size_t l = 0; l < labels_[inner].size(); ++l) {
        const Label from = labels_[inner][l];
        Label label{from.devices + choice.t * choice.d,
                    from.degrees + choice.d,
                    std::max(from.value, bound),
                    static_cast<uint32_t>(inner),
                    static_cast<uint32_t>(l),
                    choice.t,
                    choice.d};
        if (label.devices > problem_.devices || label.value > known_ ||
            label.degrees > std::min(problem_.samples, problem_.devices))
            continue;
        // What is left has to fit the devices that are left.
        if (left_work * (1 - 1e-9) > (problem_.devices - label.devices) * known_) continue;
        if (beaten(outer, label)) continue;
        const auto y = static_cast<size_t>((label.degrees + choice.d - 1) / choice.d);
        if (nodes.empty()) nodes = sets_.between(inner, outer);
        if (y >= by_y.size()) by_y.resize(y + 1), have_y.resize(y + 1, 0);
        if (!have_y[y]) {
            by_y[y] = stage_of(problem_, nodes, choice.t, choice.d, static_cast<int>(y), knapsack_);
            have_y[y] = 1;
        }
        if (!by_y[y]) continue;
        label.value = std::max(from.value, by_y[y]->load);
        if (label.value <= known_ && !beaten(outer, label)) add(outer, label);
    }
}

void Search::keep_beam(std::vector<Label>& labels) const {
    if (beam_ == 0 || labels.size() <= beam_) return;
    // Evenly over the numbers of devices, the least value first.
    std::sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) {
        return std::pair(a.devices, a.value) < std::pair(b.devices, b.value);
    });
    std::vector<Label> kept;
    for (size_t i = 0; i < beam_; ++i) kept.push_back(labels[i * labels.size() / beam_]);
    labels = std::move(kept);
}

void Search::run() {
    labels_.resize(sets_.count());
    labels_[0].push_back({});
    struct Alive {
        size_t set;
        double work;
        int devices;  // the fewest of its labels
    };
    std::vector<Alive> alive = {{0, 0, 0}};
    for (size_t outer = 1; outer < sets_.count(); ++outer) {
        const double work = figures_[outer].work;
        // The most devices that leave enough for the rest.
        const double most =
            std::isinf(known_)
                ? problem_.devices
                : std::floor(problem_.devices - (whole_work_ - work) / known_ + 1e-9);
        for (const Alive& in : alive) {
            if (in.devices + (work - in.work) / known_ > most + 1e-9) continue;
            if (sets_.within(in.set, outer)) extend(in.set, outer);
        }
        std::vector<Label>& mine = labels_[outer];
        keep_beam(mine);
        if (mine.empty()) continue;
        const auto fewest =
            std::min_element(mine.begin(), mine.end(),
                             [](const Label& a, const Label& b) { return a.devices < b.devices; });
        alive.push_back({outer, work, fewest->devices});
    }
}

SplitAnswer Search::answer() const {
    SplitAnswer answer;
    const std::vector<Label>& last = labels_.back();
    if (last.empty()) return answer;
    answer.fits = true;
    Label at = *std::min_element(last.begin(), last.end(), [](const Label& a, const Label& b) {
        return std::pair(a.value, a.devices) < std::pair(b.value, b.devices);
    });
    answer.objective = at.value;
    for (size_t set = sets_.count() - 1; set > 0;
         set = at.from_set, at = labels_[set][at.from_label]) {
        const int y = (at.degrees + at.d - 1) / at.d;
        answer.stages.push_back(
            *stage_of(problem_, sets_.between(at.from_set, set), at.t, at.d, y, knapsack_));
    }
    return answer;
}

}  // namespace

std::optional<SplitStage> stage_of(const SplitProblem& problem, const std::vector<int>& nodes,
                                   int t, int d, int y, Knapsack knapsack) {
    std::vector<char> in(problem.nodes.size(), 0);
    for (const int n : nodes) in[static_cast<size_t>(n)] = 1;
    std::vector<std::vector<Item>> items;
    for (const int n : nodes) {
        const SplitNode& node = problem.nodes[static_cast<size_t>(n)];
        const SplitWays* ways = ways_of(node, t);
        if (!ways) return std::nullopt;
        std::vector<Item> choice;
        for (const SplitVariant& v : ways->variants) {
            double border = 0;
            size_t k = 0;
            for (const int e : node.incoming) {
                const double sync = v.sync_bytes[k++];
                const SplitEdge& edge = problem.edges[static_cast<size_t>(e)];
                if (!in[static_cast<size_t>(edge.from)]) border += 2 * (edge.bytes + sync) / d;
            }
            for (const int e : node.outgoing) {
                const double sync = v.sync_bytes[k++];
                const SplitEdge& edge = problem.edges[static_cast<size_t>(e)];
                if (!in[static_cast<size_t>(edge.to)]) border += 2 * (edge.bytes + sync) / d;
            }
            border += 4.0 * (d - 1) / d * v.parameter_bytes / problem.samples;
            choice.push_back(
                {v.time / d + border / problem.bandwidth, v.memory_a * y + v.memory_b});
        }
        items.push_back(std::move(choice));
    }
    SplitStage stage;
    stage.variants = knapsack == Knapsack::kExact ? least_cost(items, problem.memory_bytes)
                                                  : by_ratio(items, problem.memory_bytes);
    if (stage.variants.empty()) return std::nullopt;
    stage.nodes = nodes, stage.t = t, stage.d = d, stage.y = y;
    for (size_t i = 0; i < items.size(); ++i) {
        const Item& item = items[i][static_cast<size_t>(stage.variants[i])];
        stage.load += item.cost, stage.memory_bytes += item.weight;
    }
    return stage;
}

void verify(const SplitProblem& p) {
    auto require = [&](bool holds, const std::string& message) {
        if (!holds) throw UserError("{}: {}", p.name, message);
    };
    require(p.devices >= 1, fmt::format("{} devices: expected at least one", p.devices));
    require(
        p.memory_bytes > 0 && !std::isnan(p.memory_bytes),
        fmt::format("a memory of {} bytes a device: expected a number above 0", p.memory_bytes));
    require(p.bandwidth > 0,
            fmt::format("a bandwidth of {}: expected a number above 0", p.bandwidth));
    require(p.samples >= 1, fmt::format("{} samples: expected at least one", p.samples));
    require(!p.nodes.empty(), "there are no nodes");
    require(order_of(needs_of(p)).size() == p.nodes.size(), "the edges form a cycle");
}

SplitAnswer solve(const SplitProblem& problem, Knapsack knapsack, const SplitLimits& limits) {
    verify(problem);
    const std::vector<std::vector<int>> needs = needs_of(problem);
    const ClosedSets line = ClosedSets::along(order_of(needs));
    // Plans cut along one order, for something to be better than.
    SplitAnswer answer = Search(problem, line, knapsack, kInfinite, 24).answer();
    const double first = answer.fits ? answer.objective : kInfinite;
    const SplitAnswer again = Search(problem, line, knapsack, first, 0).answer();
    if (again.fits) answer = again;
    const double known = answer.fits ? answer.objective : kInfinite;
    const std::optional<ClosedSets> sets = ClosedSets::all(needs, limits.most_sets);
    answer.sets = sets ? sets->count() : line.count();
    if (!sets) {
        answer.note = fmt::format(
            "more than {} ways to cut the graph: only cuts along one order were looked at",
            limits.most_sets);
        return answer;
    }
    SplitAnswer whole = Search(problem, *sets, knapsack, known, 0).answer();
    if (whole.fits) {
        whole.sets = answer.sets;
        answer = std::move(whole);
    }
    answer.optimal = true;
    return answer;
}

}  // namespace smeaton::place
