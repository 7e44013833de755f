#include "model/blocks/cuts.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "model/blocks/repeats.h"
#include "model/blocks/signature.h"

namespace smeaton::model {

namespace {

/// How many equal parts, from where on.
struct Phase {
    size_t begin = 0, period = 1, count = 0;
    double scope_depth = 0;    ///< mean of what scopes on both sides of its cuts share: low is good
    double width = 0;          ///< mean number of values that its cuts cross
    bool light_begin = false;  ///< parts begin with a node that is not heavy: an end of a layer

    size_t end() const { return begin + period * count; }
};

/// By value: the position behind the node that makes it; 0 for what is fed, n + 1 for constants.
std::vector<size_t> making_positions(const Graph& graph, const std::vector<int32_t>& order) {
    std::vector<size_t> made(graph.values.size(), order.size() + 1);
    for (ValueId id : graph.inputs) made[static_cast<size_t>(id.v)] = 0;
    for (size_t i = 0; i < order.size(); ++i)
        for (ValueId id : graph.nodes[static_cast<size_t>(order[i])].outputs)
            if (id.valid()) made[static_cast<size_t>(id.v)] = i + 1;
    return made;
}

/// By position 0 ... n: values made (or fed) before it and read at or behind it.
std::vector<int32_t> crossing_values(const Graph& graph, const std::vector<int32_t>& order,
                                     const std::vector<size_t>& made) {
    const size_t n = order.size();
    std::vector<size_t> last(graph.values.size(), 0);
    for (size_t i = 0; i < n; ++i)
        for (ValueId id : graph.nodes[static_cast<size_t>(order[i])].inputs)
            if (id.valid()) last[static_cast<size_t>(id.v)] = i;
    for (ValueId id : graph.outputs) last[static_cast<size_t>(id.v)] = n;
    std::vector<int32_t> change(n + 2, 0);
    for (size_t v = 0; v < made.size(); ++v) {
        if (made[v] > last[v]) continue;
        ++change[made[v]];
        --change[last[v] + 1];
    }
    for (size_t i = 1; i <= n; ++i) change[i] += change[i - 1];
    change.pop_back();
    return change;
}

/// Scopes by position; a node whose names tell nothing belongs where the one before it does.
std::vector<const Scope*> scopes_in_order(const std::vector<int32_t>& order,
                                          const std::vector<Scope>& scopes) {
    static const Scope kNone;
    std::vector<const Scope*> out;
    out.reserve(order.size());
    for (int32_t n : order) {
        const Scope& own = scopes[static_cast<size_t>(n)];
        out.push_back(!own.empty() || out.empty() ? &own : out.back());
    }
    return out;
}

class Cutter {
public:
    Cutter(const Graph& graph, const std::vector<int32_t>& order, const NodeLabels& labels,
           const std::vector<Scope>& scopes)
        : order_(order),
          labels_(labels),
          scopes_(scopes_in_order(order, scopes)),
          made_(making_positions(graph, order)),
          width_(crossing_values(graph, order, made_)),
          heavy_before_(order.size() + 1, 0),
          taken_(order.size(), false),
          parts_(graph, labels) {
        for (size_t i = 0; i < order.size(); ++i)
            heavy_before_[i + 1] = heavy_before_[i] + (labels.heavy[at(i)] ? 1 : 0);
    }

