#include "driver/search/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "driver/search/model.h"
#include "search/log.h"
#include "search/machine_base.h"
#include "search/simdit.h"

namespace smeaton::driver {

using namespace search;

namespace {

constexpr double kShareOfAnAnswer = 0.05;

struct KnownModel {
    const char* name;
    OpenBase open_base;
    std::unique_ptr<SearchModel> (*make)(const SearchRequest&, const Space&);
};

constexpr KnownModel kModels[] = {
    {"simdit", open_simdit_base, simdit_search},
    {"native", open_machine_base, native_search},
};

const KnownModel& model_named(const std::string& name) {
    std::string all;
    for (const KnownModel& m : kModels) {
        if (name == m.name) return m;
        all += (all.empty() ? "" : " or ") + std::string(m.name);
    }
    throw UserError("--model '{}': expected {}", name, all);
}

void check(const SearchRequest& r) {
    if (r.models.empty() && !r.list)
        throw UserError("search needs a MODEL (--list alone needs none)");
    if (r.inference && !r.training)
        throw UserError("--inference goes with --training: both count; alone inference is meant");
    if (r.objective != "time" && r.objective != "energy")
        throw UserError("--objective '{}': expected time or energy", r.objective);
    if (!(r.gap >= 0)) throw UserError("--gap must be 0 or more");
    if (!(r.economic >= 0)) throw UserError("--economic must be 0 or more");
    for (double w : r.weights)
        if (!(w > 0) || std::isinf(w)) throw UserError("--weights must be numbers above 0");
}

/// The least bound from below that a sum which met `most` as a bound from above does not meet, in
/// the rounding that sums are compared with.
double just_above(double most) {
    return std::nextafter(most + 4e-12 * std::abs(most), std::numeric_limits<double>::infinity());
}

}  // namespace

std::vector<SearchWorkload> workloads_of(const SearchRequest& request) {
    std::vector<SearchWorkload> all;
    for (const std::string& model : request.models) {
        if (!request.training || request.inference) all.push_back({model, false, 1, {}});
        if (request.training) all.push_back({model, true, 1, {}});
    }
    if (!request.weights.empty() && request.weights.size() != all.size())
        throw UserError("--weights: {} numbers for {} workloads", request.weights.size(),
                        all.size());
    for (size_t i = 0; i < request.weights.size(); ++i) all[i].weight = request.weights[i];
    return all;
}

search::Box with_any_buffers(const Space& space, const Point& point,
                             bool (*is_buffer)(const std::string& key)) {
    Box box;
    for (size_t i = 0; i < space.axes.size(); ++i)
        box.push_back(is_buffer(space.axes[i].key) ? whole(space)[i] : Range{point[i], point[i]});
    return box;
}

struct Search::State {
    explicit State(SearchRequest r) : request(std::move(r)) {
        check(request);
        const KnownModel& known = model_named(request.cost_model);
        space = read_space(request.space_file, known.open_base);
        if (request.models.empty()) return;
        model = known.make(request, space);
        workloads = model->workloads();
        evaluator = model->evaluator();
        if (!evaluator->tells(by()))
            throw UserError("{}: --objective energy: the space or its base does not tell energies",
                            request.space_file);
    }

    Criterion by() const { return request.objective == "energy" ? kEnergy : kTime; }
    double of(const Found& found) const { return found.evaluation.criteria[by()]; }

    search::Options options() const {
        search::Options o;
        o.by = by();
        o.threads = request.threads;
        o.exhaustive = request.exhaustive;
        o.time_limit_s = request.time_limit_s;
        o.gap = request.gap;
        o.progress = request.progress;
        return o;
    }

    SearchResult begun() const {
        SearchResult result;
        result.request = request;
        result.space = space;
        result.workloads = workloads;
        result.by = by();
        if (evaluator) {
            result.clock_ghz = model->clock_ghz();
            result.tells_energy = evaluator->tells(kEnergy);
            result.tells_area = evaluator->tells(kArea);
        }
        return result;
    }

