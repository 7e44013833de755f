// A model file as a workload: counted from its graph.
#pragma once

#include <string>
#include <vector>

#include "compare/workload.h"

namespace smeaton::driver {

struct WorkloadRequest {
    std::string model;              ///< ONNX, or a config.json
    std::vector<std::string> dims;  ///< "NAME=VALUE"; of ONNX
    int batch = 0;                  ///< leading size of every input; 0: as in the file
    int prompt = 0;                 ///< of a decoder: count its graph for so many tokens
};

/// Of a decoder's config.json: its products by weight, its attention, what it keeps. Of any other
/// model: each operator's work. UserError names the file: operators that are not supported, open
/// sizes.
compare::Workload workload_of(const WorkloadRequest&);

}  // namespace smeaton::driver
