#include "search/search.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <queue>

#include "base/error.h"
#include "search/workers.h"

namespace smeaton::search {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;
constexpr size_t kBoxesOfARound = 64, kPointsOfAChunk = 512;

double volume(const Box& box) {
    double points = 1;
    for (const Range& r : box) points *= r.high - r.low + 1;
    return points;
}

/// What both ways of searching share: the result so far, the clock, evaluators for each thread.
class Run {
public:
    Run(const Space& space, const Box& part, const Evaluator& evaluator, const Options& options)
        : space_(space), part_(part), options_(options), workers_(options.threads) {
        for (size_t i = 0; i < workers_.count(); ++i) evaluators_.push_back(evaluator.another());
        result_.grid = grid_points(space);
        result_.space = points_within(space);
        result_.lower_bound = kInfinite;
        if (result_.space == 0) refuse_empty(space);
    }

    Result exhaustive();
    Result branch_and_bound();

private:
    struct Node {
        Box box;
        Criteria bound{};
    };
    struct Later {
        Criterion by;
        bool operator()(const Node& a, const Node& b) const {
            if (a.bound[by] != b.bound[by]) return a.bound[by] > b.bound[by];
            return a.bound > b.bound;
        }
    };
    /// What became of a node in a round.
    struct Outcome {
        std::vector<Node> open;
        std::optional<Found> leaf;
        bool from_store = false;
    };

    Evaluation evaluate(const Point&, size_t worker, bool& from_store);
    void take(Found&&, bool from_store);
    Outcome dive(Node&&, size_t worker) const;
    std::vector<Node> halves(const Node&, Evaluator&) const;
    std::vector<Node> halves_along(size_t axis, const Node&, Evaluator&) const;
    bool ruled_out(const Criteria&) const;
    bool over_figure(const Criteria&) const;
    bool out_of_time() const { return options_.time_limit_s && seconds() > *options_.time_limit_s; }
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }
    double of(const Criteria& criteria) const { return criteria[options_.by]; }
    double best() const {
        const double found = result_.best ? of(result_.best->evaluation.criteria) : kInfinite;
        return std::min(found, options_.known.value_or(kInfinite));
    }
    bool better(const Criteria& a, const Criteria& b) const {
        return of(a) != of(b) ? of(a) < of(b) : a < b;
    }
    void report(double done, double bound);
    Result finished(double bound, bool whole);

    const Space& space_;
    const Box& part_;
    const Options& options_;
    mutable Workers workers_;
    std::vector<std::unique_ptr<Evaluator>> evaluators_;
    Front front_;
    Result result_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    double reported_ = 0;
};

Evaluation Run::evaluate(const Point& point, size_t worker, bool& from_store) {
    if (options_.store)
        if (const Evaluation* known = options_.store->find(point)) {
            from_store = true;
            return *known;
        }
    return evaluators_[worker]->evaluate(point);
}

/// Whether a cap on a figure is broken.
bool Run::over_figure(const Criteria& criteria) const {
    for (const FigureCap& cap : space_.figures) {
        SMEATON_CHECK(cap.figure == "area_mm2" || cap.figure == "energy_pj",
                      "no criterion for the figure {}", cap.figure);
        const Criterion c = cap.figure == "area_mm2" ? kArea : kEnergy;
        if (criteria[c] > cap.max * (1 + kRounding)) return true;
    }
    return false;
}

bool Run::ruled_out(const Criteria& bound) const {
    if (std::isinf(of(bound)) || over_figure(bound)) return true;
    if (options_.front) return front_.covers(bound);
    return of(bound) >= best() * (1 - kRounding);
}

