// The seam between a search and the cost models that it may ask: one maker a model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "driver/search/search.h"
#include "search/evaluator.h"

namespace smeaton::driver {

/// The workloads of a request, read for one cost model.
class SearchModel {
public:
    virtual ~SearchModel() = default;

    /// By model: inference, then training, as the request says. Weights and baselines are set.
    virtual const std::vector<SearchWorkload>& workloads() const = 0;
    virtual std::unique_ptr<search::Evaluator> evaluator() const = 0;
    /// Of the cycles that evaluations tell.
    virtual double clock_ghz() const = 0;
    /// What the work takes where its parts have buffers of their own and all else is as at the best
    /// point; gains are left open. Of the options: threads, what is minimised, the time limit.
    virtual std::vector<Resplit> resplits(const search::Point& best,
                                          const search::Options&) const = 0;
};

/// The workloads that a request asks for, weights checked, baselines open.
std::vector<SearchWorkload> workloads_of(const SearchRequest&);

/// The points that differ from this one in the sizes of buffers alone.
search::Box with_any_buffers(const search::Space&, const search::Point&,
                             bool (*is_buffer)(const std::string& key));

std::unique_ptr<SearchModel> simdit_search(const SearchRequest&, const search::Space&);
std::unique_ptr<SearchModel> native_search(const SearchRequest&, const search::Space&);

}  // namespace smeaton::driver
