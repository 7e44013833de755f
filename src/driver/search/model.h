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
    /// Is the setting the size of a buffer?
    virtual bool is_buffer(const std::string& key) const = 0;
    /// The work in parts for which buffers may be divided anew ("phases", "layers"): each evaluator
    /// costs one part, by its share in the whole. UserError where the model cannot tell them apart.
    virtual std::vector<std::unique_ptr<search::Evaluator>> parts(
        const std::string& between) const = 0;
};

/// The workloads that a request asks for, weights checked, baselines open.
std::vector<SearchWorkload> workloads_of(const SearchRequest&);

std::unique_ptr<SearchModel> simdit_search(const SearchRequest&, const search::Space&);
std::unique_ptr<SearchModel> native_search(const SearchRequest&, const search::Space&);

}  // namespace smeaton::driver
