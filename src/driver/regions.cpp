#include "driver/regions.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::driver {

namespace {

int64_t extent_of(const gir::Dim& dim) {
    std::optional<int64_t> n = dim.if_const();
    SMEATON_CHECK(n.has_value(), "an open size: {}", dim.str());
    return *n;
}

class Collect {
public:
    explicit Collect(const gir::Program& program) : program_(program) {}

    void step(const gir::Step& s) {
        std::visit([&](const auto& node) { visit(node); }, s.node);
    }

    std::vector<Region> take() {
        std::vector<Region> all;
        for (auto& [key, region] : regions_) all.push_back(std::move(region));
        return all;
    }

private:
    void visit(const gir::RunStep& s) {
        extents_ = {};
        block(s.kernel->body);
        // What no slice showed is taken whole.
        for (Name b : s.kernel->reads) add_whole_unless_known(b, false);
        for (Name b : s.kernel->writes) add_whole_unless_known(b, true);
    }
    void visit(const gir::BranchStep& s) {
        add_whole(s.condition, false);
        for (const gir::Step& one : s.then_steps) step(one);
        for (const gir::Step& one : s.else_steps) step(one);
    }
    void visit(const gir::RepeatStep& s) {
        for (const gir::Step& one : s.body) step(one);
        for (Name b : {s.counter, s.condition})
            if (!b.empty()) add_whole(b, true);
        for (const auto& carried : s.carried) {
            add_whole(carried.from, false);
            add_whole(carried.to, true);
        }
    }
    void visit(const gir::SettleStep& s) { add_whole(s.from, false); }

    void block(const gir::Block& body) {
        for (const gir::StmtPtr& stmt : body)
            std::visit([&](const auto& node) { statement(node); }, stmt->node);
    }
    void statement(const gir::Parallel& p) {
        extents_[p.axis] = extent_of(p.extent);
        block(p.body);
    }
    void statement(const gir::For& f) {
        extents_[f.axis] = extent_of(f.extent);
        block(f.body);
    }
    void statement(const gir::Prefetch&) {}
    void statement(const gir::Let& let) {
        if (!let.source) return;
        for (const gir::NamedDim& d : let.tile.dims) extents_[d.name] = extent_of(d.extent);
        slice(*let.source, false);
    }
    void statement(const gir::Op& op) {
        for (const gir::NamedDim& d : op.dims) extents_[d.name] = extent_of(d.extent);
        gir::for_each_slice(op, [&](const gir::Slice& s, bool written) {
            slice(s, written);
            if (written && op.accumulate) slice(s, false);
        });
    }
    void statement(const gir::Check& c) {
        for (const gir::NamedDim& d : c.dims) extents_[d.name] = extent_of(d.extent);
        if (const auto* s = std::get_if<gir::Slice>(&c.condition)) slice(*s, false);
    }

    void slice(const gir::Slice& s, bool write) {
        const gir::Buffer* buffer = program_.find_buffer(s.target);
        if (buffer == nullptr) return;  // a tile
        Region r = whole(*buffer, write);
        // Elements that share a byte are never apart.
        if (tensor::bits(buffer->dtype) >= 8)
            for (size_t d = 0; d < s.at.size(); ++d) clip(s, d, r);
        join(std::move(r));
    }

    // The coordinate's range, and what the bounds on just this coordinate leave of it.
    void clip(const gir::Slice& s, size_t d, Region& r) {
        const gir::Coord& coord = s.at[d];
        if (coord.index) return;
        gir::ValueRange range = gir::value_range(coord.affine, extents_);
        if (s.within)
            for (const gir::Bound& bound : s.within->bounds) {
                gir::Affine apart = coord.affine;
                apart -= bound.expr;
                if (!apart.is_const()) continue;
                if (bound.lo && bound.lo->is_const())
                    range.lo = std::max(range.lo, bound.lo->value() + apart.constant);
                if (bound.hi && bound.hi->is_const())
                    range.hi = std::min(range.hi, bound.hi->value() - 1 + apart.constant);
            }
        if (r.write && (range.lo < 0 || range.hi > r.high[d]))
            return;  // a border, which has no box
        r.low[d] = std::max(r.low[d], range.lo);
        r.high[d] = std::min(r.high[d], range.hi);
    }

    Region whole(const gir::Buffer& buffer, bool write) {
        Region r;
        r.buffer = buffer.name;
        r.root = gir::root_of(program_, buffer.name);
        r.write = write;
        for (const gir::NamedDim& d : buffer.dims) {
            r.low.push_back(0);
            r.high.push_back(extent_of(d.extent) - 1);
        }
        return r;
    }

