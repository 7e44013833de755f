#include "schedule/exact/places.h"

#include <algorithm>
#include <bit>
#include <map>

namespace smeaton::schedule {

State::State(const TaskGraph& graph, const Links& links, const Cores& cores)
    : graph_(graph), links_(links), cores_(cores) {
    size_t n = graph.tasks.size();
    before_.assign(n, 0);
    after_.assign(n, 0);
    dear_after_.assign(n, 0);
    for (const Edge& e : graph.edges) {
        auto from = static_cast<size_t>(e.from.v), to = static_cast<size_t>(e.to.v);
        before_[to] |= uint64_t{1} << from;
        after_[from] |= uint64_t{1} << to;
        if (e.cost_us > 0) dear_after_[from] |= uint64_t{1} << to;
        alike_ &= e.cost_us == 0;
    }
    for (const Task& task : graph.tasks) alike_ &= task.holds.size() == 1;
    for (const CoreKind& kind : cores.kinds) slots_ = std::max(slots_, kind.count);
    on_core_.assign(static_cast<size_t>(cores.total()), 0);
    free_us_.assign(on_core_.size(), 0);
    schedule_.tasks.resize(n);
}

int State::left() const {
    return static_cast<int>(graph_.tasks.size()) - std::popcount(done_);
}

bool State::ready(int task) const {
    return !done(task) && (before_[static_cast<size_t>(task)] & ~done_) == 0;
}

double State::free_us(int core) const {
    return std::max(free_us_[static_cast<size_t>(core)], last_start_us_);
}

void State::free_times(int kind, std::vector<double>& times) const {
    times.clear();
    for (int c = 0; c < cores_.kinds[static_cast<size_t>(kind)].count; ++c)
        times.push_back(free_us(cores_.first(kind) + c));
    std::sort(times.begin(), times.end());
}

double State::earliest_us(int task, const std::vector<int>& slots) const {
    std::vector<int> cores = core_numbers(graph_.tasks[static_cast<size_t>(task)], cores_, slots);
    double start = 0;
    for (int c : cores) start = std::max(start, free_us_[static_cast<size_t>(c)]);
    for (int e : links_.in(task)) {
        const Edge& edge = graph_.edges[static_cast<size_t>(e)];
        const Placed& before = schedule_.tasks[static_cast<size_t>(edge.from.v)];
        double due = edge.cost_us == 0 || share_core(before.cores, cores) ? 0 : edge.cost_us;
        start = std::max(start, before.finish_us + due);
    }
    return start;
}

State::Undo State::place(int task, const std::vector<int>& slots, double start_us) {
    const Task& t = graph_.tasks[static_cast<size_t>(task)];
    Undo undo{task, last_start_us_, end_us_, {}};
    double finish = start_us + t.durations_us[slots.size() - 1];
    Placed& placed = schedule_.tasks[static_cast<size_t>(task)];
    placed = {{task}, core_numbers(t, cores_, slots), start_us, finish};
    for (int c : placed.cores) {
        undo.free_us.push_back(free_us_[static_cast<size_t>(c)]);
        free_us_[static_cast<size_t>(c)] = finish;
        on_core_[static_cast<size_t>(c)] |= uint64_t{1} << task;
    }
    done_ |= uint64_t{1} << task;
    last_start_us_ = std::max(last_start_us_, start_us);
    end_us_ = std::max(end_us_, finish);
    return undo;
}

void State::take_back(const Undo& undo) {
    const std::vector<int>& cores = schedule_.tasks[static_cast<size_t>(undo.task)].cores;
    for (size_t k = 0; k < cores.size(); ++k) {
        free_us_[static_cast<size_t>(cores[k])] = undo.free_us[k];
        on_core_[static_cast<size_t>(cores[k])] &= ~(uint64_t{1} << undo.task);
    }
    done_ &= ~(uint64_t{1} << undo.task);
    last_start_us_ = undo.last_start_us;
    end_us_ = undo.end_us;
}

uint64_t State::results_at(int core) const {
    uint64_t pending = 0;
    for (uint64_t rest = on_core_[static_cast<size_t>(core)]; rest != 0; rest &= rest - 1) {
        auto t = static_cast<size_t>(std::countr_zero(rest));
        if ((dear_after_[t] & ~done_) != 0) pending |= uint64_t{1} << t;
    }
    return pending;
}

std::vector<std::vector<int>> State::places(int task, int count, size_t most) const {
    const Task& t = graph_.tasks[static_cast<size_t>(task)];
    // No choice is better than those that are free first where cores are alike.
    if (alike_) return {first_free(free_us_, cores_, t.holds[0], count)};
    // Places of one group are free at the same time and hold the same results, in every kind.
    std::map<std::vector<double>, std::vector<int>> groups;
    for (int slot = 0; slot < places_for(t, cores_); ++slot)
        groups[place_key(slot)].push_back(slot);
    std::vector<std::vector<int>> members, chosen;
    for (auto& [key, slots] : groups) members.push_back(slots);
    std::vector<int> slots, room(members.size() + 1, 0);  // places of each group and those behind
    for (size_t g = members.size(); g-- > 0;)
        room[g] = room[g + 1] + static_cast<int>(members[g].size());
    auto choose = [&](auto&& self, size_t group, int left) -> void {
        if (chosen.size() >= most) return;
        if (left == 0) {
            chosen.push_back(slots);
            std::sort(chosen.back().begin(), chosen.back().end());
            return;
        }
        if (room[group] < left) return;
        size_t before = slots.size();
        for (int k = 0; k <= std::min<int>(left, static_cast<int>(members[group].size())); ++k) {
            if (k > 0) slots.push_back(members[group][static_cast<size_t>(k) - 1]);
            self(self, group + 1, left - k);
        }
        slots.resize(before);
    };
    choose(choose, 0, count);
    return chosen;
}

// What is to be known of a place, of every kind that has it.
std::vector<double> State::place_key(int slot) const {
    std::vector<double> key;
    for (size_t kind = 0; kind < cores_.kinds.size(); ++kind) {
        if (slot >= cores_.kinds[kind].count) {
            key.insert(key.end(), {-1, 0, 0});
            continue;
        }
        int core = cores_.first(static_cast<int>(kind)) + slot;
        uint64_t results = results_at(core);
        key.push_back(free_us(core));
        // Halves, so that a double holds them.
        key.push_back(static_cast<double>(results >> 32));
        key.push_back(static_cast<double>(results & 0xffffffffu));
    }
    return key;
}

void State::add_kinds(Summary& s) const {
    for (size_t kind = 0; kind < cores_.kinds.size(); ++kind) {
        auto begin = static_cast<std::ptrdiff_t>(s.when.size());
        for (int c = 0; c < cores_.kinds[kind].count; ++c)
            s.when.push_back(free_us(cores_.first(static_cast<int>(kind)) + c));
        std::sort(s.when.begin() + begin, s.when.end());
    }
}

void State::add_places(Summary& s) const {
    std::vector<std::vector<double>> keys;
    for (int slot = 0; slot < slots_; ++slot) keys.push_back(place_key(slot));
    std::sort(keys.begin(), keys.end());
    for (const std::vector<double>& key : keys)
        for (size_t k = 0; k < key.size(); k += 3) {
            s.when.push_back(key[k]);
            // Which kinds have this place is part of where.
            s.where.push_back((static_cast<uint64_t>(key[k + 1]) << 32) |
                              static_cast<uint64_t>(key[k + 2]));
            s.where.push_back(key[k] < 0);
        }
}

State::Summary State::summary() const {
    Summary s;
    alike_ ? add_kinds(s) : add_places(s);
    for (size_t t = 0; t < graph_.tasks.size(); ++t) {
        if (!done(static_cast<int>(t)) || (after_[t] & ~done_) == 0) continue;
        double finish = schedule_.tasks[t].finish_us;
        s.when.push_back((dear_after_[t] & ~done_) != 0 ? finish
                                                        : std::max(finish, last_start_us_));
    }
    return s;
}

}  // namespace smeaton::schedule
