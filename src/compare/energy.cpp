#include "compare/energy.h"

#include <fmt/core.h>

#include <cmath>

#include "base/error.h"

namespace smeaton::compare {

namespace {

using machine::Interval;

/// What a device under load draws of its rated power or cap.
constexpr Interval kLoadShare{0.65, 0.85, 1.0};
/// What hosts draw of what their server's maximum leaves beside its devices: processors, memory,
/// network, fans, conversion. The 8 x H200 server metered in MLPerf v4.1 (GPUs capped at 350 W)
/// draws 0.43 of it with its GPUs at their caps.
constexpr Interval kHostShare{0.25, 0.42, 0.65};
/// Where no server is known: hosts beside the rated power of their devices.
constexpr Interval kUnknownHost{0.15, 0.35, 0.8};
constexpr Interval kIdleShare{0.05, 0.12, 0.3};  ///< of the rated power, where idle_w is blank

struct Host {
    Interval watts;
    bool known = false;
    std::vector<const machine::DeviceNumber*> numbers = {};
};

Host host_of(const machine::Device& d, int count, double rated) {
    const auto* server = machine::find_number(d, "server_power_w");
    const auto* holds = machine::find_number(d, "server_devices");
    if (server && holds) {
        const double beside = server->number.value - holds->number.value * rated;
        const double servers = std::ceil(count / holds->number.value);
        if (beside > 0) return {kHostShare * (beside * servers), true, {server, holds}};
    }
    return {kUnknownHost * (rated * count)};
}

}  // namespace

Interval kept_under_cap(const machine::Device& d, double cap_w) {
    const double rated = machine::need(d, "power_w", "a power cap").number.value;
    if (cap_w >= rated) return Interval::exact(1);
    const double part = cap_w / rated;
    return {part, std::pow(part, 0.5), std::pow(part, 0.25)};
}

Power power(const machine::Device& d, int count, double busy, std::optional<double> cap_w) {
    Power p;
    const auto* rated = machine::find_number(d, "power_w");
    if (!rated) {
        try {
            machine::need(d, "power_w", "energy");
        } catch (const UserError& error) {
            p.refused = error.what();
        }
        return p;
    }
    const double full = rated->number.value;
    const Interval limit =
        cap_w && *cap_w < full ? Interval::exact(*cap_w) : rated->number.interval();
    const bool system = rated->per == "system";
    const auto* idle_number = machine::find_number(d, "idle_w");
    const Interval idle = idle_number ? idle_number->number.interval() : kIdleShare * full;
    const Interval load = max(limit * kLoadShare, idle);
    const Interval each{idle.low + (load.low - idle.low) * busy,
                        idle.value + (load.value - idle.value) * busy,
                        idle.high + (load.high - idle.high) * busy};
    const Host host = system ? Host{{}, true} : host_of(d, count, full);
    auto quantity = [&](Interval v, const std::string& formula) {
        Quantity q;
        q.v = v;
        q.formula = formula;
        rests_on(q, d.name + " power_w", *rated);
        if (idle_number) rests_on(q, d.name + " idle_w", *idle_number);
        for (const machine::DeviceNumber* number : host.numbers) rests_on(q, "server", *number);
        if (!host.known) q.flag("server unknown");
        if (!idle_number) q.flag("idle power assumed");
        if (cap_w && *cap_w < full) q.flag("power cap without frequency data");
        return q;
    };
    p.wall_w = quantity(each * count + host.watts,
                        fmt::format("{} x (idle + (load - idle) x {:.2f}) + host", count, busy));
    p.idle_w =
        quantity(idle * count + host.watts * 0.6, fmt::format("{} x idle + host at rest", count));
    p.devices_w =
        quantity(limit * count, fmt::format("{} x rated power; hosts come on top", count));
    p.main_term = each.value * count >= host.watts.value ? "devices" : "host";
    return p;
}

}  // namespace smeaton::compare