    void add_economic(SearchResult& result) const;
    void add_sensitivity(SearchResult& result);
    Sensitivity with_cap_raised(size_t cap, const Found& best);
    Sensitivity with_setting_raised(size_t axis, const Found& best, Evaluator& alike) const;
    void add_resplit(SearchResult& result) const;
    [[noreturn]] void refuse_all() const;
    void conclude(SearchResult& result);

    SearchRequest request;
    Space space;
    std::unique_ptr<SearchModel> model;
    std::vector<SearchWorkload> workloads;
    std::unique_ptr<Evaluator> evaluator;
    std::unique_ptr<Store> log;

    /// Null: none is asked for.
    Store* opened_log() {
        if (!log && !request.log_file.empty())
            log = open_log(request.log_file, space, evaluator->identity());
        return log.get();
    }
};

namespace {

/// Evaluations that came with a part of the work.
class Brought : public Store {
public:
    explicit Brought(const std::vector<Found>& known) {
        for (const Found& f : known) known_.emplace(f.point, f.evaluation);
    }
    const Evaluation* find(const Point& point) const override {
        const auto found = known_.find(point);
        return found == known_.end() ? nullptr : &found->second;
    }
    void add(const Point&, const Evaluation&) override {}
    void commit() override {}

private:
    std::map<Point, Evaluation> known_;
};

}  // namespace

double SearchResult::total_cycles(const Evaluation& e) const {
    double sum = 0;
    for (size_t i = 0; i < e.cycles.size(); ++i) sum += workloads[i].weight * e.cycles[i];
    return sum;
}

void Search::State::add_economic(SearchResult& result) const {
    const Criteria& best = result.found.best->evaluation.criteria;
    auto add = [&](Criterion c, const char* name) {
        const Found* least = nullptr;
        for (const Found& f : result.found.front) {
            const Criteria& mine = f.evaluation.criteria;
            if (mine[by()] > best[by()] * (1 + request.economic) * (1 + 1e-12)) continue;
            if (!least || mine[c] < least->evaluation.criteria[c]) least = &f;
        }
        const Criteria& found = least->evaluation.criteria;
        result.economic.push_back(
            {name, *least, found[by()] / best[by()] - 1, 1 - found[c] / best[c]});
    };
    if (evaluator->tells(kMemory)) add(kMemory, "sram_bytes");
    if (evaluator->tells(kArea)) add(kArea, "area_mm2");
}

/// The least by which the cap must rise for one setting of the best point to take a step.
Sensitivity Search::State::with_cap_raised(size_t index, const Found& best) {
    SumCap& cap = space.sums[index];
    Sensitivity s;
    s.resource = cap.name, s.cap = true, s.from = cap.max;
    double sum = cap.constant, step = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < space.axes.size(); ++i)
        sum += cap.weights[i] * value(space, best.point, i);
    for (size_t i = 0; i < space.axes.size(); ++i) {
        const std::vector<double>& values = space.axes[i].values;
        if (cap.weights[i] <= 0 || best.point[i] + 1 == values.size()) continue;
        const double more =
            sum + cap.weights[i] * (values[best.point[i] + 1] - values[best.point[i]]) - cap.max;
        if (more > 1e-12 * std::abs(cap.max)) step = std::min(step, more);
    }
    if (std::isinf(step)) {
        s.why = "no setting of the best point waits for it";
        return s;
    }
    s.to = cap.max + step;
    search::Options options;
    options.by = by();
    options.threads = request.threads;
    options.front = false;
    options.known = of(best);
    options.gap = request.gap;
    options.time_limit_s = request.time_limit_s;
    // Where bounds say little each answer takes as long as the search: it gets a share of its time.
    if (options.time_limit_s && evaluator->climbs()) *options.time_limit_s *= kShareOfAnAnswer;
    if (request.progress)
        options.progress = [&](search::Progress p) {
            p.solving = cap.name;
            request.progress(p);
        };
    // Points that met the cap as it was are known to be no better than the best: those alone are
    // looked at that the raised one adds.
    const SumCap before = cap;
    cap.min = just_above(cap.max), cap.max = *s.to;
    const bool any = points_within(space) > 0;
    search::Result again;
    if (any) again = search::search(space, whole(space), *evaluator, options);
    cap = before;
    if (!any) {
        s.why = "the other caps allow no more";
        return s;
    }
    const Found& now = again.best && of(*again.best) < of(best) ? *again.best : best;
    s.objective = of(now);
    s.point = now.point;
    s.gain = of(best) / of(now) - 1;
    if (again.gap > request.gap) s.why = "at least; the time was up";
    return s;
}

