#include "search/phaze/outer.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/workers.h"
#include "search/log.h"

namespace smeaton::search::phaze {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;
constexpr double kBucket = 10'000;  // um2
constexpr size_t kStopAfter = 5;
constexpr size_t kPointsOfARound = 8, kExactOfARound = 2;

/// The template as a space of src/search, for its log.
Space log_space() {
    Space space;
    space.file = "the space of PHAZE";
    space.text =
        "n_tc, n_vc: 1 to 4096; width, depth: 2 to 256; buffer_mb: 2 to 128; "
        "layers by lists, then exactly";
    auto axis = [&](const char* key, int low, int high) {
        Axis a{key, {}};
        for (int v = low; v <= high; v *= 2) a.values.push_back(v);
        space.axes.push_back(std::move(a));
    };
    axis("n_tc", 1, 4096), axis("n_vc", 1, 4096);
    axis("width", 2, 256), axis("depth", 2, 256), axis("buffer_mb", 2, 128);
    return space;
}

Point point_of(const Space& space, const Chip& chip) {
    Point point;
    const int values[] = {chip.n_tc, chip.n_vc, chip.width, chip.depth, chip.buffer_mb};
    for (size_t i = 0; i < space.axes.size(); ++i) {
        const std::vector<double>& all = space.axes[i].values;
        point.push_back(static_cast<uint32_t>(
            std::find(all.begin(), all.end(), static_cast<double>(values[i])) - all.begin()));
    }
    return point;
}

class Run {
public:
    Run(const std::vector<Model>& models, const Setting& setting, const OuterOptions& options)
        : models_(models),
          options_(options),
          space_(log_space()),
          chips_(space()),
          workers_(options.threads) {
        evaluations_.emplace_back(models, setting);
        while (evaluations_.size() < workers_.count())
            evaluations_.push_back(evaluations_[0].another());
        if (!options.log_file.empty()) log_ = open_log(options.log_file, space_, options.identity);
        if (log_)
            for (const Price& price : log_->prices())
                result_.prices_from_log += evaluations_[0].know(price);
        found_.resize(chips_.size());
        state_.assign(chips_.size(), State::kOpen);
    }

    OuterResult run();

private:
    enum class State : char { kOpen, kPruned, kDone };
    /// What a point's bound counts: rooflines; its operators' prices; what lists of its layers
    /// leave open.
    enum class Bound : char { kRoofline, kPriced, kListed };

    static std::vector<Chip> space() { return phaze::space(); }
    void walk();
    void bound_all(bool priced, const std::vector<size_t>& which);
    void best_first();
    void evaluate(const std::vector<size_t>& points, double below);
    void list(const std::vector<size_t>& points, double below);
    Candidate evaluated(const Chip&, double below, Evaluation&, Effort = Effort::kExact);
    void take(size_t point, const Candidate&, Effort, bool known);
    void keep();
    std::optional<Candidate> from_log(size_t point, Effort) const;
    double mean(const std::vector<double>& times) const;
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }
    bool out_of_time() const { return options_.time_limit_s && seconds() > *options_.time_limit_s; }
    void report(double bound);

    const std::vector<Model>& models_;
    const OuterOptions& options_;
    Space space_;
    std::vector<Chip> chips_;
    Workers workers_;
    std::vector<Evaluation> evaluations_;
    std::unique_ptr<Store> log_;
    std::vector<Candidate> found_;
    std::vector<State> state_;
    std::vector<double> bound_;  // on the throughput
    std::vector<Bound> how_;     // it was found
    OuterResult result_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    double reported_ = 0;
};

/// Samples a second, the plain mean over the models; 0 where one takes forever.
double Run::mean(const std::vector<double>& times_ms) const {
    double sum = 0;
    for (size_t m = 0; m < models_.size(); ++m) {
        if (std::isinf(times_ms[m])) return 0;
        sum += 1e3 * static_cast<double>(models_[m].works[0].batch) / times_ms[m];
    }
    return sum / static_cast<double>(models_.size());
}

/// With several models each counts: what one may take to be worth a look depends on the others.
Candidate Run::evaluated(const Chip& chip, double below, Evaluation& e, Effort effort) {
    Candidate c;
    c.chip = chip;
    std::vector<double> times(models_.size()), least(models_.size());
    if (models_.size() > 1)
        for (size_t m = 0; m < models_.size(); ++m) times[m] = least[m] = e.bound_ms(m, chip, true);
    for (size_t m = 0; m < models_.size(); ++m) {
        double limit = kInfinite;
        if (below > 0) {
            // The throughput that this model needs for the mean to reach `below`.
            double others = 0;
            for (size_t o = 0; o < models_.size(); ++o)
                if (o != m)
                    others += 1e3 * static_cast<double>(models_[o].works[0].batch) / times[o];
            const double need = below * static_cast<double>(models_.size()) - others;
            if (need > 0)
                limit = 1e3 * static_cast<double>(models_[m].works[0].batch) / need * (1 + 1e-9);
        }
        Placed placed = e.place(m, chip, limit, effort);
        if (placed.fits) {
            times[m] = placed.time_ms, least[m] = placed.lower_bound_ms;
        } else if (limit < kInfinite) {
            // Not as good as what is known: the rest does not matter.
            c.placed.clear();
            c.throughput = 0, c.bound = below;
            return c;
        } else {
            times[m] = least[m] = kInfinite;
        }
        c.placed.push_back(std::move(placed));
    }
    c.throughput = mean(times), c.bound = mean(least);
    return c;
}

