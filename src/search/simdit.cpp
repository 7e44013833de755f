#include "search/simdit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>

#include "base/error.h"
#include "base/mapped_file.h"
#include "machine/words.h"
#include "search/simdit_prices.h"
#include "sim/simdit/array_plan.h"
#include "sim/simdit/charge.h"
#include "sim/simdit/units.h"

namespace smeaton::search {

using namespace sim::simdit;

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

Hardware read_numbers(const std::string& path) {
    const MappedFile file = map_file(path);
    return parse_numbers({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()},
                         path);
}

const HardwareKey& key_named(const std::string& key) {
    for (const HardwareKey& k : hardware_keys())
        if (k.key == key) return k;
    SMEATON_CHECK(false, "the space was read against this base: {}", key);
}

class SimditBase : public Base {
public:
    explicit SimditBase(const Space& space) : hardware_(read_numbers(space.base)) {
        if (!space.technology) return;
        if (SimditPrices{*space.technology, 0}.area_mm2(wide_enough(hardware_)))
            figures_.emplace_back("area_mm2");
        if (space.dram_pj_per_byte) figures_.emplace_back("energy_pj");
    }

    std::vector<std::string> keys() const override {
        std::vector<std::string> all;
        for (const HardwareKey& k : hardware_keys()) all.emplace_back(k.key);
        return all;
    }
    double value(const std::string& key) const override {
        return real(hardware_.*key_named(key).value);
    }
    std::string refusal(const std::string& key, double value) const override {
        const double most = key_named(key).most;
        if (value == std::floor(value) && value >= 1 && value <= most) return "";
        return fmt::format("is no whole number from 1 to {:.0f}", most);
    }
    std::vector<std::string> figures() const override { return figures_; }
    std::optional<std::vector<std::pair<std::string, double>>> sum_of(
        const std::string& figure) const override {
        if (figure == "area_mm2" || figure == "energy_pj") return std::nullopt;
        if (figure == "sram_bytes")  // Hardware::sram_bits
            return {{{"WBUF_CAPACITY_BITS", 1.0 / 8},
                     {"IBUF_CAPACITY_BITS", 1.0 / 8},
                     {"BBUF_CAPACITY_BITS", 1.0 / 8},
                     {"OBUF_CAPACITY_BITS", 2.0 / 8},
                     {"SIMD_VMEM_CAPACITY_BITS", 2.0 / 8}}};
        const double gb_s = 1e3 / kClockPs / 8;  // of one bit per cycle
        return {{{"PARAMBUF_AXI_DATA_WIDTH", gb_s},
                 {"IBUF_AXI_DATA_WIDTH", gb_s},
                 {"OBUF_AXI_DATA_WIDTH", gb_s},
                 {"SIMD_AXI_DATA_WIDTH", gb_s}}};
    }

private:
    /// Widths may vary; whether the technology knows areas does not depend on them.
    static Hardware wide_enough(Hardware h) {
        h.weight_bits = h.input_bits = 8;
        return h;
    }

    Hardware hardware_;
    std::vector<std::string> figures_ = {"sram_bytes", "bandwidth_gb_s"};
};

/// A key of the hardware: an axis of the space, or one value.
struct Setting {
    int64_t Hardware::*member;
    int axis = -1;
    std::vector<int64_t> values;  ///< least first

