// Trainer: a model's parameters, and steps that change them, run by generated code.
//
//     Trainer t("model.onnx", options);
//     double loss = t.step({{"image", x}, {"target", numbers}});
//
// The step graph is derived once per combination of input shapes (the last 16 are kept) and goes
// the ordinary way through the stages. One caller at a time: UserError where another thread is
// inside.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "driver/session.h"

namespace smeaton::driver {

struct TrainerOptions {
    std::string loss = "cross-entropy";  ///< cross-entropy, mse, output:NAME
    std::string loss_output;             ///< which output is compared; empty: the first
    std::string optimizer = "sgd";       ///< sgd, momentum, adam, adamw
    double learning_rate = 1e-3;
    // Not given: the optimiser's default (PyTorch's).
    std::optional<double> momentum, beta1, beta2, epsilon, weight_decay;
    std::vector<std::string> freeze;  ///< shell patterns of initializers that stay
    /// BatchNormalization by the batch's statistics, Dropout that drops.
    bool training_form = true;
    std::string recompute = "none";  ///< none, full, selective (model/grad/recompute.h)
    uint64_t seed = 0;               ///< of what Dropout drops
    SessionOptions session;
};

class Trainer {
public:
    explicit Trainer(const std::string& model_path, TrainerOptions);
    ~Trainer();
    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    /// The model's inputs; a step also takes "target" unless the loss is an output.
    const std::vector<PortInfo>& inputs() const;
    /// What a step is fed: the inputs, and "target" ("target_2", ... where the model has an input
    /// of that name) unless the loss is an output.
    std::vector<std::string> feed_names() const;

    /// One step; the loss before it. UserError on bad feeds, targets out of range, and a loss that
    /// is not finite, which leaves everything as it was.
    double step(const std::map<std::string, Tensor>& feeds);
    /// The loss as it is (`loss`, where not null) and its gradients by parameter; changes nothing.
    std::map<std::string, Tensor> gradients(const std::map<std::string, Tensor>& feeds,
                                            double* loss = nullptr);

    /// By initializer: all that a step changes, running statistics too. Known once the loss is, so
    /// after the first step(), gradients() or prepare().
    std::map<std::string, Tensor> parameters() const;
    /// Those of them that have gradients.
    std::map<std::string, Tensor> trained() const;
    /// Some of them anew. UserError on an unknown name, another dtype or shape; then nothing has
    /// changed. Before the loss is known they are held, and judged when it is.
    void set_parameters(const std::map<std::string, Tensor>&);
    /// Everything that the next step depends on: parameters, statistics, what the optimiser keeps,
    /// and "smeaton.steps" (i64, rank 0). Known as parameters() are. load_state() takes it back,
    /// bit for bit and whole.
    std::map<std::string, Tensor> state() const;
    void load_state(const std::map<std::string, Tensor>&);

    /// Writes the model with its parameters as they are now, all else as in its file.
    void save(const std::string& path) const;

    /// What a user should know of how steps were made, each said once: gone after the call.
    std::vector<std::string> take_warnings();

    /// Writes the step itself for these feeds as a model: inputs are the feeds, "learning_rate"
    /// and, for adam and adamw, "step" (1 in the first), masks of Dropout, and the state as it is
    /// now, which has its values in the file; outputs are the loss and what every state becomes.
    void save_step(const std::string& path, const std::map<std::string, Tensor>& feeds);

    int64_t steps() const;
    double learning_rate() const;
    void set_learning_rate(double);

    /// Derives and compiles the step for these feeds without running it; the seconds it took.
    double prepare(const std::map<std::string, Tensor>& feeds);
    /// The compiled step and what is fed to it, for profiling and judging.
    Session& session(const std::map<std::string, Tensor>& feeds);
    std::map<std::string, Tensor> session_feeds(const std::map<std::string, Tensor>& feeds);
    /// Bytes of forward results that the backward half of the compiled step reads.
    int64_t activation_bytes(const std::map<std::string, Tensor>& feeds);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace smeaton::driver