/// What was found with this effort.
std::optional<Candidate> Run::from_log(size_t point, Effort effort) const {
    if (!log_) return std::nullopt;
    const search::Evaluation* known = log_->find(point_of(space_, chips_[point]));
    if (!known || known->cycles.at(2) != static_cast<double>(effort)) return std::nullopt;
    Candidate c;
    c.chip = chips_[point];
    c.throughput = known->cycles.at(0), c.bound = known->cycles.at(1);
    return c;
}

void Run::take(size_t point, const Candidate& c, Effort effort, bool known) {
    state_[point] = State::kDone;
    found_[point] = c;
    ++(known ? result_.from_log : result_.evaluated);
    if (log_ && !known) {
        search::Evaluation e;
        e.criteria[kTime] = c.throughput > 0 ? 1 / c.throughput : 0;
        e.criteria[kArea] = area_um2(c.chip) * 1e-6;
        e.cycles = {c.throughput, c.bound, static_cast<double>(effort)};
        if (!(c.throughput > 0)) e.refused = "no better than what was known, or no plan fits";
        log_->add(point_of(space_, c.chip), e);
    }
    if (c.throughput > 0 && (!result_.best || c.throughput > result_.best->throughput))
        result_.best = c;
    for (const Placed& p : c.placed)
        if (!p.fits && result_.why.empty()) result_.why = p.why;
}

void Run::evaluate(const std::vector<size_t>& points, double below) {
    std::vector<std::optional<Candidate>> got(points.size());
    std::vector<char> known(points.size(), 0);
    workers_.each(points.size(), [&](size_t i, size_t worker) {
        got[i] = from_log(points[i], Effort::kExact);
        known[i] = got[i].has_value();
        if (!got[i]) got[i] = evaluated(chips_[points[i]], below, evaluations_[worker]);
    });
    for (size_t i = 0; i < points.size(); ++i)
        take(points[i], *got[i], Effort::kExact, known[i] != 0);
    keep();
}

/// By lists of the layers: what these reach is something to beat, and bounds what effort could
/// gain. Where the two are equal the point is done.
void Run::list(const std::vector<size_t>& points, double below) {
    std::vector<std::optional<Candidate>> got(points.size());
    std::vector<char> known(points.size(), 0);
    workers_.each(points.size(), [&](size_t i, size_t worker) {
        got[i] = from_log(points[i], Effort::kList);
        known[i] = got[i].has_value();
        if (!got[i])
            got[i] = evaluated(chips_[points[i]], below, evaluations_[worker], Effort::kList);
    });
    for (size_t i = 0; i < points.size(); ++i) {
        const size_t at = points[i];
        const Candidate& c = *got[i];
        bound_[at] = std::min(bound_[at], c.bound);
        how_[at] = Bound::kListed;
        if (c.throughput >= c.bound * (1 - kRounding)) {
            take(at, c, Effort::kList, known[i] != 0);
            continue;
        }
        found_[at] = c;
        if (c.throughput > 0 && (!result_.best || c.throughput > result_.best->throughput))
            result_.best = c;
    }
    keep();
}

/// What was added so far outlives the process from here on, and helps all points behind.
void Run::keep() {
    Evaluation::share_bounds(evaluations_);
    for (const Price& price : evaluations_[0].news()) {
        ++result_.priced;
        if (log_) log_->keep(price);
    }
    if (log_) log_->commit();
}

/// PHAZE's own way: buckets of equal area from the largest down, layers as lists schedule them.
void Run::walk() {
    std::map<int64_t, std::vector<size_t>, std::greater<>> buckets;
    for (size_t i = 0; i < chips_.size(); ++i)
        buckets[static_cast<int64_t>(area_um2(chips_[i]) / kBucket)].push_back(i);
    StopRule rule;
    std::vector<double> bests;
    for (const auto& [area, points] : buckets) {
        list(points, 0);
        double best = -1;
        for (const size_t p : points) {
            const Candidate& c = found_[p];
            if (!(c.throughput > 0)) continue;
            best = std::max(best, c.throughput);
            if (!rule.best || c.throughput > rule.best->throughput) rule.best = c;
        }
        rule.evaluated += points.size();
        bests.push_back(best);
        if (stops(bests) || out_of_time()) break;
    }
    result_.stop_rule = std::move(rule);
}

