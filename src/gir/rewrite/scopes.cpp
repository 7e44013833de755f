#include "gir/rewrite/scopes.h"

#include <algorithm>

#include "gir/rewrite/rules.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

StmtPtr nested(const StmtPtr& s, const Target& target, size_t scope, std::set<Name>& taken) {
    if (scope + 1 >= target.scopes.size()) return s;
    const auto& flat = std::get<Parallel>(s->node);
    int64_t extent = flat.extent.value();
    const TargetScope& outer = target.scopes[scope];
    int64_t inside = target.all_cores() / target.units(outer.name);
    bool even = outer.count > 1 && extent % outer.count == 0 && extent / outer.count >= inside;
    if (!even) return nested(s, target, scope + 1, taken);
    int64_t part = extent / outer.count;
    Name axis = fresh(flat.axis.str() + "_" + outer.name.str(), taken);
    Parallel inner = flat;
    inner.extent = Dim(part);
    inner.body = substitute(flat.body, {{flat.axis, Affine(axis, part) + Affine(flat.axis)}});
    return stmt(Parallel{
        axis, Dim(outer.count), outer.name, {nested(stmt(inner), target, scope + 1, taken)}});
}

}  // namespace

void share_out(std::vector<AxisPlan>& plans, const Target& target, Name last) {
    int64_t iterations = 1;
    for (AxisPlan& plan : plans) {
        if (iterations >= target.cores * kIterationsPerCore) break;
        plan.parallel = true;
        plan.scope = target.core_scope();
        iterations *= std::max<int64_t>(1, plan.extent / plan.part);
        if (!last.empty() && plan.axis == last) break;
    }
}

Block nest_scopes(const Block& body, const Target& target, std::set<Name>& taken) {
    if (target.scopes.size() < 2) return body;
    Block out;
    for (const StmtPtr& s : body) {
        auto* parallel = std::get_if<Parallel>(&s->node);
        bool flat =
            parallel && parallel->scope == target.core_scope() && parallel->extent.is_const();
        out.push_back(flat ? nested(s, target, 0, taken) : s);
    }
    return out;
}

}  // namespace smeaton::gir::rewrite
