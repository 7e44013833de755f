#include "gir/rewrite/rules.h"

#include <algorithm>

namespace smeaton::gir::rewrite {

const std::vector<std::string>& rule_names() {
    static const std::vector<std::string> names = {
        "through-views", "take-over-reader", "take-over-writer",
        "merge-loops",   "simplify-scalars", "drop-dead",
        "channels-last", "border",           "claim-resident"};
    return names;
}

KernelPtr kernel_of(const Step& s) {
    auto* run = std::get_if<RunStep>(&s.node);
    return run ? run->kernel : nullptr;
}

std::map<Name, Uses> uses_of(const Program& program) {
    std::map<Name, Uses> uses;
    for (size_t i = 0; i < program.steps.size(); ++i) {
        KernelPtr kernel = kernel_of(program.steps[i]);
        if (!kernel) continue;
        for (Name n : kernel->reads) uses[n].readers.push_back(i);
        for (Name n : kernel->writes) uses[n].writers.push_back(i);
    }
    return uses;
}

bool is_free_temp(const Program& program, const Buffer& buffer) {
    if (buffer.lifetime != Lifetime::Temp || !buffer.alias_of.empty()) return false;
    return std::none_of(program.buffers.begin(), program.buffers.end(),
                        [&](const Buffer& other) { return other.alias_of == buffer.name; });
}

}  // namespace smeaton::gir::rewrite
