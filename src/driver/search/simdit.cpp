// SimDIT's closed form as the cost model of a search.
#include "search/simdit.h"

#include <map>

#include "driver/naming.h"
#include "driver/search/model.h"
#include "driver/simulate/layer_table.h"
#include "sim/simdit/charge.h"

namespace smeaton::driver {

using namespace search;

namespace {

using Operations = std::vector<sim::simdit::Operation>;

Operations operations_of(const SearchRequest& request, const std::string& model, bool training) {
    const sim::LayerTable table = read_layer_table({model, request.dims, request.batch, training});
    return naming(model, [&] {
        return training ? sim::simdit::training_operations(table)
                        : sim::simdit::inference_operations(table);
    });
}

double baseline_cycles(const std::string& file, const Operations& operations, bool training) {
    const sim::simdit::Hardware hardware = sim::simdit::read_hardware_file(file);
    return sim::simdit::totals(operations,
                               sim::simdit::charge(operations, hardware, {.training = training}))
        .cycles();
}

class SimditSearch : public SearchModel {
public:
    SimditSearch(const SearchRequest& request, const Space& space)
        : space_(space), told_(workloads_of(request)) {
        for (SearchWorkload& w : told_) {
            SimditWorkload s{w.model, operations_of(request, w.model, w.training), {}, w.training};
            s.weight = w.weight;
            if (!request.baseline_file.empty()) {
                w.baseline_cycles =
                    baseline_cycles(request.baseline_file, s.operations, w.training);
                s.baseline_cycles = *w.baseline_cycles;
            }
            workloads_.push_back(std::move(s));
        }
    }

    const std::vector<SearchWorkload>& workloads() const override { return told_; }
    std::unique_ptr<Evaluator> evaluator() const override {
        return simdit_evaluator(space_, workloads_);
    }
    double clock_ghz() const override { return 1e3 / sim::simdit::kClockPs; }
    std::vector<Resplit> resplits(const Point& best, const Options& options) const override {
        const Box box = with_any_buffers(
            space_, best, [](const std::string& key) { return key.ends_with("_CAPACITY_BITS"); });
        Options of_part;
        of_part.threads = options.threads;
        of_part.by = options.by;
        of_part.front = false;
        std::vector<Resplit> all;
        for (const bool phases : {true, false}) {
            Resplit split{.between = phases ? "phases" : "layers"};
            for (const auto& part : parts(phases)) {
                ++split.parts;
                split.objective += search::search(space_, box, *part, of_part)
                                       .best->evaluation.criteria[options.by];
            }
            all.push_back(split);
        }
        return all;
    }

private:
    /// Each evaluator costs one part, by its share in the whole.
    std::vector<std::unique_ptr<Evaluator>> parts(bool phases) const {
        std::map<std::string, std::vector<std::vector<bool>>> parts;  // what counts, by workload
        for (size_t w = 0; w < workloads_.size(); ++w)
            for (size_t i = 0; i < workloads_[w].operations.size(); ++i) {
                const sim::simdit::Operation& o = workloads_[w].operations[i];
                if (o.kind == sim::simdit::Kind::kFree) continue;
                auto& counted = parts[part_of(workloads_[w], o, phases)];
                counted.resize(workloads_.size());
                counted[w].resize(workloads_[w].operations.size(), false);
                counted[w][i] = true;
            }
        std::vector<std::unique_ptr<Evaluator>> all;
        for (const auto& [name, counted] : parts) all.push_back(of_part(counted));
        return all;
    }

    static std::string part_of(const SimditWorkload& w, const sim::simdit::Operation& o,
                               bool phases) {
        const std::string phase =
            w.training ? std::string(phases ? sim::simdit::word(o.phase) : "training")
                       : "inference";
        return w.name + "/" + phase + (phases ? "" : "/" + o.name);
    }

    std::unique_ptr<Evaluator> of_part(const std::vector<std::vector<bool>>& counted) const {
        std::vector<SimditWorkload> part;
        for (size_t w = 0; w < workloads_.size(); ++w) {
            if (counted[w].empty()) continue;
            part.push_back(workloads_[w]);
            part.back().counted = counted[w];
        }
        return simdit_evaluator(space_, std::move(part));
    }

    const Space& space_;
    std::vector<SimditWorkload> workloads_;
    std::vector<SearchWorkload> told_;
};

}  // namespace

std::unique_ptr<SearchModel> simdit_search(const SearchRequest& request, const Space& space) {
    return std::make_unique<SimditSearch>(request, space);
}

}  // namespace smeaton::driver