    Range range(const Box& box) const {
        return axis < 0 ? Range{} : box[static_cast<size_t>(axis)];
    }
    int64_t at(uint32_t index) const { return values[index]; }
    /// The first value that is no less; values.size() where none is.
    uint32_t first_from(int64_t least) const {
        return static_cast<uint32_t>(std::lower_bound(values.begin(), values.end(), least) -
                                     values.begin());
    }
};

struct Settings {
    std::vector<Setting> structure;  ///< array and widths
    Setting wbuf, ibuf, obuf, bbuf, vmem;
    Setting weight_port, input_port, sum_port, vector_port;
};

Setting setting_of(const Space& space, const Hardware& base, int64_t Hardware::*member) {
    Setting s{member, -1, {base.*member}};
    for (size_t i = 0; i < space.axes.size(); ++i) {
        if (key_named(space.axes[i].key).value != member) continue;
        s.axis = static_cast<int>(i);
        s.values.clear();
        for (double v : space.axes[i].values) s.values.push_back(static_cast<int64_t>(v));
    }
    return s;
}

Settings settings_of(const Space& space, const Hardware& base) {
    auto of = [&](int64_t Hardware::*member) { return setting_of(space, base, member); };
    return {{of(&Hardware::rows), of(&Hardware::columns), of(&Hardware::weight_bits),
             of(&Hardware::input_bits), of(&Hardware::bias_bits), of(&Hardware::sum_bits)},
            of(&Hardware::wbuf_bits),
            of(&Hardware::ibuf_bits),
            of(&Hardware::obuf_bits),
            of(&Hardware::bbuf_bits),
            of(&Hardware::vmem_bits),
            of(&Hardware::weight_port),
            of(&Hardware::input_port),
            of(&Hardware::sum_port),
            of(&Hardware::vector_port)};
}

/// An operation that costs the same wherever it stands, and how often it does.
struct Distinct {
    Operation operation;
    bool narrowed = false, training = false;
    std::vector<double> counts;  ///< by workload
    double weight = 0;           ///< of a cycle of it in the time that is minimised
    double times = 0;            ///< how often it counts in the energy
};

struct Work {
    std::vector<Distinct> array, vector;
    size_t workloads = 0;
    std::vector<double> weights, times;  ///< of a cycle; of a pJ
};

Work work_of(const std::vector<SimditWorkload>& workloads) {
    Work work;
    work.workloads = workloads.size();
    using Key = std::tuple<Kind, std::array<int64_t, 8>, bool, bool>;
    std::map<Key, std::pair<bool, size_t>> known;  // on the array or not, and where
    for (size_t w = 0; w < workloads.size(); ++w) {
        const std::vector<Operation>& all = workloads[w].operations;
        work.weights.push_back(workloads[w].weight / workloads[w].baseline_cycles);
        work.times.push_back(workloads[w].weight);
        for (size_t i = 0; i < all.size(); ++i) {
            if (all[i].kind == Kind::kFree) continue;
            if (!workloads[w].counted.empty() && !workloads[w].counted[i]) continue;
            const Sizes& s = all[i].sizes;
            const bool array = on_array(all[i].kind);
            // What stands behind an operation of the array changes nothing.
            const bool narrow = !array && narrowed(all, i);
            const bool training = !array && workloads[w].training;
            auto& list = array ? work.array : work.vector;
            const auto [at, fresh] =
                known.try_emplace(Key{all[i].kind,
                                      {s.n, s.oc, s.oh, s.ow, s.ic, s.kh, s.kw, s.stride},
                                      narrow,
                                      training},
                                  array, list.size());
            if (fresh)
                list.push_back(
                    {all[i], narrow, training, std::vector<double>(workloads.size(), 0), 0});
            Distinct& d = list[at->second.second];
            d.counts[w] += 1;
            d.weight += work.weights[w];
            d.times += work.times[w];
        }
    }
    return work;
}

/// Ranges of the buffers that decide tiles of the array.
struct Buffers {
    Range wbuf, ibuf, obuf, bbuf;
    friend bool operator==(const Buffers&, const Buffers&) = default;
};

struct HashBuffers {
    size_t operator()(const Buffers& b) const {
        uint64_t hash = 1469598103934665603ULL;
        for (const Range& r : {b.wbuf, b.ibuf, b.obuf, b.bbuf})
            for (uint32_t v : {r.low, r.high}) hash = (hash ^ v) * 1099511628211ULL;
        return hash ^ (hash >> 29);
    }
};

/// Of all operations of the vector unit: cycles by workload, infinite where one does not fit; the
/// rest by weight.
struct VectorCost {
    std::vector<double> cycles;
    double weighted_cycles = 0, traffic_pj = 0, operations_pj = 0;
    double pj() const { return traffic_pj + operations_pj; }
};

/// For each operation on the array the plans that it may have.
using PlanSets = std::vector<std::vector<uint32_t>>;

/// All that one array with its widths may cost, worked out when first asked for.
class Structure {
public:
    Structure(const Settings& settings, const Work& work, const Hardware& hardware,
              const SimditPrices* prices)
        : settings_(settings), work_(work), hardware_(hardware), prices_(prices) {
        if (prices) multiply_add_pj_ = prices->multiply_add_pj(hardware);
        for (const Distinct& d : work.array)
            padded_.push_back(padded_for_array(d.operation.sizes, hardware));
        plans_.resize(work.array.size());
        for (const BufferLeast& least : least_buffers(hardware))
            for (auto [setting, place] : {std::pair{&settings.wbuf, &least_wbuf_},
                                          {&settings.ibuf, &least_ibuf_},
                                          {&settings.obuf, &least_obuf_},
                                          {&settings.bbuf, &least_bbuf_},
                                          {&settings.vmem, &least_vmem_}})
                if (setting->member == least.value) *place = setting->first_from(least.bits);
    }

