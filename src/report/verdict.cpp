#include "report/verdict.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "report/table.h"

namespace smeaton::report {

namespace {

using driver::StudyResult;
using driver::Verdict;
using driver::WhatIf;

std::string number_word(int n) {
    static const char* const kWords[] = {"no",   "one",    "two",   "three", "four",
                                         "five", "six",    "seven", "eight", "nine",
                                         "ten",  "eleven", "twelve"};
    return n >= 0 && n <= 12 ? kWords[n] : std::to_string(n);
}

std::string capital(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] += 'A' - 'a';
    return text;
}

std::string percent(double share) {
    return share > 0 && share < 0.005 ? "less than 1 %" : fmt::format("{:.0f} %", 100 * share);
}

std::string share_word(double share) {
    constexpr double kNear = 0.02;
    if (share >= 0.995) return "all";
    const std::pair<double, const char*> words[] = {{1.0 / 4, "a quarter"},
                                                    {1.0 / 3, "a third"},
                                                    {1.0 / 2, "half"},
                                                    {2.0 / 3, "two thirds"},
                                                    {3.0 / 4, "three quarters"}};
    for (auto [value, word] : words)
        if (std::abs(share - value) <= kNear) return word;
    return percent(share);
}

/// "convolution", "convolutions"
std::string noun(const std::string& op, int count) {
    const bool one = count == 1;
    if (op.empty()) return one ? "kernel that only moves data" : "kernels that only move data";
    std::string word = op == "Conv"                     ? "convolution"
                       : op == "ConvTranspose"          ? "transposed convolution"
                       : op == "MatMul" || op == "Gemm" ? "matrix product"
                                                        : op + " kernel";
    return word + (one ? "" : "s");
}

std::string rival_clause(const driver::PeerComparison& p) {
    if (!p.ran) return "; it was not timed beside ONNX Runtime";
    const std::string ratio =
        p.ratio >= 0.1 ? fmt::format("{:.2f}", p.ratio) : number_text(p.ratio);
    if (p.ratio_low <= 1 && p.ratio_high >= 1)
        return fmt::format(", about as long as ONNX Runtime ({} of its time)", ratio);
    return p.ratio < 1 ? fmt::format(", {} of ONNX Runtime's time", ratio)
                       : fmt::format(", {} times what ONNX Runtime takes", ratio);
}

std::string time_sentence(const StudyResult& r) {
    return fmt::format("{} takes {} on {} with {} {}{}.", model_name(r.summary.model),
                       time_text(r.measured.latency_ms.median * 1e3), r.host.cpu,
                       number_word(r.measured.threads),
                       r.measured.threads == 1 ? "thread" : "threads", rival_clause(r.peer));
}

std::string limit_clause(const Verdict& v) {
    const char* them = v.kernels == 1 ? "it" : "them";
    if (v.bound.empty()) return fmt::format("different things limit {}", them);
    if (v.bound == "compute") return fmt::format("arithmetic limits {}", them);
    return fmt::format("the bandwidth of {} limits {}", v.bound, them);
}

std::string place_sentence(const Verdict& v) {
    if (v.of == 0) return "No kernel runs: all of it was computed when the model was compiled.";
    const bool one = v.kernels == 1;
    std::string who = v.kernels == v.of
                          ? fmt::format("Its {} {}", number_word(v.of), noun(v.op, v.of))
                          : fmt::format("{} of its {} {}", capital(number_word(v.kernels)),
                                        number_word(v.of), noun(v.op, v.of));
    std::string what = fmt::format("{} {} {} of that time and {} {:.0f} % of what this machine",
                                   who, one ? "takes" : "take", share_word(v.share),
                                   one ? "reaches" : "reach", 100 * v.reached);
    if (v.reached > 1.005)
        return what +
               "'s description allows, so it is too cautious: `smeaton probe` measures it anew.";
    return what + " allows; " + limit_clause(v) + ".";
}

/// "which agrees with the clock here"
std::string trust_clause(double error) {
    if (std::abs(error) < 0.005) return "which agrees with the clock here";
    return fmt::format("which is {:.0f} % {} the clock here", 100 * std::abs(error),
                       error > 0 ? "above" : "below");
}

std::string thing(const WhatIf& row) {
    if (row.what == "cores") return "the cores";
    if (row.what == "peak") return "the arithmetic";
    return "the bandwidth of " + row.level;
}

std::string help_sentence(const StudyResult& r) {
    constexpr double kWorthSaying = 0.01;
    std::vector<const WhatIf*> rows;
    for (const WhatIf& row : r.what_ifs.rows)
        if (row.gain >= kWorthSaying &&
            (row.what != "bandwidth" || row.level == r.verdict.best_bandwidth))
            rows.push_back(&row);
    std::stable_sort(rows.begin(), rows.end(), [](auto* a, auto* b) { return a->gain > b->gain; });
    std::string out = fmt::format("By the cost model, {}, ", trust_clause(r.prediction_error));
    if (rows.empty())
        return out +
               "nothing would gain 1 % by being doubled: no level's bandwidth, not the cores, not "
               "the "
               "arithmetic.";
    for (size_t i = 0; i < rows.size(); ++i)
        out += fmt::format("{}twice {}{} {:.0f} %",
                           i == 0                ? ""
                           : i + 1 < rows.size() ? ", "
                                                 : " and ",
                           thing(*rows[i]), i == 0 ? " would gain" : "", 100 * rows[i]->gain);
    return out + ".";
}

}  // namespace

std::string model_name(const std::string& path) {
    const std::filesystem::path file(path);
    const std::string stem = file.stem().string();
    return stem == "model" ? std::filesystem::absolute(file).parent_path().filename().string()
                           : stem;
}

std::vector<std::string> verdict_sentences(const StudyResult& r) {
    std::vector<std::string> sentences = {time_sentence(r), place_sentence(r.verdict)};
    if (r.what_ifs.base_ms > 0) sentences.push_back(help_sentence(r));
    return sentences;
}

}  // namespace smeaton::report
