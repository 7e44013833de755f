#include "driver/inspect/inspect.h"

#include "cli/progress.h"
#include "cli/verbs.h"
#include "report/json.h"
#include "report/text.h"

namespace smeaton::cli {

Verb inspect_verb() {
    return {"inspect", "graph, operators, parameters, operations, what is not supported",
            "smeaton inspect config.json --batch 1 --prompt 512", [](Arguments& arguments) {
                auto request = std::make_shared<driver::InspectRequest>();
                auto json = std::make_shared<bool>(false), wide = std::make_shared<bool>(false);
                arguments.positional("MODEL", request->model,
                                     "an ONNX file or a Hugging Face config.json");
                arguments.option("--dim", request->dims, "NAME=VALUE",
                                 "size of a symbolic dim, by its name or as INPUT:AXIS=VALUE");
                arguments.option("--batch", request->batch, 0,
                                 "of a config.json: sequences; 0: stays open");
                arguments.option("--prompt", request->prompt, 0,
                                 "of a config.json: tokens of each; 0: stays open");
                arguments.flag("--memory", request->memory,
                               "compile, and print the arena beside its lower bounds");
                arguments.flag("--blocks", request->blocks,
                               "the layers that repeat, and what passes between them");
                arguments.flag(
                    "--layers", request->layers,
                    "what each layer takes in training: work, what it keeps and hands on");
                arguments.option("--threads", request->threads, 0,
                                 "for --memory: each has scratch of its own; 0: all cores");
                width_option(arguments, *wide);
                arguments.flag("--json", *json, "one JSON object on stdout");
                return [=] {
                    Progress progress;
                    request->progress = progress.callback();
                    driver::InspectResult result = driver::inspect(*request);
                    print_warnings(result.model, result.warnings);
                    print_out(*json ? report::json(result)
                                    : report::text(result, {table_width(*wide)}));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
