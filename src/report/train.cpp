// What `train` did, as text and as JSON.
#include <fmt/core.h>

#include "report/json.h"
#include "report/json_parts.h"
#include "report/table.h"
#include "report/text.h"

namespace smeaton::report {

namespace {

/// Rows of the loss table: the first and the last, and steps between them.
constexpr size_t kRows = 10;

}  // namespace

std::string text(const driver::TrainResult& r) {
    Table losses({">step", ">loss"});
    const size_t count = r.losses.size();
    size_t shown = count;
    for (size_t row = 0; row < std::min(kRows, count); ++row) {
        const size_t n = count <= kRows ? row : row * (count - 1) / (kRows - 1);
        if (n == shown) continue;
        shown = n;
        losses.row({std::to_string(r.first_step + static_cast<int64_t>(n) + 1),
                    fmt::format("{:.6g}", r.losses[n])});
    }
    std::string out = fmt::format("{}: {} step{} of {} examples, {} parameters trained\n\n",
                                  r.model, count, count == 1 ? "" : "s", r.batch, r.parameters);
    out += losses.str();
    out += fmt::format("\n{} a step on {} threads; compiled in {:.1f} s\n",
                       time_text(1e3 * r.step_ms), r.threads, r.compile_s);
    out += fmt::format(
        "{} kept from the forward half for the backward one (recompute {}); at most {} alive at "
        "once, "
        "the arena takes {}\n",
        bytes_text(static_cast<double>(r.activation_bytes)), r.recompute,
        bytes_text(static_cast<double>(r.memory.arena_lower_bound_bytes)),
        bytes_text(static_cast<double>(r.memory.arena_bytes)));
    out += fmt::format(
        "beside the arena {} of state (parameters, running statistics, what the optimizer keeps) "
        "and {} of constants\n",
        bytes_text(static_cast<double>(r.memory.state_bytes)),
        bytes_text(static_cast<double>(r.memory.weights_bytes)));
    if (r.left_out > 0)
        out += fmt::format("{} of {} examples are no whole batch and were left out\n", r.left_out,
                           r.examples);
    for (const std::string& file : r.written) out += fmt::format("wrote {}\n", file);
    return out;
}

std::string json(const driver::TrainResult& r) {
    Json out = {{"model", r.model},
                {"losses", r.losses},
                {"first_step", r.first_step},
                {"parameters", r.parameters},
                {"examples", r.examples},
                {"batch", r.batch},
                {"left_out", r.left_out},
                {"step_ms", r.step_ms},
                {"compile_s", r.compile_s},
                {"threads", r.threads},
                {"activation_bytes", r.activation_bytes},
                {"recompute", r.recompute},
                {"written", r.written}};
    out.update(json_of(r.memory));
    return dump(out);
}

}  // namespace smeaton::report
