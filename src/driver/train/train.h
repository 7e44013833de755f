// Steps of training on a file of examples, as the verb `train` runs them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "driver/train/trainer.h"

namespace smeaton::driver {

struct TrainRequest {
    std::string model;
    /// .npz with one array for each input and "target", examples along axis 0 of each.
    std::string data;
    TrainerOptions trainer;
    /// Examples of a step; 0: all. What an epoch has too few of for a whole batch is left out.
    int batch = 0;
    int steps = 0;           ///< of this run; 0: as many as `epochs` have
    int epochs = 1;          ///< where steps is 0
    std::string resume;      ///< a state file to go on from; empty: from the model's own values
    std::string save;        ///< where the trained model goes; empty: nowhere
    std::string save_step;   ///< where the step itself goes, as a model; empty: nowhere
    std::string save_state;  ///< where the state goes, for `resume`; empty: nowhere
    /// Called before each step; may be empty.
    std::function<void(const std::string& what, double fraction)> progress;
};

struct TrainResult {
    std::string model;
    std::vector<double> losses;                     ///< before each step
    int64_t first_step = 0;                         ///< steps made before this run
    int64_t parameters = 0;                         ///< elements that are trained
    int64_t examples = 0, batch = 0, left_out = 0;  ///< of the data; of an epoch
    double compile_s = 0;
    double step_ms = 0;  ///< median
    int threads = 0;
    std::string recompute;
    /// Bytes that the forward half leaves for the backward one in the compiled step.
    int64_t activation_bytes = 0;
    MemoryStats memory;  ///< of the compiled step
    std::vector<std::string> warnings;
    std::vector<std::string> written;
};

/// Batches follow each other in the order of the file; a resumed run goes on where it stopped.
/// UserError on data that does not fit the model, and as Trainer::step.
TrainResult train(const TrainRequest&);

}  // namespace smeaton::driver
