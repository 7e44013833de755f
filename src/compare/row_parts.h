// What rows of decoders and of other models are made with: a device's numbers at both ends of their
// ranges, what measured rows say of an engine, and times with their intervals.
#pragma once

#include <string>
#include <vector>

#include "compare/compare.h"
#include "compare/phases.h"
#include "compare/rates.h"

namespace smeaton::compare {

inline constexpr double kGib = 1024.0 * 1024 * 1024;

/// Rates of a device and bits of its operands, at one end of what is known of them.
struct End {
    cost::DeviceRates rates;
    Bits bits;
};
struct Ends {
    End slow, value, fast;
    std::vector<UsedNumber> numbers;  ///< of the device, which they are made of
    std::vector<std::string> flags;   ///< what is not certain of them
};

/// Everything that one row is computed from.
struct RowInputs {
    const Workload& workload;
    const Traffic& traffic;
    const DeviceCount& asked;
    const Options& options;
    bool by_memory = false;  ///< no peak is stated: the rate of memory alone
    Format format;           ///< as asked for; or wider, as operands may be made
    Ends ends = {};
};

/// Of the format asked for, with the sums that the engine computes in. UserError where a number is
/// blank.
Ends ends_of(const RowInputs&, const std::string& engine);

/// The inputs as for the engine, and for operands widened to each class of width above their own in
/// which measured rows lie and the device computes: weights may be unpacked before they are used.
std::vector<RowInputs> widths_of(const RowInputs&, const std::string& engine);

/// Each end of `q` at most `times` that of `other`: another way to do the same. Where that decides
/// one, it is flagged.
void at_most(Quantity& q, const Quantity& other, double times,
             const std::vector<std::string>& flags);

/// Where an engine has no rows of this width: those of its nearest width, marked so.
const cost::Calibration* nearest_calibration(const std::vector<cost::Calibration>&,
                                             const std::string& engine, double bits, bool& exact);

/// Measured over predicted: what rows of this device said, and the range of rows left out.
machine::Interval correction(const cost::Calibration*, const std::string& quantity,
                             const machine::Device&, Quantity&, bool exact, bool beyond);

/// Seconds with their interval: never below the roofline of the best numbers.
Quantity timed(const RowInputs&, double value, double slow, double fast, double bound_fast,
               const machine::Interval& factor, Quantity);
Quantity inverse(const Quantity& time, double work);
Quantity scaled(Quantity, double k);

void apply_cap(const RowInputs&, EngineRow&);

/// Engines that the row is of: the one asked for, or all that run the device and have rows.
std::vector<std::string> engines_of(const RowInputs&);

/// Fills times, fit and limit; what costs money comes later.
void decoder_row(const RowInputs&, DeviceRow&);
void model_row(const RowInputs&, DeviceRow&);
/// A decoder at most as fast as memory gives the bytes; what arithmetic bounds is refused.
void bound_by_memory(const RowInputs&, DeviceRow&);

}  // namespace smeaton::compare
