#include "model/grad/optimizer.h"

#include "base/error.h"
#include "model/grad/state_order.h"
#include "model/rewrite/dead_code.h"
#include "model/verify.h"

namespace smeaton::model {

OptimizerChoice optimizer_named(const std::string& text) {
    OptimizerChoice choice;
    if (text == "sgd") return choice;
    if (text == "momentum") {
        choice.kind = OptimizerKind::Momentum;
    } else if (text == "adam") {
        choice.kind = OptimizerKind::Adam;
    } else if (text == "adamw") {
        choice.kind = OptimizerKind::AdamW;
        choice.weight_decay = 0.01;
    } else {
        throw UserError("there is no optimizer '{}'; expected sgd, momentum, adam or adamw", text);
    }
    return choice;
}

void check_optimizer(const OptimizerChoice& choice) {
    const auto below_one = [](const char* what, double v) {
        if (!(v >= 0 && v < 1)) throw UserError("{} is {}; expected 0 <= {} < 1", what, v, what);
    };
    below_one("momentum", choice.momentum);
    below_one("beta1", choice.beta1);
    below_one("beta2", choice.beta2);
    if (!(choice.epsilon >= 0)) throw UserError("epsilon is {}; expected >= 0", choice.epsilon);
    if (!(choice.weight_decay >= 0))
        throw UserError("the weight decay is {}; expected >= 0", choice.weight_decay);
}

namespace {

class Appender {
public:
    Appender(GradientGraph g, const OptimizerChoice& choice)
        : choice_(choice), shaped_(std::move(g.shaped)), g_(std::move(g)), c_(shaped_.graph) {}

    TrainingStep run() {
        Graph& graph = shaped_.graph;
        graph.outputs = {named(g_.loss)};
        TrainingStep step;
        c_.stand_for("optimizer");
        rate_ = c_.input("learning_rate", DType::kF64, {});
        step.learning_rate = graph.at(rate_.id).name;
        if (adaptive()) step.step = open_step();
        const Expr loss = c_.of(named(g_.loss));
        finite_ = equal(loss - loss, 0);
        for (TrainedParameter& p : g_.parameters) {
            order_ = lies_in_order(p);
            Expr gradient = c_.of(named(p.gradient));
            if (!order_.empty()) gradient = transpose(gradient, order_);
            const Expr next = update(p, c_.of(named(p.name)), gradient);
            state_.push_back({p.name, p.initial, output(p.name, next), order_});
        }
        step.parameters = state_.size();
        step.statistics = g_.form.statistics.size();
        for (const StateVariable& s : g_.form.statistics) {
            const Expr moved = c_.of(named(s.next));
            graph.at(moved.id).name =
                c_.fresh_value(s.name + ".moved");  // its name is the output's
            state_.push_back({s.name, s.initial, output(s.name, moved, s.next), {}});
        }
        for (const auto& [variable, next] : kept_) {
            state_.push_back(variable);
            state_.back().next = output(variable.name, next);
        }
        step.shaped = remove_dead_code(std::move(shaped_)).shaped;
        verify(step.shaped, "append_optimizer");
        step.loss = g_.loss;
        step.target = g_.target;
        step.classes = g_.classes;
        step.masks = g_.form.masks;
        step.state = std::move(state_);
        return step;
    }

private:
    bool adaptive() const {
        return choice_.kind == OptimizerKind::Adam || choice_.kind == OptimizerKind::AdamW;
    }

    ValueId named(const std::string& name) const {
        for (size_t v = 0; v < shaped_.graph.values.size(); ++v)
            if (shaped_.graph.values[v].name == name) return {static_cast<int32_t>(v)};
        SMEATON_CHECK(false, "no value is called '{}'", name);
        return {};
    }

    /// The factors that depend on the number of the step, in f64.
    std::string open_step() {
        const Expr t = c_.input("step", DType::kF64, {});
        const auto so_far = [&](double beta) { return 1.0 - pow(c_.number(beta, DType::kF64), t); };
        step_size_ = rate_ / so_far(choice_.beta1);
        root_ = unary(OpType::kSqrt, so_far(choice_.beta2));
        return c_.graph().at(t.id).name;
    }

    /// What state variable `name` holds after the step: `e`, or what it held where the loss is not
    /// finite. A graph output of its own name.
    std::string output(const std::string& name, Expr e, std::string wanted = "") {
        const Expr made = where(finite_, e, c_.of(named(name)));
        if (wanted.empty()) wanted = c_.fresh_value(name + ".next");
        c_.graph().at(made.id).name = wanted;
        c_.graph().outputs.push_back(made.id);
        return wanted;
    }

    /// Has the parameter lie as its convolutions like it, where there are any; in which order.
    std::vector<int64_t> lies_in_order(TrainedParameter& p) {
        if (!choice_.states_in_order) return {};
        std::vector<int64_t> order = order_between_steps(shaped_.graph, named(p.name));
        if (order.empty()) return order;
        p.initial = in_order(p.initial, order);
        turn_input(c_, named(p.name), order);
        return order;
    }

    /// What the optimiser keeps of one parameter, before this step; it lies as the parameter does.
    Expr kept(const TrainedParameter& p, const char* what) {
        const Expr before = c_.input(p.name + "." + what, p.initial.dtype(), p.initial.shape());
        kept_.push_back({{c_.graph().at(before.id).name,
                          Tensor(p.initial.dtype(), p.initial.shape()), "", order_},
                         before});
        return before;
    }
    void keep(Expr next) { kept_.back().second = next; }

    Expr update(const TrainedParameter& p, Expr value, Expr g) {
        const DType t = value.dtype();
        const Expr rate = cast(rate_, t);
        const double decay = choice_.weight_decay;
        if (decay != 0 && choice_.kind != OptimizerKind::AdamW) g = g + value * decay;
        switch (choice_.kind) {
            case OptimizerKind::Sgd:
                return value - rate * g;
            case OptimizerKind::Momentum: {
                const Expr next = kept(p, "momentum") * choice_.momentum + g;
                keep(next);
                return value - rate * next;
            }
            case OptimizerKind::AdamW:
                if (decay != 0) value = value * (1.0 - rate * decay);
                break;
            case OptimizerKind::Adam:
                break;
        }
        const Expr m = kept(p, "moment1") * choice_.beta1 + g * (1 - choice_.beta1);
        keep(m);
        const Expr v = kept(p, "moment2") * choice_.beta2 + g * g * (1 - choice_.beta2);
        keep(v);
        const Expr scale = unary(OpType::kSqrt, v) / cast(root_, t) + choice_.epsilon;
        return value - cast(step_size_, t) * (m / scale);
    }

    const OptimizerChoice& choice_;
    ShapedGraph shaped_;
    GradientGraph g_;
    Composer c_;
    Expr rate_, step_size_, root_, finite_;
    std::vector<int64_t> order_;  // of the parameter at hand
    std::vector<StateVariable> state_;
    std::vector<std::pair<StateVariable, Expr>> kept_;
};

}  // namespace

TrainingStep append_optimizer(GradientGraph g, const OptimizerChoice& choice) {
    check_optimizer(choice);
    return Appender(std::move(g), choice).run();
}

}  // namespace smeaton::model
