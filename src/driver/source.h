// What the stages make of a model, as text: dumps of a stage, emitted source.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/feeds.h"
#include "driver/pipeline.h"
#include "driver/session.h"
#include "gir/ledger/levels.h"

namespace smeaton::driver {

/// A model and what is fed to it, before any stage but `read`.
struct Opened {
    model::Graph graph;          ///< empty where a program stands in its place
    std::optional<Entry> entry;  ///< with a value for each weight
    std::map<std::string, Tensor> feeds;
    std::vector<std::string> warnings;
};
/// Reads, refuses what is not supported, gathers feeds.
Opened open_model(const std::string& path, const FeedRequest&, const SessionOptions&);
/// What stands for weights of a program that have no data and are not given: values for who runs
/// it, zeros for who looks at shapes alone.
enum class OpenWeights { Random, Zeros };
/// The same of a program's file.
Opened open_program(const std::string& path, const FeedRequest&, const SessionOptions&,
                    OpenWeights);
/// Either, by what the file holds, for who looks at shapes alone.
Opened open_file(const std::string& path, const FeedRequest&, const SessionOptions&);

struct TunedOn {
    Tuned tuned;
    std::string text;      ///< of the stage named by stop_after
    bool stopped = false;  ///< before the end
};
/// The stages up to `tile` on these feeds; inputs whose values decide shapes are found as the
/// stages ask for them.
TunedOn tune_on(const model::Graph&, const std::map<std::string, Tensor>& feeds,
                const SessionOptions&, const gir::Target&);
TunedOn tune_on(const Opened&, const SessionOptions&, const gir::Target&);

/// What options.stop_after made: `read` to `emit`. UserError for the stages behind, which make no
/// text.
std::string stage_text(const std::string& path, const Opened&, const SessionOptions&,
                       const gir::Target&);

struct SourceRequest {
    std::string model;
    FeedRequest feeds;
    SessionOptions session;
    bool one_unit = true;  ///< all in one text; else as many as are compiled in parallel
};
struct SourceFile {
    std::string name, text;
};
std::vector<SourceFile> emit_source(const SourceRequest&);
/// Gives the paths.
std::vector<std::string> write_source(const std::vector<SourceFile>&, const std::string& folder);

/// What stands above an emitted kernel besides its operators: the ledger on a machine's levels.
std::string kernel_comment(const gir::Kernel&, const gir::Program&, const gir::Levels&);
/// The target that code is emitted for on this machine.
gir::Target target_here(const SessionOptions&);

}  // namespace smeaton::driver
