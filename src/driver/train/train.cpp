#include "driver/train/train.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "tensor/npz.h"

namespace smeaton::driver {

namespace {

using Arrays = std::map<std::string, Tensor>;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Rows [first, first + count) as a view.
Tensor rows(const Tensor& t, int64_t first, int64_t count) {
    std::vector<int64_t> shape = t.shape();
    const int64_t row_bytes = shape[0] == 0 ? 0 : t.bytes() / shape[0];
    shape[0] = count;
    return {t.dtype(), std::move(shape), t.data() + first * row_bytes, std::make_shared<Tensor>(t)};
}

/// The number of examples; all arrays must have as many.
int64_t examples_of(const std::string& path, const Arrays& data) {
    int64_t count = -1;
    std::string first;
    for (const auto& [name, t] : data) {
        if (t.shape().empty())
            throw UserError("{}: '{}' is a single number; examples lie along axis 0", path, name);
        if (count < 0) {
            count = t.shape()[0];
            first = name;
        } else if (t.shape()[0] != count) {
            throw UserError("{}: '{}' has {} examples and '{}' has {}", path, first, count, name,
                            t.shape()[0]);
        }
    }
    if (count <= 0) throw UserError("{}: there are no examples in it", path);
    return count;
}

/// The data of the model's inputs and the target; others have no business there.
Arrays read_data(const TrainRequest& request, const Trainer& trainer) {
    Arrays data = tensor::read_npz(request.data);
    std::vector<std::string> wanted = trainer.feed_names();
    for (const std::string& name : wanted)
        if (data.count(name) == 0)
            throw UserError(
                "{}: there is no array '{}' in it; a step takes one for each input"
                " and the target",
                request.data, name);
    for (const auto& [name, t] : data)
        if (std::find(wanted.begin(), wanted.end(), name) == wanted.end())
            throw UserError("{}: '{}' is no input of {}{}", request.data, name, request.model,
                            name == "target" ? ", and the loss is an output of it" : "");
    return data;
}

int64_t elements_of(const Trainer& trainer) {
    int64_t count = 0;
    for (const auto& [name, t] : trainer.trained()) count += t.elements();
    return count;
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void write_results(const TrainRequest& request, const Arrays& feeds, Trainer& trainer,
                   TrainResult& result) {
    if (!request.save.empty()) {
        trainer.save(request.save);
        result.written.push_back(request.save);
    }
    if (!request.save_step.empty()) {
        trainer.save_step(request.save_step, feeds);
        result.written.push_back(request.save_step);
    }
    if (request.save_state.empty()) return;
    write_file(request.save_state, tensor::npz_bytes(trainer.state()));
    result.written.push_back(request.save_state);
}

}  // namespace

/// Before any work: nothing could be written there after it.
static void require_folder(const std::string& file) {
    const std::filesystem::path folder = std::filesystem::path(file).parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder))
        throw UserError("{}: there is no folder {}", file, folder.string());
}

TrainResult train(const TrainRequest& request) {
    for (const std::string& file : {request.save, request.save_step, request.save_state})
        require_folder(file);
    TrainResult result;
    result.model = request.model;
    result.recompute = request.trainer.recompute;
    Trainer trainer(request.model, request.trainer);
    const Arrays data = read_data(request, trainer);
    result.examples = examples_of(request.data, data);
    result.batch = request.batch == 0 ? result.examples : request.batch;
    if (result.batch > result.examples)
        throw UserError("--batch {}: there are {} examples in {}", result.batch, result.examples,
                        request.data);
    const int64_t per_epoch = result.examples / result.batch;
    result.left_out = result.examples - per_epoch * result.batch;
    if (!request.resume.empty()) trainer.load_state(tensor::read_npz(request.resume));
    result.first_step = trainer.steps();
    const auto feeds_at = [&](int64_t step) {
        Arrays feeds;
        for (const auto& [name, t] : data)
            feeds[name] = rows(t, step % per_epoch * result.batch, result.batch);
        return feeds;
    };
    result.compile_s = trainer.prepare(feeds_at(result.first_step));
    const int64_t steps = request.steps > 0 ? request.steps : request.epochs * per_epoch;
    std::vector<double> times_ms;
    for (int64_t n = 0; n < steps; ++n) {
        if (request.progress)
            request.progress(
                n == 0 ? "training" : fmt::format("training, loss {:.4g}", result.losses.back()),
                static_cast<double>(n) / static_cast<double>(steps));
        const Clock::time_point start = Clock::now();
        result.losses.push_back(trainer.step(feeds_at(trainer.steps())));
        times_ms.push_back(1e3 * seconds_since(start));
    }
    result.step_ms = median(std::move(times_ms));
    result.parameters = elements_of(trainer);
    const Arrays feeds = feeds_at(result.first_step);
    result.threads = trainer.session(feeds).threads();
    result.memory = trainer.session(feeds).memory(trainer.session_feeds(feeds));
    result.activation_bytes = trainer.activation_bytes(feeds);
    result.warnings = trainer.take_warnings();
    write_results(request, feeds, trainer, result);
    return result;
}

}  // namespace smeaton::driver
