#include "driver/source.h"

#include "base/error.h"
#include "base/output_file.h"
#include "driver/entry.h"
#include "driver/naming.h"
#include "driver/ports.h"
#include "driver/precision.h"
#include "driver/resume.h"
#include "driver/session_options.h"
#include "emit/cpp/emit.h"
#include "gir/ledger/ledger.h"
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

PipelineOptions pipeline_options(const SessionOptions& options) {
    PipelineOptions pipeline{{options.skip.begin(), options.skip.end()}, !options.explain.empty()};
    pipeline.products = products_of(options.precision);
    pipeline.operators_apart = options.operators_apart;
    if (!options.resume.empty()) pipeline.resume = read_resume(options.resume);
    return pipeline;
}

std::vector<std::string> random_weight_warnings(const Entry& entry,
                                                const std::map<std::string, Tensor>& given) {
    std::vector<std::string> warnings;
    for (Name n : entry.by_hash)
        if (std::string name = port_name(entry.program.buffer(n)); given.count(name) == 0)
            warnings.push_back(fmt::format(
                "the text names the data of '{}' by a hash alone; its values are random", name));
    return warnings;
}

Specialisation specialisation_of(const std::map<std::string, Tensor>& feeds,
                                 const SessionOptions& options) {
    Specialisation wanted;
    wanted.dims = options.dims;
    for (const auto& [name, tensor] : feeds) wanted.shapes[name] = tensor.shape();
    return wanted;
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
    check_stop_after(options.stop_after);
    Opened opened;
    opened.graph = read_model(path, options);
    opened.feeds =
        gather_feeds(path, input_ports(opened.graph), request, overridable_ports(opened.graph));
    return opened;
}

Opened open_program(const std::string& path, const FeedRequest& request,
                    const SessionOptions& options, OpenWeights values) {
    check_skip({options.skip.begin(), options.skip.end()});
    check_stop_after(options.stop_after);
    Opened opened;
    opened.entry = read_entry(path);
    Entry& entry = *opened.entry;
    naming(path, [&] { check_program_options(entry, options); });
    const std::vector<PortInfo> inputs = input_ports(entry.program), weights = open_weights(entry);
    std::vector<PortInfo> all = inputs;
    all.insert(all.end(), weights.begin(), weights.end());
    std::map<std::string, Tensor> given = given_feeds(all, request);
    std::map<std::string, int64_t> dims = dims_with(parse_dims(request.dims), all, given);
    for (const gir::Param& p : entry.program.params)
        if (p.bound) dims.emplace(p.name.str(), *p.bound);
    const bool random = values == OpenWeights::Random;
    if (random) opened.warnings = random_weight_warnings(entry, given);
    const std::vector<PortInfo> open = missing(weights, given);
    given.merge(random_feeds(path, missing(inputs, given), dims, request.seed));
    // Another seed than that of the inputs, which would begin with the same values.
    given.merge(random ? random_feeds(path, open, dims, request.seed + 1)
                       : zero_feeds(path, open, dims));
    naming(path, [&] { give_weights(entry, given); });
    for (const PortInfo& weight : weights) given.erase(weight.name);
    opened.feeds = std::move(given);
    return opened;
}

Opened open_file(const std::string& path, const FeedRequest& request,
                 const SessionOptions& options) {
    return is_program_file(path) ? open_program(path, request, options, OpenWeights::Zeros)
                                 : open_model(path, request, options);
}

TunedOn tune_on(const Opened& opened, const SessionOptions& options, const gir::Target& target) {
    if (!opened.entry) return tune_on(opened.graph, opened.feeds, options, target);
    Specialisation wanted = specialisation_of(opened.feeds, options);
    StageRunner runner({options.dump_folder, options.stop_after, options.progress});
    TunedOn result;
    result.tuned = tune(*opened.entry, wanted, target, pipeline_options(options), runner);
    result.text = runner.last_text();
    result.stopped = runner.stopped();
    return result;
}

TunedOn tune_on(const model::Graph& graph, const std::map<std::string, Tensor>& feeds,
                const SessionOptions& options, const gir::Target& target) {
    Specialisation wanted = specialisation_of(feeds, options);
    const PipelineOptions pipeline = pipeline_options(options);
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
    return target_for(options.isa, options.threads > 0 ? options.threads : run::usable_cores());
}

std::string stage_text(const std::string& path, const Opened& opened, const SessionOptions& options,
                       const gir::Target& target) {
    if (options.stop_after == "read" && !opened.entry) return model::print(opened.graph);
    if (options.stop_after == "compile" || options.stop_after == "plan")
        throw UserError(
            "--stop-after {}: nothing is printed after this stage; emit is the last one that "
            "prints (--dump DIR writes the plan)",
            options.stop_after);
    TunedOn made = naming(path, [&] { return tune_on(opened, options, target); });
    if (made.stopped) return dump_head(options.stop_after) + made.text;
    std::string text;
    for (const std::string& unit : units_of(made.tuned.program, isa_of(options), target, 1))
        text += unit;
    return text;
}

std::vector<SourceFile> emit_source(const SourceRequest& request) {
    const SessionOptions& options = request.session;
    Opened opened = open_file(request.model, request.feeds, options);
    gir::Target target = target_here(options);
    TunedOn made = naming(request.model, [&] { return tune_on(opened, options, target); });
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
