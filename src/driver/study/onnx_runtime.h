// Comparison with ONNX Runtime, where a Python that can import it is at hand.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/study/check.h"
#include "driver/study/measure.h"

namespace smeaton::driver {

struct PeerComparison {
    bool ran = false;
    std::string skipped;  ///< why not
    std::string version;
    Latency ours_ms, theirs_ms;
    double ratio = 0;  ///< median over the turns of our time / theirs; below 1 we are ahead
    double ratio_low = 0, ratio_high = 0;  ///< quartiles
    int turns = 0;
    std::vector<Comparison> outputs;
};

/// Both run turn by turn in the same seconds, so that what else the machine does hits both. The
/// Python: $SMEATON_PYTHON, .venv beside the program's folder, else python3 on PATH.
PeerComparison compare_with_onnx_runtime(Session&, const std::string& model,
                                         const std::map<std::string, Tensor>& feeds, int turns);

}  // namespace smeaton::driver
