// What was worked out for one machine, kept for others that differ from it in capacities alone:
// whoever asked the same questions and got the same answers comes to the same. Bounded: what was
// not used the longest goes, or all of it, and is worked out again.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gir/kernel_form.h"
#include "gir/room.h"

namespace smeaton::gir {

/// Values, each for a region of capacities.
template <class Value>
class ByRegion {
public:
    /// Null: nothing is kept for these capacities. Good until the next is added.
    Value* find(const std::vector<double>& capacities) {
        for (auto at = kept_.begin(); at != kept_.end(); ++at) {
            if (!contains(at->first, capacities)) continue;
            std::rotate(kept_.begin(), at, at + 1);
            return &kept_.front().second;
        }
        return nullptr;
    }
    Value& add(Region region, Value value) {
        if (kept_.size() == kMost) kept_.pop_back();
        kept_.insert(kept_.begin(), {std::move(region), std::move(value)});
        return kept_.front().second;
    }

private:
    static constexpr size_t kMost = 32;
    std::vector<std::pair<Region, Value>> kept_;  // the most recently used first
};

/// By kernel of one program, so that the kernel's buffers are what they were. Values that are equal
/// are one: what is kept of that one is found again.
template <class Value>
class ByKernel {
public:
    /// What is kept, or what `make` gives, which notes what it asks.
    Value get(const KernelPtr& kernel, const std::vector<double>& capacities,
              const std::function<Value(Region& asked)>& make) {
        if (entries_.size() >= kMost && entries_.count(kernel.get()) == 0) entries_.clear();
        Entry& entry = entries_.try_emplace(kernel.get(), Entry{kernel, {}, {}}).first->second;
        if (const Value* known = entry.values.find(capacities)) return *known;
        Region asked;
        Value made = one_of(entry.made, make(asked));
        return entry.values.add(std::move(asked), std::move(made));
    }

    /// The value, or the equal one among those that were made before.
    static Value one_of(std::vector<Value>& before, Value value) {
        auto equal = std::find(before.begin(), before.end(), value);
        if (equal != before.end()) return *equal;
        if (before.size() >= kMostMade) before.clear();
        before.push_back(value);
        return value;
    }

private:
    static constexpr size_t kMost = 1 << 13, kMostMade = 32;
    struct Entry {
        KernelPtr alive;
        ByRegion<Value> values;
        std::vector<Value> made;  // each once
    };
    std::unordered_map<const Kernel*, Entry> entries_;
};

/// The same, equal kernels one from another.
template <class Value>
class ByForm {
public:
    /// `follow` gives the value for a kernel from that of an equal one.
    Value get(const Program& program, const KernelPtr& kernel,
              const std::vector<double>& capacities,
              const std::function<Value(Region& asked)>& make,
              const std::function<Value(const Value&, const KernelForm& from,
                                        const KernelForm& to)>& follow) {
        Entry& entry = entry_of(program, kernel);
        Made* made = entry.equals->find(capacities);
        if (!made) {
            Region asked;
            Value first = ByKernel<Value>::one_of(entry.made, make(asked));
            made = &entry.equals->add(std::move(asked), {entry.form, first, {}});
            made->of.emplace(kernel.get(), std::move(first));
        }
        auto own = made->of.find(kernel.get());
        if (own != made->of.end()) return own->second;
        Value value = ByKernel<Value>::one_of(entry.made,
                                              follow(made->first, *made->from, *entry.form));
        made->of.emplace(kernel.get(), value);
        return value;
    }

private:
    static constexpr size_t kMost = 1 << 13;
    using FormPtr = std::shared_ptr<const KernelForm>;
    /// What a region gives: for the first kernel that came, and for each that came.
    struct Made {
        FormPtr from;
        Value first;
        std::unordered_map<const Kernel*, Value> of;
    };
    using Class = std::shared_ptr<ByRegion<Made>>;
    struct Entry {
        KernelPtr alive;
        FormPtr form;
        Class equals;
        std::vector<Value> made;  // in any region, each once
    };

    Entry& entry_of(const Program& program, const KernelPtr& kernel) {
        auto found = entries_.find(kernel.get());
        if (found != entries_.end()) return found->second;
        if (entries_.size() >= kMost) {
            entries_.clear();
            classes_ = {};
        }
        auto form = std::make_shared<const KernelForm>(form_of(*kernel, program));
        Class& equals = classes_.at(*form);
        if (!equals) equals = std::make_shared<ByRegion<Made>>();
        return entries_.emplace(kernel.get(), Entry{kernel, form, equals, {}}).first->second;
    }

    std::unordered_map<const Kernel*, Entry> entries_;
    FormTable<Class> classes_;
};

}  // namespace smeaton::gir
