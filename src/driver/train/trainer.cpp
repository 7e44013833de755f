#include "driver/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/output_file.h"
#include "driver/naming.h"
#include "driver/pipeline.h"
#include "driver/ports.h"
#include "driver/train/recompute.h"
#include "gir/rewrite/again.h"
#include "lower/evaluate.h"
#include "model/bind_dims.h"
#include "model/grad/optimizer.h"
#include "model/grad/state_order.h"
#include "model/onnx/replace.h"
#include "model/onnx/write.h"
#include "model/open_weights.h"

namespace smeaton::driver {

namespace {

using Feeds = std::map<std::string, Tensor>;

constexpr const char* kSteps = "smeaton.steps";

// Steps kept, and as many gradients; the least recently used goes first. Each has a copy of the
// state and threads of its own.
constexpr size_t kKept = 16;

/// A step derived and compiled for given shapes.
struct Derived {
    std::string key;
    model::TrainingStep step;
    model::GradientGraph gradient;  ///< where gradients are asked for, not a step
    /// In which its states lie (model/grad/state_order.h), by name, where not as in the model.
    std::map<std::string, std::vector<int64_t>> orders;
    std::unique_ptr<Session> session;

    void set_state(const Feeds& values) {
        Feeds ordered = values;
        for (auto& [name, value] : ordered)
            if (const auto order = orders.find(name); order != orders.end())
                value = model::in_order(value, order->second);
        session->set_state(ordered);
    }
    Feeds state() const {
        Feeds values = session->state();
        for (const auto& [name, order] : orders)
            values.at(name) = model::out_of_order(values.at(name), order);
        return values;
    }
};

Tensor scalar_f64(double v) {
    Tensor t(DType::kF64, {});
    t.set_from_double(0, v);
    return t;
}

Tensor copied(const Tensor& t) {
    Tensor copy(t.dtype(), t.shape());
    std::copy(t.data(), t.data() + t.bytes(), copy.mutable_data());
    return copy;
}

/// The n-th number of a stream, uniform in [0, 1): SplitMix64 of a counter, so that any element
/// can be made without the ones before it.
double uniform(uint64_t stream, uint64_t n) {
    uint64_t z = stream + (n + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return static_cast<double>(z >> 11) * 0x1p-53;
}

uint64_t stream_of(uint64_t seed, uint64_t step, uint64_t mask) {
    uint64_t mixed = seed;
    for (uint64_t part : {step, mask})
        mixed = static_cast<uint64_t>(uniform(mixed ^ 0x5851f42d4c957f2d, part) * 0x1p53);
    return mixed;
}

/// UserError where a setting is given that the optimiser does not have.
void check_settings(const TrainerOptions& options, model::OptimizerKind kind) {
    using Kind = model::OptimizerKind;
    const auto refuse = [&](const char* what, const char* whose) {
        throw UserError("the optimizer '{}' takes no {}; {}", options.optimizer, what, whose);
    };
    if (options.momentum && kind != Kind::Momentum) refuse("momentum", "momentum does");
    if (kind == Kind::Adam || kind == Kind::AdamW) return;
    if (options.beta1 || options.beta2) refuse("betas", "adam and adamw do");
    if (options.epsilon) refuse("epsilon", "adam and adamw do");
}

model::OptimizerChoice optimizer_of(const TrainerOptions& options) {
    model::OptimizerChoice choice = model::optimizer_named(options.optimizer);
    const auto set = [](double& to, const std::optional<double>& from) {
        if (from) to = *from;
    };
    set(choice.momentum, options.momentum);
    set(choice.beta1, options.beta1);
    set(choice.beta2, options.beta2);
    set(choice.epsilon, options.epsilon);
    set(choice.weight_decay, options.weight_decay);
    model::check_optimizer(choice);
    check_settings(options, choice.kind);
    return choice;
}

void check_rate(double rate) {
    if (!(rate >= 0) || std::isinf(rate))
        throw UserError("the learning rate is {}; expected a number >= 0", rate);
}

}  // namespace

struct Trainer::Impl {
    std::string path;
    TrainerOptions options;
    model::LossChoice loss;
    model::OptimizerChoice optimizer;
    model::Recompute recompute = model::Recompute::None;
    model::Graph graph;
    std::vector<PortInfo> inputs;
    std::string target_feed;  // what the caller calls the target

