#include "gir/verify/verify.h"

#include <algorithm>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/verify/number_rules.h"
#include "gir/verify/rules.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace {

using namespace verifying;

/// Values that unbound parameters are tried at: one, an odd one, a multiple of any block.
constexpr int64_t kTries[] = {1, 37, 64};

std::vector<Bindings> bindings_to_try(const Program& p) {
    std::vector<Bindings> out;
    for (int64_t value : kTries) {
        Bindings bindings;
        bool any_free = false;
        for (const Param& param : p.params) {
            bindings[param.name] = param.bound.value_or(value);
            any_free = any_free || !param.bound;
        }
        out.push_back(std::move(bindings));
        if (!any_free) break;
    }
    return out;
}

/// Bytes that resident buffers claim at each level while each kernel runs: from the first kernel
/// that writes the buffer to the last one that reads it.
std::vector<std::map<Name, int64_t>> claims_by_kernel(const Program& p,
                                                      const std::vector<KernelPtr>& list,
                                                      const Bindings& bindings) {
    std::vector<std::map<Name, int64_t>> out(list.size());
    auto names = [](const std::vector<Name>& uses, Name name) {
        return std::find(uses.begin(), uses.end(), name) != uses.end();
    };
    for (const Buffer& b : p.buffers) {
        if (b.resident.empty()) continue;
        size_t first = list.size(), last = 0;
        for (size_t i = 0; i < list.size(); ++i) {
            if (names(list[i]->writes, b.name)) first = std::min(first, i);
            if (names(list[i]->reads, b.name)) last = i;
        }
        int64_t bytes = physical_bytes(b).bind(bindings).value();
        for (size_t i = first; i <= last && i < list.size(); ++i) out[i][b.resident] += bytes;
    }
    return out;
}

void check_all_numbers(const Program& p, const std::vector<Written>& before,
                       const Bindings& bindings, const VerifyOptions& options, Faults& faults) {
    std::vector<KernelPtr> list = kernels(p);
    auto claimed = claims_by_kernel(p, list, bindings);
    for (size_t i = 0; i < list.size(); ++i) {
        const Kernel& k = *list[i];
        Accesses accesses = accesses_of(p, k, bindings);
        check_bounds(accesses, faults);
        check_races(accesses, faults);
        check_coverage(accesses, before[i], faults);
        check_capacity(k, bindings, claimed[i], options, faults);
    }
}

}  // namespace

std::vector<std::string> find_faults(const Program& p, const VerifyOptions& options) {
    Faults faults;
    check_program(p, faults);
    if (!faults.list.empty()) return faults.list;
    for (const KernelPtr& k : kernels(p)) check_structure(p, *k, faults);
    // Kinds and numbers rely on names and ranks that are right.
    if (!faults.list.empty()) return faults.list;
    std::vector<Written> before = written_before(p, faults);
    for (const KernelPtr& k : kernels(p)) {
        check_kinds(p, *k, faults);
        check_claims(p, *k, faults);
        check_spelling(*k, faults);
    }
    for (const Bindings& bindings : bindings_to_try(p))
        check_all_numbers(p, before, bindings, options, faults);
    return faults.list;
}

void verify(const Program& p, std::string_view pass, const VerifyOptions& options) {
    std::vector<std::string> faults = find_faults(p, options);
    if (faults.empty()) return;
    std::string more = faults.size() > 1 ? fmt::format(" (and {} more)", faults.size() - 1) : "";
    throw InternalError(fmt::format("after {}: {}{}", pass, faults[0], more));
}

}  // namespace smeaton::gir
