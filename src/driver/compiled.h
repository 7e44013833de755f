// What a session keeps for the shapes that it has met.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver/pipeline.h"
#include "driver/session.h"
#include "emit/cpp/emit.h"
#include "run/background.h"
#include "run/compile.h"
#include "run/executor.h"
#include "run/link.h"

namespace smeaton::driver {

/// One compiled form of the model, for given shapes and values.
struct Compiled {
    Specialisation made_for;
    mutable std::shared_ptr<const Tuned> tuned;  // once it has run: without what was packed
    mutable std::weak_ptr<const Tuned> whole;
    mutable bool is_light = false;
    mutable std::shared_ptr<run::Library> library;
    std::vector<std::string> source;
    emit::EmittedProgram emitted;
    run::Symbols symbols;
    std::unique_ptr<run::Executor> executor;
    std::unique_ptr<run::Executor> batch;  // of several samples; null: they run one by one
    ParallelChoice parallel;
    std::vector<std::string> fed;  // graph inputs in the order of externals
    std::vector<std::vector<int64_t>> output_shapes;
    std::vector<DType> output_dtypes;
    int64_t arena_lower_bound_bytes = 0;
    double seconds = 0;
    run::BackgroundCompiler::JobPtr better;  // makes the optimised code; null where that runs
    mutable std::mutex taking_over;
    mutable std::atomic<bool> is_quick{false};  // until what `better` makes has been taken over
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
