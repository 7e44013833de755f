#include "run/dependence.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace smeaton::run {

namespace {

using Place = PlanBuffer::Place;

/// Who comes after whom, of steps that enter one after another. Steps stand in chains, each after
/// the one before it in its chain; a step's clock says how far along each chain it comes after.
class Ancestry {
public:
    explicit Ancestry(size_t steps) : place_(steps), clocks_(steps) {}

    /// Keeps of `before` (any order) what others of it do not imply, ascending.
    void enter(int step, std::vector<int>& before) {
        std::sort(before.begin(), before.end(), std::greater<>());
        before.erase(std::unique(before.begin(), before.end()), before.end());
        Clock& clock = clocks_[static_cast<size_t>(step)];
        std::erase_if(before, [&](int b) {
            if (reaches(clock, b)) return true;
            merge(clock, clocks_[static_cast<size_t>(b)]);
            return false;
        });
        std::reverse(before.begin(), before.end());
        join_chain(step, clock);
    }

    /// Whether `later`, which has entered, comes after `earlier`.
    bool after(int later, int earlier) const {
        return later != earlier && reaches(clocks_[static_cast<size_t>(later)], earlier);
    }

private:
    struct Mark {
        int chain, position;
    };
    using Clock = std::vector<Mark>;  // by chain, ascending

    static Clock::const_iterator find(const Clock& clock, int chain) {
        auto at = std::lower_bound(clock.begin(), clock.end(), chain,
                                   [](const Mark& m, int c) { return m.chain < c; });
        return at != clock.end() && at->chain == chain ? at : clock.end();
    }

    bool reaches(const Clock& clock, int earlier) const {
        const Mark& mark = place_[static_cast<size_t>(earlier)];
        auto found = find(clock, mark.chain);
        return found != clock.end() && found->position >= mark.position;
    }

    static void merge(Clock& into, const Clock& from) {
        Clock out;
        out.reserve(std::max(into.size(), from.size()));
        auto a = into.begin();
        for (const Mark& m : from) {
            while (a != into.end() && a->chain < m.chain) out.push_back(*a++);
            const bool both = a != into.end() && a->chain == m.chain;
            out.push_back({m.chain, both ? std::max(m.position, a->position) : m.position});
            if (both) ++a;
        }
        out.insert(out.end(), a, into.end());
        into = std::move(out);
    }

    // A chain whose end the step comes after, so that there are about as many as can run abreast.
    void join_chain(int step, Clock& clock) {
        auto open = std::find_if(clock.begin(), clock.end(), [&](const Mark& m) {
            return lengths_[static_cast<size_t>(m.chain)] == m.position + 1;
        });
        const int chain = open != clock.end() ? open->chain : static_cast<int>(lengths_.size());
        if (open == clock.end()) lengths_.push_back(0);
        const Mark own{chain, lengths_[static_cast<size_t>(chain)]++};
        place_[static_cast<size_t>(step)] = own;
        if (open != clock.end())
            open->position = own.position;
        else
            clock.push_back(own);  // the newest chain has the highest number
    }

    std::vector<Mark> place_;
    std::vector<Clock> clocks_;
    std::vector<int> lengths_;
};

/// The uses of one memory by bytes: what buffers that overlap there ask for.
class Memory {
public:
    /// Adds to `before` the earlier steps whose use of other buffers conflicts with this one.
    /// `ancestry` knows all earlier steps.
    void use(int step, int buffer, int64_t begin, int64_t end, bool written,
             const Ancestry& ancestry, std::vector<int>& before) {
        split(begin);
        split(end);
        for (auto at = segments_.lower_bound(begin); at != segments_.end() && at->first < end; ++at)
            use(at->second, step, buffer, written, ancestry, before);
    }

private:
    struct Use {
        int step;
        bool written;
    };
    /// Bytes that are used alike. Their owner wrote them first since another buffer had them.
    struct Segment {
        int owner = -1;
        std::vector<Use> own;
        std::vector<int> foreign;   // steps that read them as another buffer
        std::vector<int> previous;  // all that the owner's first writer came after
    };

    void split(int64_t at) {
        auto next = segments_.upper_bound(at);
        if (next == segments_.begin()) {
            segments_[at];
            return;
        }
        --next;
        if (next->first != at) segments_[at] = Segment(next->second);
    }

    static void use(Segment& s, int step, int buffer, bool written, const Ancestry& ancestry,
                    std::vector<int>& before) {
        auto add = [&](const std::vector<int>& steps) {
            for (int earlier : steps)
                if (earlier != step) before.push_back(earlier);
        };
        if (s.owner == -1) s.owner = buffer;
        if (s.owner == buffer) {
            if (!s.own.empty() && !follows(before, s.own.front().step, ancestry)) add(s.previous);
            if (written) add(s.foreign);
            s.own.push_back({step, written});
            return;
        }
        for (const Use& u : s.own)
            if ((written || u.written) && u.step != step) before.push_back(u.step);
        if (!written) {
            s.foreign.push_back(step);
            return;
        }
        add(s.foreign);
        s.previous = std::move(s.foreign);
        for (const Use& u : s.own) s.previous.push_back(u.step);
        s.owner = buffer;
        s.own = {{step, true}};
        s.foreign.clear();
    }

