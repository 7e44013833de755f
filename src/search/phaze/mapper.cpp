// The least of the cost function over all mappings, exactly.
//
// The parts meet in two tiles only: what lies in the cores together (`across`), and in the buffer.
//   core(across)   = multiply-adds x the least over meshes m of rate(across / m) / |m|, where
//                    rate(tile) is the least over arrays, registers and orders, per multiply-add
//   buffer(buffer, across), dram(buffer): the least over orders.
// Of an order only the innermost operand that stays matters: each dim indexes all operands but one.
// A multiple of an array never costs more (all words per multiply-add fall or stay), and of the
// loops of registers those of one operand only are worth having: of K for inputs, of C, R, S for
// outputs; as many as there is room for.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "search/phaze/mapping.h"

namespace smeaton::search::phaze {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-12;

std::vector<int64_t> divisors_of(int64_t n) {
    std::vector<int64_t> low, high;
    for (int64_t d = 1; d * d <= n; ++d) {
        if (n % d != 0) continue;
        low.push_back(d);
        if (d * d != n) high.push_back(n / d);
    }
    low.insert(low.end(), high.rbegin(), high.rend());
    return low;
}

/// A tile as the engine sees it.
struct Tile {
    Sizes sizes{};
    double all = 1;                                           ///< product
    double weight = 0, input = 0, output = 0;                 ///< words
    double free_weight = 1, free_input = 1, free_output = 1;  ///< of the dims that do not index it
};

/// All tiles whose dims divide the operator's, numbered; quotients by table.
class Tiles {
public:
    explicit Tiles(const Sizes& whole) {
        size_t count = 1;
        for (size_t d = 0; d < whole.size(); ++d) {
            if (whole[d] == 1) continue;
            Axis axis{d, divisors_of(whole[d]), count, {}, {}};
            const size_t n = axis.divisors.size();
            axis.quotient.assign(n * n, -1);
            axis.larger.resize(n);
            for (size_t i = 0; i < n; ++i)
                for (size_t j = 0; j <= i; ++j) {
                    if (axis.divisors[i] % axis.divisors[j] != 0) continue;
                    const int64_t ratio = axis.divisors[i] / axis.divisors[j];
                    axis.quotient[i * n + j] = static_cast<int32_t>(
                        std::lower_bound(axis.divisors.begin(), axis.divisors.end(), ratio) -
                        axis.divisors.begin());
                    if (divisors_of(ratio).size() == 2) axis.larger[j].push_back(i);
                }
            count *= n;
            axes_.push_back(std::move(axis));
        }
        for (size_t t = 0; t < count; ++t) add(t);
    }
    size_t count() const { return tiles_.size(); }
    const Tile& at(size_t t) const { return tiles_[t]; }
    const Tile& whole() const { return tiles_.back(); }
    /// The tile a / b; -1 where b does not divide a.
    int64_t quotient(size_t a, size_t b) const {
        const uint8_t *pa = places(a), *pb = places(b);
        int64_t out = 0;
        for (size_t i = 0; i < axes_.size(); ++i) {
            const Axis& axis = axes_[i];
            const int32_t q = axis.quotient[pa[i] * axis.divisors.size() + pb[i]];
            if (q < 0) return -1;
            out += static_cast<int64_t>(q) * static_cast<int64_t>(axis.stride);
        }
        return out;
    }
    /// Calls each(tile) for the tiles one prime factor larger.
    template <class Each>
    void next(size_t t, Each&& each) const {
        const uint8_t* at = places(t);
        for (size_t i = 0; i < axes_.size(); ++i)
            for (const size_t j : axes_[i].larger[at[i]]) each(t + (j - at[i]) * axes_[i].stride);
    }

private:
    struct Axis {
        size_t dim;
        std::vector<int64_t> divisors;
        size_t stride;
        std::vector<int32_t> quotient;
        std::vector<std::vector<size_t>> larger;  // by divisor: those a prime times as large
    };
    const uint8_t* places(size_t t) const { return places_.data() + t * axes_.size(); }
    void add(size_t t) {
        Tile tile;
        tile.sizes.fill(1);
        for (const Axis& axis : axes_) {
            const size_t at = t / axis.stride % axis.divisors.size();
            SMEATON_CHECK(at < 256, "a dim of more than 256 divisors");
            places_.push_back(static_cast<uint8_t>(at));
            tile.sizes[axis.dim] = axis.divisors[at];
        }
        const Sizes& s = tile.sizes;
        for (const int64_t v : s) tile.all *= static_cast<double>(v);
        tile.weight = weight_words(s), tile.input = input_words(s), tile.output = output_words(s);
        tile.free_weight = static_cast<double>(s[kN] * s[kP] * s[kQ]);
        tile.free_input = static_cast<double>(s[kK]);
        tile.free_output = static_cast<double>(s[kC] * s[kR] * s[kS]);
        tiles_.push_back(tile);
    }