    const Hardware& hardware() const { return hardware_; }
    size_t kept() const { return sets_.size(); }

    /// Raises the ranges to buffers that hold the smallest tiles; false where none does.
    bool lift(Buffers& b, Range& vmem) const {
        b.wbuf.low = std::max(b.wbuf.low, least_wbuf_);
        b.ibuf.low = std::max(b.ibuf.low, least_ibuf_);
        b.obuf.low = std::max(b.obuf.low, least_obuf_);
        b.bbuf.low = std::max(b.bbuf.low, least_bbuf_);
        vmem.low = std::max(vmem.low, least_vmem_);
        return b.wbuf.low <= b.wbuf.high && b.ibuf.low <= b.ibuf.high &&
               b.obuf.low <= b.obuf.high && b.bbuf.low <= b.bbuf.high && vmem.low <= vmem.high;
    }

    const PlanSets& plan_sets(const Buffers& b) {
        auto [at, fresh] = sets_.try_emplace(b);
        if (fresh) {
            at->second.resize(work_.array.size());
            for (size_t op = 0; op < work_.array.size(); ++op) {
                int regions = 0;
                collect(op, b, at->second[op], regions);
                std::sort(at->second[op].begin(), at->second[op].end());
                at->second[op].erase(std::unique(at->second[op].begin(), at->second[op].end()),
                                     at->second[op].end());
            }
        }
        return at->second;
    }
    const ArrayPlan& plan(size_t op, uint32_t id) const { return plans_[op][id].second; }

    const VectorCost& vector_cost(uint32_t vmem, uint32_t port) {
        VectorCost& cost = vector_[uint64_t{vmem} << 32 | port];
        if (cost.cycles.empty()) {
            Hardware h = hardware_;
            h.vmem_bits = settings_.vmem.at(vmem);
            h.vector_port = settings_.vector_port.at(port);
            cost = charge_vectors(h);
        }
        return cost;
    }
    double multiply_add_pj() const { return multiply_add_pj_; }
    const std::string& vector_refusal() const { return vector_refusal_; }

private:
    using Tiles = std::vector<std::pair<ArrayTile, ArrayPlan>>;

    Hardware with(const Buffers& b, uint32_t Range::*end) const {
        Hardware h = hardware_;
        h.wbuf_bits = settings_.wbuf.at(b.wbuf.*end);
        h.ibuf_bits = settings_.ibuf.at(b.ibuf.*end);
        h.obuf_bits = settings_.obuf.at(b.obuf.*end);
        h.bbuf_bits = settings_.bbuf.at(b.bbuf.*end);
        return h;
    }

