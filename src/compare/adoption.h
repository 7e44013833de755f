// What adopting a device takes: the engines that run it and what of the model they lack, as far as
// their own lists say.
#pragma once

#include <string>
#include <vector>

#include "compare/workload.h"
#include "machine/device.h"

namespace smeaton::compare {

/// One list of what an engine runs on some devices.
struct EngineList {
    std::string engine;
    std::vector<std::string> classes;  ///< of devices; none: all
    std::string vendor;                ///< of the device; empty: any
    bool every_operator = false;
    bool complete = false;                       ///< what it does not name is lacking
    std::vector<std::string> operators, models;  ///< ONNX operators; `model_type` of configurations
    std::string where, source, date;
};

/// UserError names file, line and key.
std::vector<EngineList> parse_engines(const std::string& yaml, const std::string& file);
const std::vector<EngineList>& shipped_engine_lists();

struct EngineFit {
    std::string engine;
    bool known = false;              ///< some list answers
    std::vector<std::string> lacks;  ///< operators, or the kind of model
    std::string why;                 ///< what lacking means, or why it is not known
    std::string source, date;
};

/// For each engine that runs the device.
std::vector<EngineFit> engines_for(const std::vector<EngineList>&, const Workload&,
                                   const machine::Device&);

}  // namespace smeaton::compare
