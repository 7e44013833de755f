#include "report/simulated.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace smeaton::report {

namespace {

using Kernels = std::vector<const driver::SimulatedKernel*>;

std::string level_bytes(const driver::SimulatedKernel& k) {
    const std::map<std::string, double> bytes = k.bytes();
    std::vector<std::string> parts;
    for (const driver::SimulatedLevel& l : k.levels)
        parts.push_back(l.name + " " + bytes_text(bytes.at(l.name)));
    return joined(parts);
}

std::string share_text(double part, double whole) {
    return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : "";
}

/// "Conv" of "/layer1/conv1/Conv" and of "Conv_12": nodes are mostly named after what they do.
std::string class_of(const driver::SimulatedKernel& k) {
    if (k.ops.empty()) return "(none)";
    std::string name = k.ops.front().substr(k.ops.front().rfind('/') + 1);
    const size_t end = name.find_last_not_of("0123456789");
    if (end != std::string::npos && end + 1 < name.size() && name[end] == '_') name.resize(end);
    return name.empty() ? k.ops.front() : name;
}

template <class Key>
std::string totals_text(const char* head, const Kernels& kernels, double all_us, Key key) {
    std::map<std::string, std::pair<int, double>> sums;
    for (const auto* k : kernels) {
        auto& [count, us] = sums[key(*k)];
        ++count;
        us += k->time_us.value;
    }
    std::vector<std::pair<std::string, std::pair<int, double>>> rows(sums.begin(), sums.end());
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return a.second.second > b.second.second;
    });
    constexpr size_t kRows = 8;
    Table table({head, ">time", ">share", ">kernels"});
    for (size_t i = 0; i < std::min(kRows, rows.size()); ++i)
        table.row({rows[i].first, time_text(rows[i].second.second),
                   share_text(rows[i].second.second, all_us),
                   std::to_string(rows[i].second.first)});
    return table.str();
}

}  // namespace

std::string simulated_kernels_text(const driver::SimulateResult& r, Width width) {
    Kernels kernels;
    int once = 0;
    double all_us = 0;
    for (const driver::SimulatedKernel& k : r.kernels) {
        if (k.once) {
            ++once;
            continue;
        }
        kernels.push_back(&k);
        all_us += k.time_us.value;
    }
    std::stable_sort(kernels.begin(), kernels.end(),
                     [](auto* a, auto* b) { return a->time_us.value > b->time_us.value; });
    std::string out = totals_text("bound by", kernels, all_us,
                                  [](const driver::SimulatedKernel& k) { return k.bound; }) +
                      "\n" + totals_text("first node", kernels, all_us, class_of) + "\n";
    Table table({"kernel", ">time", ">share", "bound", ">compute", ">data", "operators", "bytes"});
    for (const auto* k : kernels)
        table.row({k->name, time_text(k->time_us.value), share_text(k->time_us.value, all_us),
                   k->bound, time_text(k->compute_us), time_text(k->data_us), joined(k->ops),
                   level_bytes(*k)});
    out += table.str(width);
    if (once > 0)
        out += fmt::format("and {} kernels that run once at load: {}\n", once,
                           time_text(r.load_ms.value * 1e3));
    return out;
}

}  // namespace smeaton::report