void Run::take(Found&& found, bool from_store) {
    ++(from_store ? result_.from_store : result_.evaluated);
    if (options_.store && !from_store) options_.store->add(found.point, found.evaluation);
    if (found.evaluation.refused.empty() && over_figure(found.evaluation.criteria))
        found.evaluation.refused = "over a cap on a figure";
    const bool fits = found.evaluation.refused.empty();
    if (!fits) {
        ++result_.refused;
        result_.refusal = found.evaluation.refused;
    } else {
        const Criteria& criteria = found.evaluation.criteria;
        if (!result_.best || better(criteria, result_.best->evaluation.criteria))
            result_.best = found;
        if (!result_.worst || of(criteria) > of(result_.worst->evaluation.criteria))
            result_.worst = found;
        front_.add(found);
    }
    if (options_.keep_points) result_.points.push_back(std::move(found));
}

void Run::report(double done, double bound) {
    if (!options_.progress || seconds() < reported_ + 0.1) return;
    reported_ = seconds();
    options_.progress(
        {done, best(), bound > 0 ? best() / std::min(best(), bound) - 1 : kInfinite, seconds()});
}

Result Run::finished(double bound, bool whole) {
    if (options_.store) options_.store->commit();
    result_.seconds = seconds();
    // No box promises less than what was found: the best itself bounds the space.
    result_.proven = bound >= best() * (1 - kRounding);
    result_.lower_bound = result_.proven ? best() : bound;
    result_.gap = result_.proven ? 0 : best() / bound - 1;
    result_.front_proven = whole;
    result_.front = front_.points();
    result_.pruned = result_.space - result_.evaluated - result_.from_store;
    return std::move(result_);
}

Result Run::exhaustive() {
    std::vector<Point> points;
    bool stopped = false;
    auto flush = [&] {
        std::vector<Found> found(points.size());
        std::vector<char> stored(points.size(), 0);
        const size_t chunks = (points.size() + kPointsOfAChunk - 1) / kPointsOfAChunk;
        workers_.each(chunks, [&](size_t chunk, size_t worker) {
            const size_t end = std::min(points.size(), (chunk + 1) * kPointsOfAChunk);
            for (size_t i = chunk * kPointsOfAChunk; i < end; ++i) {
                bool from_store = false;
                found[i] = {points[i], evaluate(points[i], worker, from_store)};
                stored[i] = from_store;
            }
        });
        for (size_t i = 0; i < found.size(); ++i) take(std::move(found[i]), stored[i] != 0);
        if (options_.store) options_.store->commit();
        points.clear();
        report((result_.evaluated + result_.from_store) / result_.space, 0);
        stopped = out_of_time();
    };
    const size_t most = kPointsOfAChunk * kBoxesOfARound;
    for_each_point(space_, [&](const Point& point) {
        points.push_back(point);
        if (points.size() == most) flush();
        return !stopped;
    });
    if (!points.empty()) flush();
    const bool all = !stopped || result_.evaluated + result_.from_store == result_.space;
    return finished(all ? kInfinite : 0, all);
}

std::vector<Run::Node> Run::halves_along(size_t axis, const Node& node, Evaluator& e) const {
    std::vector<Node> parts;
    const Range range = node.box[axis];
    const uint32_t middle = (range.low + range.high) / 2;
    for (const Range half : {Range{range.low, middle}, Range{middle + 1, range.high}}) {
        Node part = node;
        part.box[axis] = half;
        if (!narrow(space_, part.box)) continue;
        const Criteria bound = e.bound(part.box);
        // A part of a box has its bounds too.
        for (size_t c = 0; c < bound.size(); ++c) part.bound[c] = std::max(part.bound[c], bound[c]);
        if (!std::isinf(of(part.bound))) parts.push_back(std::move(part));
    }
    return parts;
}

/// By how much cutting raises the bounds: mostly that of the half that stays the better one.
double raised(const Criteria& before, const std::vector<Criteria>& after, Criterion by) {
    double least = kInfinite, most = 0;
    for (const Criteria& bound : after) {
        double gain = bound[by] / std::max(before[by], 1e-300) - 1;
        for (size_t c = 0; c < bound.size(); ++c)
            if (c != by && before[c] > 0) gain += 1e-3 * (bound[c] / before[c] - 1);
        least = std::min(least, gain), most = std::max(most, gain);
    }
    return after.size() < 2 ? kInfinite : 5 * least + most;
}

