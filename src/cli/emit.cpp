#include "base/error.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "driver/source.h"

namespace smeaton::cli {

Verb emit_verb() {
    struct Request {
        driver::SourceRequest source;
        std::string as = "cpp", folder;
    };
    return {"emit", "readable source of the model, as it is compiled",
            "smeaton emit model.onnx --as cpp --output-dir source", [](Arguments& arguments) {
                auto r = std::make_shared<Request>();
                arguments.positional("MODEL", r->source.model,
                                     "an ONNX file, or a program (.gir, a dump)");
                arguments.option("--as", r->as, "LANGUAGE", "cpp");
                feed_options(arguments, r->source.feeds);
                arguments.option("--output-dir", r->folder, "DIR",
                                 "write files there instead of to stdout");
                arguments.option("--threads", r->source.session.threads, 0, "0: all cores");
                stage_options(arguments, r->source.session);
                resume_option(arguments, r->source.session);
                return [r] {
                    if (r->as != "cpp") throw UserError("--as {}: source is emitted as cpp", r->as);
                    Progress progress;
                    r->source.session.progress = progress.callback();
                    r->source.one_unit = r->folder.empty();
                    std::vector<driver::SourceFile> files = driver::emit_source(r->source);
                    if (r->folder.empty()) {
                        for (const driver::SourceFile& f : files) print_out(f.text);
                        return 0;
                    }
                    for (const std::string& path : driver::write_source(files, r->folder))
                        print_out(path + "\n");
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