    uint32_t id_of(size_t op, const ArrayTile& tile, const Hardware& h) {
        Tiles& known = plans_[op];
        for (size_t i = 0; i < known.size(); ++i)
            if (known[i].first == tile) return static_cast<uint32_t>(i);
        known.emplace_back(tile,
                           plan_on_array(work_.array[op].operation.kind, padded_[op], tile, h));
        return static_cast<uint32_t>(known.size() - 1);
    }

    /// A plan with less than any other: the array's own work in one tile, and nothing to wait for.
    uint32_t id_of_least(size_t op) {
        const Sizes& s = padded_[op];
        ArrayTile all{s.ow, s.oh, s.n, s.kw, s.kh, s.ic, s.oc, -1, -1};
        Tiles& known = plans_[op];
        for (size_t i = 0; i < known.size(); ++i)
            if (known[i].first == all) return static_cast<uint32_t>(i);
        ArrayPlan plan = plan_on_array(work_.array[op].operation.kind, s, all, hardware_);
        plan.weight_bits = plan.bias_bits = plan.input_bits = plan.sum_bits = 0;
        known.emplace_back(all, plan);
        return static_cast<uint32_t>(known.size() - 1);
    }

    /// The plans in a range of buffers: cut until the least and the largest have one tile.
    void collect(size_t op, const Buffers& b, std::vector<uint32_t>& ids, int& regions) {
        constexpr int kMostRegions = 512;  // of one operation; beyond them its work alone counts
        const Hardware low = with(b, &Range::low), high = with(b, &Range::high);
        const ArrayTile tile = array_tile(padded_[op], low);
        if (b.wbuf.single() && b.ibuf.single() && b.obuf.single() && b.bbuf.single()) {
            ids.push_back(id_of(op, tile, low));
            return;
        }
        if (tile == array_tile(padded_[op], high)) {
            ids.push_back(id_of(op, tile, low));
            return;
        }
        if (++regions > kMostRegions) {
            ids.push_back(id_of_least(op));
            return;
        }
        Range Buffers::*widest = &Buffers::wbuf;
        for (Range Buffers::*r : {&Buffers::ibuf, &Buffers::obuf, &Buffers::bbuf})
            if ((b.*r).high - (b.*r).low > (b.*widest).high - (b.*widest).low) widest = r;
        const uint32_t middle = ((b.*widest).low + (b.*widest).high) / 2;
        Buffers lower = b, upper = b;
        (lower.*widest).high = middle, (upper.*widest).low = middle + 1;
        collect(op, lower, ids, regions);
        collect(op, upper, ids, regions);
    }

    VectorCost charge_vectors(const Hardware& h) {
        VectorCost all{std::vector<double>(work_.workloads, 0)};
        try {
            for (const Distinct& d : work_.vector) charge_vector_into(all, d, h);
        } catch (const UserError& error) {
            vector_refusal_ = error.what();
            all.cycles.assign(work_.workloads, kInfinite);
            all.weighted_cycles = kInfinite;
        }
        return all;
    }

    void charge_vector_into(VectorCost& all, const Distinct& d, const Hardware& h) const {
        const VectorContext context{d.narrowed ? h.input_bits : 32, d.training, false};
        const Cost cost = charge_vector(d.operation.kind, d.operation.sizes, h, context);
        for (size_t w = 0; w < all.cycles.size(); ++w)
            if (d.counts[w] > 0) all.cycles[w] += d.counts[w] * cost.cycles();
        all.weighted_cycles += d.weight * cost.cycles();
        if (!prices_) return;
        BufferPrices buffers;
        buffers.vmem = prices_->sram_pj_per_byte(real(h.vmem_bits));
        all.traffic_pj += d.times * traffic_pj(cost.bits, buffers, prices_->dram_pj_per_byte);
        all.operations_pj += d.times * cost.operations * prices_->vector_operation_pj(d.training);
    }

