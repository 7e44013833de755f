// What a spelling may say: each dim runs in exactly one way, and a register is addressed by nothing
// that is known only when the program runs.
#include <algorithm>

#include "gir/names.h"
#include "gir/text/print.h"
#include "gir/verify/rules.h"
#include "gir/walk.h"

namespace smeaton::gir::verifying {

namespace {

constexpr int64_t kMostVectors = 1 << 20;  // at a turn: all of them are written out

bool holds(const std::vector<Name>& names, Name name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

class SpellingChecker {
public:
    SpellingChecker(const Op& op, const std::map<Name, Tile>& tiles, std::string place,
                    Faults& faults)
        : op_(op), s_(*op.spelling), tiles_(tiles), place_(std::move(place)), faults_(faults) {}

    void run() {
        dims();
        numbers();
        if (!s_.across.empty()) turning();
        if (op_.kind == OpKind::Sort || !s_.scratch.empty()) sort();
        if (op_.kind == OpKind::Scatter) order();
        apart();
        for_each_slice(op_, [&](const Slice& s, bool) { registers(s); });
    }

private:
    bool reduced(Name dim) const {
        bool sums = op_.kind == OpKind::Reduce || op_.kind == OpKind::Mma;
        return sums && !walks(op_.dst, dim);
    }

    void dims() {
        for (const NamedDim& d : op_.dims) {
            int64_t ways = std::count(s_.loops.begin(), s_.loops.end(), d.name) +
                           std::count(s_.unrolled.begin(), s_.unrolled.end(), d.name);
            bool vectors = d.name == s_.lanes || d.name == s_.across;
            if (ways > 1 || (ways == 0 && !vectors))
                fault(fmt::format("{} is to be lanes, unrolled or a loop, once", d.name));
            if (ways == 1 && vectors && s_.across.empty() && holds(s_.loops, d.name))
                fault(fmt::format("{} lies along the lanes and cannot be a loop as well", d.name));
        }
        bool of_sum = false;
        for (Name n : s_.loops) {
            if (of_sum && !reduced(n))
                fault(fmt::format("the loop over {} is inside one that is summed", n));
            of_sum = of_sum || reduced(n);
        }
        std::vector<Name> named = s_.loops;
        named.insert(named.end(), s_.unrolled.begin(), s_.unrolled.end());
        named.push_back(s_.lanes);
        named.push_back(s_.across);
        for (Name n : named) {
            bool is_dim = std::any_of(op_.dims.begin(), op_.dims.end(),
                                      [&](const NamedDim& d) { return d.name == n; });
            if (!n.empty() && !is_dim) fault(fmt::format("{} is no dim of the op", n));
        }
    }

    void numbers() {
        if (s_.width < 1 || s_.turn < 1 || s_.sums < 1 || s_.part < 0)
            fault("widths, turns and sums are at least 1, a part at least 0");
        if (s_.turn > kMostVectors || s_.sums > kMostVectors)
            fault(fmt::format("turns and sums are at most {} vectors", kMostVectors));
        if (s_.lanes.empty() && (s_.width != 1 || s_.turn != 1))
            fault("vectors want a dim to lie along");
        if (s_.sums > 1 && (s_.lanes.empty() || !reduced(s_.lanes)))
            fault("several sums are for a reduction along the lanes");
        bool looped =
            std::any_of(s_.loops.begin(), s_.loops.end(), [&](Name n) { return reduced(n); });
        if (s_.part > 0 && (op_.kind != OpKind::Reduce || !looped))
            fault("parts are of a reduced loop");
    }

    void turning() {
        if (op_.kind != OpKind::Move || !std::holds_alternative<Slice>(op_.srcs[0]))
            fault("only a move from memory turns");
        if (s_.lanes == s_.across) fault("blocks lie along two dims");
        for (const NamedDim& d : op_.dims) {
            if (!holds(s_.loops, d.name)) fault(fmt::format("{} is to be a loop", d.name));
            bool blocks = d.name == s_.lanes || d.name == s_.across;
            bool whole = s_.width < 1 || !d.extent.is_const() || d.extent.value() % s_.width == 0;
            if (blocks && !whole)
                fault(fmt::format("{} is no whole number of blocks of {}", d.name, s_.width));
        }
    }

    /// Of what is stored to one place the last stays: the dims run in their order.
    void order() {
        std::vector<Name> runs = s_.loops, dims;
        if (!s_.lanes.empty() && !holds(s_.unrolled, s_.lanes)) runs.push_back(s_.lanes);
        for (const NamedDim& d : op_.dims) {
            dims.push_back(d.name);
            if (holds(s_.unrolled, d.name)) runs.push_back(d.name);
        }
        bool lanes_last = s_.lanes.empty() || (!dims.empty() && s_.lanes == dims.back());
        if (runs != dims || !lanes_last) fault("a scatter's dims are to run in their order");
    }

    /// Operands whose lanes lie apart.
    void apart() {
        std::vector<Name> named;
        for (const Gathered& g : s_.gathered) named.push_back(g.operand);
        for (const Strided& t : s_.strided) {
            named.push_back(t.operand);
            if (t.by < 2 || t.by > s_.width)
                fault("strided lanes are two elements apart, or more, up to as many as there are");
        }
        if (!named.empty() && (s_.lanes.empty() || !s_.across.empty()))
            fault("lanes that lie apart want a dim to lie along");
        for (size_t i = 0; i < named.size(); ++i) {
            if (!is_read(named[i])) fault(fmt::format("{} is not read", named[i]));
            if (std::find(named.begin(), named.begin() + static_cast<ptrdiff_t>(i), named[i]) !=
                named.begin() + static_cast<ptrdiff_t>(i))
                fault(fmt::format("{} is to be gathered or strided, once", named[i]));
        }
    }

    bool is_read(Name operand) const {
        bool read = false;
        for_each_operand(op_, [&](const Slice& s) { read = read || s.target == operand; });
        return read;
    }

    void sort() {
        if (op_.kind != OpKind::Sort) fault("only a sort goes through scratch");
        size_t wanted = op_.payload ? 2 : 1;
        if (s_.scratch.size() != wanted)
            fault(fmt::format("it goes through {} tiles, wants {}", s_.scratch.size(), wanted));
        std::vector<Name> targets = {op_.dst.target};
        if (op_.payload) targets.push_back(op_.payload->target);
        for (size_t i = 0; i < s_.scratch.size() && i < targets.size(); ++i) {
            auto tile = tiles_.find(s_.scratch[i]), line = tiles_.find(targets[i]);
            if (holds(targets, s_.scratch[i]) || (i > 0 && s_.scratch[i] == s_.scratch[0]))
                fault(fmt::format("{} is merged into itself", s_.scratch[i]));
            if (tile == tiles_.end() || line == tiles_.end())
                fault("a spelled sort goes from tile to tile");
            else if (tile->second.dtype != line->second.dtype || op_.dims.size() != 1 ||
                     tile->second.dims.size() != 1 || line->second.dims.size() != 1 ||
                     !(tile->second.dims[0].extent == op_.dims[0].extent))
                fault(fmt::format("{} has another shape or dtype", s_.scratch[i]));
        }
    }

    void registers(const Slice& s) {
        auto tile = tiles_.find(s.target);
        if (tile == tiles_.end() || tile->second.level != Name("reg")) return;
        for (const Coord& c : s.at)
            for (const Term& t : c.affine.terms)
                if (t.var != s_.lanes && !holds(s_.unrolled, t.var))
                    fault(fmt::format("{} is held in registers and addressed by the loop {}",
                                      s.target, t.var));
    }

    void fault(const std::string& message) { faults_.add(place_, message); }

    const Op& op_;
    const Spelling& s_;
    const std::map<Name, Tile>& tiles_;
    std::string place_;
    Faults& faults_;
};

}  // namespace

void check_spelling(const Kernel& kernel, Faults& faults) {
    std::map<Name, Tile> tiles;  // a spelled kernel names each tile once
    for_each_stmt(kernel.body, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node)) tiles.emplace(let->tile.name, let->tile);
        auto* op = std::get_if<Op>(&s.node);
        if (!op || !op->spelling) return;
        std::string place = fmt::format("kernel {}: `{}`", kernel.name, print(*op));
        SpellingChecker(*op, tiles, std::move(place), faults).run();
    });
}

}  // namespace smeaton::gir::verifying
