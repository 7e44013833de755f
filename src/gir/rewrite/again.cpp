#include "gir/rewrite/again.h"

#include <algorithm>
#include <map>
#include <set>

#include "gir/layout.h"
#include "gir/names.h"
#include "gir/rewrite/rules.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

/// Steps that touch a buffer or one of its views, ascending.
struct Users {
    std::vector<size_t> writers, readers;
    bool by_control = false;
};

/// By root.
std::map<Name, Users> users_of(const Program& program) {
    std::map<Name, Users> users;
    for (size_t i = 0; i < program.steps.size(); ++i) {
        const KernelPtr kernel = kernel_of(program.steps[i]);
        if (!kernel) continue;
        for (Name name : kernel->reads) {
            std::vector<size_t>& readers = users[root_of(program, name)].readers;
            if (readers.empty() || readers.back() != i) readers.push_back(i);
        }
        for (Name name : kernel->writes) {
            std::vector<size_t>& writers = users[root_of(program, name)].writers;
            if (writers.empty() || writers.back() != i) writers.push_back(i);
        }
    }
    for (const Buffer& b : program.buffers)
        if (touched_by_control(program, b.name)) users[root_of(program, b.name)].by_control = true;
    return users;
}

bool has(const std::vector<size_t>& list, size_t step) {
    return std::binary_search(list.begin(), list.end(), step);
}

class Rewriter {
public:
    Rewriter(const Program& in, const Halves& halves)
        : in_(in), halves_(halves), users_(users_of(in)), out_(in) {
        out_.steps.clear();
        for (const Buffer& b : in.buffers) taken_.insert(b.name);
        for (const KernelPtr& kernel : kernels(in)) taken_kernels_.insert(kernel->name);
        for (const auto& [root, users] : users_)
            if (may_be_dropped(root, users)) dropped_.insert(root);
    }

    Program run() {
        for (size_t i = 0; i < in_.steps.size(); ++i) {
            const KernelPtr kernel = kernel_of(in_.steps[i]);
            if (i < halves_.first || !kernel) {
                out_.steps.push_back(in_.steps[i]);
                continue;
            }
            std::set<size_t> again;
            for (Name name : kernel->reads) collect(root_of(in_, name), i, again);
            for (size_t step : again) append_again(step);
            RunStep step = std::get<RunStep>(in_.steps[i].node);
            step.kernel = reading_copies(*kernel);
            out_.steps.push_back({step});
        }
        return std::move(out_);
    }

private:
    /// Only steps of the first half write it, which may run again, and it is whole before others
    /// read it.
    bool may_be_dropped(Name root, const Users& users) const {
        const Buffer* buffer = in_.find_buffer(root);
        if (!buffer || buffer->lifetime != Lifetime::Temp || users.by_control) return false;
        if (users.writers.empty()) return false;
        for (size_t w : users.writers)
            if (w >= halves_.first || std::get<RunStep>(in_.steps[w].node).once ||
                !halves_.again[w])
                return false;
        for (size_t r : users.readers) {
            if (!has(users.writers, r) && r < users.writers.back()) return false;
            if (r < halves_.first && part_of(r) != part_of(users.writers.front())) return false;
        }
        return true;
    }

    int part_of(size_t step) const { return halves_.part.empty() ? 0 : halves_.part[step]; }

    /// Adds to `steps` all that must run again before step `at` so that it can read a copy of
    /// `root`, or nothing where it goes on reading the root itself.
    void collect(Name root, size_t at, std::set<size_t>& steps) {
        std::set<size_t> more;
        while (!needed_for(root, at, more)) more.clear();
        steps.insert(more.begin(), more.end());
    }

