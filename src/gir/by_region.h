// What was worked out for one machine, kept for others that differ from it in numbers alone:
// whoever asked the same questions and got the same answers comes to the same. Bounded: what was
// not used the longest goes, or all of it, and is worked out again.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/workers.h"
#include "gir/kept_size.h"
#include "gir/kernel_form.h"
#include "gir/room.h"

namespace smeaton::gir {

/// A machine's numbers, and (null: no matter) what was asked of them so far.
struct Asking {
    const std::vector<double>& numbers;
    Region* asked = nullptr;
};

constexpr size_t kMostRegions = 48;

/// Values, each for a region of numbers, the last that were asked for. Equal values are one: what
/// is kept of that one is found again.
template <class Value, size_t kMost = kMostRegions>
class ByRegion {
public:
    struct Kept {
        KeptRegion region;
        Value value;
    };

    /// What is kept for the numbers, good until the next is asked for; null: nothing.
    const Kept* find(const std::vector<double>& numbers) {
        auto at = std::find_if(kept_.begin(), kept_.end(),
                               [&](const Kept& kept) { return kept.region.contains(numbers); });
        if (at == kept_.end()) return nullptr;
        if (at - kept_.begin() >= asked_for_) ++asked_for_;
        std::rotate(kept_.begin(), at, at + 1);
        return &kept_.front();
    }
    const Kept& add(const Region& asked, Value value) {
        value = one_of(std::move(value));
        if (kept_.size() == kMost) kept_.pop_back();
        asked_for_ = std::min<std::ptrdiff_t>(asked_for_ + 1, kMost);
        return *kept_.insert(kept_.begin(), {KeptRegion(asked), std::move(value)});
    }
    /// What is kept for the numbers, or what `make` gives, which notes what it asks.
    template <class Make>
    Value get(const Asking& now, Make make) {
        const Kept* kept = find(now.numbers);
        if (!kept) {
            Region asked(now.numbers.size());
            Value value = make(asked);
            kept = &add(asked, std::move(value));
        }
        if (now.asked) meet(*now.asked, kept->region);
        return kept->value;
    }
    /// Drops what was not asked for since the last turn.
    void turn() {
        kept_.erase(kept_.begin() + asked_for_, kept_.end());
        asked_for_ = 0;
    }
    bool empty() const { return kept_.empty(); }
    bool has(const Value& value) const {
        return std::any_of(kept_.begin(), kept_.end(),
                           [&](const Kept& kept) { return kept.value == value; });
    }
    /// `of(value)` measures what a value holds.
    template <class Of>
    void measure(KeptSize& size, const Of& of) const {
        size.add_all(kept_);
        for (const Kept& kept : kept_) {
            size.add(kept.region);
            of(kept.value);
        }
    }

private:
    Value one_of(Value value) const {
        for (const Kept& kept : kept_)
            if (kept.value == value) return kept.value;
        return value;
    }

    std::vector<Kept> kept_;        // the most recently used first
    std::ptrdiff_t asked_for_ = 0;  // of these, since the last turn
};

/// Entries by kernel, in two halves: what was not used while the newer one filled up is dropped.
/// Several threads may ask; what one gets stays there as long as it holds it.
template <class Entry>
class Recent {
public:
    using EntryPtr = std::shared_ptr<Entry>;

    explicit Recent(size_t most) : most_(most) {}

    /// Null: there is none.
    EntryPtr find(const KernelPtr& kernel) {
        const std::lock_guard lock(mutex_);
        return found(kernel);
    }
    /// Unless another thread was quicker.
    EntryPtr add(const KernelPtr& kernel, EntryPtr entry) {
        const std::lock_guard lock(mutex_);
        if (EntryPtr known = found(kernel)) return known;
        return added(kernel, std::move(entry));
    }
    /// An empty one where there is none.
    EntryPtr of(const KernelPtr& kernel) {
        const std::lock_guard lock(mutex_);
        if (EntryPtr known = found(kernel)) return known;
        return added(kernel, std::make_shared<Entry>());
    }
    /// Drops what was not asked for since the last turn.
    void turn() {
        const std::lock_guard lock(mutex_);
        older_ = std::move(newer_);
        newer_ = {};
    }
    template <class Visit>
    void for_each(const Visit& visit) const {
        const std::lock_guard lock(mutex_);
        for (const auto* half : {&newer_, &older_})
            for (const auto& [kernel, entry] : *half) visit(kernel, *entry);
    }
    /// `of(entry)` measures what an entry holds; here the rest.
    template <class Of>
    void measure(KeptSize& size, const Of& of) const {
        for_each([&](const KernelPtr& kernel, const Entry& entry) {
            size.add(kernel);
            size.add(sizeof(Entry) + 2 * KeptSize::kNode);
            of(entry);
        });
    }

private:
    EntryPtr found(const KernelPtr& kernel) {
        if (auto found = newer_.find(kernel); found != newer_.end()) return found->second;
        auto found = older_.find(kernel);
        if (found == older_.end()) return nullptr;
        EntryPtr entry = std::move(found->second);
        older_.erase(found);
        return added(kernel, std::move(entry));
    }
    EntryPtr added(const KernelPtr& kernel, EntryPtr entry) {
        if (newer_.size() >= most_) {
            older_ = std::move(newer_);
            newer_ = {};
        }
        return newer_.emplace(kernel, std::move(entry)).first->second;
    }

