#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/text_writer.h"
#include "cli/verbs.h"
#include "driver/pipeline.h"
#include "driver/stages.h"

namespace smeaton::cli {

void feed_options(Arguments& arguments, driver::FeedRequest& request) {
    arguments.option("--input", request.inputs, "NAME=FILE",
                     "an input from a .npy or .pb file; inputs not given are random");
    arguments.option("--inputs", request.arrays, "FILE.npz", "inputs by name");
    arguments.option("--dim", request.dims, "NAME=VALUE",
                     "size of a symbolic dim, by its name or as INPUT:AXIS=VALUE");
    arguments.option("--seed", request.seed, "of the random inputs");
}

void stage_options(Arguments& arguments, driver::SessionOptions& options) {
    arguments.option("--skip", options.skip, "NAME", "leave out a rewrite rule, pass or stage");
    arguments.words("--skip", driver::skip_names());
    arguments.option("--dump", options.dump_folder, "DIR", "write NN.stage.txt after every stage");
    arguments.flag("--explain", options.explain, {"rules", "all"},
                   "what each rewrite rule gained; =all lists each application and refusal");
    arguments.option("--isa", options.isa, "NAME", "instruction set instead of the best there is");
    arguments.words("--isa", {"avx512bf16", "avx512", "avx2", "plain"});
}

void stop_option(Arguments& arguments, driver::SessionOptions& options) {
    arguments.option("--stop-after", options.stop_after, "STAGE",
                     "print what this stage made, and stop");
    arguments.words("--stop-after", driver::stage_names());
}

void resume_option(Arguments& arguments, driver::SessionOptions& options) {
    arguments.option(
        "--resume", options.resume, "FILE",
        "go on from this dump of a stage, as it was or edited, with the model's weights");
}

void width_option(Arguments& arguments, bool& wide) {
    arguments.flag("--wide", wide, "whole names and all columns, however wide that is");
}

size_t table_width(bool wide) {
    if (wide) return 0;
    const char* text = std::getenv("COLUMNS");
    const long columns = text ? std::strtol(text, nullptr, 10) : 0;
    if (columns > 0) return static_cast<size_t>(columns);
    winsize size = {};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

void print_out(const std::string& text) {
    size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
    if (written != text.size() || std::fflush(stdout) != 0)
        throw UserError("cannot write to stdout: {}", std::strerror(errno));
}

std::string safe_lines(const std::string& message) {
    std::string out;
    for (size_t at = 0; at <= message.size();) {
        const size_t end = std::min(message.find('\n', at), message.size());
        out += (at == 0 ? "" : "\n") + printable(std::string_view(message).substr(at, end - at));
        at = end + 1;
    }
    return out;
}

void print_warnings(const std::string& model, const std::vector<std::string>& warnings) {
    for (const std::string& w : warnings)
        fmt::print(stderr, "smeaton: warning: {}: {}\n", model, safe_lines(w));
}

double number_in(const std::string& text, const char* option) {
    size_t used = 0;
    double value = 0;
    try {
        value = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    if (used == 0 || used != text.size())
        throw UserError("{} '{}': expected a number", option, text);
    return value;
}

std::vector<int> counts_in(const std::string& text, const char* option) {
    std::vector<int> all;
    for (size_t at = 0; at < text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        const double n = number_in(text.substr(at, comma - at), option);
        if (n != std::floor(n) || !(n >= 1 && n <= 1e6))
            throw UserError("{} {}: expected whole numbers from 1 on", option, text);
        all.push_back(static_cast<int>(n));
        at = comma + 1;
    }
    return all;
}

}  // namespace smeaton::cli
