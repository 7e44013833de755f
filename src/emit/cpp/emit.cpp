#include "emit/cpp/emit.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "emit/cpp/kernel.h"
#include "emit/cpp/prelude.h"
#include "emit/cpp/spell.h"

namespace smeaton::emit {

namespace {

/// A kernel's functions, with the kernels that share them.
struct Shared {
    KernelText text;
    std::string symbol;
    const gir::Kernel* first = nullptr;
    std::vector<std::string> others;
};

std::string commented(const std::string& text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        size_t end = text.find('\n', at);
        if (end == std::string::npos) end = text.size();
        // A trailing backslash would swallow the next line.
        std::string line = text.substr(at, end - at);
        while (!line.empty() && line.back() == '\\') line.pop_back();
        out += "// " + line + "\n";
        at = end + 1;
    }
    return out;
}

std::string functions(const Shared& s, const EmitOptions& options) {
    std::string origins;
    for (const std::string& o : s.first->origins) origins += (origins.empty() ? "" : ", ") + o;
    std::string out =
        commented(fmt::format("{}{}{}", s.first->name, origins.empty() ? "" : ": ", origins));
    if (options.comment) out += commented(options.comment(*s.first));
    if (!s.others.empty()) {
        std::string list;
        for (const std::string& o : s.others) list += (list.empty() ? "" : ", ") + o;
        out += commented("the same code serves " + list);
    }
    for (size_t i = 0; i < s.text.phases.size(); ++i)
        out += fmt::format(
            "extern \"C\" int {}_{}(void* const* buffers, char* scratch, i64 begin, i64 end) "
            "{{\n{}}}\n\n",
            s.symbol, i, s.text.phases[i].body);
    return out;
}

std::string key_of(const KernelText& t) {
    std::string key;
    for (const PhaseText& p : t.phases) key += fmt::format("{} {}\n", p.range, p.parallel) + p.body;
    return key;
}

/// Largest first, each to the unit that is shortest so far; order inside a unit as in the program.
std::vector<std::vector<size_t>> spread(const std::vector<size_t>& sizes, int units) {
    std::vector<size_t> order(sizes.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
    std::vector<std::vector<size_t>> parts(static_cast<size_t>(std::max(1, units)));
    std::vector<size_t> total(parts.size(), 0);
    for (size_t i : order) {
        size_t least =
            static_cast<size_t>(std::min_element(total.begin(), total.end()) - total.begin());
        parts[least].push_back(i);
        total[least] += sizes[i];
    }
    for (auto& part : parts) std::sort(part.begin(), part.end());
    return parts;
}

}  // namespace

EmittedProgram emit_program(const gir::Program& program, const EmitOptions& options) {
    EmittedProgram out;
    std::vector<Shared> shared;
    std::map<std::string, size_t> by_text;
    for (const gir::Step& step : program.steps) {
        const auto* run = std::get_if<gir::RunStep>(&step.node);
        if (!run)
            throw UserError("{}: branches, loops and data-dependent sizes are not compiled yet",
                            program.name);
        KernelText text = with_context(fmt::format("emitting kernel {}", run->kernel->name), [&] {
            return emit_kernel(*run->kernel, program, options.isa);
        });
        EmittedKernel kernel{run->kernel->name,  {},           text.buffers, text.shared_bytes,
                             text.scratch_bytes, text.messages};
        auto [at, fresh] = by_text.try_emplace(key_of(text), shared.size());
        if (fresh) {
            std::string symbol =
                fmt::format("k{}_{}", shared.size(), identifier(run->kernel->name.str()));
            shared.push_back({text, symbol, run->kernel.get(), {}});
        } else {
            shared[at->second].others.push_back(run->kernel->name.str());
        }
        const Shared& s = shared[at->second];
        for (size_t i = 0; i < text.phases.size(); ++i)
            kernel.phases.push_back(
                {fmt::format("{}_{}", s.symbol, i), text.phases[i].range, text.phases[i].parallel});
        out.kernels.push_back(std::move(kernel));
    }
    std::vector<std::string> texts;
    std::vector<size_t> sizes;
    for (const Shared& s : shared) {
        texts.push_back(functions(s, options));
        sizes.push_back(texts.back().size());
    }
    for (const auto& part : spread(sizes, options.units)) {
        if (part.empty()) continue;
        std::string code;
        for (size_t i : part) code += texts[i];
        out.units.push_back(prelude_for(code, options.isa) + "\n" + code);
    }
    return out;
}

}  // namespace smeaton::emit
