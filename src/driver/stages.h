// The stage runner: times every stage, writes NN.stage.txt under a dump folder, stops where asked.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace smeaton::driver {

struct StageTime {
    std::string stage;
    double seconds = 0;
};

struct StageOptions {
    std::string dump_folder;  ///< empty: no dumps
    std::string stop_after;   ///< empty: run all
    std::function<void(const std::string& stage, double fraction)> progress;
};

/// The line that begins a stage's text and names it.
std::string dump_head(const std::string& stage);

/// All stages of the pipeline in order; --stop-after takes one of these names.
const std::vector<std::string>& stage_names();
/// Does the stage come before the other? False for names that are none.
bool is_before(const std::string& stage, const std::string& other);
/// UserError when it names no stage; empty is none.
void check_stop_after(const std::string& stage);

/// What a dump's first line names; nothing where the text begins otherwise.
std::optional<std::string> dumped_stage(const std::string& text);
/// Does the dump say that its stage changed nothing?
bool is_unchanged(const std::string& text);

class StageRunner {
public:
    /// UserError when stop_after names no stage or the dump folder cannot be made.
    explicit StageRunner(StageOptions);

    /// Runs `body` unless a stage before was the last wanted. `text` prints what the stage made,
    /// for the dump. Errors get the stage's name in front.
    void run(const std::string& stage, const std::function<void()>& body,
             const std::function<std::string()>& text = {});

    bool stopped() const { return stopped_; }
    /// What the stage named by stop_after made; kept only where the runner stops or dumps.
    const std::string& last_text() const { return last_text_; }
    const std::vector<StageTime>& times() const { return times_; }

private:
    StageOptions options_;
    std::vector<StageTime> times_;
    bool stopped_ = false;
    std::string last_text_;
    int number_ = 0;
};

}  // namespace smeaton::driver
