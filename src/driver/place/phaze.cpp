#include "driver/place/phaze.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "driver/place/chip.h"
#include "driver/place/model.h"

namespace smeaton::driver {

namespace {

void check(const PhazeRequest& r) {
    if (r.models.empty() && !r.list)
        throw UserError("search needs a MODEL (--list alone needs none)");
    if (r.devices < 1)
        throw UserError("--devices {}: expected a whole number from 1 on", r.devices);
    if (r.batch < 1) throw UserError("--batch {}: expected a whole number from 1 on", r.batch);
    if (r.optimizer != "sgd" && r.optimizer != "adam")
        throw UserError("--optimizer '{}': PHAZE knows sgd and adam", r.optimizer);
    if (r.microbatches.empty()) throw UserError("--microbatch: expected at least one size");
    for (const int m : r.microbatches)
        if (m < 1) throw UserError("--microbatch {}: expected whole numbers from 1 on", m);
    if (r.widths.empty()) throw UserError("--widths: expected at least one");
    for (const int t : r.widths)
        if (t < 1 || t > r.devices)
            throw UserError("--widths {}: expected whole numbers from 1 to the {} devices", t,
                            r.devices);
    for (const int d : r.defects) search::phaze::require_defect(d);
}

search::phaze::Model read(const PhazeRequest& r, const std::string& file,
                          const search::phaze::Rules& rules) {
    search::phaze::Model model{file, {}};
    for (const int microbatch : r.microbatches) {
        if (r.batch % microbatch != 0) continue;
        const LayeredModel layered = layered_model({file, r.dims, microbatch, r.sequence});
        std::vector<std::string> notes;
        for (search::phaze::Work& work :
             phaze_works(file, layered, microbatch, {r.batch, r.optimizer == "adam", rules},
                         r.widths, true, notes))
            model.works.push_back(std::move(work));
    }
    if (model.works.empty())
        throw UserError("no size of microbatch ({}) divides a batch of {}",
                        fmt::join(r.microbatches, ", "), r.batch);
    return model;
}

/// What the numbers of a log depend on.
std::string identity(const PhazeResult& r) {
    std::string out =
        fmt::format("phaze: {} devices, link {} B/s, {}, defects '{}'", r.setting.devices,
                    r.setting.link_bytes_per_s, r.request.optimizer, r.setting.rules.text());
    for (const search::phaze::Model& model : r.models)
        for (const search::phaze::Work& work : model.works) {
            out += fmt::format("\n{} x {} of {}:", work.batch, work.microbatch, work.layers.size());
            if (work.t > 1) out += fmt::format(" on {} each", work.t);
            for (const search::phaze::LayerKind& kind : work.kinds) {
                out += fmt::format(" [{} {} {}", kind.held_bytes, kind.activation_bytes,
                                   std::count(work.layers.begin(), work.layers.end(),
                                              static_cast<int>(&kind - work.kinds.data())));
                for (const search::phaze::Operator& op : kind.operators)
                    out += fmt::format(" {} {} {}", fmt::join(op.tensor.sizes, ","), op.elements,
                                       op.forward_cycles);
                out += "]";
            }
            out += fmt::format("; behind them {}", fmt::join(work.boundary_bytes, " "));
            for (const place::ChainShared& s : work.shared)
                out += fmt::format("; {} share {}", fmt::join(s.layers, " "), s.held_bytes);
        }
    return out;
}

/// The plans that the best chip's throughput is of, in full.
void plan_best(PhazeResult& result) {
    const PhazeRequest& r = result.request;
    for (const std::string& file : r.models) {
        ChipPlaceRequest request;
        request.place.model = file, request.place.dims = r.dims;
        request.place.batch = static_cast<int>(r.batch), request.place.sequence = r.sequence;
        request.place.optimizer = r.optimizer;
        request.chip = result.found.best->chip;
        request.devices = r.devices, request.defects = r.defects;
        request.microbatches = r.microbatches, request.widths = r.widths;
        result.plans.push_back(place_on_chips(request));
    }
}

}  // namespace

PhazeResult search_phaze(const PhazeRequest& request) {
    check(request);
    PhazeResult result;
    result.request = request;
    if (request.list) {
        result.points = search::phaze::space();
        return result;
    }
    result.setting.devices = request.devices;
    result.setting.adam = request.optimizer == "adam";
    for (const int d : request.defects) result.setting.rules.restore(d);
    for (const std::string& file : request.models)
        result.models.push_back(read(request, file, result.setting.rules));
    search::phaze::OuterOptions options;
    options.threads = request.threads;
    options.prune = !request.exhaustive;
    options.log_file = request.log_file;
    options.time_limit_s = request.time_limit_s;
    options.progress = request.progress;
    options.identity = identity(result);
    result.found = search::phaze::search_space(result.models, result.setting, options);
    if (!result.found.best && result.found.pruned == 0)
        throw UserError("{}: no chip of the space takes the model on {} devices: {}",
                        request.models[0], request.devices, result.found.why);
    if (result.found.best) plan_best(result);
    return result;
}

}  // namespace smeaton::driver
