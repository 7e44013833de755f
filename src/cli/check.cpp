#include "cli/check.h"

#include "base/error.h"

namespace smeaton::cli {

void check_options(Arguments& arguments, CheckOptions& o, driver::MeasureRequest& m) {
    arguments.option(
        "--check", m.expected, "FILE",
        "compare with these outputs: .npy and .pb in their order, .npz by name; or with what "
        "the `interpreter` makes of the program before any rewrite",
        true);
    arguments.option("--rtol", o.rtol, "allowed of the expected element; 1e-3 unless given");
    arguments.option("--atol", o.atol,
                     "allowed of the output's range (greatest less least); 1e-4 unless given");
}

namespace {

void take(const char* option, const std::optional<double>& given, bool compares, double& into) {
    if (!given) return;
    if (!compares) throw UserError("{} bounds what --check compares; give --check FILE", option);
    if (!(*given >= 0)) throw UserError("{} {}: expected 0 or more", option, *given);
    into = *given;
}

}  // namespace

void read_tolerance(const CheckOptions& o, driver::MeasureRequest& m) {
    take("--rtol", o.rtol, !m.expected.empty(), m.tolerance.rtol);
    take("--atol", o.atol, !m.expected.empty(), m.tolerance.atol);
}

int require_equal(const std::string& model, const std::vector<driver::Comparison>& checks) {
    std::string faults;
    for (const driver::Comparison& c : checks)
        if (!c.equal)
            faults += fmt::format("{}output '{}' differs from {}: {}", faults.empty() ? "" : "\n",
                                  c.output, c.against, c.reason);
    if (!faults.empty()) throw UserError("{}: {}", model, faults);
    return 0;
}

}  // namespace smeaton::cli
