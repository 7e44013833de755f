#include "search/search.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <mutex>
#include <queue>
#include <set>

#include "base/error.h"
#include "base/workers.h"
#include "search/kinship.h"

namespace smeaton::search {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;
constexpr size_t kBoxesOfARound = 64, kPointsOfAChunk = 512, kChunksOfARound = 64;
constexpr size_t kSlowBoxesOfARound = 8, kSlowPointsOfARound = 4096;
constexpr double kKinOfABox = 1024;  // points alike that get their bounds together
constexpr double kSecondsOfACommit = 1;
constexpr double kSecondsOfARound = 0.5;  // how long nobody looks at the clock

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
        costly_ = evaluators_[0]->costly();
        if (!costly_.empty()) kinship_.emplace(costly_, evaluators_.size());
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
        std::vector<Node> leaves;  ///< of one point each
    };
    /// A point and what came of it.
    struct Leaf {
        Found found;
        bool from_store = false;
        bool skipped = false;  ///< the time was over
    };

    Evaluation evaluate(const Point&, size_t worker, bool& from_store);
    void evaluate_all(std::vector<Leaf>&);
    void evaluate_kin(std::vector<Leaf>&);
    void take_all(std::vector<Leaf>&);
    void for_each_kin(const std::function<bool(const Point&)>&) const;
    bool of_kin(const Box&) const;
    std::vector<Node> points_of(const Node&, Evaluator&) const;
    void climb();
    Point top_of(Box) const;
    enum class Steps { Cheap, Costly, CostlyPairs };
    std::vector<Point> around(const Point&, Steps) const;
    bool close_enough(double bound) const {
        return options_.gap > 0 && best() / std::min(best(), bound) - 1 <= options_.gap;
    }
    void take(Found&&, bool from_store);
    std::vector<Leaf> leaves_of(const std::vector<Outcome>&) const;
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
    void show(const Progress&);
    Result finished(double bound, bool whole);

    const Space& space_;
    const Box& part_;
    const Options& options_;
    mutable Workers workers_;
    std::vector<std::unique_ptr<Evaluator>> evaluators_;
    std::vector<bool> costly_;        ///< by axis; empty: none is
    std::optional<Kinship> kinship_;  ///< where some are
    std::mutex store_mutex_;
    double committed_ = 0;
    std::set<Point> climbed_;
    Front front_;
    Result result_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    double reported_ = 0;
    Progress reported_progress_ = {0, 0, kInfinite, 0};
};

Evaluation Run::evaluate(const Point& point, size_t worker, bool& from_store) {
    if (options_.store) {
        const std::lock_guard lock(store_mutex_);
        if (const Evaluation* known = options_.store->find(point)) {
            from_store = true;
            return *known;
        }
    }
    Evaluation e = evaluators_[worker]->evaluate(point);
    if (options_.store) {
        const std::lock_guard lock(store_mutex_);
        options_.store->add(point, e);
        if (seconds() > committed_ + kSecondsOfACommit)
            options_.store->commit(), committed_ = seconds();
    }
    return e;
}

/// Whether a cap on a figure that is a criterion is broken; caps on others are the evaluator's.
bool Run::over_figure(const Criteria& criteria) const {
    constexpr std::pair<const char*, Criterion> kFigures[] = {
        {"energy_pj", kEnergy}, {"sram_bytes", kMemory}, {"area_mm2", kArea}};
    for (const FigureCap& cap : space_.figures)
        for (const auto& [figure, c] : kFigures)
            if (cap.figure == figure && criteria[c] > cap.max * (1 + kRounding)) return true;
    return false;
}

bool Run::ruled_out(const Criteria& bound) const {
    if (std::isinf(of(bound)) || over_figure(bound)) return true;
    if (options_.front) return front_.covers(bound);
    return of(bound) >= best() * (1 - kRounding);
}

