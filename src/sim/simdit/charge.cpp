#include "sim/simdit/charge.h"

#include "base/error.h"
#include "sim/simdit/units.h"

namespace smeaton::sim::simdit {

namespace {

int64_t out_bits(const std::vector<Operation>& all, size_t i, const Hardware& h) {
    return narrowed(all, i) ? h.input_bits : 32;
}

bool may_fuse(Kind first, Kind second) {
    if (first == Kind::kGemm) return second == Kind::kSgd2d;
    return first == Kind::kConvolution && (second == Kind::kRelu || second == Kind::kAdd ||
                                           second == Kind::kMeanInvStd || second == Kind::kSgd4d);
}

/// For each row whether it is the second of a fused pair, and whether the first. What costs
/// nothing does not stand between two rows.
struct Pairs {
    std::vector<bool> first, second;
};

Pairs fused_pairs(const std::vector<Operation>& all, bool fusion) {
    Pairs pairs{std::vector<bool>(all.size()), std::vector<bool>(all.size())};
    if (!fusion) return pairs;
    size_t before = all.size();
    for (size_t i = 0; i < all.size(); ++i) {
        if (all[i].kind == Kind::kFree) continue;
        if (before < all.size() && may_fuse(all[before].kind, all[i].kind))
            pairs.first[before] = pairs.second[i] = true;
        before = i;
    }
    return pairs;
}

Cost charge_one(const Operation& o, const Hardware& h, bool keeps_result,
                const VectorContext& context) {
    if (on_array(o.kind)) return charge_on_array(o.kind, o.sizes, h, keeps_result);
    return o.kind == Kind::kFree ? Cost{} : charge_vector(o.kind, o.sizes, h, context);
}

void add(Traffic& sum, const Traffic& t) {
    sum.wbuf += t.wbuf, sum.ibuf += t.ibuf, sum.obuf += t.obuf, sum.bbuf += t.bbuf;
    sum.vmem += t.vmem, sum.immediates += t.immediates, sum.instructions += t.instructions;
    sum.filter += t.filter, sum.ifmap += t.ifmap, sum.psum += t.psum;
    sum.ofmap += t.ofmap, sum.bias += t.bias;
}

}  // namespace

bool narrowed(const std::vector<Operation>& all, size_t i) {
    return i + 1 < all.size() && on_array(all[i + 1].kind);
}

std::vector<Cost> charge(const std::vector<Operation>& all, const Hardware& h,
                         const Options& options) {
    const Pairs pairs = fused_pairs(all, options.fusion);
    std::vector<Cost> costs(all.size());
    for (size_t i = 0; i < all.size(); ++i) {
        const Operation& o = all[i];
        const VectorContext context{out_bits(all, i, h), options.training, pairs.second[i]};
        try {
            costs[i] = charge_one(o, h, pairs.first[i], context);
        } catch (const UserError& error) {
            throw UserError("node '{}' ({}): {}", o.name, o.op, error.what());
        }
    }
    return costs;
}

Traffic Totals::bits() const {
    Traffic all = array.bits;
    add(all, vector.bits);
    return all;
}

Totals totals(const std::vector<Operation>& operations, const std::vector<Cost>& costs) {
    Totals sum;
    for (size_t i = 0; i < costs.size(); ++i) {
        Cost& part = on_array(operations[i].kind) ? sum.array : sum.vector;
        add(part.bits, costs[i].bits);
        part.compute_cycles += costs[i].compute_cycles;
        part.stall_cycles += costs[i].stall_cycles;
        part.operations += costs[i].operations;
    }
    return sum;
}

}  // namespace smeaton::sim::simdit
