// The variables and rows of the integer program in ilp.h.
#pragma once

#include <set>
#include <vector>

#include "schedule/bounds.h"
#include "schedule/schedule.h"
#include "solver/linear.h"

namespace smeaton::schedule {

class Formulation {
public:
    /// `start` gives H and values to begin from; `whole` keeps what the graph decides.
    Formulation(const TaskGraph&, const Links&, const Cores&, const Schedule& start, bool whole);

    solver::Answer solve(const solver::LinearLimits&);
    Timing times(const solver::Answer&) const;
    /// From now on with the rows 5 of these kinds; false where they were there before.
    bool assign_places(const std::set<int>& kinds);

    double us(double scaled) const { return scaled / scale_; }
    double scaled(double us) const { return us * scale_; }
    int rows() const { return static_cast<int>(problem_.rows.size()); }
    int whole_variables() const;

private:
    struct Sum {
        std::vector<solver::Term> terms;
        double constant = 0;
    };
    void build();
    void add_variables();
    void add_orders();
    void add_edges();
    void add_pairs();
    void add_places();
    void add_shared(const Edge&, int edge);
    void add_row(double low, const Sum&);  ///< low <= sum, unless bounds see to it
    void add_order(Sum&, int i, int j, double factor) const;
    void add_time(Sum&, int i, double factor) const;
    void add_count_from(Sum&, int i, int least, double factor) const;
    bool common_kind(int i, int j) const;
    int common_cores(int i, int j) const;
    bool placed(int task) const;
    double latest_end(int i) const { return horizon_ - ends_.tail_us[static_cast<size_t>(i)]; }
    std::vector<double> start_values() const;

    const TaskGraph& graph_;
    const Cores& cores_;
    const Schedule& start_;
    bool whole_;
    double scale_ = 1, horizon_ = 0, bound_ = 0;
    HeadsAndTails ends_;                     // scaled
    std::vector<std::vector<bool>> behind_;  // [i][j]: j is behind i in the graph
    std::set<int> placed_kinds_;
    bool place_all_ = false;  // messages or pairs of kinds: places matter

    solver::LinearProblem problem_;
    int end_ = 0;  // T
    std::vector<int> t_;
    std::vector<std::vector<int>> y_;  // [i][k - 1]; -1: not on so many
    std::vector<std::vector<int>> x_;  // [i][j]; -1: decided by the graph
    std::vector<std::vector<int>> z_;  // [i][c]; empty: left open
    struct Shared {
        int edge, variable;
        std::vector<std::pair<int, int>> places;  // (place, variable)
    };
    std::vector<Shared> shared_;
};

}  // namespace smeaton::schedule
