// PHAZE's placement problem: a chain of layers over devices that are all alike, by pipeline, data
// and tensor parallelism, and its exact solution (Wang and others, ICML 2024; docs/place.md).
//
// Stages are runs of layers, numbered s = 1, 2, … from the end of the model. A stage takes `t`
// devices where it holds a tensor-parallel layer, else one. With F, B, P, A the sums of its layers,
// in and out its boundary tensors over the bandwidth:
//
//   load   = in + F + out + B;  recomputing, s > 1: in + F + max(F, out) + B
//   memory = 2 P (Adam: 3 P) + A + (s - 1) stash;  stash = A, recomputing: the tensors that enter;
//            where edges have buffers, those of the tensors that enter and leave besides
//   T      = largest load x (N' + S - 1) + 4 (d - 1)/d x P of the first stage / bandwidth
//
// for S stages, d pipelines of K' = floor(K / d) devices with N' = ceil(N / d) microbatches each.
// Weights that several layers of a stage share are in P once.
// A tensor that enters behind the first layer of a stage delays that layer and those after it only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace smeaton::place {

/// Times in one unit, that of bytes / bandwidth; of one microbatch.
struct ChainLayer {
    int64_t id = 0;
    std::string name;
    double parameter_bytes = 0, activation_bytes = 0;
    double forward_time = 0, backward_time = 0;
    bool tensor_parallel = false;
    /// Of weights, gradients and optimizer together; absent: 2 or 3 times the parameters.
    std::optional<double> held_bytes = {};
};

/// A tensor from one layer to a later one.
struct ChainEdge {
    int from = 0, to = 0;  ///< places in the chain
    double bytes = 0;
    double buffer_bytes = 0;  ///< that each of two stages holds while it goes from one to the other
};

/// Weights that several layers read. They count in each of these layers; a stage with more than
/// one of them has them once.
struct ChainShared {
    std::vector<int> layers;  ///< places in the chain, ascending
    double parameter_bytes = 0, held_bytes = 0;
};

/// The layers when split over `t` devices.
struct ChainWidth {
    int t = 1;
    std::vector<ChainLayer> layers;  ///< in the order of the chain
    std::vector<ChainEdge> edges;
    std::vector<ChainShared> shared = {};
};

/// A plan that is given: p stages of equally many repeated layers, those before them (id < 0) on
/// the first stage, those behind on the last.
struct FixedPlan {
    int p = 1, t = 1, d = 1;
    int repeated_layers = 0;
};

struct ChainProblem {
    std::string name;  ///< of the file or model, for messages
    double memory_bytes = 0;
    int devices = 1;
    double bandwidth = 1;  ///< bytes per unit of time
    int microbatches = 1;
    bool recompute = false;
    bool adam = false;  ///< else the optimizer keeps nothing
    /// The sum of gradients counts of the stage that has the most of them, not of the first.
    bool gradients_of_all_stages = false;
    std::vector<ChainWidth> widths;
    std::optional<FixedPlan> fixed;
    /// Of the sum of gradients over d pipelines: factor x (d - 1)/d x bytes / bandwidth.
    double gradient_factor = 4;
    /// Plans of so many stages, so many pipelines only.
    std::optional<int> only_stages = {}, only_pipelines = {};
};

struct ChainStage {
    int first = 0, count = 0;  ///< layers
    int devices = 1;
    double load = 0, memory_bytes = 0;
};

struct ChainPlan {
    int t = 1, d = 1;
    std::vector<ChainStage> stages;  ///< from the model's start
    double time = 0, largest_load = 0;
    int devices_used() const;
};

struct ChainAnswer {
    std::optional<ChainPlan> best;   ///< nothing: no plan fits
    std::vector<std::string> notes;  ///< widths at which nothing fits, and why
    std::optional<double> fixed_time;
    std::string fixed_refused;  ///< why the fixed plan is none; the best stands all the same
};

/// UserError naming the field: no layer, numbers that are negative, no device, no bandwidth, layers
/// that are no chain (two that none orders), edges that run backwards.
void verify(const ChainProblem&);

struct ChainTimes {
    double forward = 0, backward = 0;
};

/// A problem whose layers' times change while all else stays: what runs of layers hold, send and
/// receive is worked out once.
class ChainSolver {
public:
    /// Verified.
    explicit ChainSolver(ChainProblem);
    ~ChainSolver();
    ChainSolver(ChainSolver&&) noexcept;

    /// Of the layers at widths[width], in the order of the chain; from 0 on, or infinite.
    void set_times(size_t width, const std::vector<ChainTimes>&);
    /// No plan takes less: for each number of stages the least largest load of a cut, with the
    /// gradients of the stage that has the most of them in the cut that spreads them best. Infinite
    /// where nothing fits. Much cheaper than solve().
    double lower_bound() const;
    /// The same as tight as the costs allow, without any plan: for about what solve() takes.
    double tight_lower_bound();
    /// Exact. O(layers^2 (stages (1 + layers that no width splits) + degrees)).
    ChainAnswer solve();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Of one problem.
ChainAnswer solve(const ChainProblem&);
double lower_bound(const ChainProblem&);

/// Load and memory of layers first … first + count - 1 as stage `s` from the end, by their
/// definition.
ChainStage stage_of(const ChainProblem&, const ChainWidth&, int first, int count, int s);
/// Bytes of the parameters of layers first … first + count - 1.
double parameter_bytes(const ChainWidth&, int first, int count);
/// T of the stages; nothing where one does not fit, or they take more devices than there are.
std::optional<double> time_of(const ChainProblem&, const ChainWidth&, int d,
                              const std::vector<ChainStage>&);

/// The layers' order by their edges. UserError naming two that no edge orders, or a cycle.
std::vector<int> chain_order(const std::string& name, const std::vector<std::string>& layers,
                             const std::vector<ChainEdge>&);

}  // namespace smeaton::place