    std::vector<Axis> axes_;
    std::vector<Tile> tiles_;
    std::vector<uint8_t> places_;
};

/// The least of the larger of reads and results of a memory, for all orders of the loops that make
/// `tile` of `part`.
double level_words(const Tile& part, const Tile& tile) {
    const double steps = tile.all / part.all;
    const double w = part.weight * steps, i = part.input * steps, o = part.output * steps;
    const double stay_w = w / (tile.free_weight / part.free_weight);
    const double stay_i = i / (tile.free_input / part.free_input);
    const double stay_o = o / (tile.free_output / part.free_output);
    return std::min({std::max(stay_w + i + o - tile.output, o),
                     std::max(w + stay_i + o - tile.output, o),
                     std::max(w + i + stay_o - tile.output, stay_o)});
}

/// Of this thread.
double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// The largest divisor of `n` up to `most`.
int64_t largest_divisor(int64_t n, int64_t most) {
    for (int64_t d = std::min(n, most); d > 1; --d)
        if (n % d == 0) return d;
    return 1;
}

/// The most weights in registers that all count for outputs: a product of divisors.
int64_t most_of(const Sizes& times, int64_t most) {
    int64_t best = 1;
    for (int64_t i = 1; i <= std::min(times[kR], most); ++i) {
        if (times[kR] % i != 0) continue;
        for (int64_t j = 1; j <= std::min(times[kS], most / i); ++j)
            if (times[kS] % j == 0)
                best = std::max(best, i * j * largest_divisor(times[kC], most / (i * j)));
    }
    return best;
}

/// What registers save at best: loops of them that one operand stays over.
struct Held {
    double inputs = 1, outputs = 1;
};

/// Cycles of a core for a multiply-add, on this array, `times` that make the tile of it: the least
/// over registers and orders.
double core_rate(const Tile& tile, const Tile& array, const Tile& times, const Held& held) {
    const double steps = times.all;
    const double w = array.weight * steps, i = array.input * steps, o = array.output * steps;
    const double w_once = w / times.free_weight;
    const double i_once = i / times.free_input;
    const double o_once = o / times.free_output;
    auto words = [&](double weights, double inputs, double outputs) {
        return std::max(weights + inputs + outputs - tile.output, outputs);
    };
    const double least =
        std::min({words(w_once, i / held.inputs, o), words(w_once, i, o / held.outputs),
                  words(w, i_once, o), words(w, i, o_once)});
    return std::max(steps, least / kCoreWords) / tile.all;
}

/// No tile has a lower rate on this array. What an operand costs with nothing else: of outputs what
/// is read again is not counted.
double least_rate(const Tile& array, int registers) {
    const double w = array.weight, i = array.input, o = array.output, r = registers;
    const double words = std::min({std::max(i / r, o), std::max(i, o / r), std::max(w, o), w + i});
    return std::max(1.0, words / kCoreWords) / array.all * (1 - kRounding);
}

/// Whether the dims can be split so that one part is at most x and the other at most y. x <= 256
/// for an array, 64 for a mesh: products up to x as a table.
bool splits(const Sizes& sizes, int x, int y) {
    double all = 1;
    for (const int64_t v : sizes) all *= static_cast<double>(v);
    if (all > static_cast<double>(x) * y) return false;
    if (all <= std::max(x, y)) return true;
    std::vector<char> reached(static_cast<size_t>(x) + 1, 0);
    reached[1] = 1;
    for (const int64_t v : sizes) {
        if (v == 1) continue;
        for (int64_t p = x; p >= 1; --p) {  // from above: each dim gives one factor
            if (!reached[static_cast<size_t>(p)]) continue;
            for (int64_t d = 2; p * d <= x && d <= v; ++d)
                if (v % d == 0) reached[static_cast<size_t>(p * d)] = 1;
        }
    }
    for (int64_t p = x; p >= 1; --p)
        if (reached[static_cast<size_t>(p)]) return all / static_cast<double>(p) <= y;
    return false;
}

}  // namespace

