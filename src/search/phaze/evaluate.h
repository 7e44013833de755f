// What a chip does for models: every layer scheduled on its cores, the model placed on devices.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "place/chain.h"
#include "search/phaze/layer_time.h"
#include "search/phaze/work.h"
#include "search/search.h"

namespace smeaton::search::phaze {

struct Setting {
    int devices = 1024;
    double link_bytes_per_s = 4.0 * 1024 * 1024 * 1024;
    std::vector<double> memory_gb = {32, 64, 80};  ///< that a device may have
    bool adam = false;                             ///< the published default is plain SGD
    Rules rules;
    std::optional<place::FixedPlan> expert = {};  ///< valued beside each plan, defect 5
    /// Plans of so many stages, so many pipelines only.
    std::optional<int> only_stages = {}, only_pipelines = {};
    std::optional<bool> only_recompute = {};
};
/// Whether all stages recompute: both ways, or the one that is asked for.
std::vector<bool> recomputes(const Setting&);

/// A model at all sizes of microbatch.
struct Model {
    std::string name;
    std::vector<Work> works;
};

/// The best plan of a model on a chip.
struct Placed {
    bool fits = false;
    std::string why;     ///< where none does
    double time_ms = 0;  ///< of a batch
    /// Of all plans; below time_ms where a layer's schedule is not proven.
    double lower_bound_ms = 0;
    int microbatch = 1;
    double memory_gb = 0;
    bool recompute = false;
    place::ChainPlan plan;
    Effort effort = Effort::kExact;   ///< at which its layers' times were settled
    std::vector<std::string> notes;   ///< widths and microbatches at which nothing fits, and why
    std::optional<double> expert_ms;  ///< the best of the plan that was given
    std::string expert_refused;       ///< why it is none
    double throughput(const Model& m) const {
        return fits ? 1e3 * static_cast<double>(m.works[0].batch) / time_ms : 0;
    }
};

struct LayerMs {
    double forward = 0, backward = 0;
    friend bool operator==(const LayerMs&, const LayerMs&) = default;
};

/// The problem that the dynamic program solves, with these times of the kinds of layers.
place::ChainProblem chain_problem(const Work&, const std::vector<LayerMs>&, const Setting&,
                                  double memory_gb, bool recompute);

/// For one thread; what chips share is kept.
class Evaluation {
public:
    Evaluation(const std::vector<Model>&, const Setting&);
    /// One for another thread that shares what operators cost.
    Evaluation another() const;
    ~Evaluation();
    Evaluation(Evaluation&&) noexcept;

    /// No plan of the model on the chip takes less, ms of a batch: by the rooflines of its
    /// operators, of memory and links; with `priced` by what operators cost, the longest way and
    /// the work of each type of core, and the best plan for these.
    double bound_ms(size_t model, const Chip&, bool priced);
    /// The best plan; `below_ms`: plans that take as long or longer are not looked for. kList: with
    /// layers as they are scheduled quickly; lower_bound_ms then says what effort could yet gain.
    Placed place(size_t model, const Chip&, double below_ms, Effort = Effort::kExact);
    /// A layer's schedule, cycles.
    LayerTime layer(size_t model, size_t work, size_t kind, Direction, const Chip&,
                    Effort = Effort::kExact);
    /// What is scheduled: its tasks in cycles, on the chip's cores.
    schedule::TaskGraph graph(size_t model, size_t work, size_t kind, Direction, const Chip&);
    const std::vector<Task>& tasks(size_t model, size_t work, size_t kind, Direction) const;

    /// What is known of layers' schedules so far bounds them on other chips from now on, for all of
    /// these, which another() made. Not while one of them works; the order of calls alone decides
    /// what is known.
    static void share_bounds(std::vector<Evaluation>&);

    /// Prices of operators, shared by all evaluations that another() made.
    /// False: an operator that the models do not have, or no cores.
    bool know(const Price&);
    std::vector<Price> news();       ///< worked out since the last call
    double pricing_seconds() const;  ///< of the processor's time

private:
    struct State;
    explicit Evaluation(std::unique_ptr<State>);
    std::unique_ptr<State> state_;
};

}  // namespace smeaton::search::phaze
