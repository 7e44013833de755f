// Claims, copies, and the room at each level.
#include <algorithm>

#include "gir/layout.h"
#include "gir/names.h"
#include "gir/text/print.h"
#include "gir/verify/number_rules.h"
#include "gir/walk.h"

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

    struct Loop {
        Name axis;
        const Block* body;
    };

    void statement(const Parallel& p) { loop(p.axis, p.body); }
    void statement(const For& f) { loop(f.axis, f.body); }
    void statement(const Check&) {}
    void statement(const Prefetch&) {}

    void loop(Name axis, const Block& body) {
        loops_.push_back({axis, &body});
        block(body);
        loops_.pop_back();
    }

    void statement(const Let& let) {
        if (let.kind == TileKind::Claim) {
            claims_.push_back({root_of(p_, let.source->target), let.tile.name});
            if (let.source->within)
                faults_.add(place_of(let), "a claim does not pad: make it a tile and fill it");
        }
        if (let.kind == TileKind::Claim || let.constant) fixed_.push_back(let.tile.name);
        if (let.kind == TileKind::Copy && (!let.ring.empty() || let.depth > 1)) parts(let);
    }

    /// What one iteration brings in serves others: neither it nor what it is copied from may change
    /// while the loop runs.
    void parts(const Let& copy) {
        auto around = std::find_if(loops_.rbegin(), loops_.rend(), [&](const Loop& l) {
            return copy.ring.empty() || l.axis == copy.ring;
        });
        if (around == loops_.rend()) return;  // a fault of structure
        const std::set<Name> inside = tiles_declared(*around->body);
        std::set<Name> sources;
        visit_with_indices(*copy.source, false, [&](const Slice& s, bool) {
            sources.insert(root_of(p_, s.target));
            if (inside.count(s.target) > 0)
                faults_.add(place_of(copy),
                            fmt::format("iterations of {} share its parts, and each fills {} anew",
                                        around->axis, s.target));
        });
        for_each_op(*around->body, [&](const Op& op) {
            for_each_slice(op, [&](const Slice& s, bool written) {
                if (written && s.target == copy.tile.name)
                    faults_.add(place_of(op), fmt::format("iterations of {} share parts of {}",
                                                          around->axis, copy.tile.name));
                if (written && sources.count(root_of(p_, s.target)) > 0)
                    faults_.add(place_of(op), fmt::format("it writes {} while parts of {} are "
                                                          "copied from it",
                                                          s.target, copy.tile.name));
            });
        });
    }

    std::string place_of(const Let& let) const {
        return fmt::format("kernel {}: let {}", k_.name, let.tile.name);
    }
    std::string place_of(const Op& op) const {
        return fmt::format("kernel {}: `{}`", k_.name, print(op));
    }

    void statement(const Op& op) {
        store(op, op.dst.target);
        if (op.payload) store(op, op.payload->target);
    }

    void store(const Op& op, Name target) {
        Name root = root_of(p_, target);
        for (const Claim& c : claims_)
            if (c.root == root)
                faults_.add(place_of(op),
                            fmt::format("it writes {} while {} claims it", target, c.tile));
        if (std::find(fixed_.begin(), fixed_.end(), target) != fixed_.end())
            faults_.add(place_of(op),
                        fmt::format("{} is a claim or constant and cannot be written", target));
    }

    const Program& p_;
    const Kernel& k_;
    Faults& faults_;
    std::vector<Claim> claims_;
    std::vector<Name> fixed_;
    std::vector<Loop> loops_;
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
                live_[let->tile.level] += bytes_of(*let, bindings_);
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