    mutable std::mutex mutex_;
    size_t most_;
    std::unordered_map<KernelPtr, EntryPtr> newer_,
        older_;  // kernels live as long as they are keys
};

/// By kernel: whose twin it is.
using Twins = Recent<const Twin>;

/// Enough for what many machines make of the kernels of a program: each of three caches has claims
/// of its own, and two sizes of each give eight kernels already.
inline size_t most_for(const Program& program) {
    return 64 + 16 * program.steps.size();
}

/// By kernel of one program, so that the kernel's buffers are what they were. Threads may ask at
/// the same time, each for kernels of its own.
template <class Value>
class ByKernel {
public:
    explicit ByKernel(size_t most) : entries_(most) {}

    template <class Make>
    Value get(const KernelPtr& kernel, const Asking& now, Make make) {
        return entries_.of(kernel)->get(now, make);
    }
    /// Drops what was not asked for since the last turn.
    void turn() {
        entries_.turn();
        entries_.for_each([](const KernelPtr&, ByRegion<Value>& entry) { entry.turn(); });
    }
    /// `of(value)` measures what a value holds.
    template <class Of>
    void measure(KeptSize& size, const Of& of) const {
        entries_.measure(size, [&](const ByRegion<Value>& entry) { entry.measure(size, of); });
    }

private:
    Recent<ByRegion<Value>> entries_;
};

/// The same, equal kernels one from another.
template <class Value>
class ByForm {
public:
    explicit ByForm(size_t most) : entries_(most) {}

