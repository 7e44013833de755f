#include "driver/source.h"

#include "base/error.h"
#include "base/output_file.h"
#include "cost/target.h"
#include "driver/naming.h"
#include "driver/ports.h"
#include "driver/resume.h"
#include "emit/cpp/emit.h"
#include "gir/ledger/ledger.h"
#include "machine/probe/cpu.h"
#include "model/shape/infer.h"
#include "model/text/text.h"
#include "run/cpu.h"

namespace smeaton::driver {

namespace {

emit::Isa isa_of(const SessionOptions& options) {
    return emit::isa_named(options.isa.empty() ? run::host_isa() : options.isa);
}

std::vector<std::string> units_of(const gir::Program& program, const emit::Isa& isa,
                                  const gir::Target& target, int units) {
    const gir::Levels levels = gir::levels_of(target, program);
    auto comment = [&](const gir::Kernel& k) { return kernel_comment(k, program, levels); };
    return emit::emit_program(program, {isa, units, comment}).units;
}

}  // namespace

std::string kernel_comment(const gir::Kernel& kernel, const gir::Program& program,
                           const gir::Levels& levels) {
    return "bytes by level, and operations:\n" +
           gir::str(gir::ledger_of_named(kernel, program, levels));
}

Opened open_model(const std::string& path, const FeedRequest& request,
                  const SessionOptions& options) {
    check_skip({options.skip.begin(), options.skip.end()});
    Opened opened;
    opened.graph = read_model(path, options);
    opened.feeds =
        gather_feeds(path, input_ports(opened.graph), request, overridable_ports(opened.graph));
    return opened;
}

TunedOn tune_on(const model::Graph& graph, const std::map<std::string, Tensor>& feeds,
                const SessionOptions& options, const gir::Target& target) {
    Specialisation wanted;
    wanted.dims = options.dims;
    for (const auto& [name, tensor] : feeds) wanted.shapes[name] = tensor.shape();
    PipelineOptions pipeline{{options.skip.begin(), options.skip.end()}, options.explain};
    if (!options.resume.empty()) pipeline.resume = read_resume(options.resume);
    for (;;) {
        StageRunner runner({options.dump_folder, options.stop_after, options.progress});
        try {
            TunedOn result;
            result.tuned = tune(graph, wanted, target, pipeline, runner);
            result.text = runner.last_text();
            result.stopped = runner.stopped();
            return result;
        } catch (const model::NeedsValue& needs) {
            refuse_deciding_states(graph, needs.inputs);
            size_t before = wanted.values.size();
            for (const std::string& name : needs.inputs)
                if (feeds.count(name) > 0) wanted.values[name] = feeds.at(name);
            if (wanted.values.size() == before) throw UserError("{}", needs.what());
        }
    }
}

gir::Target target_here(const SessionOptions& options) {
    gir::Target target = cost::target_of(machine::cpu_features(), options.isa);
    target.cores = options.threads > 0 ? options.threads : run::usable_cores();
    return target;
}

std::string stage_text(const std::string& path, const Opened& opened, const SessionOptions& options,
                       const gir::Target& target) {
    if (options.stop_after == "read") return model::print(opened.graph);
    if (options.stop_after == "compile" || options.stop_after == "plan")
        throw UserError(
            "--stop-after {}: nothing is printed after this stage; emit is the last one that "
            "prints (--dump DIR writes the plan)",
            options.stop_after);
    TunedOn made =
        naming(path, [&] { return tune_on(opened.graph, opened.feeds, options, target); });
    if (made.stopped) return dump_head(options.stop_after) + made.text;
    std::string text;
    for (const std::string& unit : units_of(made.tuned.program, isa_of(options), target, 1))
        text += unit;
    return text;
}

std::vector<SourceFile> emit_source(const SourceRequest& request) {
    Opened opened = open_model(request.model, request.feeds, request.session);
    gir::Target target = target_here(request.session);
    TunedOn made = naming(request.model, [&] {
        return tune_on(opened.graph, opened.feeds, request.session, target);
    });
    int units = request.one_unit ? 1 : run::usable_cores();
    std::vector<SourceFile> files;
    for (std::string& unit : units_of(made.tuned.program, isa_of(request.session), target, units))
        files.push_back({fmt::format("kernels_{}.cpp", files.size()), std::move(unit)});
    return files;
}

std::vector<std::string> write_source(const std::vector<SourceFile>& files,
                                      const std::string& folder) {
    make_folder(folder);
    std::vector<std::string> paths;
    for (const SourceFile& f : files) {
        paths.push_back(folder + "/" + f.name);
        write_file(paths.back(), f.text);
    }
    return paths;
}

}  // namespace smeaton::driver