    std::recursive_mutex callers;
    std::vector<std::unique_ptr<Derived>> steps, gradients;  // most recently used first
    std::vector<std::string> deciding;                       // inputs whose values decide shapes
    std::vector<std::string> names;                          // of what a step changes in the model
    size_t trained = 0;                                      // the first of them have gradients
    Feeds state;                    // every state variable by name; empty: none derived yet
    Derived* holder = nullptr;      // whose states are newer than `state`; or none
    Feeds pending;                  // set before the variables were known
    bool pending_is_whole = false;  // pending is a state, which leaves nothing out
    int64_t done = 0;
    std::vector<std::string> warnings;  // all so far, of which the first `told` were taken
    size_t told = 0;

    std::unique_lock<std::recursive_mutex> turn();
    std::string key_of(const Feeds&) const;
    model::GradientGraph differentiate(const Feeds&);
    Derived& derived(const Feeds&, bool with_optimizer);
    std::unique_ptr<Derived> derive(const Feeds&, bool with_optimizer);
    void keep_warnings(const Session&);
    void take_state(const model::TrainingStep&);
    void hand_to(Derived&);
    const Feeds& current();
    Feeds values(size_t count);
    void check_whole(const Feeds&) const;
    void check_fits(const std::string& name, const Tensor& value) const;
    void put(const Feeds&);
    std::vector<std::string> feed_names() const;
    void check_feeds(const Feeds&) const;
    Feeds all_feeds(const Derived&, const Feeds&);
    Tensor target_of(const Feeds&, int64_t classes) const;
    Tensor mask(const PortInfo&, const std::vector<model::DropoutMask>&) const;
};

/// Held during a call. Refused, not waited for: two callers mean that the order of steps is open.
std::unique_lock<std::recursive_mutex> Trainer::Impl::turn() {
    std::unique_lock<std::recursive_mutex> held(callers, std::try_to_lock);
    if (!held)
        throw UserError("{}: another thread is training; a trainer takes one call at a time", path);
    return held;
}

std::string Trainer::Impl::key_of(const Feeds& feeds) const {
    std::string key;
    for (const auto& [name, tensor] : feeds) {
        key += name;
        for (int64_t d : tensor.shape()) key += fmt::format(",{}", d);
        if (std::find(deciding.begin(), deciding.end(), name) != deciding.end())
            key += fmt::format("#{}", tensor::content_hash(tensor));
        key += ";";
    }
    return key;
}

model::GradientGraph Trainer::Impl::differentiate(const Feeds& feeds) {
    model::GradientOptions wanted;
    wanted.loss = loss;
    wanted.freeze = options.freeze;
    wanted.training_form = options.training_form;
    if (const auto target = feeds.find(target_feed); target != feeds.end())
        wanted.loss.target_shape = target->second.shape();
    model::DimBindings bindings = model::dim_bindings(graph, options.session.dims);
    for (const PortInfo& port : inputs)
        if (const auto fed = feeds.find(port.name); fed != feeds.end())
            bindings.fed_shapes[port.name] = fed->second.shape();
    const model::Graph bound = model::bind_dims(graph, bindings);
    while (true) {
        model::ValueBindings known;
        for (const std::string& name : deciding) known[name] = copied(feeds.at(name));
        try {
            return model::differentiate(bound, wanted, lower::evaluate, known);
        } catch (const model::NeedsValue& needs) {
            const size_t before = deciding.size();
            for (const std::string& name : needs.inputs)
                if (feeds.count(name) > 0 &&
                    std::find(deciding.begin(), deciding.end(), name) == deciding.end())
                    deciding.push_back(name);
            if (deciding.size() == before) throw UserError("{}", needs.what());
        }
    }
}

std::unique_ptr<Derived> Trainer::Impl::derive(const Feeds& feeds, bool with_optimizer) {
    auto made = std::make_unique<Derived>();
    model::GradientGraph gradient = differentiate(feeds);
    const model::ForwardHalf half = gradient.half;
    model::Graph to_run;
    if (with_optimizer) {
        made->step = model::append_optimizer(std::move(gradient), optimizer);
        to_run = made->step.shaped.graph;
    } else {
        // The same state variables, so that their names are known either way.
        made->step = model::append_optimizer(gradient, optimizer);
        made->gradient = std::move(gradient);
        to_run = made->gradient.shaped.graph;
    }
    take_state(made->step);
    SessionOptions session = options.session;
    if (recompute != model::Recompute::None)
        session.finish = [half, how = recompute, loss = made->step.loss](const gir::Program& p) {
            return recomputing(p, half, how, loss);
        };
    session.dims.clear();  // all sizes are numbers by now
    if (with_optimizer)
        for (const model::StateVariable& v : made->step.state) {
            session.state[v.name] = v.next;
            if (!v.order.empty()) made->orders[v.name] = v.order;
        }
    made->step.state.clear();  // as large as the model and more; `state` has it
    made->session = std::make_unique<Session>(std::move(to_run), path, session);
    return made;
}

Derived& Trainer::Impl::derived(const Feeds& feeds, bool with_optimizer) {
    auto& kept = with_optimizer ? steps : gradients;
    const auto found = std::find_if(kept.begin(), kept.end(),
                                    [key = key_of(feeds)](const auto& d) { return d->key == key; });
    if (found != kept.end()) {
        std::rotate(kept.begin(), found, found + 1);
        return *kept.front();
    }
    std::unique_ptr<Derived> made = naming(path, [&] { return derive(feeds, with_optimizer); });
    made->key = key_of(feeds);  // deriving may find deciding inputs
    keep_warnings(*made->session);
    if (kept.size() == kKept) {
        if (kept.back().get() == holder) {
            current();
            holder = nullptr;
        }
        kept.pop_back();
    }
    kept.insert(kept.begin(), std::move(made));
    return *kept.front();
}

void Trainer::Impl::keep_warnings(const Session& session) {
    for (const std::string& text : session.warnings())
        if (std::find(warnings.begin(), warnings.end(), text) == warnings.end())
            warnings.push_back(text);
}

void Trainer::Impl::take_state(const model::TrainingStep& step) {
    if (!state.empty()) return;
    trained = step.parameters;
    for (const model::StateVariable& v : step.state) {
        if (names.size() < step.parameters + step.statistics) names.push_back(v.name);
        state[v.name] = v.order.empty() ? v.initial : model::out_of_order(v.initial, v.order);
    }
    // What was set before is refused here or taken whole.
    const Feeds given = std::exchange(pending, {});
    try {
        if (pending_is_whole) check_whole(given);
        put(given);
    } catch (const UserError&) {
        pending = given;
        state.clear();
        names.clear();
        throw;
    }
}

/// The state lies in the memory of one session, which its steps change in place.
void Trainer::Impl::hand_to(Derived& derived) {
    if (holder == &derived) return;
    derived.set_state(current());
    holder = &derived;
}

/// Every state variable as it is now.
const Feeds& Trainer::Impl::current() {
    if (state.empty())
        throw UserError("{}: what is trained is known after the first step (or prepare)", path);
    if (holder != nullptr) state = holder->state();
    return state;
}

void Trainer::Impl::check_whole(const Feeds& given) const {
    for (const auto& [name, value] : state)
        if (given.count(name) == 0)
            throw UserError(
                "{}: the state to go on from lacks '{}'; was it made by another "
                "optimizer or model?",
                path, name);
}

void Trainer::Impl::check_fits(const std::string& name, const Tensor& value) const {
    const auto found = state.find(name);
    if (found == state.end()) throw UserError("{}: no parameter is called '{}'", path, name);
    if (value.dtype() != found->second.dtype() || value.shape() != found->second.shape())
        throw UserError(
            "{}: parameter '{}' is {}, but {} was given", path, name,
            model::describe(found->second.dtype(), model::to_dims(found->second.shape())),
            model::describe(value.dtype(), model::to_dims(value.shape())));
}

/// Some state variables anew: all that are given, or none.
void Trainer::Impl::put(const Feeds& values) {
    const bool known = !state.empty();
    if (known)
        for (const auto& [name, value] : values) check_fits(name, value);
    for (const auto& [name, value] : values) (known ? state : pending)[name] = copied(value);
    if (holder != nullptr) holder->set_state(values);
}

std::vector<std::string> Trainer::Impl::feed_names() const {
    std::vector<std::string> wanted;
    for (const PortInfo& port : inputs) wanted.push_back(port.name);
    if (loss.kind != model::LossKind::Output) wanted.push_back(target_feed);
    return wanted;
}

void Trainer::Impl::check_feeds(const Feeds& feeds) const {
    std::string list;
    const std::vector<std::string> wanted = feed_names();
    for (const std::string& name : wanted) {
        list += (list.empty() ? "'" : ", '") + name + "'";
        if (feeds.count(name) == 0)
            throw UserError("{}: '{}' is not fed{}", path, name,
                            name == target_feed ? ", which the loss compares with" : "");
    }
    for (const auto& [name, tensor] : feeds)
        if (std::find(wanted.begin(), wanted.end(), name) == wanted.end())
            throw UserError("{}: there is no input '{}'; a step takes {}", path, name, list);
}

/// Class numbers as i64, each within the classes.
Tensor Trainer::Impl::target_of(const Feeds& feeds, int64_t classes) const {
    const Tensor& fed = feeds.at(target_feed);
    if (loss.kind != model::LossKind::CrossEntropy) return fed;
    if (!tensor::is_integer(fed.dtype()))
        throw UserError("{}: '{}' holds class numbers and must be integers; found {}", path,
                        target_feed, tensor::name(fed.dtype()));
    Tensor numbers(DType::kI64, fed.shape());
    for (int64_t i = 0; i < fed.elements(); ++i) {
        const int64_t number = fed.at_as_int(i);
        if (number < 0 || number >= classes)
            throw UserError("{}: '{}' holds {} at position {}; the classes are 0 to {}", path,
                            target_feed, number, i, classes - 1);
        numbers.set_from_int(i, number);
    }
    return numbers;
}

/// What the mask that is this input multiplies with in the next step.
Tensor Trainer::Impl::mask(const PortInfo& port,
                           const std::vector<model::DropoutMask>& masks) const {
    const auto m = std::find_if(masks.begin(), masks.end(), [&](const model::DropoutMask& one) {
        return one.input == port.name;
    });
    SMEATON_CHECK(m != masks.end(), "nothing is fed to '{}'", port.name);
    Tensor t(port.dtype, *model::const_shape(port.shape));
    const auto n = static_cast<uint64_t>(m - masks.begin());
    const uint64_t stream = stream_of(options.seed, static_cast<uint64_t>(done), n);
    for (int64_t i = 0; i < t.elements(); ++i)
        if (uniform(stream, static_cast<uint64_t>(i)) >= m->ratio)
            t.set_from_double(i, 1 / (1 - m->ratio));
    return t;
}

Feeds Trainer::Impl::all_feeds(const Derived& d, const Feeds& feeds) {
    Feeds all;
    for (const PortInfo& port : d.session->inputs()) {
        const std::string& name = port.name;
        if (name == d.step.target) {
            all[name] = target_of(feeds, d.step.classes);
        } else if (name == d.step.learning_rate) {
            all[name] = scalar_f64(options.learning_rate);
        } else if (name == d.step.step) {
            all[name] = scalar_f64(static_cast<double>(done + 1));
        } else if (const auto fed = feeds.find(name); fed != feeds.end()) {
            all[name] = fed->second;
        } else if (const auto kept = state.find(name); kept != state.end()) {
            all[name] = kept->second;
        } else {
            all[name] = mask(port, d.step.masks);
        }
    }
    return all;
}

Trainer::Trainer(const std::string& model_path, TrainerOptions options)
    : impl_(std::make_unique<Impl>()) {
    impl_->path = model_path;
    impl_->loss = model::loss_named(options.loss);
    if (impl_->loss.kind != model::LossKind::Output) impl_->loss.output = options.loss_output;
    impl_->optimizer = optimizer_of(options);
    impl_->recompute = model::recompute_named(options.recompute);
    check_rate(options.learning_rate);
    impl_->options = std::move(options);
    impl_->graph = read_model(model_path, {});
    model::require_weights(impl_->graph, model_path, "training");
    check_options(impl_->graph, model_path, impl_->options.session);
    impl_->inputs = input_ports(impl_->graph);
    const auto is_input = [&](const std::string& name) {
        return std::any_of(impl_->inputs.begin(), impl_->inputs.end(),
                           [&](const PortInfo& port) { return port.name == name; });
    };
    impl_->target_feed = "target";
    for (int n = 2; is_input(impl_->target_feed); ++n)
        impl_->target_feed = fmt::format("target_{}", n);
}

Trainer::~Trainer() = default;

const std::vector<PortInfo>& Trainer::inputs() const {
    return impl_->inputs;
}
std::vector<std::string> Trainer::feed_names() const {
    return impl_->feed_names();
}

namespace {

/// Results by name, the loss apart.
Feeds run_whole(Session& session, const Feeds& feeds, const std::string& loss, double& value) {
    std::vector<Tensor> results = session.run(feeds);
    Feeds by_name;
    for (size_t k = 0; k < results.size(); ++k)
        by_name[session.outputs()[k].name] = std::move(results[k]);
    value = by_name.at(loss).at_as_double(0);
    return by_name;
}

}  // namespace

double Trainer::step(const Feeds& feeds) {
    const auto turn = impl_->turn();
    impl_->check_feeds(feeds);
    Derived& d = impl_->derived(feeds, true);
    impl_->hand_to(d);
    double loss = 0;
    run_whole(*d.session, impl_->all_feeds(d, feeds), d.step.loss, loss);
    if (!std::isfinite(loss))
        throw UserError(
            "{}: the loss of step {} is {}; parameters are as before it (a lower "
            "learning rate or other data may help)",
            impl_->path, impl_->done + 1, std::isnan(loss) ? "NaN" : "infinite");
    ++impl_->done;
    return loss;
}

Feeds Trainer::gradients(const Feeds& feeds, double* loss) {
    const auto turn = impl_->turn();
    impl_->check_feeds(feeds);
    Derived& d = impl_->derived(feeds, false);
    impl_->current();
    double value = 0;
    Feeds results = run_whole(*d.session, impl_->all_feeds(d, feeds), d.gradient.loss, value);
    if (loss != nullptr) *loss = value;
    Feeds by_parameter;
    for (const model::TrainedParameter& p : d.gradient.parameters)
        by_parameter[p.name] = std::move(results.at(p.gradient));
    return by_parameter;
}

/// The first `count` of what a step changes in the model.
Feeds Trainer::Impl::values(size_t count) {
    const Feeds& now = current();
    Feeds all;
    for (size_t n = 0; n < count; ++n) all[names[n]] = now.at(names[n]);
    return all;
}

Feeds Trainer::parameters() const {
    const auto turn = impl_->turn();
    return impl_->values(impl_->names.size());
}

Feeds Trainer::trained() const {
    const auto turn = impl_->turn();
    return impl_->values(impl_->trained);
}

void Trainer::save(const std::string& path) const {
    write_file(path, model::onnx::with_initializers(impl_->path, parameters()));
}

void Trainer::save_step(const std::string& path, const Feeds& feeds) {
    const auto turn = impl_->turn();
    impl_->check_feeds(feeds);
    impl_->derived(feeds, true);  // so that the state is known
    Feeds defaults = impl_->current();
    naming(impl_->path, [&] {
        model::OptimizerChoice as_in_model = impl_->optimizer;
        as_in_model.states_in_order = false;
        const model::TrainingStep step =
            model::append_optimizer(impl_->differentiate(feeds), as_in_model);
        defaults[step.learning_rate] = scalar_f64(impl_->options.learning_rate);
        write_file(path, model::onnx::write_model(step.shaped.graph, defaults));
    });
}

int64_t Trainer::activation_bytes(const Feeds& feeds) {
    const auto turn = impl_->turn();
    impl_->check_feeds(feeds);
    const Derived& d = impl_->derived(feeds, true);
    const gir::Program& program = d.session->tuned(impl_->all_feeds(d, feeds))->program;
    return gir::rewrite::kept_bytes(program, forward_steps(program, d.step.loss));
}

void Trainer::set_parameters(const Feeds& values) {
    const auto turn = impl_->turn();
    impl_->put(values);
}

Feeds Trainer::state() const {
    const auto turn = impl_->turn();
    const bool untouched = impl_->state.empty() && impl_->pending_is_whole;
    Feeds all = untouched ? impl_->pending : impl_->current();
    Tensor steps(DType::kI64, {});
    steps.set_from_int(0, impl_->done);
    all[kSteps] = steps;
    return all;
}

void Trainer::load_state(const Feeds& values) {
    const auto turn = impl_->turn();
    const auto steps = values.find(kSteps);
    if (steps == values.end())
        throw UserError("{}: not the state of a training: '{}' is missing", impl_->path, kSteps);
    const Tensor& made = steps->second;
    if (!tensor::is_integer(made.dtype()) || made.elements() != 1 || made.at_as_int(0) < 0)
        throw UserError("{}: not the state of a training: '{}' must be one whole number >= 0",
                        impl_->path, kSteps);
    Feeds all = values;
    all.erase(kSteps);
    impl_->check_whole(all);
    if (impl_->state.empty()) {
        impl_->pending.clear();  // a state leaves nothing of what was set before
        impl_->pending_is_whole = true;
    }
    impl_->put(all);
    impl_->done = made.at_as_int(0);
}

std::vector<std::string> Trainer::take_warnings() {
    const auto turn = impl_->turn();
    const auto first = impl_->warnings.begin() + static_cast<std::ptrdiff_t>(impl_->told);
    impl_->told = impl_->warnings.size();
    return {first, impl_->warnings.end()};
}

int64_t Trainer::steps() const {
    return impl_->done;
}
double Trainer::learning_rate() const {
    return impl_->options.learning_rate;
}
void Trainer::set_learning_rate(double rate) {
    check_rate(rate);
    impl_->options.learning_rate = rate;
}

double Trainer::prepare(const Feeds& feeds) {
    const auto turn = impl_->turn();
    const auto start = std::chrono::steady_clock::now();
    session(feeds).prepare(session_feeds(feeds));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Session& Trainer::session(const Feeds& feeds) {
    const auto turn = impl_->turn();
    impl_->check_feeds(feeds);
    Derived& d = impl_->derived(feeds, true);
    impl_->hand_to(d);
    return *d.session;
}

Feeds Trainer::session_feeds(const Feeds& feeds) {
    const auto turn = impl_->turn();
    impl_->check_feeds(feeds);
    return impl_->all_feeds(impl_->derived(feeds, true), feeds);
}

}  // namespace smeaton::driver
