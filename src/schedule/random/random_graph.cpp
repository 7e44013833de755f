#include "schedule/random/random_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace smeaton::schedule {

uint64_t RandomNumbers::next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int RandomNumbers::between(int low, int high) {
    return low + static_cast<int>(next() % static_cast<uint64_t>(high - low + 1));
}

double RandomNumbers::share() {
    return static_cast<double>(next() >> 11) * 0x1p-53;
}

TaskGraph random_graph(const RandomGraphOptions& options, uint64_t seed) {
    RandomNumbers random(seed);
    TaskGraph graph;
    graph.kinds.clear();
    for (int k = 0; k < options.kinds; ++k) graph.kinds.push_back("kind" + std::to_string(k));
    for (int t = 0; t < options.tasks; ++t) {
        Task task;
        task.name = "t" + std::to_string(t);
        task.holds = {random.between(0, options.kinds - 1)};
        double us = random.between(options.low_us, options.high_us);
        for (int k = 1; k <= options.most_cores; ++k) {
            if (k > 1) us -= random.between(0, static_cast<int>(us / k));
            task.durations_us.push_back(us);
        }
        graph.tasks.push_back(task);
    }
    for (int a = 0; a < options.tasks; ++a)
        for (int b = a + 1; b < options.tasks; ++b)
            if (random.share() < options.edge_share)
                graph.edges.push_back(
                    {{a},
                     {b},
                     static_cast<double>(random.between(0, options.highest_message_us)),
                     0});
    return graph;
}

namespace {

struct Cut {
    int core;
    double start, end;
};

std::vector<Cut> cut_schedule(const KnownGraphOptions& options, RandomNumbers& random) {
    std::vector<Cut> cuts;
    for (int c = 0; c < options.cores; ++c) {
        int here = options.tasks / options.cores + (c < options.tasks % options.cores ? 1 : 0);
        std::vector<double> ends = {options.optimum_us};
        while (static_cast<int>(ends.size()) < here) {
            double at = random.between(1, static_cast<int>(options.optimum_us) - 1);
            if (std::find(ends.begin(), ends.end(), at) == ends.end()) ends.push_back(at);
        }
        std::sort(ends.begin(), ends.end());
        double start = 0;
        for (double end : ends) {
            cuts.push_back({c, start, end});
            start = end;
        }
    }
    return cuts;
}

}  // namespace

TaskGraph known_graph(const KnownGraphOptions& options, uint64_t seed) {
    RandomNumbers random(seed);
    std::vector<Cut> cuts = cut_schedule(options, random);
    std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
        return a.start != b.start ? a.start < b.start : a.core < b.core;
    });
    TaskGraph graph;
    for (size_t t = 0; t < cuts.size(); ++t)
        graph.tasks.push_back({"t" + std::to_string(t), {cuts[t].end - cuts[t].start}, {0}, 0});
    for (size_t a = 0; a < cuts.size(); ++a)
        for (size_t b = 0; b < cuts.size(); ++b) {
            double room = cuts[b].start - cuts[a].end;
            if (room < 0 || random.share() >= options.edge_share) continue;
            double most = options.highest_message_us;
            if (cuts[a].core != cuts[b].core) most = std::min(most, room);
            double cost = std::floor(random.share() * (most + 1));
            graph.edges.push_back(
                {{static_cast<int>(a)}, {static_cast<int>(b)}, std::min(cost, most), 0});
        }
    return graph;
}