struct Mapper::State {
    std::mutex mutex;
    explicit State(const TensorOperator& op) : tiles(op.sizes) {
        by_size.resize(tiles.count());
        std::iota(by_size.begin(), by_size.end(), 0);
        std::stable_sort(by_size.begin(), by_size.end(),
                         [&](size_t a, size_t b) { return tiles.at(a).all > tiles.at(b).all; });
        least_buffer.resize(tiles.count());
        const Tile& whole = tiles.whole();
        for (size_t p = 0; p < tiles.count(); ++p) {
            // Of every buffer's tile: with as many loops as there are, nothing read for sums.
            const Tile& part = tiles.at(p);
            const double steps = whole.all / part.all;
            const double w = part.weight * steps, i = part.input * steps, o = part.output * steps;
            const double w_once = w / (whole.free_weight / part.free_weight);
            const double i_once = i / (whole.free_input / part.free_input);
            const double o_once = o / (whole.free_output / part.free_output);
            least_buffer[p] = std::min({std::max(w_once + i, o), std::max(w + i_once, o),
                                        std::max(w + i, o_once)}) /
                              kBufferWords;
        }
    }

    using RateKey = std::tuple<int, int, double, int, bool>;
    /// Of each tile as a core's: cycles for a multiply-add; infinite where it does not fit.
    struct Rates {
        std::vector<double> of;
        double least = kInfinite;
    };
    struct Dram {
        std::vector<double> of;      ///< of each tile as the buffer's: cycles
        std::vector<double> within;  ///< the least of the tile and of all its multiples
        std::vector<size_t> order;   ///< tiles by what they cost at least, as those across cores
        double least = kInfinite;
    };

    /// By tile, as the loops between an array and a core's tile.
    const std::vector<Held>& held(int registers);
    const Rates& rates(const Cores&, const Memories&);
    const Dram& dram(const Memories&);
    const std::vector<size_t>& spread(int x, int y);
    double across(size_t tile, const Rates&, const std::vector<size_t>& meshes, double below) const;
    double search(const Cores&, const Memories&);
    void improve(size_t across, double core, const Dram&, size_t buffer, double& best,
                 std::vector<char>& seen) const;

    Tiles tiles;
    std::vector<size_t> by_size;
    std::vector<double> least_buffer;
    std::map<int, std::vector<Held>> held_;
    std::map<RateKey, Rates> rates_;
    std::map<double, Dram> dram_;
    std::map<std::pair<int, int>, std::vector<size_t>> spread_;
    using Key = std::tuple<RateKey, std::pair<int, int>, double>;
    std::map<Key, double> known;
    std::vector<Key> news;
    double seconds = 0;
};