    const Settings& settings_;
    const Work& work_;
    Hardware hardware_;
    std::vector<Sizes> padded_;
    std::vector<Tiles> plans_;  ///< by operation
    uint32_t least_wbuf_ = 0, least_ibuf_ = 0, least_obuf_ = 0, least_bbuf_ = 0, least_vmem_ = 0;
    std::unordered_map<Buffers, PlanSets, HashBuffers> sets_;
    std::unordered_map<uint64_t, VectorCost> vector_;
    std::string vector_refusal_;
    const SimditPrices* prices_;
    double multiply_add_pj_ = 0;
};

class SimditEvaluator : public Evaluator {
public:
    SimditEvaluator(const Space& space, std::vector<SimditWorkload> workloads)
        : space_(space),
          workloads_(std::move(workloads)),
          base_(read_numbers(space.base)),
          settings_(settings_of(space, base_)),
          work_(work_of(workloads_)) {
        if (space.technology && space.dram_pj_per_byte)
            energy_ = SimditPrices{*space.technology, *space.dram_pj_per_byte};
        if (space.technology) area_ = SimditPrices{*space.technology, 0};
        if (area_) check_widths();
    }

    std::unique_ptr<Evaluator> another() const override {
        return std::make_unique<SimditEvaluator>(space_, workloads_);
    }
    std::vector<bool> decisive() const override {
        std::vector<bool> axes(space_.axes.size(), false);
        for (const Setting& s : settings_.structure)
            if (s.axis >= 0) axes[static_cast<size_t>(s.axis)] = true;
        return axes;
    }
    bool tells(Criterion c) const override {
        if (c == kEnergy) return energy_.has_value();
        return c != kArea || area_.has_value();
    }
    std::string identity() const override;

    Evaluation evaluate(const Point&) override;
    Criteria bound(const Box&) override;

private:
    void check_widths();
    Structure& structure(const Box&);
    Hardware hardware_at(const Point&) const;
    Criteria bound_of_many(const Box&) const;
    /// Time and energy of the array.
    std::pair<double, double> array_bound(Structure&, const Buffers&, const Hardware& widest,
                                          const Hardware& narrowest) const;
    double array_pj(const Structure&, const Distinct&, const ArrayPlan&, const BufferPrices&) const;
    /// With the smallest buffers of the ranges; ports and structure are the base's.
    Hardware smallest(const Buffers&, uint32_t vmem, Hardware) const;
    double area_mm2(const Hardware& h) const { return area_ ? *area_->area_mm2(h) : 0; }
    Buffers buffers(const Box& box) const {
        return {settings_.wbuf.range(box), settings_.ibuf.range(box), settings_.obuf.range(box),
                settings_.bbuf.range(box)};
    }
    void set_ports(Hardware& h, const Box& box, uint32_t Range::*end) const {
        for (const Setting* s : {&settings_.weight_port, &settings_.input_port, &settings_.sum_port,
                                 &settings_.vector_port})
            h.*(s->member) = s->at(s->range(box).*end);
    }

