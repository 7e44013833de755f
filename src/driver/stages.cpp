#include "driver/stages.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/nearest.h"

namespace smeaton::driver {

const std::vector<std::string>& stage_names() {
    static const std::vector<std::string> names = {"read",  "bind", "shapes",  "simplify",
                                                   "lower", "fuse", "layout",  "tile",
                                                   "spell", "emit", "compile", "plan"};
    return names;
}

std::string dump_head(const std::string& stage) {
    return "# after " + stage + "\n";
}

bool is_before(const std::string& stage, const std::string& other) {
    const auto& names = stage_names();
    auto at = [&](const std::string& s) { return std::find(names.begin(), names.end(), s); };
    return at(stage) != names.end() && at(other) != names.end() && at(stage) < at(other);
}

std::optional<std::string> dumped_stage(const std::string& text) {
    const std::string mark = dump_head("").substr(0, dump_head("").size() - 1);
    if (!text.starts_with(mark)) return std::nullopt;
    return text.substr(mark.size(), text.find('\n') - mark.size());
}

bool is_unchanged(const std::string& text) {
    return text.find("\n(unchanged)") != std::string::npos;
}

void check_stop_after(const std::string& stage) {
    const auto& names = stage_names();
    if (stage.empty() || std::find(names.begin(), names.end(), stage) != names.end()) return;
    throw UserError("--stop-after {}: no such stage{}; the stages are {}", stage,
                    nearest_hint(stage, names), fmt::join(names, ", "));
}

StageRunner::StageRunner(StageOptions options) : options_(std::move(options)) {
    check_stop_after(options_.stop_after);
    if (options_.dump_folder.empty()) return;
    std::error_code failed;
    std::filesystem::create_directories(options_.dump_folder, failed);
    if (failed)
        throw UserError("--dump {}: cannot make the folder: {}", options_.dump_folder,
                        failed.message());
}

void StageRunner::run(const std::string& stage, const std::function<void()>& body,
                      const std::function<std::string()>& text) {
    if (stopped_) return;
    const auto& names = stage_names();
    auto place = std::find(names.begin(), names.end(), stage);
    SMEATON_CHECK(place != names.end(), "stage {} is not in the list", stage);
    if (options_.progress)
        options_.progress(
            stage, static_cast<double>(place - names.begin()) / static_cast<double>(names.size()));
    auto begin = std::chrono::steady_clock::now();
    body();
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    times_.push_back({stage, took.count()});
    if (!options_.dump_folder.empty() && text) {
        std::string now = text();
        std::string file = fmt::format("{}/{:02d}.{}.txt", options_.dump_folder, number_, stage);
        std::ofstream out(file);
        out << dump_head(stage) << (now == last_text_ ? "(unchanged)\n" : now);
        if (!out) throw UserError("{}: cannot write", file);
        last_text_ = std::move(now);
    }
    if (stage == options_.stop_after && text && options_.dump_folder.empty()) last_text_ = text();
    ++number_;
    stopped_ = stage == options_.stop_after;
}

}  // namespace smeaton::driver
