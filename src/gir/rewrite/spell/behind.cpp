#include "gir/rewrite/spell/behind.h"

#include <algorithm>

#include "gir/cache/residency.h"
#include "gir/names.h"
#include "gir/walk.h"
#include "tensor/dtype.h"

namespace smeaton::gir::rewrite {

namespace {

constexpr int64_t kRowsATurn = 2;  // a longer burst waits for the lines before it
// Products in a sum: with fewer, memory is what the kernel waits for, and asking early is but more
// work.
constexpr int64_t kLongEnough = 48;

/// Rows of a buffer, each of some lines.
struct Rows {
    Name buffer;
    Affine first;  ///< element of the buffer's memory
    int64_t count = 1, step = 0;
    int64_t lines = 1, line = 1;  ///< of a row; elements
    friend bool operator==(const Rows&, const Rows&) = default;
};

/// From one tile to the next: the innermost loop around that moves the slice.
int64_t next_tile(const Place& place, const Affine& element) {
    for (size_t i = place.loops.size(); i-- > 0;)
        if (int64_t k = element.coefficient(place.loops[i].axis); k != 0) return k;
    return 0;
}

std::optional<Rows> rows_of(const Place& place, const TargetLevel& level, const Op& op,
                            const Slice& slice) {
    const Buffer* buffer = place.program.find_buffer(slice.target);
    if (!buffer || cache::outlasts_its_like(level, physical_bytes(*buffer).value())) return {};
    const Laid at = laid(place, slice);
    Ranges ranges = place.ranges;
    for (const NamedDim& d : op.dims) ranges[d.name] = {0, d.extent.value() - 1};
    std::optional<Affine> element = at.bounded ? std::nullopt : element_offset(at, ranges);
    if (!element) return {};
    Rows rows;
    int64_t row = 0, dims = 0;  // elements of one row; dims that go from row to row
    Substitution start;
    for (const NamedDim& d : op.dims) {
        const int64_t k = element->coefficient(d.name), n = d.extent.value();
        start[d.name] = Affine(0);
        if (k == 0 || n == 1) continue;
        if (k == 1) {
            row = n;
            continue;
        }
        ++dims;
        rows.count = n;
        rows.step = k;
    }
    const int64_t next = next_tile(place, *element);
    if (row == 0 || dims > 1 || next <= 0) return {};
    rows.buffer = at.target;
    rows.line = std::max<int64_t>(1, level.line_bytes * 8 / tensor::bits(at.dtype));
    rows.lines = (row + rows.line - 1) / rows.line;
    rows.first = substitute(*element, start) + Affine(next);
    return rows;
}

std::vector<Rows> rows_behind(const Place& place, const TargetLevel& level,
                              std::span<const StmtPtr> following) {
    std::vector<Rows> all;
    for (const StmtPtr& s : following) {
        if (!std::holds_alternative<Let>(s->node) && !std::holds_alternative<Op>(s->node)) break;
        auto* op = std::get_if<Op>(&s->node);
        if (!op) continue;
        if (op->kind == OpKind::Mma) break;
        for_each_slice(*op, [&](const Slice& slice, bool) {
            std::optional<Rows> rows = rows_of(place, level, *op, slice);
            if (rows && std::find(all.begin(), all.end(), *rows) == all.end()) all.push_back(*rows);
        });
    }
    return all;
}

/// The rows are shared out among the iterations of the first `loops`, after the last of them is
/// split so that its outer part has `outer` iterations (0: not split).
struct Sharing {
    size_t loops = 0;
    int64_t outer = 0;
    int64_t turns = 1;
};

/// The first outer part of n that has a turn for every row, else the largest one.
int64_t outer_part(int64_t n, int64_t wanted, int64_t most) {
    int64_t best = 0;
    for (int64_t outer = 2; outer < n && outer <= most && best < wanted; ++outer)
        if (n % outer == 0) best = outer;
    return best;
}

std::optional<Sharing> share(const std::vector<const For*>& loops, int64_t rows) {
    const int64_t most = 2 * rows;
    Sharing s;
    auto enough = [&] { return s.turns * kRowsATurn >= rows; };
    for (const For* loop : loops) {
        if (enough()) break;
        const int64_t n = loop->extent.value();
        ++s.loops;
        if (s.turns * n <= most) {
            s.turns *= n;
            continue;
        }
        s.outer = outer_part(n, (rows + s.turns - 1) / s.turns, most / s.turns);
        s.turns *= std::max<int64_t>(1, s.outer);
        if (s.outer == 0) return {};
        break;
    }
    if (s.loops == 0 || !enough()) return {};
    return s;
}

/// One turn's part.
void ask_for(const Rows& rows, const Affine& turn, int64_t turns, Name level, Block& out) {
    const int64_t part = (rows.count + turns - 1) / turns;
    for (int64_t i = 0; i < part; ++i)
        out.push_back(stmt(Prefetch{rows.buffer,
                                    rows.first + turn * (part * rows.step) + Affine(i * rows.step),
                                    rows.lines, rows.line, level}));
}

/// Loops that hold nothing but each other, the last one an mma; empty where these do not.
std::vector<const For*> loops_of_mma(const StmtPtr& s) {
    std::vector<const For*> loops;
    auto* loop = std::get_if<For>(&s->node);
    while (loop) {
        if (!loop->from.empty() || !loop->to.empty()) return {};
        loops.push_back(loop);
        const Block& body = loop->body;
        loop = body.size() == 1 ? std::get_if<For>(&body.front()->node) : nullptr;
        if (loop) continue;
        for (const StmtPtr& inside : body) {
            auto* op = std::get_if<Op>(&inside->node);
            bool mma = op && op->kind == OpKind::Mma && inside == body.back();
            if (!mma && !std::holds_alternative<Prefetch>(inside->node)) return {};
        }
    }
    return loops;
}

/// Products that are added into one element of the tile.
int64_t sum_length(const std::vector<const For*>& loops) {
    const auto& mma = std::get<Op>(loops.back()->body.back()->node);
    int64_t n = 1;
    for (const For* loop : loops) n *= loop->extent.value();
    for (const NamedDim& d : mma.dims)
        if (!walks(mma.dst, d.name)) n *= d.extent.value();
    return n;
}

StmtPtr loop_over(Name axis, int64_t extent, Block body) {
    For loop;
    loop.axis = axis;
    loop.extent = extent;
    loop.body = std::move(body);
    return stmt(std::move(loop));
}

}  // namespace

StmtPtr with_rows_ahead(const Place& place, const Target& target, const StmtPtr& contraction,
                        std::span<const StmtPtr> following, std::set<Name>& taken) {
    const std::vector<const For*> loops = loops_of_mma(contraction);
    const TargetLevel* level = cache::nth_cache(target, 1);
    if (loops.empty() || !level || sum_length(loops) < kLongEnough) return contraction;
    const std::vector<Rows> behind = rows_behind(place, *level, following);
    int64_t most_rows = 0;
    for (const Rows& r : behind) most_rows = std::max(most_rows, r.count);
    const std::optional<Sharing> sharing = behind.empty() ? std::nullopt : share(loops, most_rows);
    if (!sharing) return contraction;

    const size_t last = sharing->loops - 1;
    Name outer = loops[last]->axis;
    Block inside = loops[last]->body;
    if (sharing->outer > 0) {
        const Name inner = outer;
        const int64_t rest = loops[last]->extent.value() / sharing->outer;
        outer = fresh(inner, taken);
        inside = substitute(inside, {{inner, Affine(outer) * rest + Affine(inner)}});
        inside = {loop_over(inner, rest, std::move(inside))};
    }
    Affine turn;
    for (size_t i = 0; i < last; ++i)
        turn = turn * loops[i]->extent.value() + Affine(loops[i]->axis);
    const int64_t turns_of_last = sharing->outer > 0 ? sharing->outer : loops[last]->extent.value();
    turn = turn * turns_of_last + Affine(outer);
    Block body;
    for (const Rows& r : behind) ask_for(r, turn, sharing->turns, level->name, body);
    body.insert(body.end(), inside.begin(), inside.end());
    StmtPtr made = loop_over(outer, turns_of_last, std::move(body));
    for (size_t i = last; i-- > 0;)
        made = loop_over(loops[i]->axis, loops[i]->extent.value(), {made});
    return made;
}

}  // namespace smeaton::gir::rewrite
