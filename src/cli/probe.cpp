#include "base/output_file.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/study/probe_here.h"
#include "report/json.h"
#include "report/text.h"

namespace smeaton::cli {

Verb probe_verb() {
    return {"probe", "measures this machine, writes its machine file",
            "smeaton probe --out here.yaml", [](Arguments& arguments) {
                auto out = std::make_shared<std::string>();
                auto json = std::make_shared<bool>(false);
                arguments.option("-o,--out", *out, "FILE",
                                 "write the description here; - for stdout");
                auto add = std::make_shared<bool>(false);
                arguments.flag("--add", *add,
                               "keep each figure that the last probe measured better: others on "
                               "the host disturb one for minutes");
                arguments.flag("--json", *json, "one JSON object on stdout");
                return [=] {
                    driver::ProbeResult result;
                    {
                        Progress progress;
                        driver::HereOptions options;
                        options.progress = progress.callback();
                        options.add = *add;
                        result = driver::probe_here(options);
                    }
                    if (*out == "-" && !*json) {
                        print_out(result.yaml);
                        return 0;
                    }
                    if (!out->empty() && *out != "-") write_file(*out, result.yaml);
                    print_out(*json ? report::json(result) : report::text(result));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
