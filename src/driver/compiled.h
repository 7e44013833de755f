// One compiled form of a model, for given shapes and values: what the stages made, its code, and
// how runs take its kernels up.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "driver/pipeline.h"
#include "driver/session.h"
#include "emit/cpp/emit.h"
#include "run/background.h"
#include "run/executor.h"
#include "run/link.h"

namespace smeaton::driver {

/// Its session guards it: from `tuned` on it changes between runs, under the session's mutex.
class Compiled {
public:
    Specialisation made_for;
    std::vector<std::string> source;
    emit::EmittedProgram emitted;  ///< until kernels are arranged
    run::Symbols symbols;          ///< until kernels are arranged
    std::unique_ptr<run::Executor> executor;
    std::unique_ptr<run::Executor> batch;  ///< of several samples; null: they run one by one
    ParallelChoice parallel;
    std::vector<std::string> fed;  ///< graph inputs in the order of externals
    std::vector<std::vector<int64_t>> output_shapes;
    std::vector<DType> output_dtypes;
    int64_t arena_lower_bound_bytes = 0;
    double seconds = 0;

    std::shared_ptr<const Tuned> tuned;  ///< once it has run: without what was packed
    std::shared_ptr<run::Library> library;
    /// Makes the optimised code; null where that runs.
    run::BackgroundCompiler::JobPtr better;

    /// Other code of the same units takes the place of what runs.
    void take(std::shared_ptr<run::Library>);

    /// Lets constants go that packed copies stand for; those are there once it has run.
    void let_weights_go();
    bool is_light() const { return is_light_; }
    /// What the stages made, with all constants; null where these were let go and nobody holds
    /// them.
    std::shared_ptr<const Tuned> whole() const;
    /// The stages ran again: found by whole() while somebody holds it.
    void hold_whole(const std::shared_ptr<const Tuned>&);

private:
    void link_code();

    std::weak_ptr<const Tuned> whole_;
    bool is_light_ = false;
};

/// Where a tensor's bytes lie; somewhere for one without elements.
void* bytes_of(const Tensor&);

/// What a run is given: pointers to inputs and outputs, and the outputs, which it fills.
struct Bound {
    std::vector<void*> externals;
    std::vector<Tensor> outputs;
};
Bound bind_buffers(const Compiled&, const std::map<std::string, Tensor>& feeds);

}  // namespace smeaton::driver
