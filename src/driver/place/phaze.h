// `search --model phaze`: the chip and the placement of models together, as PHAZE searches them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "driver/place/plan.h"
#include "search/phaze/outer.h"

namespace smeaton::driver {

struct PhazeRequest {
    std::vector<std::string> models;
    std::vector<std::string> dims;
    bool list = false;  ///< the space alone
    int64_t batch = 4096, sequence = 0;
    int devices = 1024;
    std::vector<int> microbatches = {1, 2, 4, 8};
    std::vector<int> widths = {1};  ///< devices that a layer may be cut over
    std::string optimizer = "sgd";  ///< or "adam"
    std::vector<int> defects;       ///< restored
    bool exhaustive = false;
    std::string log_file;
    std::optional<double> time_limit_s;
    int threads = 0;
    std::function<void(const search::Progress&)> progress = {};
};

struct PhazeResult {
    PhazeRequest request;
    std::vector<search::phaze::Chip> points;  ///< of a list
    search::phaze::Setting setting;
    std::vector<search::phaze::Model> models;
    search::phaze::OuterResult found;
    std::vector<PlaceResult> plans;  ///< of the best chip, by model
};

/// UserError: what models and options say; a log of another search; no chip that takes the models.
PhazeResult search_phaze(const PhazeRequest&);

}  // namespace smeaton::driver