    static bool follows(const std::vector<int>& before, int step, const Ancestry& ancestry) {
        return std::any_of(before.begin(), before.end(),
                           [&](int b) { return b == step || ancestry.after(b, step); });
    }

    std::map<int64_t, Segment> segments_;  // by first byte; each ends where the next begins
};

class Dependences {
public:
    Dependences(const Plan& plan, const std::vector<std::vector<int>>* within)
        : plan_(plan), within_(within), ancestry_(plan.steps.size()) {}

    std::vector<std::vector<int>> find() {
        std::vector<std::vector<int>> after(plan_.steps.size());
        for (size_t i = 0; i < plan_.steps.size(); ++i) {
            const int step = static_cast<int>(i);
            std::vector<int>& before = after[i];
            if (within_ != nullptr) before = within_->at(i);
            for (int b : plan_.steps[i].buffers) add_use(step, b, before);
            ancestry_.enter(step, before);
            if (!plan_.steps[i].messages.empty()) add_check(step);
        }
        return after;
    }

private:
    struct BufferUses {
        int writer = -1;
        std::vector<int> readers;  // since
    };

    void add_use(int step, int number, std::vector<int>& before) {
        const PlanBuffer& b = plan_.buffers.at(static_cast<size_t>(number));
        if (b.place == Place::Constant || b.bytes == 0) return;
        const std::vector<int>& writes = plan_.steps[static_cast<size_t>(step)].writes;
        const bool written = std::find(writes.begin(), writes.end(), number) != writes.end();
        const bool numbered =
            b.place == Place::State || b.place == Place::External || b.place == Place::Packed;
        if (within_ == nullptr)
            use_whole(uses_[{b.place, numbered ? b.at : number}], step, written, before);
        if (!numbered)
            memories_[b.place].use(step, number, b.at, b.at + b.bytes, written, ancestry_, before);
        if (b.place == Place::State && written)
            before.insert(before.end(), checks_.begin(), checks_.end());
    }

    static void use_whole(BufferUses& uses, int step, bool written, std::vector<int>& before) {
        if (uses.writer >= 0 && uses.writer != step) before.push_back(uses.writer);
        if (!written) {
            uses.readers.push_back(step);
            return;
        }
        for (int reader : uses.readers)
            if (reader != step) before.push_back(reader);
        uses = {step, {}};
    }

    // Only the last of those that follow each other.
    void add_check(int step) {
        std::erase_if(checks_, [&](int earlier) { return ancestry_.after(step, earlier); });
        checks_.push_back(step);
    }

    const Plan& plan_;
    const std::vector<std::vector<int>>* within_;
    Ancestry ancestry_;
    std::map<std::pair<Place, int64_t>, BufferUses> uses_;  // by buffer, external or state
    std::map<Place, Memory> memories_;
    std::vector<int> checks_;
};

}  // namespace

std::vector<std::vector<int>> dependences(const Plan& plan,
                                          const std::vector<std::vector<int>>* within) {
    return Dependences(plan, within).find();
}

std::vector<int> order_of(const Plan& plan) {
    if (!plan.order.empty()) return plan.order;
    std::vector<int> order(plan.steps.size());
    std::iota(order.begin(), order.end(), 0);
    return order;
}

void check_order(const Plan& plan, int threads) {
    const int n = static_cast<int>(plan.steps.size());
    const std::vector<int> order = order_of(plan);
    SMEATON_CHECK(order.size() == plan.steps.size(), "the order names {} of {} steps", order.size(),
                  n);
    std::vector<bool> ended(plan.steps.size());
    for (int i : order) {
        SMEATON_CHECK(i >= 0 && i < n && !ended[static_cast<size_t>(i)],
                      "the order names step {} twice, or it is none of {}", i, n);
        const PlanStep& step = plan.steps[static_cast<size_t>(i)];
        for (int before : step.after)
            SMEATON_CHECK(before >= 0 && before < n && ended[static_cast<size_t>(before)],
                          "step {} comes before step {}, which it must follow", step.name, before);
        SMEATON_CHECK(step.team.first >= 0 && step.team.count >= 0 &&
                          step.team.first + std::max(step.team.count, 1) <= threads,
                      "step {} is for threads {} to {} of {}", step.name, step.team.first,
                      step.team.first + step.team.count - 1, threads);
        ended[static_cast<size_t>(i)] = true;
    }
}

}  // namespace smeaton::run
