// `simulate --model simdit|scalesim`: the published cost models.
#pragma once

#include <memory>
#include <string>

#include "cli/arguments.h"
#include "driver/feeds.h"

namespace smeaton::cli {

struct PublishedOptions {
    std::string cost_model = "native";
    bool training = false, fusion = false, all = false, json = false;
    int batch = 0;
    std::string array, dataflow;
};

/// --model, --training, --batch, --fusion, --array, --dataflow, --all
void published_options(Arguments&, PublishedOptions&);

/// UserError for an unknown cost model, and for options that it does not have.
void check_published(const PublishedOptions&, const std::string& machine);
/// Costs by a published model and prints.
int run_published(const PublishedOptions&, const std::string& model, const std::string& machine,
                  const driver::FeedRequest&);

}  // namespace smeaton::cli