    std::vector<Piece> run() {
        take_repetitions(0, order_.size(), true);
        for (const Piece& gap : gaps(0, order_.size())) {
            if (take_units(gap)) continue;
            take_repetitions(gap.begin, gap.end, false);
            for (const Piece& rest : gaps(gap.begin, gap.end)) take(rest);
        }
        std::sort(pieces_.begin(), pieces_.end(),
                  [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
        return std::move(pieces_);
    }

private:
    size_t at(size_t position) const { return static_cast<size_t>(order_[position]); }
    bool heavy(size_t begin, size_t end) const {
        return heavy_before_.back() == 0 || heavy_before_[begin] < heavy_before_[end];
    }

    void take(const Piece& piece) {
        pieces_.push_back(piece);
        for (size_t i = piece.begin; i < piece.end; ++i) taken_[i] = true;
    }

    /// What is not taken of [begin, end), in order.
    std::vector<Piece> gaps(size_t begin, size_t end) const {
        std::vector<Piece> out;
        for (size_t i = begin; i < end; ++i) {
            if (taken_[i]) continue;
            if (i > begin && !taken_[i - 1]) {
                out.back().end = i + 1;
            } else {
                out.push_back({i, i + 1});
            }
        }
        return out;
    }

    /// Takes repetitions of labels in [begin, end): of exact ones the largest first, of form the
    /// one with most parts first. What another has taken of one is cut off, and the rest waits for
    /// its turn.
    void take_repetitions(size_t begin, size_t end, bool exact) {
        std::vector<int32_t> text;
        for (size_t i = begin; i < end; ++i)
            text.push_back(exact ? labels_.exact[at(i)] : labels_.form[at(i)]);
        auto key = [exact](const Repetition& r) {
            const size_t count = (r.end - r.begin) / r.period;
            return std::tuple(exact ? 0 : count, count * r.period, ~r.period, ~r.begin);
        };
        auto later = [&](const Repetition& a, const Repetition& b) { return key(a) < key(b); };
        std::priority_queue<Repetition, std::vector<Repetition>, decltype(later)> queue(later);
        for (const Repetition& r : repetitions(text))
            queue.push({r.begin + begin, r.end + begin, r.period});
        while (!queue.empty()) {
            const Repetition r = queue.top();
            queue.pop();
            const std::vector<Piece> free = gaps(r.begin, r.end);
            if (free.size() != 1 || free[0].begin != r.begin || free[0].end != r.end) {
                for (const Piece& f : free)
                    if (f.end - f.begin >= 2 * r.period) queue.push({f.begin, f.end, r.period});
                continue;
            }
            if (heavy(r.begin, r.begin + r.period))
                exact ? take_exact(r) : take_form(r, {begin, end});
        }
    }

    /// All phases of a repetition that have nearly as many parts as possible.
    std::vector<Phase> phases(const Repetition& r) const {
        const size_t most = (r.end - r.begin) / r.period;
        std::vector<Phase> out;
        for (size_t shift = 0; shift < r.period; ++shift) {
            Phase phase{r.begin + shift, r.period, (r.end - r.begin - shift) / r.period};
            if (phase.count < 2 || phase.count + 1 < most) continue;
            for (size_t cut = phase.begin + r.period; cut < phase.end(); cut += r.period) {
                phase.scope_depth +=
                    static_cast<double>(common_depth(*scopes_[cut - 1], *scopes_[cut]));
                phase.width += width_[cut];
            }
            phase.light_begin = !labels_.heavy[at(phase.begin)];
            phase.scope_depth /= static_cast<double>(phase.count - 1);
            phase.width /= static_cast<double>(phase.count - 1);
            out.push_back(phase);
        }
        std::sort(out.begin(), out.end(), [](const Phase& a, const Phase& b) {
            return std::tuple(a.scope_depth, a.width, a.light_begin, b.count, a.begin) <
                   std::tuple(b.scope_depth, b.width, b.light_begin, a.count, b.begin);
        });
        return out;
    }

    void take(const Phase& phase) {
        for (size_t cut = phase.begin; cut < phase.end(); cut += phase.period)
            take(Piece{cut, cut + phase.period});
    }

    /// Equal labels are not yet equal wiring: takes the best phase that has equal neighbours.
    void take_exact(const Repetition& r) {
        constexpr size_t kTries = 4;
        const std::vector<Phase> all = phases(r);
        for (size_t k = 0; k < std::min(kTries, all.size()); ++k) {
            if (!has_equal_neighbours(all[k])) continue;
            take(all[k]);
            return;
        }
    }

    /// Whether some part equals the one before it and reads what that one makes. Equal parts side
    /// by side are branches of one layer.
    bool has_equal_neighbours(const Phase& phase) {
        std::vector<int32_t> before;
        for (size_t cut = phase.begin; cut < phase.end(); cut += phase.period) {
            Part part = read(cut, phase.period);
            if (part.signature == before && reads_from(part, cut - phase.period, cut)) return true;
            before = std::move(part.signature);
        }
        return false;
    }

    bool each_reads_the_one_before(const Phase& phase) {
        for (size_t cut = phase.begin + phase.period; cut < phase.end(); cut += phase.period)
            if (!reads_from(read(cut, phase.period), cut - phase.period, cut)) return false;
        return true;
    }

    Part read(size_t begin, size_t period) {
        return parts_.read(order_.data() + begin, order_.data() + begin + period);
    }

    bool reads_from(const Part& part, size_t begin, size_t end) const {
        return std::any_of(part.inputs.begin(), part.inputs.end(), [&](ValueId id) {
            const size_t made = made_[static_cast<size_t>(id.v)];
            return begin < made && made <= end;
        });
    }

    /// Takes the best phase that does not cut through the branches of a layer.
    void take_form(const Repetition& r, const Piece& gap) {
        for (const Phase& phase : phases(r)) {
            bool good = !cuts_branches(phase, gap) && each_reads_the_one_before(phase);
            for (size_t cut = phase.begin; cut < phase.end() && good; cut += phase.period)
                good = heavy(cut, cut + phase.period);
            if (!good) continue;
            take(phase);
            return;
        }
    }

    /// A cut is between layers where no more values cross it than cross the ends of the gap; or
    /// where each part leaves some behind for later, or takes some up, as levels with skips do.
    bool cuts_branches(const Phase& phase, const Piece& gap) const {
        const int32_t bound = std::max(width_[gap.begin], width_[gap.end]);
        bool narrow = true, rises = true, falls = true;
        for (size_t cut = phase.begin; cut < phase.end(); cut += phase.period) {
            const int32_t here = width_[cut], next = width_[cut + phase.period];
            narrow &= here <= bound && next <= bound;
            rises &= here < next;
            falls &= here > next;
        }
        return !narrow && !rises && !falls;
    }

    /// Cuts a gap where the unit of the scope changes. A unit without heavy nodes joins the one
    /// before it, or at the front the one behind it. False, and nothing is cut, where names tell
    /// nothing, or no more than which node is which.
    bool take_units(const Piece& gap) {
        if (scopes_[gap.end - 1]->empty()) return false;
        std::vector<Piece> units;
        for (size_t i = gap.begin; i < gap.end; ++i) {
            const bool starts = i == gap.begin || unit_of(*scopes_[i]) != unit_of(*scopes_[i - 1]);
            const bool joins = !units.empty() && !heavy(units.back().begin, i);
            if (starts && !joins) units.push_back({i, i});
            units.back().end = i + 1;
        }
        for (size_t k = units.size(); k-- > 1;) {
            if (heavy(units[k].begin, units[k].end)) continue;
            units[k - 1].end = units[k].end;
            units.erase(units.begin() + static_cast<std::ptrdiff_t>(k));
        }
        const int32_t heavies = heavy_before_[gap.end] - heavy_before_[gap.begin];
        if (units.size() > 1 && 2 * heavies < 3 * static_cast<int32_t>(units.size())) return false;
        for (const Piece& unit : units) take(unit);
        return true;
    }

    const std::vector<int32_t>& order_;
    const NodeLabels& labels_;
    std::vector<const Scope*> scopes_;
    std::vector<size_t> made_;
    std::vector<int32_t> width_;
    std::vector<int32_t> heavy_before_;
    std::vector<bool> taken_;
    PartReader parts_;
    std::vector<Piece> pieces_;
};

}  // namespace

std::vector<Piece> cut_into_pieces(const Graph& graph, const std::vector<int32_t>& order,
                                   const NodeLabels& labels, const std::vector<Scope>& scopes) {
    return Cutter(graph, order, labels, scopes).run();
}

}  // namespace smeaton::model