Sensitivity Search::State::with_setting_raised(size_t axis, const Found& best,
                                               Evaluator& alike) const {
    const std::vector<double>& values = space.axes[axis].values;
    Sensitivity s;
    s.resource = space.axes[axis].key, s.from = values[best.point[axis]];
    if (best.point[axis] + 1 == values.size()) {
        s.why = "its largest value";
        return s;
    }
    s.point = best.point;
    ++s.point[axis];
    s.to = values[s.point[axis]];
    const Evaluation e = alike.evaluate(s.point);
    if (!e.refused.empty()) {
        s.why = e.refused;
        return s;
    }
    s.objective = e.criteria[by()];
    s.gain = of(best) / *s.objective - 1;
    return s;
}

void Search::State::add_sensitivity(SearchResult& result) {
    const Found& best = *result.found.best;
    for (size_t i = 0; i < space.sums.size(); ++i)
        if (!std::isinf(space.sums[i].max)) result.sensitivity.push_back(with_cap_raised(i, best));
    const auto alike = evaluator->another();  // keeps what these points share
    for (size_t i = 0; i < space.axes.size(); ++i)
        result.sensitivity.push_back(with_setting_raised(i, best, *alike));
}

void Search::State::add_resplit(SearchResult& result) const {
    const Found& best = *result.found.best;
    search::Options options;
    options.threads = request.threads;
    options.by = by();
    options.time_limit_s = request.time_limit_s;
    result.resplit = model->resplits(best.point, options);
    // The best's own way is one of all; its sum by parts may differ in the last bits.
    for (Resplit& split : result.resplit)
        split.gain = std::max(0.0, of(best) / split.objective - 1);
}

/// UserError with one point of the space and why it is no machine.
void Search::State::refuse_all() const {
    Point last;
    for_each_point(space, [&](const Point& point) {
        last = point;  // the last one has the largest settings
        return grid_points(space) < 1e6;
    });
    const Evaluation e = evaluator->another()->evaluate(last);
    throw UserError("{}: no point of the space is a machine for the models: {}: {}",
                    request.space_file, name_of(space, last),
                    e.refused.empty() ? "over a cap on a figure" : e.refused);
}

void Search::State::conclude(SearchResult& result) {
    if (!result.found.best) {
        if (result.found.front_proven) refuse_all();
        return;
    }
    add_economic(result);
    add_sensitivity(result);
    if (request.resplit) add_resplit(result);
}

Search::Search(SearchRequest request) : state_(std::make_unique<State>(std::move(request))) {}
Search::~Search() = default;
Search::Search(Search&&) noexcept = default;

SearchResult Search::run() {
    State& s = *state_;
    SearchResult result = s.begun();
    if (s.request.list) {
        refuse_empty(s.space);
        result.found.grid = grid_points(s.space);
        for_each_point(s.space, [&](const Point& point) {
            result.found.points.push_back({point, {}});
            return true;
        });
        result.found.space = static_cast<double>(result.found.points.size());
        return result;
    }
    search::Options options = s.options();
    options.keep_points = s.request.exhaustive;
    options.store = s.opened_log();
    result.found = search::search(s.space, whole(s.space), *s.evaluator, options);
    s.conclude(result);
    return result;
}

