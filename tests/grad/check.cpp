#include "check.h"

#include <fmt/core.h>

#include <cmath>
#include <random>

#include "gir/interp/interp.h"
#include "gir/verify/verify.h"
#include "lower/evaluate.h"
#include "lower/lower.h"
#include "model/rewrite/dead_code.h"
#include "model/shape/infer.h"
#include "model/text/text.h"

namespace smeaton::grad_test {

using model::DType;
using model::Graph;
using model::ValueId;
using tensor::Tensor;

namespace {

using Values = std::map<std::string, Tensor>;

Tensor random_tensor(std::vector<int64_t> shape, double low, double high, std::mt19937_64& random) {
    Tensor t(DType::kF64, std::move(shape));
    std::uniform_real_distribution<double> value(low, high);
    for (int64_t i = 0; i < t.elements(); ++i) t.set_from_double(i, value(random));
    return t;
}

/// A program and the buffers of its inputs and outputs by value name.
struct Runner {
    gir::Program program;
    std::map<std::string, Name> inputs, outputs;

    explicit Runner(const model::ShapedGraph& graph) : program(lower::lower(graph)) {
        gir::verify(program, "lowering");
        size_t in = 0, out = 0;
        for (const gir::Buffer& b : program.buffers) {
            if (!b.alias_of.empty()) continue;
            if (b.lifetime == gir::Lifetime::Input)
                inputs[graph.graph.at(graph.graph.inputs[in++]).name] = b.name;
            if (b.lifetime == gir::Lifetime::Output)
                outputs[graph.graph.at(graph.graph.outputs[out++]).name] = b.name;
        }
    }

