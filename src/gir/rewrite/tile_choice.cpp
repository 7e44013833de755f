#include "gir/rewrite/tile_choice.h"

#include <algorithm>

namespace smeaton::gir::rewrite {

namespace {

// Loads and arithmetic overlap, but not for nothing: of two tiles that issue as much the one with
// fewer loads is the faster.
constexpr double kContention = 0.1;
// A tile's sums are started, taken through what follows the contraction, and stored.
constexpr double kPassesOverSums = 3;
constexpr int64_t kMostColumns = 8;

int64_t rounded_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

double bytes_of(DType dtype, int64_t elements) {
    return static_cast<double>(tensor::byte_count(dtype, elements));
}

/// Cycles that so many bytes take at a level's rate; none where it keeps pace.
double at_rate(double bytes, double bytes_per_cycle) {
    return bytes_per_cycle > 0 ? bytes / bytes_per_cycle : 0;
}

/// The registers (or parts of another level) that one block of elements takes.
int64_t held_bytes(DType dtype, int64_t elements, const MmaShape& shape, const Target& target) {
    const int64_t bytes = tensor::byte_count(dtype, elements);
    if (!target.sums_in_registers(shape)) return bytes;
    const auto vector = static_cast<int64_t>(target.vector_bytes);
    return rounded_up(bytes, vector) * vector;
}

/// One block of the columns in flight for each, and one of the rows.
bool fits(const MmaTile& t, const MmaShape& shape, const Target& target) {
    int64_t blocks = rounded_up(t.rows, shape.rows) * t.columns;
    int64_t sums = blocks * held_bytes(shape.acc, shape.rows * shape.columns, shape, target);
    int64_t in_flight =
        t.columns * held_bytes(shape.b, shape.group * shape.columns, shape, target) +
        held_bytes(shape.a, shape.rows * shape.group, shape, target);
    if (target.sums_in_registers(shape)) return target.registers().capacity.holds(sums + in_flight);
    if (shape.acc_in.empty())
        return &target.level_for(OperandRole::Acc, sums) != &target.outermost();
    const TargetLevel& level = target.level(shape.acc_in);
    return &target.memory_for(OperandRole::Acc, sums) == &level || level.capacity.holds(2 * sums);
}

/// What every tile asks of the target.
struct Rates {
    double rows, panel, stores;  ///< bytes per cycle
    double loads;                ///< per cycle

    explicit Rates(const Target& target)
        : rows(target.first_level(OperandRole::A).read_bytes_per_cycle),
          panel(target.panel_level(OperandRole::B).read_bytes_per_cycle),
          stores(target.first_level(OperandRole::Vector).write_bytes_per_cycle),
          loads(target.loads_per_cycle) {}
};

/// Cycles per step of the contraction (a group of elements) of one tile: the larger of issue, loads
/// (a load for each block of rows, and what the columns take of their panel's bandwidth), and the
/// latency of one chain of sums; plus a share of the lesser of the first two, which overlap, but
/// not for nothing.
double step_cycles(const MmaTile& t, const MmaExtents& e, const MmaShape& shape,
                   const Rates& rates) {
    auto row_blocks = static_cast<double>(rounded_up(t.rows, shape.rows));
    auto columns = static_cast<double>(t.columns);
    double issue = row_blocks * columns / shape.per_cycle;
    double row_load = std::max(
        1 / rates.loads,
        at_rate(bytes_of(shape.a, std::min(t.rows, shape.rows) * shape.group), rates.rows));
    double row_loads = e.broadcast ? row_blocks : row_blocks * columns;
    double column_load = at_rate(bytes_of(shape.b, shape.group * shape.columns), rates.panel);
    double loads = row_loads * row_load + columns * column_load;
    return std::max({issue, loads, shape.latency_cycles}) + kContention * std::min(issue, loads);
}

double tile_cycles(const MmaTile& t, const MmaExtents& e, const MmaShape& shape,
                   const Rates& rates) {
    double sums = bytes_of(shape.acc, t.rows * t.columns * shape.columns);
    return shape.fill_cycles +
           step_cycles(t, e, shape, rates) *
               static_cast<double>(rounded_up(e.contracted, shape.group)) +
           kPassesOverSums * at_rate(sums, rates.stores);
}

double box_cycles(const MmaTile& t, const MmaExtents& e, const MmaShape& shape,
                  const Rates& rates) {
    int64_t columns = rounded_up(e.lanes, shape.columns);
    double sum = 0;
    auto add = [&](int64_t count, int64_t rows, int64_t width) {
        if (count > 0 && rows > 0 && width > 0)
            sum += static_cast<double>(count) * tile_cycles({rows, width}, e, shape, rates);
    };
    int64_t row_tiles = e.rows / t.rows, row_rest = e.rows % t.rows;
    int64_t wide_tiles = columns / t.columns, wide_rest = columns % t.columns;
    add(row_tiles * wide_tiles, t.rows, t.columns);
    add(row_tiles, t.rows, wide_rest);
    add(wide_tiles, row_rest, t.columns);
    add(1, row_rest, wide_rest);
    return sum;
}

/// Vectors of the sums' dtype that ops of every other dtype fill as well.
int64_t column_step(const MmaShape& shape, const Target& target) {
    return std::max<int64_t>(1, target.lanes(DType::kF32) / shape.columns);
}

MmaTile tallest(const MmaExtents& e, const MmaShape& shape, const Target& target) {
    // Between blocks of rows that fit and such that do not.
    const int64_t all = rounded_up(e.rows, shape.rows);
    auto blocks_fit = [&](int64_t n) { return fits({n * shape.rows, 1}, shape, target); };
    if (all > 1 && blocks_fit(all)) return {e.rows, 1};
    int64_t fitting = 1, too_many = std::max<int64_t>(all, 2);
    while (too_many - fitting > 1) {
        const int64_t middle = (fitting + too_many) / 2;
        (blocks_fit(middle) ? fitting : too_many) = middle;
    }
    return {std::min(fitting * shape.rows, e.rows), 1};
}

}  // namespace

double box_cycles(const MmaTile& t, const MmaExtents& e, const MmaShape& shape,
                  const Target& target) {
    return box_cycles(t, e, shape, Rates(target));
}

std::vector<RankedTile> rank_tiles(const MmaExtents& e, const MmaShape& shape,
                                   const Target& target) {
    std::vector<RankedTile> ranked;
    const Rates rates(target);
    auto add = [&](const MmaTile& t) { ranked.push_back({t, box_cycles(t, e, shape, rates)}); };
    if (shape.holds_b) {
        add(tallest(e, shape, target));
        return ranked;
    }
    int64_t step = column_step(shape, target), most = rounded_up(e.lanes, shape.columns);
    int64_t widest = std::min(std::max(most, step), kMostColumns * step);
    for (int64_t columns = step; columns <= widest; columns += step)
        for (int64_t rows = shape.rows; rows < e.rows + shape.rows; rows += shape.rows) {
            MmaTile t{std::min(rows, e.rows), columns};
            if (!fits(t, shape, target)) break;
            add(t);
        }
    if (ranked.empty()) add({std::min(shape.rows, e.rows), step});
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const RankedTile& x, const RankedTile& y) { return x.cycles < y.cycles; });
    return ranked;
}

MmaTile choose_tile(const MmaExtents& e, const MmaShape& shape, const Target& target) {
    return rank_tiles(e, shape, target).front().tile;
}

}  // namespace smeaton::gir::rewrite
