#include "cost/shared_line.h"

#include <algorithm>

namespace smeaton::cost {

int SharedLine::add_user(int engine) {
    users_.push_back({engine, 0, {}});
    return static_cast<int>(users_.size()) - 1;
}

double SharedLine::serve(double start, double ns, double most, int user) {
    User& u = users_[static_cast<size_t>(user)];
    double end = std::max(reserve(start, ns), start + ns / most);
    if (u.starts_ns.size() == kTurnsBack) {
        end = shared_end(start, ns, most, u.engine, start - u.starts_ns.front());
        u.starts_ns.erase(u.starts_ns.begin());
    }
    u.starts_ns.push_back(start);
    if (history_.size() == kMostKept) history_.pop_front();
    history_.push_back({start, end, ns, user});
    ++u.turns;
    use.note(start, end, ns);
    return end;
}

void SharedLine::shift(double ns) {
    for (Stretch& s : taken_) {
        s.from += ns;
        s.to += ns;
    }
    for (Transfer& t : history_) {
        t.from += ns;
        t.to += ns;
    }
    for (User& u : users_)
        for (double& start : u.starts_ns) start += ns;
    forgotten_ns_ += ns;
}

/// Max-min fair: an even part, or what the others leave where they cannot take theirs. The
/// others are those of `lag` before.
double SharedLine::shared_end(double start, double ns, double most, int engine, double lag) {
    edges_.clear();
    for (const Transfer& t : history_) {
        const double from = t.from + lag, to = t.to + lag;
        const User& other = users_[static_cast<size_t>(t.user)];
        const bool comes_again = other.turns > 1;
        if (!comes_again || other.engine == engine || to <= start || to <= from) continue;
        const double rate = t.work / (to - from);
        edges_.push_back({std::max(from, start), 1, rate});
        edges_.push_back({to, -1, -rate});
    }
    std::sort(edges_.begin(), edges_.end(),
              [](const Edge& a, const Edge& b) { return a.at < b.at; });
    double at = start, left = ns, taken = 0;
    int others = 0;
    for (const Edge& edge : edges_) {
        const double rate = std::min(most, std::max(1 - taken, 1.0 / (1 + others)));
        if ((edge.at - at) * rate >= left) return at + left / rate;
        left -= (edge.at - at) * rate;
        at = edge.at;
        others += edge.others;
        taken += edge.rate;
    }
    return at + left / most;
}

/// Its time goes to the first gaps from `start` on, so that none is given twice; the end of the
/// last one.
double SharedLine::reserve(double start, double ns) {
    double at = std::max(start, forgotten_ns_), left = ns;
    for (size_t i = 0; i < taken_.size() && left > 0; ++i) {
        if (taken_[i].to <= at) continue;
        const double gap = std::min(left, taken_[i].from - at);
        if (gap > 0) {
            taken_.insert(taken_.begin() + static_cast<std::ptrdiff_t>(i), {at, at + gap});
            left -= gap;
            at += gap;
            ++i;
        }
        if (left > 0) at = std::max(at, taken_[i].to);
    }
    if (left > 0) {
        taken_.push_back({at, at + left});
        at += left;
    }
    while (taken_.size() > kMostStretches) {
        forgotten_ns_ = taken_.front().to;
        taken_.erase(taken_.begin());
    }
    return at;
}

}  // namespace smeaton::cost
