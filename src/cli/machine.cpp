#include "report/machine.h"

#include "base/error.h"
#include "base/nearest.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/simulate/machine_check.h"
#include "report/json.h"

namespace smeaton::cli {

namespace {

struct Request {
    std::string action;
    driver::MachineCheckRequest check;
    bool json = false, wide = false;
};

const std::vector<std::string>& actions() {
    static const std::vector<std::string> names = {"list", "show", "check"};
    return names;
}

int check(Request& r) {
    driver::MachineCheck result;
    {
        Progress progress;
        r.check.progress = progress.callback();
        r.check.digest = [](const driver::SimulateResult& s) { return report::json(s); };
        result = driver::check_machine(r.check);
    }
    print_out(r.json ? report::json(result) : report::text(result, {table_width(r.wide)}));
    return 0;
}

int run(Request& r) {
    if (r.action == "list") {
        if (!r.check.machine.empty()) throw UserError("machine list takes nothing more");
        const std::vector<driver::MachineRow> rows = driver::list_machines();
        print_out(r.json ? report::json(rows) : report::text(rows, {table_width(r.wide)}));
        return 0;
    }
    if (r.action != "show" && r.action != "check")
        throw UserError("machine {}{}: expected list, show or check", r.action,
                        nearest_hint(r.action, actions()));
    if (r.check.machine.empty())
        throw UserError("machine {}: which one? a file, or a name of `smeaton machine list`",
                        r.action);
    if (r.action == "check") return check(r);
    if (r.json) throw UserError("machine show prints YAML; --json belongs to list and check");
    print_out(driver::machine_text(r.check.machine));
    return 0;
}

}  // namespace

Verb machine_verb() {
    return {"machine", "descriptions of machines: those that ship, and what one is good for",
            "smeaton machine list\n"
            "  smeaton machine show server-cpu > mine.yaml\n"
            "  smeaton machine check mine.yaml --model model.onnx",
            [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                arguments.positional("ACTION", r->action,
                                     "list what ships; show the text of one; check one: whether it "
                                     "is whole, and which of its figures simulate uses");
                arguments.words("ACTION", actions());
                arguments.positional("MACHINE", r->check.machine, "a file, or a name of the list",
                                     false);
                arguments.option("--model", r->check.model, "MODEL",
                                 "check: figures that matter for this ONNX file");
                arguments.option("--dim", r->check.dims, "NAME=VALUE",
                                 "size of a symbolic dim of that model");
                width_option(arguments, r->wide);
                arguments.flag("--json", r->json, "one JSON object on stdout");
                return [r] { return run(*r); };
            }};
}

}  // namespace smeaton::cli
