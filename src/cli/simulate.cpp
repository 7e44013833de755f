#include "driver/simulate.h"

#include "cli/progress.h"
#include "cli/verbs.h"
#include "report/json.h"
#include "report/text.h"

namespace smeaton::cli {

Verb simulate_verb() {
    return {"simulate", "time on a described machine, kernel by kernel",
            "smeaton simulate model.onnx --machine machines/server-cpu.yaml --threads 8",
            [](Arguments& arguments) {
                auto r = std::make_shared<driver::SimulateRequest>();
                auto json = std::make_shared<bool>(false);
                arguments.positional("MODEL", r->model, "an ONNX file");
                arguments.option("--machine", r->machine_file, "FILE",
                                 "a machine description; without one, this machine's");
                arguments.option("--threads", r->threads, 0, "0: all cores of the machine");
                feed_options(arguments, r->feeds);
                stage_options(arguments, r->session);
                arguments.option("--stop-after", r->session.stop_after, "STAGE",
                                 "print what this stage made, and stop");
                arguments.flag("--json", *json, "one JSON object on stdout");
                return [=] {
                    Progress progress;
                    r->session.progress = progress.callback();
                    if (!r->session.stop_after.empty()) {
                        print_out(driver::text_after(*r));
                        return 0;
                    }
                    driver::SimulateResult result = driver::simulate(*r);
                    print_warnings(r->model, result.warnings);
                    print_out(*json ? report::json(result) : report::text(result));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
