#include "gir/cache/nest.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir::cache {
namespace {

class Builder {
public:
    Builder(const Program& program, const Kernel& kernel, int64_t chunks)
        : program_(program), chunks_(chunks) {
        nest_.body = with_unique_tiles(kernel.body);
        nest_.root.children = block(nest_.body);
    }
    Nest take() { return std::move(nest_); }

private:
    std::vector<Node> block(const Block& body) {
        std::vector<Node> nodes;
        for (const StmtPtr& s : body) std::visit([&](const auto& n) { add(nodes, n); }, s->node);
        return nodes;
    }

    void add(std::vector<Node>& nodes, const Parallel& p) {
        const auto extent = static_cast<double>(p.extent.value());
        double inside = 1;  // iterations of what shares one range with it
        for (auto* next = only_parallel(p.body); next; next = only_parallel(next->body))
            inside *= static_cast<double>(next->extent.value());
        const bool outermost = share_ == 0;
        const int64_t outer_chunks = chunks_;
        const double outer_width = width_;
        if (outermost) {
            const double range = extent * inside;
            const double parties =
                std::min<double>(static_cast<double>(chunks_), std::max(range, 1.0));
            chunks_ = static_cast<int64_t>(std::floor(static_cast<double>(chunks_) / parties));
            share_ = std::ceil(range / parties);
        }
        // The busiest party's share: parts of the inner loops' iterations where it has no whole
        // ones.
        const double share = share_;
        const double trips = std::min(extent, inside > 0 ? std::max(share / inside, 1.0) : 1.0);
        share_ = only_parallel(p.body) && trips > 0 ? share / trips : 0;
        width_ *= extent;
        nest_.parallel_trips = std::max(nest_.parallel_trips, width_);
        nodes.push_back(loop(p.axis, trips, true, p.body, extent));
        if (outermost) chunks_ = outer_chunks;
        share_ = outermost ? 0 : share;
        width_ = outer_width;
    }

    void add(std::vector<Node>& nodes, const For& f) {
        auto extent = static_cast<double>(f.extent.value());
        double from = 0, to = extent;
        for (const Affine& a : f.from) from = std::max(from, middle(a));
        for (const Affine& a : f.to) to = std::min(to, middle(a));
        nodes.push_back(loop(f.axis, std::max(to - from, 0.0), false, f.body, extent));
    }

    Node loop(Name axis, double trips, bool parallel, const Block& body, double extent) {
        Node node;
        node.is_loop = true;
        node.loop = {axis, trips, parallel};
        middle_[axis] = (extent - 1) / 2;
        const double outer_trips = trips_around_;
        trips_around_ = trips;
        node.children = block(body);
        trips_around_ = outer_trips;
        return node;
    }

    /// Value of a bound with every axis at the middle of its range.
    double middle(const Affine& a) const {
        auto value = static_cast<double>(a.constant);
        for (const Term& t : a.terms) {
            auto known = middle_.find(t.var);
            SMEATON_CHECK(known != middle_.end(), "loop bound uses the unknown axis {}", t.var);
            value += static_cast<double>(t.coefficient) * known->second;
        }
        return value;
    }

    void add(std::vector<Node>& nodes, const Let& let) {
        nest_.tiles[let.tile.name] = let.tile;
        if (let.kind == TileKind::Claim) nest_.claims.emplace(let.tile.name, let);
        if (let.kind != TileKind::Copy) return;
        nest_.passes.push_back(std::make_shared<const Op>(filling_of(let)));
        Copying copying{let};
        if (auto ring = middle_.find(let.ring); ring != middle_.end())
            copying.share = new_share(let, 2 * ring->second + 1);
        if (let.depth > 1) copying.waited = 1 / std::max(1.0, trips_around_);
        nest_.copies.emplace(nest_.passes.back().get(), copying);
        add(nodes, *nest_.passes.back());
    }

    void add(std::vector<Node>& nodes, const Op& op) {
        std::vector<Ref> refs;
        collect(op, refs);
        Node* at = nullptr;
        Node top;
        for (const Loop& loop : loops_of(op, refs)) {
            Node node;
            node.is_loop = true;
            node.loop = loop;
            if (!at) {
                top = std::move(node);
                at = &top;
            } else {
                at->children.push_back(std::move(node));
                at = &at->children.back();
            }
        }
        if (!at) at = &top;
        at->refs = std::move(refs);
        top.op = &op;
        nodes.push_back(std::move(top));
    }

    void add(std::vector<Node>&, const Check&) {}
    void add(std::vector<Node>&, const Prefetch&) {}

