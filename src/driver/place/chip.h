// `place MODEL --model phaze`: a training step of a model over chips of PHAZE's template, by its
// costs (docs/phaze.md), as published or corrected.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/place/plan.h"
#include "search/phaze/evaluate.h"

namespace smeaton::driver {

/// "n_tc=8,n_vc=2,width=128,depth=128,buffer_mb=128". UserError naming a key that is none or
/// missing, or a value that the template does not have.
search::phaze::Chip parse_chip(const std::string& text);

struct ChipPlaceRequest {
    PlaceRequest place;  ///< precision: 16 bits; without a cluster devices, memory and link below
    search::phaze::Chip chip = {8, 2, 128, 128, 128};
    int devices = 1024;
    std::vector<int> microbatches = {1, 2, 4, 8};  ///< that are looked at where they divide a batch
    std::vector<int> widths;  ///< devices that a layer may be cut over; empty: 1, 2, 4, 8 as far
                              ///< as the model's layers can be cut
    std::optional<double> memory_bytes;  ///< of a device
    std::vector<int> defects;            ///< restored
    std::string expert;                  ///< "p=8,t=1,d=128": valued beside the best plan
};

/// UserError: what place_model() refuses; with defect 5 an expert plan that does not fit.
PlaceResult place_on_chips(const ChipPlaceRequest&);

}  // namespace smeaton::driver
