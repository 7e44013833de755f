// One model priced on many machines: what no machine changes is worked out once.
#pragma once

#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "driver/simulate.h"
#include "gir/program.h"
#include "gir/rewrite/rules.h"

namespace smeaton::driver {

class Pricer {
public:
    /// Runs the stages up to `lower`. UserError as simulate_model.
    Pricer(const model::Graph&, const std::map<std::string, Tensor>& feeds, const SessionOptions&);

    /// As simulate_model on this machine, figure for figure. Of the machines before it keeps the
    /// programs of the last few and nothing else, so that any number may come.
    SimulateResult price(const machine::Machine&, const SimulateOptions& = {});

private:
    /// Programs by what they were made for, the most recently used first.
    using Recent = std::list<std::pair<std::string, gir::Program>>;

    gir::Program lowered_;
    gir::rewrite::Rules rules_;
    std::vector<std::string> warnings_;
    Recent shaped_, tiled_;
};

}  // namespace smeaton::driver
