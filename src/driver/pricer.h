// One model priced on many machines: what no machine changes is worked out once.
#pragma once

#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "driver/simulate.h"
#include "gir/program.h"
#include "gir/rewrite/engine.h"
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
    /// A program fused and laid out, and what was asked on the way: for a machine that answers as
    /// that one did it is the same.
    struct Shaped {
        gir::Program program;
        std::vector<gir::rewrite::Question> questions;
    };
    /// By what they were made for, the most recently used first.
    template <class Value>
    using Recent = std::list<std::pair<std::string, Value>>;

    Shaped shaped_for(const gir::Target&, const gir::rewrite::Rules&) const;
    const gir::Program& shaped(const gir::Target&, const gir::rewrite::Rules&);

    gir::Program lowered_;
    gir::rewrite::Rules rules_;
    std::vector<std::string> warnings_;
    Recent<Shaped> shaped_;
    Recent<gir::Program> tiled_;
};

}  // namespace smeaton::driver
