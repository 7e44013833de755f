// What was worked out for one machine, kept for others that differ from it in capacities alone:
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

/// Capacities by level, and (null: no matter) what was asked of them so far.
struct Asking {
    const std::vector<double>& capacities;
    Region* asked = nullptr;
};

/// Values, each for a region of capacities. Equal values are one: what is kept of that one is found
/// again.
template <class Value>
class ByRegion {
public:
    /// What is kept for the capacities, or what `make` gives, which notes what it asks.
    template <class Make>
    Value get(const Asking& now, Make make) {
        auto at = std::find_if(kept_.begin(), kept_.end(), [&](const auto& kept) {
            return contains(kept.first, now.capacities);
        });
        if (at == kept_.end()) {
            Region asked(now.capacities.size());
            Value value = one_of(make(asked));
            if (kept_.size() == kMost) kept_.pop_back();
            at = kept_.insert(kept_.begin(), {std::move(asked), std::move(value)});
        } else {
            std::rotate(kept_.begin(), at, at + 1);
            at = kept_.begin();
        }
        if (now.asked) meet(*now.asked, at->first);
        return at->second;
    }

private:
    static constexpr size_t kMost = 48;

    Value one_of(Value value) const {
        for (const auto& kept : kept_)
            if (kept.second == value) return kept.second;
        return value;
    }

    std::vector<std::pair<Region, Value>> kept_;  // the most recently used first
};

/// By kernel of one program, so that the kernel's buffers are what they were.
template <class Value>
class ByKernel {
public:
    template <class Make>
    Value get(const KernelPtr& kernel, const Asking& now, Make make) {
        if (entries_.size() >= kMost && entries_.count(kernel.get()) == 0) entries_.clear();
        return entries_.try_emplace(kernel.get(), Entry{kernel, {}})
            .first->second.values.get(now, make);
    }

private:
    static constexpr size_t kMost = 1 << 12;
    struct Entry {
        KernelPtr alive;
        ByRegion<Value> values;
    };
    std::unordered_map<const Kernel*, Entry> entries_;
};

/// The same, equal kernels one from another.
template <class Value>
class ByForm {
public:
    /// `follow` gives the value for a kernel from that of an equal one.
    template <class Make, class Follow>
    Value get(const Program& program, const KernelPtr& kernel, const Asking& now, Make make,
              Follow follow) {
        Entry& entry = entry_of(program, kernel);
        const MadePtr made = entry.equals->values.get(
            now, [&](Region& asked) { return entry.equals->made(entry.form, make(asked)); });
        auto own = made->of.find(kernel.get());
        if (own != made->of.end()) return own->second;
        Value value =
            made->from == entry.form ? made->first : follow(made->first, *made->from, *entry.form);
        return made->of.emplace(kernel.get(), std::move(value)).first->second;
    }

private:
    static constexpr size_t kMost = 1 << 12;
    using FormPtr = std::shared_ptr<const KernelForm>;
    /// What was made of the first kernel that came, and what of each that came.
    struct Made {
        FormPtr from;
        Value first;
        std::unordered_map<const Kernel*, Value> of = {};
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
        KernelPtr alive;
        FormPtr form;
        std::shared_ptr<Class> equals;
    };

    Entry& entry_of(const Program& program, const KernelPtr& kernel) {
        auto found = entries_.find(kernel.get());
        if (found != entries_.end()) return found->second;
        if (entries_.size() >= kMost) {
            entries_.clear();
            classes_ = {};
        }
        auto form = std::make_shared<const KernelForm>(form_of(*kernel, program));
        std::shared_ptr<Class>& equals = classes_.at(*form);
        if (!equals) equals = std::make_shared<Class>();
        return entries_.emplace(kernel.get(), Entry{kernel, form, equals}).first->second;
    }

    std::unordered_map<const Kernel*, Entry> entries_;
    FormTable<std::shared_ptr<Class>> classes_;
};

}  // namespace smeaton::gir
