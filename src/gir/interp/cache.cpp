#include "gir/interp/cache.h"

#include "base/error.h"

namespace smeaton::gir::interp {

// A hash map from line to a slot of an index-linked list, so that one access costs one lookup.
struct CacheSimulator::Level {
    explicit Level(const CacheLevel& l)
        : capacity_lines(std::max<int64_t>(l.capacity_bytes / l.line_bytes, 1)) {
        counts.level = l.name;
        counts.line_bytes = l.line_bytes;
        slots.reserve(static_cast<size_t>(capacity_lines));
    }

    struct Slot {
        uint64_t line;
        int32_t previous, next;
        bool dirty;
    };

    void unlink(int32_t s) {
        Slot& slot = slots[static_cast<size_t>(s)];
        (slot.previous >= 0 ? slots[static_cast<size_t>(slot.previous)].next : first) = slot.next;
        (slot.next >= 0 ? slots[static_cast<size_t>(slot.next)].previous : last) = slot.previous;
    }
    void push_front(int32_t s) {
        Slot& slot = slots[static_cast<size_t>(s)];
        slot.previous = -1;
        slot.next = first;
        (first >= 0 ? slots[static_cast<size_t>(first)].previous : last) = s;
        first = s;
    }

    void soil(Slot& slot, bool write) {
        counts.dirtied += write && !slot.dirty;
        slot.dirty |= write;
    }

    // True on a hit. On a miss `victim` is the dirty line pushed out, if `pushed_dirty`.
    bool touch(uint64_t line, bool write, bool& pushed_dirty, uint64_t& victim) {
        pushed_dirty = false;
        if (first >= 0 && slots[static_cast<size_t>(first)].line == line) {
            soil(slots[static_cast<size_t>(first)], write);
            return true;
        }
        auto [at, fresh] = where.try_emplace(line, -1);
        if (!fresh) {
            soil(slots[static_cast<size_t>(at->second)], write);
            unlink(at->second);
            push_front(at->second);
            return true;
        }
        int32_t s;
        if (static_cast<int64_t>(slots.size()) < capacity_lines) {
            s = static_cast<int32_t>(slots.size());
            slots.push_back({});
        } else {
            s = last;
            Slot& old = slots[static_cast<size_t>(s)];
            pushed_dirty = old.dirty;
            victim = old.line;
            unlink(s);
            where.erase(old.line);
        }
        slots[static_cast<size_t>(s)] = {line, -1, -1, false};
        soil(slots[static_cast<size_t>(s)], write);
        where[line] = s;
        push_front(s);
        return false;
    }

    int64_t capacity_lines;
    std::vector<Slot> slots;
    std::unordered_map<uint64_t, int32_t> where;
    int32_t first = -1, last = -1;
    CacheCounts counts;
};

CacheSimulator::CacheSimulator(std::vector<CacheLevel> innermost_first) {
    SMEATON_CHECK(!innermost_first.empty(), "a cache simulator without caches");
    for (const CacheLevel& l : innermost_first) {
        SMEATON_CHECK(l.line_bytes == innermost_first.front().line_bytes,
                      "caches with different line sizes: {} and {}", l.line_bytes,
                      innermost_first.front().line_bytes);
        levels_.push_back(std::make_unique<Level>(l));
    }
}

CacheSimulator::~CacheSimulator() = default;

bool CacheSimulator::wants(const Region& r) {
    return !r.tile || ignored_.count(r.level) == 0;
}

void CacheSimulator::iteration(int64_t index) {
    bool warming = index < warm_until_;
    if (warming_ && !warming) reset_counts();
    warming_ = warming;
}

void CacheSimulator::fetching_into(Name level) {
    innermost_ = 0;
    if (level.empty()) return;
    while (innermost_ < levels_.size() && levels_[innermost_]->counts.level != level) ++innermost_;
}

void CacheSimulator::reset_counts() {
    for (auto& l : levels_) {
        CacheCounts fresh;
        fresh.level = l->counts.level;
        fresh.line_bytes = l->counts.line_bytes;
        l->counts = fresh;
    }
}

void CacheSimulator::access(const Region& region, int64_t byte_offset, int64_t bytes, bool write) {
    uint64_t line_bytes = static_cast<uint64_t>(levels_.front()->counts.line_bytes);
    uint64_t begin = region.address + static_cast<uint64_t>(byte_offset);
    uint64_t last = (begin + static_cast<uint64_t>(bytes) - 1) / line_bytes;
    for (uint64_t line = begin / line_bytes; line <= last; ++line) {
        for (size_t l = innermost_; l < levels_.size(); ++l) {
            Level& level = *levels_[l];
            bool pushed = false;
            uint64_t victim = 0;
            (write ? level.counts.writes : level.counts.reads)++;
            bool hit = level.touch(line, write, pushed, victim);
            if (pushed) {
                ++level.counts.write_backs;
                // The next level holds the line (inclusive) unless it dropped it first.
                bool ignored = false;
                uint64_t next_victim = 0;
                if (l + 1 < levels_.size() &&
                    !levels_[l + 1]->touch(victim, true, ignored, next_victim) && ignored)
                    ++levels_[l + 1]->counts.write_backs;
            }
            if (hit) break;
            (write ? level.counts.write_misses : level.counts.read_misses)++;
        }
    }
}

std::vector<CacheCounts> CacheSimulator::counts() const {
    std::vector<CacheCounts> out;
    for (const auto& l : levels_) out.push_back(l->counts);
    return out;
}

}  // namespace smeaton::gir::interp
