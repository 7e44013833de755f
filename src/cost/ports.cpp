#include "cost/ports.h"

#include <algorithm>

#include "cost/contraction.h"
#include "gir/names.h"
#include "gir/walk.h"
#include "machine/query.h"

namespace smeaton::cost {
namespace {

using gir::Op;
using gir::OpKind;
using gir::Slice;
using machine::Level;
using machine::Machine;
using machine::OperandRole;

class PortCounter {
public:
    PortCounter(const Nest& nest, const Machine& m, const TakenOps& taken)
        : nest_(nest), m_(m), taken_(taken) {}

    std::map<std::string, double> count(const std::vector<OperandAccess>& of_arrays) {
        visit(nest_.root, 1);
        for (const OperandAccess& a : of_arrays)
            cross(first_for(a.role), level_named(a.level), a.bytes);
        return std::move(bytes_);
    }

private:
    void visit(const Node& node, double runs) {
        if (node.op) {
            if (taken_.contains(node.op)) return;
            auto copy = nest_.copies.find(node.op);
            return op(*node.op, copy == nest_.copies.end() ? runs : runs * copy->second.share);
        }
        if (node.is_loop) runs *= node.loop.trips;
        for (const Node& child : node.children) visit(child, runs);
    }

    void op(const Op& o, double runs) {
        bool moves = o.kind == OpKind::Move && !std::holds_alternative<gir::Literal>(o.srcs.at(0));
        if (moves) {
            const auto& src = std::get<Slice>(o.srcs.at(0));
            const Level *to = level_of(o.dst), *from = level_of(src);
            if (inwards(to, from) || inwards(from, to)) {
                cross(to, from,
                      bytes_of(o, src, runs) *
                          machine::stored_share(m_, *to, dtype_of(nest_, src.target)));
                for (const Slice* moved : {&src, &o.dst})
                    gir::visit_with_indices(*moved, false, [&](const Slice& s, bool) {
                        if (&s != moved) cross(to, level_of(s), bytes_of(o, s, runs));
                    });
                return;
            }
            // Else it goes by way of the vector unit's registers.
        }
        gir::for_each_slice(o, [&](const Slice& s, bool) {
            cross(&m_.levels.front(), level_of(s), bytes_of(o, s, runs));
        });
    }

    /// From the inner of the two outwards; levels beside each other meet nowhere.
    void cross(const Level* a, const Level* b, double bytes) {
        for (auto [inner, outer] : {std::pair{a, b}, std::pair{b, a}}) {
            if (!inwards(inner, outer)) continue;
            for (const Level* at = inner; at != outer; at = machine::find_level(m_, at->next))
                if (at->port_gb_s) bytes_[at->name] += bytes;
            return;
        }
    }

    bool inwards(const Level* inner, const Level* outer) const {
        for (const Level* at = inner; at; at = machine::find_level(m_, at->next))
            if (at == outer) return inner != outer;
        return false;
    }

    const Level* first_for(OperandRole role) const {
        for (const Level& level : m_.levels)
            if (level.roles.empty() ||
                std::find(level.roles.begin(), level.roles.end(), role) != level.roles.end())
                return &level;
        return &m_.levels.back();
    }

    const Level* level_of(const Slice& s) const {
        auto tile = nest_.tiles.find(s.target);
        const Array* array = array_named(nest_, s.target);
        return level_named(tile != nest_.tiles.end() ? tile->second.level
                           : array                   ? array->level
                                                     : Name());
    }

    const Level* level_named(Name name) const {
        const Level* level = machine::find_level(m_, name.str());
        return level ? level : in_registers_name(name) ? &m_.levels.front() : &m_.levels.back();
    }

    static bool in_registers_name(Name level) { return level == Name("reg"); }

    double bytes_of(const Op& o, const Slice& s, double runs) const {
        double elements = runs;
        for (const gir::NamedDim& d : o.dims)
            if (gir::walks(s, d.name)) elements *= static_cast<double>(d.extent.value());
        return elements * tensor::bits(dtype_of(nest_, s.target)) / 8.0;
    }

    const Nest& nest_;
    const Machine& m_;
    const TakenOps& taken_;
    std::map<std::string, double> bytes_;
};

}  // namespace

std::map<std::string, double> port_bytes(const Nest& nest, const Machine& m,
                                         const std::vector<ShapeRow>& shapes,
                                         const std::set<Name>& scratchpads) {
    if (std::none_of(m.levels.begin(), m.levels.end(),
                     [](const Level& l) { return l.port_gb_s.has_value(); }))
        return {};
    const ContractionWork taken = take_contractions(nest, shapes, 1, scratchpads);
    return PortCounter(nest, m, taken.ops).count(taken.accesses);
}

}  // namespace smeaton::cost
