// Kernels that differ in names alone: what is worked out for one holds for all of them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "gir/program.h"
#include "gir/rename.h"

namespace smeaton::gir {

/// A kernel whose axes, dims, tiles, buffers and origins are named by the order in which they
/// appear, and its own names in that order.
struct KernelForm {
    Block body;
    std::vector<Buffer> ports;  ///< the buffers it touches, without names and data
    size_t hash = 0;            ///< of body and ports; equal in one run of the program only

    std::vector<Name> vars, tiles, buffers;
    std::vector<std::string> origins;

    /// Equal structure, extents, literals, constants, dtypes, layouts, levels and lifetimes.
    friend bool operator==(const KernelForm&, const KernelForm&);
};

KernelForm form_of(const Kernel&, const Program&);

/// `made`, which a rewrite made of a kernel of form `from`, as it would have been made of the
/// equal kernel `named` of form `to`. Names that the rewrite made out of a buffer's name
/// ("weight_l2") follow that buffer. Nothing where a name that it made is in use in the other, or
/// among `in_use`, all buffers of the program.
/// `names` (null: no matter) has those of buffers that the rewrite made, and gets all that differ.
std::optional<Kernel> renamed(const Kernel& made, const KernelForm& from, const KernelForm& to,
                              const Kernel& named, const std::set<Name>& in_use,
                              Renaming* names = nullptr);

/// A kernel that is another one's but for names.
struct Twin {
    KernelPtr first;
    std::vector<Name> buffers_of_first, buffers;  ///< of the kernels that both were made of
    Renaming names;                               ///< of the first's
};
/// `made`, which a rewrite made of the twin's first, as it would have been made of `named`, the
/// twin.
std::optional<Kernel> renamed(const Kernel& made, const Twin&, const Kernel& named,
                              const std::set<Name>& in_use, Renaming* names);
/// The twin's form, without body and ports.
KernelForm form_of(const Twin&, const KernelForm& of_first);

/// The same buffer but for name and data.
bool same_port(const Buffer&, const Buffer&);

/// Values by form. Not bounded by itself.
template <class Value>
class FormTable {
public:
    struct Entry {
        KernelForm form;
        Value value;
    };
    /// The entry of an equal form, or null.
    const Entry* find(const KernelForm& form) const {
        auto found = entries_.find(form.hash);
        if (found == entries_.end()) return nullptr;
        for (const Entry& e : found->second)
            if (e.form == form) return &e;
        return nullptr;
    }
    const Entry& add(KernelForm form, Value value) {
        std::vector<Entry>& same_hash = entries_[form.hash];
        same_hash.push_back({std::move(form), std::move(value)});
        return same_hash.back();
    }
    /// That of an equal form, or an empty one for it; good until the next is made.
    Value& at(const KernelForm& form) {
        const Entry* known = find(form);
        return const_cast<Entry&>(known ? *known : add(form, {})).value;
    }

    /// Of each entry, in no order.
    template <class Visit>
    void for_each(Visit visit) const {
        for (const auto& [hash, found] : entries_)
            for (const Entry& e : found) visit(e.form, e.value);
    }

    template <class Unwanted>
    void erase_if(Unwanted unwanted) {
        for (auto& [hash, found] : entries_)
            std::erase_if(found, [&](const Entry& e) { return unwanted(e.value); });
        std::erase_if(entries_, [](const auto& found) { return found.second.empty(); });
    }

private:
    std::unordered_map<size_t, std::vector<Entry>> entries_;
};

/// Rewrites every kernel of a program by a function that looks at nothing but the kernel and the
/// buffers that it names; kernels of one form are rewritten once. `applied` (may be empty) is told
/// of each kernel that changed, with what the rewrite made of it.
Program map_forms(
    Program, const std::function<KernelPtr(const KernelPtr&)>& rewrite,
    const std::function<void(const KernelPtr& before, const KernelPtr& after)>& applied = nullptr);

}  // namespace smeaton::gir