    Values run(const Values& feeds) const {
        std::map<Name, Tensor> fed;
        for (const auto& [name, buffer] : inputs) fed[buffer] = feeds.at(name);
        const gir::interp::Result result = gir::interp::run(program, fed);
        Values values;
        for (const auto& [name, buffer] : outputs) values[name] = result.outputs.at(buffer);
        return values;
    }
};

Tensor moved(const Tensor& t, const Tensor& direction, double by) {
    Tensor out(t.dtype(), t.shape());
    for (int64_t i = 0; i < t.elements(); ++i)
        out.set_from_double(i, t.at_as_double(i) + by * direction.at_as_double(i));
    return out;
}

double scalar(const Values& values, const std::string& name) {
    return values.at(name).at_as_double(0);
}

/// The loss alone, which differences are taken of.
model::ShapedGraph only_loss(model::GradientGraph g) {
    std::erase_if(g.shaped.graph.outputs,
                  [&](ValueId id) { return g.shaped.graph.at(id).name != g.loss; });
    return model::remove_dead_code(std::move(g.shaped)).shaped;
}

Values feeds_of(const Case& c, const model::GradientGraph& g, std::mt19937_64& random) {
    Values feeds = c.fed;
    for (const model::TrainedParameter& p : g.parameters) feeds[p.name] = p.initial;
    for (const model::StateVariable& s : g.form.statistics) feeds[s.name] = s.initial;
    for (const model::DropoutMask& m : g.form.masks) {
        const model::Graph& graph = g.shaped.graph;
        for (ValueId id : graph.inputs) {
            if (graph.at(id).name != m.input) continue;
            Tensor mask(*graph.at(id).dtype, *model::const_shape(*graph.at(id).shape));
            for (int64_t i = 0; i < mask.elements(); ++i)
                mask.set_from_double(i, random() % 2 == 0 ? 0 : 1 / (1 - m.ratio));
            feeds[m.input] = mask;
        }
    }
    return feeds;
}

/// d loss along `direction` of one parameter, by differences.
double difference(const Runner& runner, Values feeds, const std::string& parameter,
                  const Tensor& direction) {
    constexpr double kStep = 1e-5;
    const Tensor at = feeds.at(parameter);
    feeds[parameter] = moved(at, direction, kStep);
    const Values above = runner.run(feeds);
    feeds[parameter] = moved(at, direction, -kStep);
    const Values below = runner.run(feeds);
    const std::string& loss = runner.outputs.begin()->first;
    return (scalar(above, loss) - scalar(below, loss)) / (2 * kStep);
}

std::string compare(const model::TrainedParameter& p, const Tensor& gradient, const Runner& loss,
                    const Values& feeds, std::mt19937_64& random) {
    if (gradient.shape() != p.initial.shape()) return fmt::format("{}: the shape differs", p.name);
    constexpr double kTolerance = 1e-6;
    for (int direction = 0; direction < 2; ++direction) {
        const Tensor v = random_tensor(p.initial.shape(), -1, 1, random);
        double along = 0, size = 0;
        for (int64_t i = 0; i < v.elements(); ++i) {
            along += gradient.at_as_double(i) * v.at_as_double(i);
            size += std::abs(gradient.at_as_double(i) * v.at_as_double(i));
        }
        const double wanted = difference(loss, feeds, p.name, v);
        if (!(std::abs(along - wanted) <= kTolerance * (size + std::abs(wanted) + 1e-2)))
            return fmt::format("{}: the gradient gives {}, differences {}", p.name, along, wanted);
    }
    return "";
}

}  // namespace

Graph graph_of(const Case& c, uint64_t seed) {
    std::mt19937_64 random(seed);
    Graph graph = model::parse(fmt::format("graph g\n  opset \"\" 21\n{}", c.body), c.name);
    std::vector<ValueId> kept;
    for (ValueId id : graph.inputs) {
        model::Value& value = graph.at(id);
        if (!tensor::is_float(*value.dtype)) {
            kept.push_back(id);
            continue;
        }
        const auto range = c.ranges.find(value.name);
        const auto [low, high] = range == c.ranges.end() ? std::pair(-1.5, 1.5) : range->second;
        const auto fed = c.fed.find(value.name);
        value.constant = fed != c.fed.end()
                             ? fed->second
                             : random_tensor(*model::const_shape(*value.shape), low, high, random);
    }
    graph.inputs = kept;
    model::ShapedGraph shaped = model::infer_shapes(graph, {}, lower::evaluate);
    model::Composer composer(shaped.graph);
    composer.stand_for("test");
    model::Expr total = composer.number(0, DType::kF64);
    const std::vector<ValueId> outputs = shaped.graph.outputs;
    for (ValueId id : outputs) {
        const model::Expr y = composer.of(id);
        if (!tensor::is_float(y.dtype())) continue;
        const model::Expr weights =
            composer.constant(random_tensor(y.shape(), -1, 1, random), "weights_of");
        const auto all = model::axes_between(0, y.rank());
        total = total + reshape(sum(y * weights, all), {});
    }
    shaped.graph.at(total.id).name = std::string("L");
    shaped.graph.outputs = {total.id};
    return std::move(shaped.graph);
}

std::string disagreement(const Case& c, uint64_t seed) {
    std::mt19937_64 random(seed + 1);
    model::GradientOptions options;
    options.loss = model::loss_named("output:L");
    options.freeze = {"weights_of*", "number*"};
    options.training_form = c.training_form;
    const model::GradientGraph g =
        model::differentiate(graph_of(c, seed), options, lower::evaluate);
    const Runner whole(g.shaped), loss(only_loss(g));
    Values feeds = feeds_of(c, g, random);
    const Values values = whole.run(feeds);
    for (const model::TrainedParameter& p : g.parameters) {
        const std::string found = compare(p, values.at(p.gradient), loss, feeds, random);
        if (!found.empty()) return found;
    }
    return "";
}

std::set<model::OpType> operators_of(const Case& c) {
    std::set<model::OpType> found;
    const Graph graph = model::parse(fmt::format("graph g\n  opset \"\" 21\n{}", c.body), c.name);
    for (const model::Node& node : graph.nodes) found.insert(node.op);
    return found;
}

}  // namespace smeaton::grad_test