/// Tiles that an array or a mesh takes at once, the largest first.
const std::vector<size_t>& Mapper::State::spread(int x, int y) {
    const auto [found, made] = spread_.try_emplace({x, y});
    if (made)
        for (const size_t t : by_size)
            if (splits(tiles.at(t).sizes, x, y)) found->second.push_back(t);
    return found->second;
}

const std::vector<Held>& Mapper::State::held(int registers) {
    const auto [found, made] = held_.try_emplace(registers);
    if (made)
        for (size_t t = 0; t < tiles.count(); ++t) {
            const Sizes& s = tiles.at(t).sizes;
            found->second.push_back({static_cast<double>(largest_divisor(s[kK], registers)),
                                     static_cast<double>(most_of(s, registers))});
        }
    return found->second;
}

const Mapper::State::Rates& Mapper::State::rates(const Cores& cores, const Memories& m) {
    const RateKey key{cores.width, cores.depth, m.core_words, m.register_words, m.core_per_tensor};
    const auto [found, made] = rates_.try_emplace(key);
    Rates& rates = found->second;
    if (!made) return rates;
    const std::vector<Held>& saved = held(m.register_words);
    std::vector<std::pair<double, size_t>> arrays;  // the most promising first
    for (const size_t a : spread(cores.width, cores.depth))
        arrays.emplace_back(least_rate(tiles.at(a), m.register_words), a);
    std::sort(arrays.begin(), arrays.end());
    rates.of.assign(tiles.count(), kInfinite);
    for (size_t t = 0; t < tiles.count(); ++t) {
        const Tile& tile = tiles.at(t);
        const bool fits = m.core_per_tensor
                              ? std::max({tile.weight, tile.input, tile.output}) <= m.core_words
                              : tile.weight + tile.input + tile.output <= m.core_words;
        if (!fits) continue;
        double best = kInfinite;
        for (const auto& [least, a] : arrays) {
            if (least >= best) break;
            const int64_t times = tiles.quotient(t, a);
            if (times < 0) continue;
            const auto q = static_cast<size_t>(times);
            best = std::min(best, core_rate(tile, tiles.at(a), tiles.at(q), saved[q]));
        }
        rates.of[t] = best;
        rates.least = std::min(rates.least, best);
    }
    return rates;
}

const Mapper::State::Dram& Mapper::State::dram(const Memories& m) {
    const auto [found, made] = dram_.try_emplace(m.buffer_words);
    Dram& d = found->second;
    if (!made) return d;
    d.of.assign(tiles.count(), kInfinite), d.within = d.of;
    for (const size_t t : by_size) {
        const Tile& tile = tiles.at(t);
        if (tile.weight + tile.input + tile.output <= m.buffer_words)
            d.of[t] = level_words(tile, tiles.whole()) / kDramWords;
        d.within[t] = d.of[t];
        tiles.next(t, [&](size_t n) { d.within[t] = std::min(d.within[t], d.within[n]); });
        d.least = std::min(d.least, d.of[t]);
        if (d.within[t] < kInfinite) d.order.push_back(t);
    }
    std::stable_sort(d.order.begin(), d.order.end(), [&](size_t a, size_t b) {
        return std::max(least_buffer[a], d.within[a]) < std::max(least_buffer[b], d.within[b]);
    });
    return d;
}

/// Cycles of the cores with this tile across them; at least `below` where it is not less.
double Mapper::State::across(size_t tile, const Rates& rates, const std::vector<size_t>& meshes,
                             double below) const {
    const double all = tiles.whole().all;
    double best = below;
    for (const size_t m : meshes) {
        const double share = all / tiles.at(m).all;
        if (share * rates.least >= best) break;
        const int64_t core = tiles.quotient(tile, m);
        if (core >= 0) best = std::min(best, share * rates.of[static_cast<size_t>(core)]);
    }
    return best;
}

