// `search`: the best chips of a space for models.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/search.h"

namespace smeaton::driver {

struct SearchRequest {
    std::vector<std::string> models;  ///< files; none where the space is only listed
    std::string space_file;
    std::string cost_model = "simdit";
    bool training = false;   ///< a step of training of each model
    bool inference = false;  ///< with training: inference of each model too
    int batch = 0;           ///< of every input; 0: as in the file
    std::vector<std::string> dims;
    std::string log_file;            ///< empty: none
    std::string objective = "time";  ///< or "energy"
    double economic = 0.05;   ///< share of the best by which an economic point may have more of it
    bool exhaustive = false;  ///< every point
    bool list = false;        ///< the points of the space, not evaluated
    bool resplit = false;     ///< what buffers that are split anew by phase or layer would gain
    std::vector<double> weights;  ///< of the workloads; empty: 1 each
    /// Hardware in the base's format: times count relative to those on it. Empty: in cycles.
    std::string baseline_file;
    std::optional<double> time_limit_s;
    double gap = 0;   ///< share of the best; a gap no larger ends the search
    int threads = 0;  ///< 0: as many as the process may use
    std::function<void(const search::Progress&)> progress = {};
};

/// A model in inference or training.
struct SearchWorkload {
    std::string model;
    bool training = false;
    double weight = 1;
    std::optional<double> baseline_cycles;
};

/// Within the request's share of the best time, with the least of something.
struct EconomicPoint {
    std::string least;  ///< "sram_bytes", "area_mm2"
    search::Found found;
    double slower = 0;  ///< of what is minimised: over the best, less 1
    double saved = 0;   ///< of what is least, against the best point
};

/// What one more step of a resource gives at the best point.
struct Sensitivity {
    std::string resource;  ///< a cap, or a setting
    bool cap = false;      ///< a cap: solved again with it raised; a setting: the others stay
    double from = 0;
    std::optional<double> to;  ///< nothing: the setting has no larger value
    std::optional<double> objective;
    double gain = 0;  ///< the best over the new one, less 1
    std::string why;  ///< where there is no new one
    search::Point point = {};
};

/// A chip that may divide its buffers anew between parts of the work, ports and array as they are.
struct Resplit {
    std::string between;  ///< "phases"; "layers", or where these are fused, "kernels"
    size_t parts = 0;
    double objective = 0;  ///< no way of dividing has less, where it is proven
    bool proven = true;    ///< false: the time was up before every way was looked at
    double gain = 0;       ///< the best chip's over it, less 1
};

struct SearchResult {
    SearchRequest request;
    search::Space space;
    std::vector<SearchWorkload> workloads;
    search::Result found;
    std::vector<EconomicPoint> economic;
    std::vector<Sensitivity> sensitivity;
    std::vector<Resplit> resplit;
    double clock_ghz = 0;
    search::Criterion by = search::kTime;
    bool tells_energy = false, tells_area = false;

    double objective(const search::Evaluation& e) const { return e.criteria[by]; }
    /// Of all workloads, by their weights.
    double total_cycles(const search::Evaluation&) const;
    double time_ms(const search::Evaluation& e) const { return total_cycles(e) / clock_ghz * 1e-6; }
};

/// A search that is set up: models read, space checked.
class Search {
public:
    /// UserError: what read_space, the models and the options say.
    explicit Search(SearchRequest);
    ~Search();
    Search(Search&&) noexcept;

    SearchResult run();

    /// Boxes that together are the space, about `count` of them, for workers elsewhere.
    std::vector<search::Box> parts(size_t count) const;
    /// What the request's log, if there is one, knows of a part.
    std::vector<search::Found> known_in(const search::Box&);
    /// Searches a part, all of its points if the request says so; `best`: what a point found
    /// elsewhere has of what is minimised, or 0; `known`: evaluations that need no more be made.
    /// No log is written: the result has the evaluated points where one is asked for.
    search::Result run_part(const search::Box&, double best,
                            const std::vector<search::Found>& known = {});
    /// Writes a part's points to the request's log, if there is one.
    void keep(const search::Result&);
    /// The result of all parts together.
    SearchResult merged(const std::vector<search::Result>&);

private:
    struct State;
    std::unique_ptr<State> state_;
};

SearchResult search_space(const SearchRequest&);

}  // namespace smeaton::driver
