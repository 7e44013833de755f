#include "driver/compare/devices.h"

#include "cli/verbs.h"
#include "report/devices.h"

namespace smeaton::cli {

Verb devices_verb() {
    return {"devices", "the real machines that are known, with their sources",
            "smeaton devices --class GPU\n"
            "  smeaton devices H100 mine.yaml --sources\n"
            "  smeaton devices --engine llama.cpp --json",
            [](Arguments& arguments) {
                struct Request {
                    driver::DevicesRequest filter;
                    bool sources = false, json = false, wide = false;
                };
                auto r = std::make_shared<Request>();
                arguments.positional("DEVICE", r->filter.names,
                                     "names, or files in the short form; none: all that ship");
                arguments.option("--class", r->filter.device_class, "CLASS",
                                 "GPU, TPU, ASIC, FPGA, CPU, SoC or in-memory");
                arguments.option("--vendor", r->filter.vendor, "NAME", "of this vendor");
                arguments.option("--engine", r->filter.engine, "NAME",
                                 "that this engine runs on, such as llama.cpp or vllm");
                arguments.option("--peak", r->filter.peak, "FORMAT",
                                 "with a stated peak for this format, such as fp8");
                arguments.flag("--sources", r->sources,
                               "each number: what it is of, source, date, confidence");
                width_option(arguments, r->wide);
                arguments.flag("--json", r->json, "one JSON object on stdout");
                return [r] {
                    driver::DevicesResult result = driver::list_devices(r->filter);
                    result.sources = r->sources;
                    print_out(r->json ? report::json(result)
                                      : report::text(result, {table_width(r->wide)}));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