std::vector<Run::Node> Run::halves(const Node& node, Evaluator& e) const {
    const std::vector<bool> decisive = e.decisive();
    size_t widest = node.box.size();
    for (size_t i = 0; i < node.box.size(); ++i)
        if (decisive[i] && !node.box[i].single() &&
            (widest == node.box.size() ||
             node.box[i].high - node.box[i].low > node.box[widest].high - node.box[widest].low))
            widest = i;
    if (widest < node.box.size()) return halves_along(widest, node, e);
    std::vector<Node> best;
    double best_gain = -1;
    for (size_t i = 0; i < node.box.size(); ++i) {
        if (node.box[i].single()) continue;
        std::vector<Node> parts = halves_along(i, node, e);
        std::vector<Criteria> bounds;
        for (const Node& part : parts) bounds.push_back(part.bound);
        const double gain = raised(node.bound, bounds, options_.by);
        if (gain > best_gain) best_gain = gain, best = std::move(parts);
        if (std::isinf(gain)) break;
    }
    return best;
}

/// Cuts a box, goes on with the better half down to a point, and leaves the other halves open.
Run::Outcome Run::dive(Node&& node, size_t worker) const {
    Outcome out;
    Evaluator& e = *evaluators_[worker];
    while (!single(node.box)) {
        std::vector<Node> parts = halves(node, e);
        std::erase_if(parts, [&](const Node& part) { return ruled_out(part.bound); });
        if (parts.empty()) return out;
        std::sort(parts.begin(), parts.end(),
                  [&](const Node& a, const Node& b) { return Later{options_.by}(b, a); });
        node = std::move(parts.front());
        for (size_t i = 1; i < parts.size(); ++i) out.open.push_back(std::move(parts[i]));
    }
    out.leaf = Found{point_of(node.box), {}};
    return out;
}

Result Run::branch_and_bound() {
    std::priority_queue<Node, std::vector<Node>, Later> open(Later{options_.by});
    Node root{part_, {}};
    if (narrow(space_, root.box)) {
        root.bound = evaluators_[0]->bound(root.box);
        if (!ruled_out(root.bound)) open.push(std::move(root));
    }
    double left = open.empty() ? 0 : volume(open.top().box);
    const double all = left;
    auto least = [&] { return open.empty() ? kInfinite : of(open.top().bound); };
    while (!open.empty() && !out_of_time()) {
        if (!options_.front && least() >= best() * (1 - kRounding)) break;
        std::vector<Node> round;
        while (!open.empty() && round.size() < kBoxesOfARound) {
            Node node = std::move(const_cast<Node&>(open.top()));
            open.pop();
            left -= volume(node.box);
            if (!ruled_out(node.bound)) round.push_back(std::move(node));
        }
        std::vector<Outcome> outcomes(round.size());
        workers_.each(round.size(), [&](size_t i, size_t worker) {
            Outcome& out = outcomes[i];
            out = dive(std::move(round[i]), worker);
            if (out.leaf) out.leaf->evaluation = evaluate(out.leaf->point, worker, out.from_store);
        });
        for (Outcome& out : outcomes) {
            if (out.leaf) take(std::move(*out.leaf), out.from_store);
            for (Node& node : out.open) left += volume(node.box), open.push(std::move(node));
        }
        if (options_.store) options_.store->commit();
        report(1 - left / all, least());
    }
    return finished(least(), open.empty());
}

}  // namespace

Result search(const Space& space, const Box& part, const Evaluator& evaluator,
              const Options& options) {
    Run run(space, part, evaluator, options);
    return options.exhaustive ? run.exhaustive() : run.branch_and_bound();
}

}  // namespace smeaton::search