namespace {

// Operators by name, each after those that it reads.
class Layer {
public:
    Layer() {
        graph.kinds = {"tc", "vc"};
        graph.cores = Cores{{{"tc", 8}, {"vc", 2}}};
    }
    std::string tensor(const std::string& name, double macs, std::vector<std::string> reads) {
        const double one = macs / (128.0 * 128 * 1.05e3);
        std::vector<double> us(8, std::numeric_limits<double>::infinity());
        us.front() = one;
        us.back() = one / 8;
        return add({name, us, {0}, 0}, reads);
    }
    std::string vector(const std::string& name, double elements, double cycles,
                       std::vector<std::string> reads) {
        const double one = elements * cycles / (128 * 1.05e3);
        return add({name, {one, one / 2}, {1}, 0}, reads);
    }
    TaskGraph graph;

private:
    std::string add(Task task, const std::vector<std::string>& reads) {
        auto id = static_cast<int>(graph.tasks.size());
        for (const std::string& read : reads)
            for (int t = 0; t < id; ++t)
                if (graph.tasks[static_cast<size_t>(t)].name == read)
                    graph.edges.push_back({{t}, {id}, 0, 0});
        graph.tasks.push_back(std::move(task));
        return graph.tasks.back().name;
    }
};

constexpr double kRows = 4096, kHidden = 4096, kInner = 11008, kHeads = 32;

std::string root_mean_square_norm(Layer& l, const std::string& p, std::vector<std::string> x) {
    std::string square = l.vector(p + "_pow", kRows * kHidden, 15, x);
    std::string mean = l.vector(p + "_mean", kRows * kHidden, 10, {square});
    std::string root = l.vector(p + "_rsqrt", kRows, 25, {mean});
    x.push_back(root);
    std::string scaled = l.vector(p + "_scale", kRows * kHidden, 1, x);
    return l.vector(p + "_weight", kRows * kHidden, 1, {scaled});
}

std::string rotated(Layer& l, const std::string& p, const std::string& x) {
    std::string cosine = l.vector(p + "_cos", kRows * kHidden, 1, {x});
    std::string turned = l.vector(p + "_neg", kRows * kHidden / 2, 1, {x});
    std::string sine = l.vector(p + "_sin", kRows * kHidden, 1, {turned});
    return l.vector(p + "_add", kRows * kHidden, 1, {cosine, sine});
}

}  // namespace

TaskGraph decoder_layer() {
    Layer l;
    const double square = kRows * kHidden * kHidden, scores = kRows * kRows * kHeads;
    std::string norm = root_mean_square_norm(l, "norm1", {});
    std::string q = rotated(l, "q", l.tensor("q_proj", square, {norm}));
    std::string k = rotated(l, "k", l.tensor("k_proj", square, {norm}));
    std::string v = l.tensor("v_proj", square, {norm});
    std::string products = l.tensor("qk", kRows * kRows * kHidden, {q, k});
    std::string scaled = l.vector("scale", scores, 10, {products});
    std::string masked = l.vector("mask", scores, 1, {scaled});
    std::string soft = l.vector("softmax", scores, 10, {masked});
    std::string mixed = l.tensor("av", kRows * kRows * kHidden, {soft, v});
    std::string out = l.tensor("o_proj", square, {mixed});
    std::string sum = l.vector("add1", kRows * kHidden, 1, {out});
    std::string norm2 = root_mean_square_norm(l, "norm2", {sum});
    std::string gate = l.tensor("gate_proj", kRows * kHidden * kInner, {norm2});
    std::string up = l.tensor("up_proj", kRows * kHidden * kInner, {norm2});
    std::string active = l.vector("silu", kRows * kInner, 12, {gate});
    std::string product = l.vector("mul", kRows * kInner, 1, {active, up});
    std::string down = l.tensor("down_proj", kRows * kHidden * kInner, {product});
    l.vector("add2", kRows * kHidden, 1, {down, sum});
    return l.graph;
}

TaskGraph layered_graph(int tasks, int width, uint64_t seed) {
    RandomNumbers random(seed);
    TaskGraph graph;
    for (int t = 0; t < tasks; ++t) {
        graph.tasks.push_back(
            {"t" + std::to_string(t), {static_cast<double>(random.between(1, 20))}, {0}, 0});
        int layer = t / width * width;
        for (int k = 0; layer > 0 && k < 2; ++k)
            graph.edges.push_back({{layer - width + random.between(0, width - 1)},
                                   {t},
                                   static_cast<double>(random.between(0, 5)),
                                   0});
    }
    merge_edges(graph);
    return graph;
}

}  // namespace smeaton::schedule
