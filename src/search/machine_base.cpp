#include "search/machine_base.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "machine/energy.h"
#include "machine/query.h"
#include "machine/read.h"
#include "machine/verify.h"

namespace smeaton::search {

using machine::Level;
using machine::Machine;
using machine::Setting;

namespace {

/// With the space's technology and energy of memory where the description has none.
Machine read_base(const Space& space) {
    Machine m = machine::read_machine_file(space.base);
    if (space.technology && !m.technology) m.technology = space.technology;
    if (space.dram_pj_per_byte) {
        Level& memory = m.levels.back();
        for (auto* pj : {&memory.read_energy_pj_per_byte, &memory.write_energy_pj_per_byte})
            if (!*pj) *pj = machine::Number(*space.dram_pj_per_byte, "the space");
    }
    return m;
}

bool is_sram(const Machine& m, size_t level) {
    return level > 0 && !m.levels[level].next.empty();
}

double instances(const Machine& m, const Level& level) {
    return static_cast<double>(machine::unit_count(m, level.private_to));
}

using Terms = std::vector<std::pair<std::string, double>>;

class MachineBase : public Base {
public:
    explicit MachineBase(const Space& space)
        : machine_(read_base(space)), settings_(machine::settings_of(machine_)) {
        if (machine::area_of(machine_).value) figures_.emplace_back("area_mm2");
        if (machine::tells_energy(machine_)) {
            figures_.emplace_back("energy_pj");
            figures_.emplace_back("power_w");
        }
        if (machine_.price_usd) figures_.emplace_back("cost_usd");
    }

    std::vector<std::string> keys() const override {
        std::vector<std::string> all;
        for (const Setting& s : settings_) all.push_back(s.key);
        return all;
    }
    double value(const std::string& key) const override { return named(key).value; }
    std::string refusal(const std::string& key, double value) const override {
        const Setting& s = named(key);
        if (!s.fixed.empty()) return "cannot be set: " + s.fixed;
        if (s.whole && (value < 1 || value != std::floor(value) || value > 1e9))
            return "is no whole number from 1 to 1e9";
        return value > 0 ? "" : "is not above 0";
    }
    std::vector<std::string> figures() const override { return figures_; }
    std::optional<Terms> sum_of(const std::string& figure) const override {
        const bool one_of_each = std::all_of(machine_.scopes.begin(), machine_.scopes.end(),
                                             [](const auto& s) { return s.count == 1; });
        // Products with a number of cores are no sums.
        if (!one_of_each) return std::nullopt;
        if (figure == "sram_bytes") return sram_terms();
        return std::nullopt;
    }

private:
    const Setting& named(const std::string& key) const {
        const auto at = std::find_if(settings_.begin(), settings_.end(),
                                     [&](const Setting& s) { return s.key == key; });
        SMEATON_CHECK(at != settings_.end(), "the space was read against this base: {}", key);
        return *at;
    }
    Terms sram_terms() const {
        Terms terms;
        for (size_t i = 0; i < machine_.levels.size(); ++i)
            if (is_sram(machine_, i))
                terms.emplace_back("levels." + machine_.levels[i].name + ".capacity", 1.0);
        return terms;
    }
    Machine machine_;
    std::vector<Setting> settings_;
    std::vector<std::string> figures_ = {"sram_bytes", "bandwidth_gb_s"};
};

}  // namespace

std::unique_ptr<Base> open_machine_base(const Space& space) {
    return std::make_unique<MachineBase>(space);
}

Machines::Machines(const Space& space) : space_(space), base_(read_base(space)) {
    const std::vector<Setting> all = machine::settings_of(base_);
    for (const Axis& axis : space.axes)
        settings_.push_back(*std::find_if(all.begin(), all.end(),
                                          [&](const Setting& s) { return s.key == axis.key; }));
}

Machine Machines::at(const Point& point) const {
    Machine m = base_;
    for (size_t i = 0; i < point.size(); ++i) settings_[i].set(m, value(space_, point, i));
    machine::verify(m, space_.file);
    return m;
}

Machine Machines::of(const Box& box, bool best) const {
    Machine m = base_;
    for (size_t i = 0; i < box.size(); ++i) {
        const bool high = (settings_[i].better == machine::Better::Less) != best;
        settings_[i].set(m, space_.axes[i].values[high ? box[i].high : box[i].low]);
    }
    return m;
}

double sram_bytes(const Machine& m) {
    double bytes = 0;
    for (size_t i = 0; i < m.levels.size(); ++i)
        if (is_sram(m, i)) bytes += m.levels[i].capacity_bytes.value * instances(m, m.levels[i]);
    return bytes;
}

double bandwidth_gb_s(const Machine& m) {
    double gb_s = 0;
    for (const Level& level : m.levels) {
        if (level.port_gb_s) gb_s += level.port_gb_s->value * instances(m, level);
        if (level.next.empty() && level.read)
            gb_s += machine::total_gb_s(*level.read, machine::core_count(m)).value;
    }
    return gb_s;
}

}  // namespace smeaton::search
