// A real device as a data sheet has it: the short form of a machine file (docs/devices.md). What is
// blank there is no number here; who needs one asks by need(), which refuses.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine/machine.h"

namespace smeaton::machine {

/// Who stands for a number.
enum class Confidence { Vendor, Secondary, Inferred, Recalled, Unstated };

/// A number with what it is a number of.
struct DeviceNumber {
    Number number;
    std::string sparse;      ///< "2:4"; empty: dense
    std::string accumulate;  ///< format of the sums; empty: does not apply
    std::string per;         ///< "die", "package", "system"; empty: package
    std::string ways;        ///< "one" or "both" directions; empty: does not apply
    std::string date, note;
    Confidence confidence = Confidence::Unstated;
    std::vector<DeviceNumber> also;  ///< of a peak: rates of the same format for other work
    friend bool operator==(const DeviceNumber&, const DeviceNumber&) = default;
};

//      key                    unit       least  most
#define SMEATON_DEVICE_NUMBERS(X)              \
    X("memory_gb", "GiB", 1e-3, 1e5)           \
    X("bandwidth_gb_s", "GB/s", 1e-2, 1e8)     \
    X("link_gb_s", "GB/s", 1e-2, 1e6)          \
    X("sram_mb", "MB", 1e-3, 1e6)              \
    X("power_w", "W", 1e-3, 1e6)               \
    X("idle_w", "W", 1e-3, 1e6)                \
    X("server_devices", "devices", 1, 1e4)     \
    X("server_power_w", "W", 1e-2, 1e7)        \
    X("clock_ghz", "GHz", 1e-3, 20)            \
    X("die_area_mm2", "mm2", 1e-1, 1e6)        \
    X("price_usd", "USD", 1e-1, 1e9)           \
    X("rent_usd_per_hour", "USD/h", 1e-4, 1e6) \
    X("nre_usd", "USD", 1, 1e11)

struct Device {
    std::string name;
    std::string file;  ///< where it was read from; a name where it ships
    std::vector<std::string> aliases;
    std::string vendor, device_class, family, process, memory_type;
    int year = 0;                                              ///< 0: not stated
    std::vector<std::pair<std::string, std::string>> sources;  ///< short name, full reference
    std::map<std::string, DeviceNumber> peak;     ///< tera-operations per second, by format
    std::map<std::string, DeviceNumber> numbers;  ///< by the keys above
    std::map<std::string, std::string> blank;     ///< key ("peak.fp8") -> why there is no number
    std::vector<std::string> engines, notes;
    friend bool operator==(const Device&, const Device&) = default;
};

/// Formats that a peak may be stated for: "fp64", "fp32", "tf32", "fp16", "bf16", "fp8", ...
const std::vector<std::string>& device_formats();
/// "GPU", "TPU", "ASIC", "FPGA", "CPU", "SoC", "in-memory".
const std::vector<std::string>& device_classes();
std::string_view text(Confidence);

/// Is this text the short form: a mapping without `levels` and `units`, with `peak`, `class`,
/// `memory_gb`, `bandwidth_gb_s` or `base`?
bool is_device_text(const std::string& yaml);
/// `base` names a device, or a file without one, whose numbers hold where the text has none.
/// UserError names file, line and key, as parse_machine does.
Device parse_device(const std::string& yaml, const std::string& file);
/// A file, or the name, alias or file name of one that ships; case, blanks and hyphens do not
/// matter. UserError that names the nearest where there is none.
Device read_device(const std::string& path_or_name);
/// The file name of the one that ships; empty where none answers to this.
std::string shipped_device(std::string_view name);
/// All that ship, by class and name.
std::vector<Device> shipped_devices();

/// The number behind a key ("memory_gb", "peak.fp16"); null where it is blank.
const DeviceNumber* find_number(const Device&, std::string_view key);
/// The same; where it is blank UserError "device D: no KEY, which WHAT needs; ...".
const DeviceNumber& need(const Device&, std::string_view key, std::string_view what);
/// Does a device have a number of this key ("memory_gb", "peak.fp16")?
bool is_device_key(const std::string& key);
/// Puts a number in the place of what the data sheet states, or of what it does not. UserError
/// naming `where` for one that is implausible.
void set_number(Device&, const std::string& key, const Interval&, const std::string& where);

/// The peak of a format for dense work. UserError where it is blank or stated for sparse work.
const DeviceNumber& need_dense_peak(const Device&, const std::string& format,
                                    std::string_view what);

/// Bits of an operand: 16 of "bf16"; 32 of "tf32", which is stored as fp32 is.
int format_bits(const std::string& format);
/// A format and all wider ones that hold each of its values, so that work of the one can be done as
/// work of the other: "int8" in "fp16", "bf16", "tf32", "fp32".
const std::vector<std::string>& formats_that_hold(const std::string& format);

/// The fastest at which a device computes with operands of a format, as themselves or widened:
/// 10^12 operations/s, each end the best that is stated for it.
struct FormatRate {
    Interval tera;
    std::string format;          ///< what gives its value
    const DeviceNumber* number;  ///< the same, of the device
};
/// For dense work, with sums in `accumulate` where such a rate is stated. Nothing where none is.
std::optional<FormatRate> dense_rate(const Device&, const std::string& format,
                                     const std::string& accumulate);
/// The same for operands of which N of M are kept ("2:4").
std::optional<FormatRate> sparse_rate(const Device&, const std::string& format,
                                      const std::string& sparse);

/// The rate of a format with sums in `accumulate`; the format's own where no other is stated for
/// such sums. Null where the format has no peak.
const DeviceNumber* dense_peak(const Device&, const std::string& format,
                               const std::string& accumulate);
/// The rate of a format for operands of which N of M are kept ("2:4"); null where none is stated.
const DeviceNumber* sparse_peak(const Device&, const std::string& format,
                                const std::string& sparse);

/// One unit at the peaks and one level of memory; what else a machine has is as the data sheet
/// does not say, marked so in its sources. UserError where fp32, memory or bandwidth is blank.
Machine to_machine(const Device&);

}  // namespace smeaton::machine
