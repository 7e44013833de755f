#include "driver/cache.h"

#include "base/error.h"
#include "cli/verbs.h"
#include "report/json.h"
#include "report/text.h"

namespace smeaton::cli {

Verb cache_verb() {
    return {"cache", "shows, trims, clears compiled kernels", "smeaton cache --trim-mb 500",
            [](Arguments& arguments) {
                struct Request {
                    int trim_mb = -1;
                    bool clear = false, json = false, wide = false;
                };
                auto r = std::make_shared<Request>();
                arguments.option("--trim-mb", r->trim_mb, -1,
                                 "remove the least recently used down to so many MB");
                arguments.flag("--clear", r->clear, "remove all");
                width_option(arguments, r->wide);
                arguments.flag("--json", r->json, "one JSON object on stdout");
                return [r] {
                    int64_t keep = r->clear ? 0 : int64_t{r->trim_mb} * 1'000'000;
                    driver::CacheResult result = driver::look_at_cache("", keep);
                    print_out(r->json ? report::json(result)
                                      : report::text(result, {table_width(r->wide)}));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
