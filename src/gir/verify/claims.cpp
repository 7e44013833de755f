// Claims and the room at each level.
#include <algorithm>

#include "gir/text/print.h"
#include "gir/verify/number_rules.h"

namespace smeaton::gir::verifying {

namespace {

class ClaimChecker {
public:
    ClaimChecker(const Program& program, const Kernel& kernel, Faults& faults)
        : p_(program), k_(kernel), faults_(faults) {}

    void block(const Block& statements) {
        size_t claims = claims_.size(), fixed = fixed_.size();
        for (const StmtPtr& s : statements)
            std::visit([&](const auto& node) { statement(node); }, s->node);
        claims_.resize(claims);
        fixed_.resize(fixed);
    }

private:
    struct Claim {
        Name root;
        Name tile;
    };

    void statement(const Parallel& p) { block(p.body); }
    void statement(const For& f) { block(f.body); }
    void statement(const Check&) {}
    void statement(const Prefetch&) {}

    void statement(const Let& let) {
        if (let.resident) {
            claims_.push_back({root_of(p_, let.source->target), let.tile.name});
            if (let.source->within)
                faults_.add(fmt::format("kernel {}: let {}", k_.name, let.tile.name),
                            "a claim does not pad: make it a tile and fill it");
        }
        if (let.resident || let.constant) fixed_.push_back(let.tile.name);
    }

    void statement(const Op& op) {
        store(op, op.dst.target);
        if (op.payload) store(op, op.payload->target);
    }

    void store(const Op& op, Name target) {
        auto place = [&] { return fmt::format("kernel {}: `{}`", k_.name, print(op)); };
        Name root = root_of(p_, target);
        for (const Claim& c : claims_)
            if (c.root == root)
                faults_.add(place(),
                            fmt::format("it writes {} while {} claims it", target, c.tile));
        if (std::find(fixed_.begin(), fixed_.end(), target) != fixed_.end())
            faults_.add(place(),
                        fmt::format("{} is a claim or constant and cannot be written", target));
    }

    const Program& p_;
    const Kernel& k_;
    Faults& faults_;
    std::vector<Claim> claims_;
    std::vector<Name> fixed_;
};

class RoomChecker {
public:
    RoomChecker(const Kernel& kernel, const Bindings& bindings,
                const std::map<Name, int64_t>& claimed, const VerifyOptions& options,
                Faults& faults)
        : k_(kernel), bindings_(bindings), live_(claimed), options_(options), faults_(faults) {}

    void run() {
        for (const auto& [level, bytes] : live_) fits(level, fmt::format("kernel {}", k_.name));
        block(k_.body);
    }

private:
    void block(const Block& statements) {
        std::map<Name, int64_t> outer = live_;
        for (const StmtPtr& s : statements) {
            if (const auto* p = std::get_if<Parallel>(&s->node)) block(p->body);
            if (const auto* f = std::get_if<For>(&s->node)) block(f->body);
            if (const auto* let = std::get_if<Let>(&s->node)) {
                live_[let->tile.level] += bytes(*let);
                fits(let->tile.level, fmt::format("kernel {}: let {}", k_.name, let->tile.name));
            }
        }
        live_ = std::move(outer);
    }

    void fits(Name level, const std::string& place) {
        auto room = options_.capacity_bytes.find(level);
        if (room != options_.capacity_bytes.end() && live_[level] > room->second)
            faults_.add(place, fmt::format("{} bytes live at {}, which holds {}", live_[level],
                                           level, room->second));
    }

    /// Extent + (depth - 1) * advance: the part that each iteration of the ring adds, all without
    /// one.
    int64_t bytes(const Let& let) const {
        int64_t elements = 1, advance = 1;
        for (const NamedDim& d : let.tile.dims) {
            int64_t extent = d.extent.bind(bindings_).value();
            elements *= extent;
            advance *= std::min(extent, step_of(let, d.name).value_or(extent));
        }
        return tensor::byte_count(let.tile.dtype, elements + (let.depth - 1) * advance);
    }

    /// How far an iteration of the ring moves the tile along this dim.
    static std::optional<int64_t> step_of(const Let& let, Name dim) {
        if (let.ring.empty()) return std::nullopt;
        for (const Coord& c : let.source->at)
            if (int64_t k = c.affine.coefficient(let.ring);
                k != 0 && c.affine.coefficient(dim) != 0)
                return std::abs(k);
        return std::nullopt;
    }

    const Kernel& k_;
    const Bindings& bindings_;
    std::map<Name, int64_t> live_;
    const VerifyOptions& options_;
    Faults& faults_;
};

}  // namespace

void check_claims(const Program& p, const Kernel& k, Faults& faults) {
    ClaimChecker(p, k, faults).block(k.body);
}

void check_capacity(const Kernel& k, const Bindings& bindings,
                    const std::map<Name, int64_t>& claimed, const VerifyOptions& options,
                    Faults& faults) {
    RoomChecker(k, bindings, claimed, options, faults).run();
}

}  // namespace smeaton::gir::verifying
