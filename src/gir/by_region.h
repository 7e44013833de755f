// What was worked out for one machine, kept for others that differ from it in numbers alone:
// whoever asked the same questions and got the same answers comes to the same. Bounded: what was
// not used the longest goes, or all of it, and is worked out again.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gir/kernel_form.h"
#include "gir/room.h"

namespace smeaton::gir {

/// A machine's numbers, and (null: no matter) what was asked of them so far.
struct Asking {
    const std::vector<double>& numbers;
    Region* asked = nullptr;
};

/// Values, each for a region of numbers. Equal values are one: what is kept of that one is found
/// again.
template <class Value>
class ByRegion {
public:
    static constexpr size_t kMost = 48;

    /// What is kept for the numbers, or what `make` gives, which notes what it asks.
    template <class Make>
    Value get(const Asking& now, Make make) {
        auto at = std::find_if(kept_.begin(), kept_.end(),
                               [&](const auto& kept) { return kept.first.contains(now.numbers); });
        if (at == kept_.end()) {
            Region asked(now.numbers.size());
            Value value = one_of(make(asked));
            if (kept_.size() == kMost) kept_.pop_back();
            at = kept_.insert(kept_.begin(), {KeptRegion(asked), std::move(value)});
        } else {
            std::rotate(kept_.begin(), at, at + 1);
            at = kept_.begin();
        }
        if (now.asked) meet(*now.asked, at->first);
        return at->second;
    }

private:
    Value one_of(Value value) const {
        for (const auto& kept : kept_)
            if (kept.second == value) return kept.second;
        return value;
    }

    std::vector<std::pair<KeptRegion, Value>> kept_;  // the most recently used first
};

/// Entries by kernel, in two halves: what was not used while the newer one filled up is dropped.
template <class Entry>
class Recent {
public:
    explicit Recent(size_t most) : most_(most) {}

    /// Null: there is none.
    Entry* find(const KernelPtr& kernel) {
        if (auto found = newer_.find(kernel); found != newer_.end()) return &found->second;
        auto found = older_.find(kernel);
        if (found == older_.end()) return nullptr;
        Entry entry = std::move(found->second);
        older_.erase(found);
        return &add(kernel, std::move(entry));
    }
    Entry& add(const KernelPtr& kernel, Entry entry) {
        if (newer_.size() >= most_) {
            older_ = std::move(newer_);
            newer_ = {};
        }
        return newer_.emplace(kernel, std::move(entry)).first->second;
    }

private:
    size_t most_;
    std::unordered_map<KernelPtr, Entry> newer_, older_;  // kernels live as long as they are keys
};

/// Enough for what many machines make of the kernels of a program: each of three caches has claims
/// of its own, and two sizes of each give eight kernels already.
inline size_t most_for(const Program& program) {
    return 64 + 16 * program.steps.size();
}

/// By kernel of one program, so that the kernel's buffers are what they were.
template <class Value>
class ByKernel {
public:
    explicit ByKernel(size_t most) : entries_(most) {}

    template <class Make>
    Value get(const KernelPtr& kernel, const Asking& now, Make make) {
        auto* entry = entries_.find(kernel);
        if (!entry) entry = &entries_.add(kernel, {});
        return entry->get(now, make);
    }

private:
    Recent<ByRegion<Value>> entries_;
};

/// The same, equal kernels one from another.
template <class Value>
class ByForm {
public:
    explicit ByForm(size_t most) : entries_(most) {}

    /// `follow` gives the value for a kernel from that of an equal one.
    template <class Make, class Follow>
    Value get(const Program& program, const KernelPtr& kernel, const Asking& now, Make make,
              Follow follow) {
        Entry& entry = entry_of(program, kernel);
        const MadePtr made = entry.equals->values.get(
            now, [&](Region& asked) { return entry.equals->made(entry.form, make(asked)); });
        if (made->from == entry.form) return made->first;
        for (const auto& [of, value] : entry.own)
            if (of == made) return value;
        if (entry.own.size() >= ByRegion<Value>::kMost) entry.own.erase(entry.own.begin());
        entry.own.emplace_back(made, follow(made->first, *made->from, *entry.form));
        return entry.own.back().second;
    }

private:
    using FormPtr = std::shared_ptr<const KernelForm>;
    /// What was made of the first kernel that came.
    struct Made {
        FormPtr from;
        Value first;
    };
    using MadePtr = std::shared_ptr<Made>;
    struct Class {
        ByRegion<MadePtr> values;
        std::vector<std::weak_ptr<Made>> all;  // that regions have

        MadePtr made(const FormPtr& from, Value first) {
            std::erase_if(all, [](const auto& m) { return m.expired(); });
            for (const auto& m : all)
                if (MadePtr known = m.lock(); known->from == from && known->first == first)
                    return known;
            auto made = std::make_shared<Made>(Made{from, std::move(first)});
            all.push_back(made);
            return made;
        }
    };
    struct Entry {
        FormPtr form;
        std::shared_ptr<Class> equals;
        std::vector<std::pair<MadePtr, Value>> own = {};  // that followed
    };

    Entry& entry_of(const Program& program, const KernelPtr& kernel) {
        if (Entry* known = entries_.find(kernel)) return *known;
        auto form = std::make_shared<KernelForm>(form_of(*kernel, program));
        std::vector<std::weak_ptr<Alike>>& hashed = alike_[form->hash];
        std::erase_if(hashed, [](const auto& a) { return a.expired(); });
        std::shared_ptr<Alike> alike;
        for (const auto& a : hashed)
            if (auto known = a.lock(); *known->form == *form) alike = known;
        if (!alike) hashed.push_back(alike = std::make_shared<Alike>(Alike{form, {}}));
        // What is equal need not be there twice; the names are each one's own.
        if (alike->form != form) form->body = {}, form->ports = {};
        return entries_.add(kernel, {form, {alike, &alike->equals}, {}});
    }

    /// Equal kernels, as long as one of them is remembered.
    struct Alike {
        FormPtr form;
        Class equals;
    };
    Recent<Entry> entries_;
    std::unordered_map<size_t, std::vector<std::weak_ptr<Alike>>> alike_;
};

}  // namespace smeaton::gir
