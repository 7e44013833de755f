// Rates of transfers that share lines.
#pragma once

#include <vector>

#include "cost/demand.h"

namespace smeaton::cost {

/// Max-min fair rates by progressive filling (Bertsekas, Gallager: Data Networks, 1992, section
/// 6.5.2): all rise together; where a line is full, those that cross it stop.
class LineRates {
public:
    explicit LineRates(const std::vector<Line>&);

    /// In bytes per ns, by flow; each crosses a line at least. Valid until the next call.
    const std::vector<double>& of(const std::vector<const Flow*>&);

private:
    std::vector<double> capacity_, left_;  ///< by line
    std::vector<int> rising_;              ///< flows across it that have not stopped
    std::vector<int> used_;                ///< lines
    std::vector<double> rates_;
};

}  // namespace smeaton::cost