    /// False where a root that was to be dropped is found to be none that can be; now it is kept.
    bool needed_for(Name root, size_t at, std::set<size_t>& steps) {
        std::vector<Name> open = {root};
        std::set<Name> seen;
        while (!open.empty()) {
            const Name next = open.back();
            open.pop_back();
            if (dropped_.count(next) == 0 || copies_.count(next) > 0) continue;
            if (!seen.insert(next).second) continue;
            for (size_t w : users_.at(next).writers) {
                if (!steps.insert(w).second) continue;
                const Kernel& kernel = *kernel_of(in_.steps[w]);
                if (!can_run_again(kernel, w, at)) {
                    dropped_.erase(next);
                    return false;
                }
                for (const auto* names : {&kernel.reads, &kernel.writes})
                    for (Name name : *names) open.push_back(root_of(in_, name));
            }
        }
        return true;
    }

    /// Writes nothing but temps, and all that it reads is still as it was.
    bool can_run_again(const Kernel& kernel, size_t step, size_t at) const {
        for (Name name : kernel.writes) {
            const Name root = root_of(in_, name);
            if (in_.buffer(root).lifetime != Lifetime::Temp) return false;
            const bool kept = dropped_.count(root) == 0;
            if (kept && has(users_.at(root).readers, step)) return false;
        }
        for (Name name : kernel.reads) {
            const Name root = root_of(in_, name);
            if (dropped_.count(root) > 0) continue;
            for (size_t w : users_.at(root).writers)
                if (w >= step && w < at) return false;
        }
        return true;
    }

    /// The copy of a buffer; of a view, the same view of the copy of what it shows.
    Name copy_of(Name name) {
        const auto found = names_.find(name);
        if (found != names_.end()) return found->second;
        Buffer copy = in_.buffer(name);
        copy.name = fresh(name.str() + "_again", taken_);
        copy.resident = {};
        if (!copy.alias_of.empty()) copy.alias_of = copy_of(copy.alias_of);
        names_[name] = copy.name;
        const Name made = copy.name;
        out_.buffers.push_back(std::move(copy));
        return made;
    }

    void append_again(size_t step) {
        RunStep run = std::get<RunStep>(in_.steps[step].node);
        Kernel kernel = *run.kernel;
        OtherNames renamed;
        std::set<Name> written;
        for (Name name : kernel.writes) written.insert(root_of(in_, name));
        for (const auto* names : {&kernel.writes, &kernel.reads})
            for (Name name : *names) {
                const Name root = root_of(in_, name);
                if (written.count(root) > 0 || copies_.count(root) > 0)
                    renamed[name] = copy_of(name);
            }
        for (Name root : written)
            if (dropped_.count(root) > 0) copies_.insert(root);
        kernel.name = fresh(kernel.name.str() + "_again", taken_kernels_);
        kernel.body = rename_targets(kernel.body, renamed);
        run.kernel = std::make_shared<const Kernel>(with_uses(std::move(kernel)));
        out_.steps.push_back({run});
    }

    KernelPtr reading_copies(const Kernel& kernel) {
        OtherNames renamed;
        for (Name name : kernel.reads)
            if (copies_.count(root_of(in_, name)) > 0) renamed[name] = copy_of(name);
        Kernel made = kernel;
        made.body = rename_targets(kernel.body, renamed);
        return std::make_shared<const Kernel>(with_uses(std::move(made)));
    }

    const Program& in_;
    const Halves& halves_;
    std::map<Name, Users> users_;  // by root
    std::set<Name> dropped_;       // roots whose copies the second half reads
    std::set<Name> copies_;        // roots that have been computed again
    std::map<Name, Name> names_;   // buffer -> its copy
    std::set<Name> taken_, taken_kernels_;
    Program out_;
};

}  // namespace

Program compute_again(const Program& program, const Halves& halves) {
    return Rewriter(program, halves).run();
}

int64_t kept_bytes(const Program& program, size_t first) {
    int64_t bytes = 0;
    for (const auto& [root, users] : users_of(program)) {
        const Buffer* buffer = program.find_buffer(root);
        if (!buffer || buffer->lifetime != Lifetime::Temp || users.writers.empty()) continue;
        const bool crosses = users.writers.front() < first && !users.readers.empty() &&
                             users.readers.back() >= first;
        if (crosses) bytes += physical_bytes(*buffer).value();
    }
    return bytes;
}

}  // namespace smeaton::gir::rewrite