    /// Outer to inner as the op is spelled: its loops, the lanes, what is written out. A copy runs
    /// in the order of its dims.
    std::vector<Loop> loops_of(const Op& op, std::vector<Ref>& refs) {
        auto loop = [&](Name n) {
            for (const NamedDim& d : op.dims)
                if (d.name == n) return Loop{n, static_cast<double>(d.extent.value()), false};
            SMEATON_CHECK(false, "an op is spelled along {}, which is no dim of it", n);
            return Loop{};
        };
        std::vector<Loop> order;
        if (!op.spelling) {
            for (const NamedDim& d : op.dims) order.push_back(loop(d.name));
            return order;
        }
        const Spelling& s = *op.spelling;
        for (Name n : s.loops) order.push_back(loop(n));
        bool is_loop = std::find(s.loops.begin(), s.loops.end(), s.lanes) != s.loops.end();
        bool written_out =
            std::find(s.unrolled.begin(), s.unrolled.end(), s.lanes) != s.unrolled.end();
        if (!s.lanes.empty() && !written_out && !is_loop) order.push_back(loop(s.lanes));
        // Written out, a sum takes one step for all its results at a time.
        bool sums = op.kind == OpKind::Mma || op.kind == OpKind::Reduce;
        for (bool kept : {false, true})
            for (Name n : s.unrolled)
                if ((!sums || walks(op.dst, n)) == kept) order.push_back(loop(n));
        if (!s.across.empty()) in_blocks(s, order, refs);
        return order;
    }

    /// Both dims of blocks that are turned: a loop over blocks, and inside all others one within.
    static void in_blocks(const Spelling& s, std::vector<Loop>& order, std::vector<Ref>& refs) {
        auto width = static_cast<double>(s.width);
        for (Name n : {s.across, s.lanes}) {
            Name block(n.str() + " by blocks");
            for (Loop& l : order)
                if (l.var == n) l = {block, std::ceil(l.trips / width), false};
            for (Ref& ref : refs)
                for (Affine& a : ref.at)
                    a = substitute(a, {{n, Affine(block, s.width) + Affine(n)}});
            order.push_back({n, width, false});
        }
    }

    void collect(const Op& op, std::vector<Ref>& refs) {
        for_each_slice(op, [&](const Slice& s, bool written) {
            bool updates = written && (op.accumulate || op.kind == OpKind::Scatter);
            reference(s, written, refs);
            if (updates) reference(s, false, refs);
        });
    }

    void reference(const Slice& named, bool written, std::vector<Ref>& refs) {
        Slice s = resolved(nest_, named);
        auto tile = nest_.tiles.find(s.target);
        if (tile != nest_.tiles.end() && in_registers(tile->second)) return;
        Ref ref;
        ref.array = array_of(s.target);
        ref.write = written;
        for (const Coord& c : s.at) {
            ref.at.push_back(c.affine);
            ref.anywhere.push_back(c.index != nullptr);
            if (c.index)
                for (const Coord& i : c.index->at)
                    for (const Term& t : i.affine.terms) ref.computed.push_back(t.var);
        }
        refs.push_back(std::move(ref));
    }

    int array_of(Name target) {
        auto known = array_by_name_.find(target);
        if (known != array_by_name_.end()) return known->second;
        Array array;
        auto tile = nest_.tiles.find(target);
        if (tile != nest_.tiles.end()) {
            static_cast<Memory&>(array) = memory_of(tile->second);
            array.scratch = true;
            array.level = tile->second.level;
        } else {
            const Buffer& buffer = program_.buffer(target);
            static_cast<Memory&>(array) = memory_of(buffer);
            array.level = buffer.level;
        }
        array.name = target;
        nest_.arrays.push_back(std::move(array));
        int index = static_cast<int>(nest_.arrays.size()) - 1;
        array_by_name_[target] = index;
        return index;
    }

    const Program& program_;
    int64_t chunks_;
    double width_ = 1;
    double share_ = 0;  ///< iterations of the range at hand that are left to share; 0: no range
    double trips_around_ = 1;  // of the innermost loop around
    Nest nest_;
    std::map<Name, double> middle_;
    std::map<Name, int> array_by_name_;
};

}  // namespace

Slice resolved(const Nest& nest, Slice slice) {
    for (auto claim = nest.claims.find(slice.target); claim != nest.claims.end();
         claim = nest.claims.find(slice.target)) {
        const Let& let = claim->second;
        Substitution by_dim;
        for (size_t i = 0; i < let.tile.dims.size(); ++i)
            by_dim[let.tile.dims[i].name] = slice.at[i].affine;
        slice = substitute(*let.source, by_dim);
    }
    return slice;
}

bool in_registers(const Tile& tile) {
    static const Name registers("reg");
    return tile.level == registers;
}

const Array* array_named(const Nest& nest, Name name) {
    for (const Array& a : nest.arrays)
        if (a.name == name) return &a;
    return nullptr;
}

tensor::DType dtype_of(const Nest& nest, Name target) {
    auto tile = nest.tiles.find(target);
    if (tile != nest.tiles.end()) return tile->second.dtype;
    const Array* array = array_named(nest, target);
    return array ? array->dtype : tensor::DType::kF32;
}

Nest nest_of(const Program& program, const Kernel& kernel, int64_t chunks) {
    return Builder(program, kernel, chunks).take();
}

}  // namespace smeaton::gir::cache
