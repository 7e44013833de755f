#include "run/energy.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

namespace smeaton::run {

namespace {

namespace fs = std::filesystem;

template <class T>
std::optional<T> read(const fs::path& file) {
    std::ifstream in(file);
    T value{};
    if (!(in >> value)) return std::nullopt;
    return value;
}

bool counts(const std::string& name) {
    return name.starts_with("package") || name == "dram";
}

std::vector<fs::path> zones(const std::string& folder) {
    std::vector<fs::path> found;
    std::error_code none;
    for (fs::directory_iterator at(folder, none), end; !none && at != end; at.increment(none))
        if (at->path().filename().string().find("rapl:") != std::string::npos)
            found.push_back(at->path());
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

EnergyMeter::EnergyMeter(const std::string& folder) {
    const std::vector<fs::path> found = zones(folder);
    std::string names;
    for (const fs::path& zone : found) {
        const std::string name = read<std::string>(zone / "name").value_or("");
        // The same counters appear below intel-rapl-mmio on some machines.
        if (!counts(name) || zone.filename().string().find("mmio") != std::string::npos) continue;
        const fs::path file = zone / "energy_uj";
        const auto range = read<int64_t>(zone / "max_energy_range_uj");
        if (!read<int64_t>(file) || !range) {
            domains_.clear();
            about_ = file.string() + " cannot be read (mostly root alone may)";
            return;
        }
        domains_.push_back({file.string(), *range, 0});
        names += (names.empty() ? "" : ", ") + name;
    }
    about_ = domains_.empty() ? "the system has no RAPL counters in " + folder : "RAPL: " + names;
    start();
}

void EnergyMeter::start() {
    for (Domain& d : domains_) d.start_uj = read<int64_t>(d.file).value_or(0);
}

double EnergyMeter::joules() const {
    double uj = 0;
    for (const Domain& d : domains_) {
        const int64_t now = read<int64_t>(d.file).value_or(d.start_uj);
        uj += static_cast<double>(now >= d.start_uj ? now - d.start_uj
                                                    : now - d.start_uj + d.range_uj);
    }
    return uj * 1e-6;
}

}  // namespace smeaton::run
