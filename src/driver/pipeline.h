// The way of the data, top to bottom (DESIGN.md section 2): from a model file to a tuned GIR
// program.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "driver/stages.h"
#include "gir/program.h"
#include "gir/rewrite/rules.h"
#include "gir/target.h"
#include "model/graph.h"
#include "tensor/tensor.h"

namespace smeaton::driver {

/// What one specialisation is made for.
struct Specialisation {
    std::map<std::string, std::vector<int64_t>> shapes;  ///< by input name; may leave inputs out
    std::map<std::string, tensor::Tensor> values;        ///< inputs whose values decide shapes
    std::map<std::string, int64_t> dims;                 ///< NAME or INPUT:AXIS
};

/// The dump of a stage, taken in place of what that stage makes.
struct Resume {
    std::string file, stage, text;
};

/// A program in a model's place (entry.h): the stages behind the one named run on it.
struct Entry {
    gir::Program program;
    std::string stage = "lower";
    std::vector<Name> by_hash;  ///< buffers whose data the text names by a hash alone
};

struct PipelineOptions {
    std::set<std::string> skip;  ///< names of rules or stages left out
    bool explain = false;
    bool verify = true;  ///< the GIR after every stage
    /// Operands of products are narrowed to it; nothing: they stay.
    std::optional<tensor::DType> products = {};
    bool operators_apart = false;  ///< kernels of different operators of the model do not merge
    std::optional<Resume> resume = {};
    /// The last part of spell; may be empty.
    std::function<gir::Program(const gir::Program&)> finish = {};
};

/// What the rules did, and what the program moved and took in between. Gains of the log's entries
/// add up to the differences: of those that are not `tiling` from `lowered` to `shaped`, of the
/// others from `shaped_as_it_stands` to `spelled`.
struct Explained {
    std::vector<gir::rewrite::RuleLog> log;
    std::vector<std::string> levels;  ///< of the target, outermost first, without registers
    gir::rewrite::Effect lowered, shaped, shaped_as_it_stands, spelled;
};

struct Tuned {
    model::ShapedGraph graph;     ///< simplified
    model::ShapedGraph unfolded;  ///< as inferred, before simplification
    gir::Program lowered;         ///< knows no machine
    gir::Program program;         ///< tiled and spelled for the target
    Explained explained;          ///< where wanted
};

/// What `skip` may hold, sorted: rules, passes and the stages that can be left out.
std::vector<std::string> skip_names();
/// UserError naming an entry of `skip` that is neither rule nor skippable stage.
void check_skip(const std::set<std::string>& skip);

/// Runs the stages from `bind` to `spell`.
/// model::NeedsValue passes through: the caller adds the named input to `values` and calls again.
Tuned tune(const model::Graph&, const Specialisation&, const gir::Target&, const PipelineOptions&,
           StageRunner&);
/// The same from the stage on that the program stands behind; the graphs stay empty.
Tuned tune(const Entry&, const Specialisation&, const gir::Target&, const PipelineOptions&,
           StageRunner&);

}  // namespace smeaton::driver
