// The dynamic program over a chain at one tensor width (chain.h has the problem).
//
//   least[from][s][q] = min over end of max(least[end][s - 1][q'], load of from … end - 1 as stage
//   s)
//
// with exactly s stages behind the cut `from`, q of them not split. Of the devices of a plan only q
// has to be known: s stages take t (s - q) + q.
#pragma once

#include <optional>
#include <vector>

#include "place/chain_runs.h"

namespace smeaton::place {

class Table {
public:
    /// UserError: too many layers that are not split. Both outlive the table.
    Table(const ChainProblem&, const ChainWidth&);
    /// Takes the layers' times as they are now.
    void price();

    /// Takes the best plan of this width where it beats `best`; false: none fits.
    bool better(std::optional<ChainPlan>& best) const;
    /// The same where the sum of gradients counts of the stage with the most of them: for every
    /// cap on a stage's parameters the best plan, as if it had as many as the cap.
    bool better_of_all_stages(std::optional<ChainPlan>& best);
    /// No plan of this width takes less.
    double bound() const;
    /// The same, as tight as the costs allow: for every cap on a stage's parameters the least
    /// loads of cuts within it, with gradients of the cap.
    double tight_bound();
    /// Why none fits.
    std::string too_large() const;

private:
    /// A number of pipelines, the microbatches of each, what sums of gradients take of its bytes.
    struct Pipelines {
        int d;
        double microbatches, gradients;
    };
    /// For each number of stages the least load, and by the end of the first stage.
    struct Least {
        std::vector<double> load, of_end;
    };

    double& at(size_t from, size_t s, size_t q) { return table_[index(from, s, q)]; }
    double at(size_t from, size_t s, size_t q) const { return table_[index(from, s, q)]; }
    size_t index(size_t from, size_t s, size_t q) const {
        return (from * (stages_ + 1) + s) * (unsplit_ + 1) + q;
    }
    size_t takes_unsplit(size_t from, size_t end) const {
        return width_.t > 1 && !runs_.split(from, end) ? 1 : 0;
    }
    size_t devices(size_t s, size_t q) const { return static_cast<size_t>(width_.t) * (s - q) + q; }
    bool better(std::optional<ChainPlan>& best, std::optional<double> gradients) const;
    Least least_loads(size_t devices) const;
    /// For each of the pipelines what the loads take at least.
    std::vector<double> least_times() const;
    double gradients_time(const Pipelines& p, double bytes) const {
        return p.gradients * bytes / problem_.bandwidth;
    }
    bool asked_for(size_t s) const {
        return !problem_.only_stages || static_cast<size_t>(*problem_.only_stages) == s;
    }
    /// Stages that so many devices can take.
    size_t most_stages(int devices) const {
        return unsplit_ > 0 ? stages_ : std::min(stages_, static_cast<size_t>(devices / width_.t));
    }
    /// Devices on which the least loads depend: with equal stages the most they take, so that one
    /// table serves all.
    int table_devices(int devices) const {
        return unsplit_ > 0 ? std::min(devices, most_taken()) : most_taken();
    }
    int most_taken() const { return static_cast<int>(stages_) * width_.t; }
    void fill();
    void find_least_parameters();
    /// Of all runs of layers, ascending.
    std::vector<double> caps() const;
    /// The least load of layers end … with s stages on at most k devices, for every end, s.
    std::vector<double> within(size_t k) const;
    ChainPlan plan(size_t end, size_t s, int d) const;

    const ChainProblem& problem_;
    const ChainWidth& width_;
    Runs runs_;
    size_t layers_, stages_ = 0, unsplit_ = 0;
    std::vector<Pipelines> pipelines_;
    std::vector<double> table_;             // [first layer][stages][unsplit]
    std::vector<double> least_parameters_;  // by stages: of the stage that has the most, in any cut
};

}  // namespace smeaton::place