void Run::bound_all(bool priced, const std::vector<size_t>& which) {
    const size_t each = which.size() > kPointsOfARound ? 64 : 1;
    workers_.each((which.size() + each - 1) / each, [&](size_t chunk, size_t worker) {
        for (size_t k = chunk * each; k < std::min(which.size(), (chunk + 1) * each); ++k) {
            const size_t i = which[k];
            std::vector<double> times;
            for (size_t m = 0; m < models_.size(); ++m)
                times.push_back(evaluations_[worker].bound_ms(m, chips_[i], priced));
            bound_[i] = std::min(bound_[i], mean(times));
            how_[i] = priced ? Bound::kPriced : Bound::kRoofline;
        }
    });
}

void Run::report(double bound) {
    if (!options_.progress || seconds() < reported_ + 0.1) return;
    reported_ = seconds();
    const double best = result_.best ? result_.best->throughput : 0;
    options_.progress({static_cast<double>(result_.evaluated + result_.pruned) /
                           static_cast<double>(chips_.size()),
                       best, best > 0 ? bound / best - 1 : kInfinite, seconds()});
}

/// The points of the highest bounds first, until none promises more than the best. A point whose
/// bound can be made better is bounded anew and waits for its next turn. What the log has makes no
/// difference to the way.
void Run::best_first() {
    std::vector<size_t> open, unbounded;
    for (size_t i = 0; i < chips_.size(); ++i) {
        if (state_[i] != State::kOpen) continue;
        open.push_back(i);
        if (how_[i] == Bound::kRoofline) unbounded.push_back(i);
    }
    bound_all(false, unbounded);
    auto less = [&](size_t a, size_t b) {
        return std::pair(bound_[a], b) < std::pair(bound_[b], a);
    };
    std::make_heap(open.begin(), open.end(), less);
    auto best = [&] { return result_.best ? result_.best->throughput : 0; };
    while (!open.empty() && !out_of_time()) {
        if (options_.prune && bound_[open.front()] <= best() * (1 + kRounding)) break;
        std::vector<size_t> round;  // points at the top whose bounds are of one kind
        const size_t most = how_[open.front()] == Bound::kListed ? kExactOfARound : kPointsOfARound;
        while (!open.empty() && round.size() < most &&
               (round.empty() || how_[open.front()] == how_[round[0]])) {
            std::pop_heap(open.begin(), open.end(), less);
            round.push_back(open.back());
            open.pop_back();
        }
        const Bound how = how_[round[0]];
        const double below = options_.prune ? best() : 0;
        if (how == Bound::kListed) {
            evaluate(round, below);
        } else {
            if (how == Bound::kRoofline)
                bound_all(true, round);
            else
                list(round, below);
            for (const size_t i : round)
                if (state_[i] == State::kOpen)
                    open.push_back(i), std::push_heap(open.begin(), open.end(), less);
        }
        report(open.empty() ? best() : bound_[open.front()]);
    }
    for (const size_t i : open) {
        state_[i] = State::kPruned;
        ++result_.pruned;
        result_.upper_bound = std::max(result_.upper_bound, bound_[i]);
    }
}

OuterResult Run::run() {
    result_.space = chips_.size();
    bound_.assign(chips_.size(), kInfinite);
    how_.assign(chips_.size(), Bound::kRoofline);
    walk();
    best_first();
    result_.seconds = seconds();
    result_.pricing_seconds = evaluations_[0].pricing_seconds();
    if (!result_.best) return std::move(result_);
    const double best = result_.best->throughput;
    for (size_t i = 0; i < chips_.size(); ++i)
        if (state_[i] == State::kDone)
            result_.upper_bound = std::max(result_.upper_bound, found_[i].bound);
    result_.proven = result_.upper_bound <= best * (1 + 1e-9);
    if (result_.proven) result_.upper_bound = best;
    result_.gap = result_.upper_bound / best - 1;
    if (result_.best->placed.empty())
        result_.best = evaluated(result_.best->chip, 0, evaluations_[0]);
    if (StopRule& rule = *result_.stop_rule; rule.best) {
        if (rule.best->placed.empty() || rule.best->throughput < rule.best->bound * (1 - kRounding))
            rule.best = evaluated(rule.best->chip, 0, evaluations_[0]);
        rule.missed = best / rule.best->throughput - 1;
    }
    keep();
    result_.pricing_seconds = evaluations_[0].pricing_seconds();
    return std::move(result_);
}

}  // namespace

bool stops(const std::vector<double>& bests) {
    if (bests.size() < kStopAfter) return false;
    return std::is_sorted(bests.rbegin(), bests.rbegin() + kStopAfter);
}

OuterResult search_space(const std::vector<Model>& models, const Setting& setting,
                         const OuterOptions& options) {
    return Run(models, setting, options).run();
}

}  // namespace smeaton::search::phaze