    void add_whole(Name name, bool write) {
        if (const gir::Buffer* b = program_.find_buffer(name)) join(whole(*b, write));
    }
    void add_whole_unless_known(Name name, bool write) {
        if (regions_.count({name, write}) == 0) add_whole(name, write);
    }

    void join(Region r) {
        double elements = 1;
        Region& all = regions_.try_emplace({r.buffer, r.write}, r).first->second;
        for (size_t d = 0; d < r.low.size(); ++d) {
            all.low[d] = std::min(all.low[d], r.low[d]);
            all.high[d] = std::max(all.high[d], r.high[d]);
            elements *= static_cast<double>(std::max<int64_t>(0, all.high[d] - all.low[d] + 1));
        }
        all.bytes =
            elements * static_cast<double>(tensor::bits(program_.buffer(r.buffer).dtype)) / 8;
    }

    const gir::Program& program_;
    gir::Extents extents_;
    std::map<std::pair<Name, bool>, Region> regions_;
};

// Bytes of `read` that lie in `written`.
double common_bytes(const Region& read, const Region& written) {
    if (read.buffer != written.buffer) return std::min(read.bytes, written.bytes);
    double share = 1;
    for (size_t d = 0; d < read.low.size(); ++d) {
        double all = static_cast<double>(read.high[d] - read.low[d] + 1);
        int64_t common =
            std::min(read.high[d], written.high[d]) - std::max(read.low[d], written.low[d]) + 1;
        share *= all > 0 ? static_cast<double>(std::max<int64_t>(0, common)) / all : 0;
    }
    return read.bytes * share;
}

bool has_check(const gir::Block& body) {
    return std::any_of(body.begin(), body.end(), [](const gir::StmtPtr& stmt) {
        if (const auto* p = std::get_if<gir::Parallel>(&stmt->node)) return has_check(p->body);
        if (const auto* f = std::get_if<gir::For>(&stmt->node)) return has_check(f->body);
        return std::holds_alternative<gir::Check>(stmt->node);
    });
}

bool has_check(const gir::Step& step) {
    const auto in = [](const gir::Steps& steps) {
        return std::any_of(steps.begin(), steps.end(),
                           [](const gir::Step& s) { return has_check(s); });
    };
    if (const auto* run = std::get_if<gir::RunStep>(&step.node))
        return has_check(run->kernel->body);
    if (const auto* branch = std::get_if<gir::BranchStep>(&step.node))
        return in(branch->then_steps) || in(branch->else_steps);
    if (const auto* repeat = std::get_if<gir::RepeatStep>(&step.node)) return in(repeat->body);
    return false;
}

}  // namespace

std::vector<Region> regions_of(const gir::Program& program, const gir::Step& step) {
    Collect collect(program);
    collect.step(step);
    return collect.take();
}

bool overlap(const Region& a, const Region& b) {
    if (a.root != b.root) return false;
    if (a.buffer != b.buffer) return true;  // two views: coordinates do not compare
    for (size_t d = 0; d < a.low.size(); ++d)
        if (a.high[d] < b.low[d] || b.high[d] < a.low[d]) return false;
    return true;
}

std::vector<Dependence> dependences(const gir::Program& program,
                                    const std::vector<const gir::Step*>& steps) {
    struct RegionUse {
        int step;
        Region region;
    };
    std::map<Name, std::vector<RegionUse>> reads, writes;  // by root
    std::vector<Dependence> all;
    std::vector<int> checks;
    int barrier = -1;
    for (size_t i = 0; i < steps.size(); ++i) {
        const int to = static_cast<int>(i);
        if (std::holds_alternative<gir::SettleStep>(steps[i]->node)) {
            for (int from = barrier + 1; from < to; ++from) all.push_back({from, to, 0});
            barrier = to;
            continue;
        }
        if (barrier >= 0) all.push_back({barrier, to, 0});
        std::map<int, double> before;  // step -> bytes read from it
        std::vector<Region> regions = regions_of(program, *steps[i]);
        for (const Region& r : regions) {
            for (const RegionUse& w : writes[r.root])
                if (overlap(w.region, r)) before[w.step] += r.write ? 0 : common_bytes(r, w.region);
            if (!r.write) continue;
            if (program.buffer(r.root).lifetime == gir::Lifetime::State)
                for (int from : checks) before.try_emplace(from, 0);
            for (const RegionUse& a : reads[r.root])
                if (overlap(a.region, r)) before.try_emplace(a.step, 0);
        }
        for (const auto& [from, bytes] : before) all.push_back({from, to, bytes});
        if (has_check(*steps[i])) checks.push_back(to);
        for (Region& r : regions) (r.write ? writes : reads)[r.root].push_back({to, std::move(r)});
    }
    return all;
}

}  // namespace smeaton::driver