void Run::take(Found&& found, bool from_store) {
    ++(from_store ? result_.from_store : result_.evaluated);
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

void Run::show(const Progress& progress) {
    reported_progress_ = progress;
    if (!options_.progress || seconds() < reported_ + 0.1) return;
    reported_ = seconds();
    options_.progress(progress);
}

void Run::report(double done, double bound) {
    show({done, best(), bound > 0 ? best() / std::min(best(), bound) - 1 : kInfinite, seconds()});
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

/// By whoever had points alike; what is known goes to the store at once, as it is dear.
void Run::evaluate_kin(std::vector<Leaf>& leaves) {
    for (size_t i = 0; i < leaves.size(); ++i) kinship_->add(leaves[i].found.point, i);
    std::atomic<size_t> ready = 0;
    const Progress before = reported_progress_;
    auto one = [&](Leaf& leaf, size_t worker) {
        leaf.skipped = out_of_time();
        if (leaf.skipped) return;
        leaf.found.evaluation = evaluate(leaf.found.point, worker, leaf.from_store);
        const double done = before.done + static_cast<double>(++ready) / result_.space;
        if (worker == 0) show({std::min(done, 1.0), best(), before.gap, seconds()});
    };
    workers_.each(evaluators_.size(), [&](size_t worker, size_t) {
        try {
            while (const auto i = kinship_->next(worker)) one(leaves[*i], worker);
        } catch (...) {
            kinship_->clear();  // the others need not go on
            throw;
        }
    });
    kinship_->clear();
}

void Run::evaluate_all(std::vector<Leaf>& leaves) {
    if (kinship_) return evaluate_kin(leaves);
    const size_t chunk = std::clamp<size_t>(leaves.size() / kChunksOfARound, 1, kPointsOfAChunk);
    workers_.each((leaves.size() + chunk - 1) / chunk, [&](size_t c, size_t worker) {
        for (size_t i = c * chunk; i < std::min(leaves.size(), (c + 1) * chunk); ++i)
            leaves[i].found.evaluation =
                evaluate(leaves[i].found.point, worker, leaves[i].from_store);
    });
}

/// Those that the time was enough for, in their order: whoever evaluated them, and when.
void Run::take_all(std::vector<Leaf>& leaves) {
    for (Leaf& leaf : leaves)
        if (!leaf.skipped) take(std::move(leaf.found), leaf.from_store);
    if (options_.store) options_.store->commit();
}

/// Every point of the part, those alike one after another.
void Run::for_each_kin(const std::function<bool(const Point&)>& each) const {
    if (costly_.empty()) return for_each_point(space_, part_, each);
    bool go_on = true;
    const std::function<void(Box, size_t)> visit = [&](Box box, size_t axis) {
        Box narrowed = box;
        if (!go_on || !narrow(space_, narrowed)) return;
        while (axis < box.size() && !costly_[axis]) ++axis;
        if (axis == box.size())
            return for_each_point(space_, box, [&](const Point& p) { return go_on = each(p); });
        const Range range = part_[axis];
        for (uint32_t at = range.low; at <= range.high && go_on; ++at) {
            box[axis] = {at, at};
            visit(box, axis + 1);
        }
    };
    visit(part_, 0);
}

Result Run::exhaustive() {
    std::vector<Leaf> leaves;
    bool stopped = false;
    size_t most = kinship_ ? kSlowPointsOfARound : kBoxesOfARound;
    auto flush = [&] {
        const double begun = seconds();
        evaluate_all(leaves);
        take_all(leaves);
        leaves.clear();
        report((result_.evaluated + result_.from_store) / result_.space, 0);
        if (seconds() - begun < kSecondsOfARound)
            most = std::min(2 * most, kPointsOfAChunk * kChunksOfARound);
        stopped = out_of_time();
    };
    for_each_kin([&](const Point& point) {
        leaves.push_back({{point, {}}});
        if (leaves.size() == most) flush();
        return !stopped;
    });
    if (!leaves.empty()) flush();
    const bool all = !stopped || result_.evaluated + result_.from_store == result_.space;
    return finished(all ? kInfinite : 0, all);
}

/// The point with the largest settings that the caps allow, axis by axis.
Point Run::top_of(Box box) const {
    for (size_t axis = 0; axis < box.size(); ++axis)
        while (!box[axis].single()) {
            const uint32_t middle = (box[axis].low + box[axis].high) / 2;
            Box upper = box;
            upper[axis].low = middle + 1;
            if (narrow(space_, upper) && !ruled_out(evaluators_[0]->bound(upper)))
                box = std::move(upper);
            else
                box[axis].high = middle;
        }
    return point_of(box);
}

/// One step along an axis, costly or not, or (of costly ones: instead) one up along one and down
/// along another.
std::vector<Point> Run::around(const Point& point, Steps steps) const {
    std::vector<size_t> axes;
    for (size_t i = 0; i < point.size(); ++i)
        if ((i < costly_.size() && costly_[i]) == (steps != Steps::Cheap)) axes.push_back(i);
    std::vector<Point> all;
    auto add = [&](const Point& p) {
        for (size_t i = 0; i < p.size(); ++i)
            if (p[i] < part_[i].low || p[i] > part_[i].high) return;
        if (meets_sums(space_, p)) all.push_back(p);
    };
    for (size_t up : axes) {
        Point p = point, down = point;
        ++p[up];
        if (steps != Steps::CostlyPairs) {
            add(p);
            if (down[up]-- > 0) add(down);
        }
        if (steps == Steps::Costly) continue;
        for (size_t other : axes) {
            Point q = p;
            if (other != up && q[other]-- > 0) add(q);
        }
    }
    return all;
}

/// To the best of the points around, as long as there is a better one; along the costly axes where
/// the others lead nowhere, and along two of them where one leads nowhere.
void Run::climb() {
    Box box = part_;
    if (!narrow(space_, box)) return;
    std::vector<Point> next = {top_of(box)};
    double before = kInfinite;
    Steps steps = Steps::CostlyPairs;
    while (!out_of_time()) {
        std::vector<Leaf> leaves;
        for (const Point& p : next)
            if (climbed_.insert(p).second) leaves.push_back({{p, {}}});
        evaluate_all(leaves);
        for (const Leaf& leaf : leaves)
            if (leaf.skipped) climbed_.erase(leaf.found.point);
        take_all(leaves);
        report(0, 0);
        const bool better = result_.best && best() < before;
        if (!result_.best || (!better && steps == Steps::CostlyPairs)) return;
        if (better)
            steps = Steps::Cheap;
        else
            steps = steps == Steps::Cheap ? Steps::Costly : Steps::CostlyPairs;
        before = best();
        next = around(result_.best->point, steps);
    }
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
        double gain = before[by] > 0 ? bound[by] / before[by] - 1 : bound[by] > 0 ? 1 : 0;
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
    double best_gain = -kInfinite;
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

/// A box whose points are alike, few enough to get their bounds together.
bool Run::of_kin(const Box& box) const {
    if (costly_.empty() || volume(box) > kKinOfABox) return single(box);
    for (size_t axis = 0; axis < box.size(); ++axis)
        if (costly_[axis] && !box[axis].single()) return false;
    return true;
}

/// The points of a box that are not ruled out, with their bounds.
std::vector<Run::Node> Run::points_of(const Node& node, Evaluator& e) const {
    if (single(node.box)) return {node};
    std::vector<Node> points;
    for_each_point(space_, node.box, [&](const Point& p) {
        Node one = node;
        for (size_t axis = 0; axis < p.size(); ++axis) one.box[axis] = {p[axis], p[axis]};
        // The time is for evaluating once it is short.
        const Criteria bound =
            out_of_time() ? node.bound : e.bound_of(p, options_.by, best() * (1 + kRounding));
        for (size_t c = 0; c < bound.size(); ++c) one.bound[c] = std::max(one.bound[c], bound[c]);
        if (!ruled_out(one.bound)) points.push_back(std::move(one));
        return true;
    });
    return points;
}

/// Cuts a box, goes on with the better half down to a point (or points alike), and leaves the other
/// halves open.
Run::Outcome Run::dive(Node&& node, size_t worker) const {
    Outcome out;
    Evaluator& e = *evaluators_[worker];
    while (!of_kin(node.box)) {
        std::vector<Node> parts = halves(node, e);
        std::erase_if(parts, [&](const Node& part) { return ruled_out(part.bound); });
        if (parts.empty()) return out;
        std::sort(parts.begin(), parts.end(),
                  [&](const Node& a, const Node& b) { return Later{options_.by}(b, a); });
        node = std::move(parts.front());
        for (size_t i = 1; i < parts.size(); ++i) out.open.push_back(std::move(parts[i]));
    }
    // Points alike get their bounds together; which of them are worth more, the others tell.
    std::vector<Node> points = points_of(node, e);
    std::move(points.begin(), points.end(),
              std::back_inserter(single(node.box) ? out.leaves : out.open));
    return out;
}

std::vector<Run::Leaf> Run::leaves_of(const std::vector<Outcome>& outcomes) const {
    std::vector<Leaf> leaves;
    for (const Outcome& out : outcomes)
        for (const Node& node : out.leaves)
            if (Point p = point_of(node.box); climbed_.count(p) == 0)
                leaves.push_back({{std::move(p), {}}});
    return leaves;
}

Result Run::branch_and_bound() {
    std::priority_queue<Node, std::vector<Node>, Later> open(Later{options_.by});
    Node root{part_, {}};
    if (evaluators_[0]->climbs()) climb();
    if (narrow(space_, root.box)) {
        root.bound = evaluators_[0]->bound(root.box);
        if (!ruled_out(root.bound)) open.push(std::move(root));
    }
    double left = open.empty() ? 0 : volume(open.top().box);
    const double all = left;
    auto least = [&] { return open.empty() ? kInfinite : of(open.top().bound); };
    const size_t most = kinship_ ? kSlowBoxesOfARound : kBoxesOfARound;
    while (!open.empty() && !out_of_time() && !close_enough(least())) {
        if (!options_.front && least() >= best() * (1 - kRounding)) break;
        std::vector<Node> round;
        while (!open.empty() && round.size() < most) {
            Node node = std::move(const_cast<Node&>(open.top()));
            open.pop();
            left -= volume(node.box);
            if (!ruled_out(node.bound)) round.push_back(std::move(node));
        }
        std::vector<Outcome> outcomes(round.size());
        workers_.each(round.size(), [&](size_t i, size_t worker) {
            outcomes[i] = dive(std::move(round[i]), worker);
        });
        std::vector<Leaf> leaves = leaves_of(outcomes);
        evaluate_all(leaves);
        std::set<Point> skipped;
        for (const Leaf& leaf : leaves)
            if (leaf.skipped) skipped.insert(leaf.found.point);
        take_all(leaves);
        for (Outcome& out : outcomes) {
            for (Node& node : out.leaves)
                if (skipped.count(point_of(node.box))) out.open.push_back(std::move(node));
            for (Node& node : out.open) left += volume(node.box), open.push(std::move(node));
        }
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