std::vector<Box> Search::parts(size_t count) const {
    const Space& space = state_->space;
    refuse_empty(space);
    std::vector<Box> parts;
    Box all = whole(space);
    if (narrow(space, all)) parts.push_back(all);
    // The widest first, again and again, until there are enough.
    for (size_t at = 0; at < parts.size() && parts.size() < count;) {
        size_t widest = 0;
        for (size_t i = 1; i < space.axes.size(); ++i)
            if (parts[at][i].high - parts[at][i].low >
                parts[at][widest].high - parts[at][widest].low)
                widest = i;
        const Range range = parts[at][widest];
        if (range.single()) {
            ++at;
            continue;
        }
        const Box cut = parts[at];
        parts.erase(parts.begin() + static_cast<long>(at));
        const uint32_t middle = (range.low + range.high) / 2;
        for (const Range half : {Range{range.low, middle}, Range{middle + 1, range.high}}) {
            Box part = cut;
            part[widest] = half;
            if (narrow(space, part)) parts.push_back(std::move(part));
        }
    }
    return parts;
}

std::vector<Found> Search::known_in(const Box& part) {
    std::vector<Found> known;
    const Store* log = state_->opened_log();
    if (!log) return known;
    for_each_point(state_->space, part, [&](const Point& point) {
        if (const Evaluation* e = log->find(point)) known.push_back({point, *e});
        return true;
    });
    return known;
}

search::Result Search::run_part(const Box& part, double best, const std::vector<Found>& known) {
    search::Options options = state_->options();
    options.keep_points = options.exhaustive || !state_->request.log_file.empty();
    if (best > 0) options.known = best;
    Brought brought(known);
    options.store = &brought;
    return search::search(state_->space, part, *state_->evaluator, options);
}

void Search::keep(const search::Result& part) {
    Store* log = state_->opened_log();
    if (!log) return;
    for (const Found& f : part.points)
        if (!log->find(f.point)) log->add(f.point, f.evaluation);
    log->commit();
}

SearchResult Search::merged(const std::vector<search::Result>& parts) {
    SearchResult result = state_->begun();
    search::Result& all = result.found;
    all.grid = grid_points(state_->space);
    all.space = points_within(state_->space);
    Front front;
    double bound = std::numeric_limits<double>::infinity();
    bool whole_front = true;
    for (const search::Result& part : parts) {
        all.evaluated += part.evaluated;
        all.from_store += part.from_store;
        all.refused += part.refused;
        if (!part.refusal.empty()) all.refusal = part.refusal;
        if (part.lower_bound > 0) bound = std::min(bound, part.lower_bound);
        whole_front &= part.front_proven;
        for (const Found& f : part.front) front.add(f);
        if (!state_->request.exhaustive) continue;
        all.points.insert(all.points.end(), part.points.begin(), part.points.end());
    }
    for (const Found& f : all.points)
        if (f.evaluation.refused.empty() && (!all.worst || state_->of(f) > state_->of(*all.worst)))
            all.worst = f;
    all.front = front.points();
    all.front_proven = whole_front;
    all.pruned = all.space - all.evaluated - all.from_store;
    if (!all.front.empty()) {
        all.best = *std::min_element(
            all.front.begin(), all.front.end(),
            [&](const Found& a, const Found& b) { return state_->of(a) < state_->of(b); });
        const double best = state_->of(*all.best);
        all.proven = whole_front || bound >= best * (1 - 1e-12);
        all.lower_bound = all.proven ? best : bound;
        all.gap = best / all.lower_bound - 1;
    }
    state_->conclude(result);
    return result;
}

SearchResult search_space(const SearchRequest& request) {
    return Search(request).run();
}

}  // namespace smeaton::driver