    /// Of each of the kernels, no two of which are one: `make(kernel, asked)` gives the value of
    /// the first of equal ones, `follow(kernel, value, its form, the kernel's)` that of another.
    /// Workers (null: none) share the kernels; nothing depends on how many there are. Of `twins`
    /// (null: none are known) only the firsts are looked at.
    template <class Make, class Follow>
    std::vector<Value> get(const Program& program, const std::vector<KernelPtr>& kernels,
                           const Asking& now, Workers* workers, Twins* twins, Make make,
                           Follow follow) {
        const std::vector<EntryPtr> entries = entries_of(program, kernels, workers, twins);
        make_missing(entries, kernels, now, workers, make);
        std::vector<Value> values(kernels.size());
        std::vector<MadePtr> to_follow(kernels.size());
        std::vector<size_t> followers;
        for (size_t i = 0; i < kernels.size(); ++i) {
            const auto* kept = entries[i]->equals->values.find(now.numbers);
            SMEATON_CHECK(kept, "kernel {}: what was made for a machine is not kept for it",
                          kernels[i]->name);
            if (now.asked) meet(*now.asked, kept->region);
            if (const Value* own = own_of(*entries[i], kept->value)) {
                values[i] = *own;
            } else {
                to_follow[i] = kept->value;
                followers.push_back(i);
            }
        }
        for_each_item(workers, followers.size(), [&](size_t f) {
            const size_t i = followers[f];
            values[i] =
                follow(kernels[i], to_follow[i]->first, *to_follow[i]->from, *entries[i]->form);
        });
        for (const size_t i : followers) {
            auto& own = entries[i]->own;
            if (own.size() >= kMostRegions) own.erase(own.begin());
            own.emplace_back(to_follow[i], values[i]);
        }
        return values;
    }
    /// Drops what was not asked for since the last turn.
    void turn() {
        entries_.turn();
        std::unordered_set<const Class*> turned;
        entries_.for_each([&](const KernelPtr&, Entry& entry) {
            if (turned.insert(entry.equals.get()).second) entry.equals->values.turn();
        });
        // What followed goes with what it followed.
        entries_.for_each([](const KernelPtr&, Entry& entry) {
            std::erase_if(entry.own,
                          [&](const auto& own) { return !entry.equals->values.has(own.first); });
        });
    }
    /// `of(value)` measures what a value holds.
    template <class Of>
    void measure(KeptSize& size, const Of& of) const {
        entries_.measure(size, [&](const Entry& entry) {
            size.add(*entry.form);
            size.add_all(entry.own);
            for (const auto& [made, value] : entry.own) of(value);
            if (size.is_new(entry.equals.get()))
                entry.equals->values.measure(size, [&](const MadePtr& made) { of(made->first); });
        });
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
    using EntryPtr = std::shared_ptr<Entry>;

    static const Value* own_of(const Entry& entry, const MadePtr& made) {
        if (made->from == entry.form) return &made->first;
        for (const auto& [of, value] : entry.own)
            if (of == made) return &value;
        return nullptr;
    }

    std::vector<EntryPtr> entries_of(const Program& program, const std::vector<KernelPtr>& kernels,
                                     Workers* workers, Twins* twins) {
        std::vector<EntryPtr> entries(kernels.size());
        std::vector<size_t> unknown, followers;
        for (size_t i = 0; i < kernels.size(); ++i)
            if (!(entries[i] = entries_.find(kernels[i]))) unknown.push_back(i);
        std::vector<std::shared_ptr<const Twin>> twin_of(kernels.size());
        if (twins && !unknown.empty()) {
            // Of a first that stands in no program here nothing is known.
            const std::unordered_set<KernelPtr> here(kernels.begin(), kernels.end());
            std::erase_if(unknown, [&](size_t i) {
                auto twin = twins->find(kernels[i]);
                if (!twin || !here.contains(twin->first) || twins->find(twin->first)) return false;
                twin_of[i] = std::move(twin);
                followers.push_back(i);
                return true;
            });
        }
        std::vector<std::shared_ptr<KernelForm>> forms(unknown.size());
        for_each_item(workers, unknown.size(), [&](size_t u) {
            forms[u] = std::make_shared<KernelForm>(form_of(*kernels[unknown[u]], program));
        });
        for (size_t u = 0; u < unknown.size(); ++u)
            entries[unknown[u]] =
                entries_.add(kernels[unknown[u]], entry_with(std::move(forms[u])));
        for (const size_t i : followers) {
            EntryPtr first = entries_.find(twin_of[i]->first);
            SMEATON_CHECK(first, "kernel {}: its twin has no form", kernels[i]->name);
            auto form = std::make_shared<const KernelForm>(form_of(*twin_of[i], *first->form));
            entries[i] =
                entries_.add(kernels[i], std::make_shared<Entry>(Entry{form, first->equals, {}}));
        }
        return entries;
    }

    EntryPtr entry_with(std::shared_ptr<KernelForm> form) {
        std::vector<std::weak_ptr<Alike>>& hashed = alike_[form->hash];
        std::erase_if(hashed, [](const auto& a) { return a.expired(); });
        std::shared_ptr<Alike> alike;
        for (const auto& a : hashed)
            if (auto known = a.lock(); *known->form == *form) alike = known;
        if (!alike) hashed.push_back(alike = std::make_shared<Alike>(Alike{form, {}}));
        // What is equal need not be there twice; the names are each one's own.
        if (alike->form != form) form->body = {}, form->ports = {};
        forget_unlike();
        return std::make_shared<Entry>(Entry{form, {alike, &alike->equals}, {}});
    }

    /// Hashes that nothing remembered has, once they are more than a half.
    void forget_unlike() {
        if (alike_.size() < 2 * hashes_left_ + 64) return;
        std::erase_if(alike_, [](const auto& hashed) {
            return std::all_of(hashed.second.begin(), hashed.second.end(),
                               [](const auto& a) { return a.expired(); });
        });
        hashes_left_ = alike_.size();
    }

    template <class Make>
    void make_missing(const std::vector<EntryPtr>& entries, const std::vector<KernelPtr>& kernels,
                      const Asking& now, Workers* workers, Make make) {
        std::vector<size_t> makers;
        std::unordered_set<const Class*> seen;
        for (size_t i = 0; i < entries.size(); ++i)
            if (Class& c = *entries[i]->equals;
                seen.insert(&c).second && !c.values.find(now.numbers))
                makers.push_back(i);
        std::vector<Region> asked(makers.size(), Region(now.numbers.size()));
        std::vector<Value> made(makers.size());
        for_each_item(workers, makers.size(),
                      [&](size_t m) { made[m] = make(kernels[makers[m]], asked[m]); });
        for (size_t m = 0; m < makers.size(); ++m) {
            const EntryPtr& entry = entries[makers[m]];
            entry->equals->values.add(asked[m],
                                      entry->equals->made(entry->form, std::move(made[m])));
        }
    }

    /// Equal kernels, as long as one of them is remembered.
    struct Alike {
        FormPtr form;
        Class equals;
    };
    Recent<Entry> entries_;
    std::unordered_map<size_t, std::vector<std::weak_ptr<Alike>>> alike_;
    size_t hashes_left_ = 0;  ///< when it was swept last
};

}  // namespace smeaton::gir