/// Buffers' tiles that hold the one across the cores, while DRAM promises less than the best.
void Mapper::State::improve(size_t across, double core, const Dram& dram, size_t buffer,
                            double& best, std::vector<char>& seen) const {
    if (seen[buffer] || dram.within[buffer] >= best) return;
    seen[buffer] = 1;
    if (dram.of[buffer] < best) {
        const Tile &part = tiles.at(across), &tile = tiles.at(buffer);
        const double words = level_words(part, tile) * (tiles.whole().all / tile.all);
        best = std::min(best, std::max({core, dram.of[buffer], words / kBufferWords}));
    }
    tiles.next(buffer, [&](size_t n) { improve(across, core, dram, n, best, seen); });
}

double Mapper::State::search(const Cores& cores, const Memories& m) {
    const Rates& rate = rates(cores, m);
    const Dram& d = dram(m);
    const std::vector<size_t>& meshes = spread(cores.mesh.x, cores.mesh.y);
    const double floor =
        std::max(tiles.whole().all / tiles.at(meshes.front()).all * rate.least, d.least);
    double best = kInfinite;
    std::vector<char> seen(tiles.count());
    for (const size_t p : d.order) {
        if (std::max(least_buffer[p], d.within[p]) >= best) break;
        const double core = across(p, rate, meshes, best);
        if (core >= best) continue;
        std::fill(seen.begin(), seen.end(), 0);
        improve(p, core, d, p, best, seen);
        if (best <= floor * (1 + kRounding)) break;
    }
    return best;
}

Mapper::Mapper(const TensorOperator& op) : state_(std::make_unique<State>(op)) {}
Mapper::~Mapper() = default;
Mapper::Mapper(Mapper&&) noexcept = default;

double Mapper::cycles(const Cores& cores, const Memories& m) {
    const std::lock_guard lock(state_->mutex);
    const State::Key key{
        {cores.width, cores.depth, m.core_words, m.register_words, m.core_per_tensor},
        {cores.mesh.x, cores.mesh.y},
        m.buffer_words};
    const auto [found, made] = state_->known.try_emplace(key, 0);
    if (made) {
        const double begin = processor_seconds();
        found->second = state_->search(cores, m);
        state_->seconds += processor_seconds() - begin;
        state_->news.push_back(key);
    }
    return found->second;
}

bool Mapper::know(const Priced& price) {
    int w = 0, d = 0, registers = 0, each = 0, x = 0, y = 0, used = 0;
    double core = 0, buffer = 0;
    if (std::sscanf(price.on.c_str(), "array %dx%d core %lf registers %d%n", &w, &d, &core,
                    &registers, &used) != 4 ||
        std::sscanf(price.on.c_str() + used, " each %d mesh %dx%d buffer %lf", &each, &x, &y,
                    &buffer) != 4)
        return false;
    const std::lock_guard lock(state_->mutex);
    state_->known.try_emplace({{w, d, core, registers, each != 0}, {x, y}, buffer}, price.cycles);
    return true;
}

std::vector<Priced> Mapper::news() {
    const std::lock_guard lock(state_->mutex);
    std::sort(state_->news.begin(), state_->news.end());
    std::vector<Priced> all;
    for (const State::Key& key : state_->news) {
        const auto& [rate, mesh, buffer] = key;
        const auto& [w, d, core, registers, each] = rate;
        all.push_back(
            {fmt::format("array {}x{} core {} registers {} each {} mesh {}x{} buffer {}", w, d,
                         core, registers, int(each), mesh.first, mesh.second, buffer),
             state_->known.at(key)});
    }
    state_->news.clear();
    return all;
}

double Mapper::seconds() const {
    const std::lock_guard lock(state_->mutex);
    return state_->seconds;
}

double Mapper::bound(const Cores& cores, const Memories& m) {
    const std::lock_guard lock(state_->mutex);
    const double units =
        static_cast<double>(cores.width) * cores.depth * cores.mesh.x * cores.mesh.y;
    return std::max(state_->tiles.whole().all / units, state_->dram(m).least);
}

}  // namespace smeaton::search::phaze