    const Space& space_;
    std::vector<SimditWorkload> workloads_;
    Hardware base_;
    Settings settings_;
    Work work_;
    std::optional<SimditPrices> energy_, area_;
    std::map<std::vector<uint32_t>, std::unique_ptr<Structure>> structures_;
    size_t kept_ = 0;
};

Structure& SimditEvaluator::structure(const Box& box) {
    constexpr size_t kMostKept = 100000;  // sets of plans, about a kilobyte each
    if (kept_ > kMostKept) structures_.clear(), kept_ = 0;
    std::vector<uint32_t> key;
    for (const Setting& s : settings_.structure) key.push_back(s.range(box).low);
    std::unique_ptr<Structure>& found = structures_[key];
    if (!found) {
        Hardware h = base_;
        for (size_t i = 0; i < key.size(); ++i)
            h.*(settings_.structure[i].member) = settings_.structure[i].at(key[i]);
        found = std::make_unique<Structure>(settings_, work_, h, energy_ ? &*energy_ : nullptr);
    }
    return *found;
}

Hardware SimditEvaluator::hardware_at(const Point& point) const {
    Hardware h = base_;
    for (size_t i = 0; i < point.size(); ++i)
        h.*key_named(space_.axes[i].key).value = static_cast<int64_t>(value(space_, point, i));
    return h;
}

Hardware SimditEvaluator::smallest(const Buffers& b, uint32_t vmem, Hardware h) const {
    h.wbuf_bits = settings_.wbuf.at(b.wbuf.low), h.ibuf_bits = settings_.ibuf.at(b.ibuf.low);
    h.obuf_bits = settings_.obuf.at(b.obuf.low), h.bbuf_bits = settings_.bbuf.at(b.bbuf.low);
    h.vmem_bits = settings_.vmem.at(vmem);
    return h;
}

double sram_bytes(const Hardware& h) {
    return real(h.sram_bits()) / 8;
}

/// UserError where a width of the space has no published figure.
void SimditEvaluator::check_widths() {
    Hardware h = base_;
    for (int64_t weight : settings_.structure[2].values)
        for (int64_t input : settings_.structure[3].values) {
            h.weight_bits = weight, h.input_bits = input;
            area_->multiply_add_pj(h);
        }
    if (!area_->area_mm2(h)) area_.reset();
}

Evaluation SimditEvaluator::evaluate(const Point& point) {
    Box box;
    for (uint32_t i : point) box.push_back({i, i});
    Structure& s = structure(box);
    Buffers b = buffers(box);
    Range vmem = settings_.vmem.range(box);
    Evaluation e;
    if (!s.lift(b, vmem)) {
        try {
            verify(hardware_at(point), space_.base);
        } catch (const UserError& error) {
            e.refused = error.what();
        }
        SMEATON_CHECK(!e.refused.empty(), "verify() refuses what lift() does");
        return e;
    }
    const VectorCost& vector = s.vector_cost(vmem.low, settings_.vector_port.range(box).low);
    e.cycles = vector.cycles;
    if (std::any_of(e.cycles.begin(), e.cycles.end(), [](double c) { return std::isinf(c); })) {
        e.refused = s.vector_refusal();
        e.cycles.clear();
        return e;
    }
    Hardware h = smallest(b, vmem.low, s.hardware());
    set_ports(h, box, &Range::low);
    const BufferPrices prices = energy_ ? energy_->buffers(h) : BufferPrices{};
    const size_t before = s.kept();
    const PlanSets& sets = s.plan_sets(b);
    kept_ += s.kept() - before;
    for (size_t op = 0; op < sets.size(); ++op) {
        const ArrayPlan& p = s.plan(op, sets[op].front());
        const double each = p.compute_cycles + stall_cycles(p, h, false);
        const std::vector<double>& counts = work_.array[op].counts;
        for (size_t w = 0; w < counts.size(); ++w) e.cycles[w] += counts[w] * each;
        e.criteria[kEnergy] += array_pj(s, work_.array[op], p, prices);
    }
    e.criteria[kEnergy] += vector.pj();
    for (size_t w = 0; w < e.cycles.size(); ++w)
        e.criteria[kTime] += work_.weights[w] * e.cycles[w];
    e.criteria[kMemory] = sram_bytes(h);
    e.criteria[kArea] = area_mm2(h);
    return e;
}

double SimditEvaluator::array_pj(const Structure& s, const Distinct& d, const ArrayPlan& p,
                                 const BufferPrices& prices) const {
    if (!energy_) return 0;
    return d.times * (p.operations / 2 * s.multiply_add_pj() +
                      traffic_pj(p.bits, prices, energy_->dram_pj_per_byte));
}

std::pair<double, double> SimditEvaluator::array_bound(Structure& s, const Buffers& b,
                                                       const Hardware& widest,
                                                       const Hardware& narrowest) const {
    const PlanSets& sets = s.plan_sets(b);
    const BufferPrices prices = energy_ ? energy_->buffers(widest) : BufferPrices{};
    double time = 0, energy = 0;
    for (size_t op = 0; op < sets.size(); ++op) {
        double least = kInfinite, least_pj = kInfinite;
        for (uint32_t id : sets[op]) {
            const ArrayPlan& p = s.plan(op, id);
            least_pj = std::min(least_pj, array_pj(s, work_.array[op], p, prices));
            if (p.compute_cycles >= least) continue;
            least = std::min(least, p.compute_cycles + least_stall_cycles(p, widest, narrowest));
        }
        time += work_.array[op].weight * least, energy += least_pj;
    }
    return {time, energy};
}

Criteria SimditEvaluator::bound(const Box& box) {
    for (const Setting& s : settings_.structure)
        if (!s.range(box).single()) return bound_of_many(box);
    Structure& s = structure(box);
    Buffers b = buffers(box);
    Range vmem = settings_.vmem.range(box);
    const Criteria nothing{kInfinite, kInfinite, kInfinite, kInfinite};
    if (!s.lift(b, vmem)) return nothing;
    double vector = kInfinite, vector_pj = kInfinite;
    const uint32_t port = settings_.vector_port.range(box).high;
    for (uint32_t v = vmem.low; v <= vmem.high; ++v) {
        const VectorCost& cost = s.vector_cost(v, port);
        if (std::isinf(cost.weighted_cycles)) continue;
        vector = std::min(vector, cost.weighted_cycles);
        vector_pj = std::min(vector_pj, cost.pj());
    }
    if (std::isinf(vector)) return nothing;
    Hardware widest = smallest(b, vmem.low, s.hardware()), narrowest = widest;
    set_ports(widest, box, &Range::high);
    set_ports(narrowest, box, &Range::low);
    const size_t before = s.kept();
    const auto [array, array_pj] = array_bound(s, b, widest, narrowest);
    kept_ += s.kept() - before;
    return {vector + array, energy_ ? vector_pj + array_pj : 0, sram_bytes(widest),
            area_mm2(widest)};
}

/// Of several arrays: multiply-accumulates over the largest.
Criteria SimditEvaluator::bound_of_many(const Box& box) const {
    Hardware largest = base_, least = base_;
    for (const Setting& s : settings_.structure) {
        largest.*(s.member) = s.at(s.range(box).high);
        least.*(s.member) = s.at(s.range(box).low);
    }
    double sum = 0;
    for (const Distinct& d : work_.array)
        sum += d.weight * real(macs(d.operation)) / (real(largest.rows) * real(largest.columns));
    least = smallest(buffers(box), settings_.vmem.range(box).low, least);
    return {sum, 0, sram_bytes(least), area_mm2(least)};
}

std::string SimditEvaluator::identity() const {
    std::string text = "simdit 1\n";
    if (space_.technology) text += fmt::format("{}\n", machine::text(*space_.technology));
    for (const HardwareKey& k : hardware_keys())
        text += fmt::format("{} {}\n", k.key, base_.*k.value);
    for (const SimditWorkload& w : workloads_) {
        text += w.training ? "training\n" : "inference\n";
        for (size_t i = 0; i < w.operations.size(); ++i) {
            const Operation& o = w.operations[i];
            const Sizes& s = o.sizes;
            text += fmt::format("{} {} {} {} {} {} {} {} {}\n", static_cast<int>(o.kind), s.n, s.oc,
                                s.oh, s.ow, s.ic, s.kh, s.kw, s.stride);
        }
    }
    return text;
}

}  // namespace

std::unique_ptr<Base> open_simdit_base(const Space& space) {
    return std::make_unique<SimditBase>(space);
}

std::unique_ptr<Evaluator> simdit_evaluator(const Space& space,
                                            std::vector<SimditWorkload> workloads) {
    return std::make_unique<SimditEvaluator>(space, std::move(workloads));
}

}  // namespace smeaton::search
