#include "gir/kernel_form.h"

#include <fmt/core.h>

#include <unordered_set>

#include "gir/names.h"
#include "gir/rename.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace {

/// Names in the order of their first appearance.
class Numbering {
public:
    explicit Numbering(char sign) : sign_(sign) {}

    void note(Name n) {
        if (seen_.insert(n).second) names.push_back(n);
    }
    /// "$v0", "$v1", ...
    void add_canonical(OtherNames& to) const {
        for (size_t i = 0; i < names.size(); ++i)
            to.emplace(names[i], Name(fmt::format("${}{}", sign_, i)));
    }

    std::vector<Name> names;

private:
    char sign_;
    std::unordered_set<Name> seen_;
};

struct Collector {
    Numbering vars{'v'}, tiles{'t'}, buffers{'b'};
    std::map<std::string, size_t> origin_numbers;
    std::vector<std::string> origins;
    std::set<Name> tile_names;

    void slice(const Slice& s) {
        (tile_names.count(s.target) > 0 ? tiles : buffers).note(s.target);
        for (const Coord& c : s.at)
            if (c.index) slice(*c.index);
    }
    void dims(const std::vector<NamedDim>& list) {
        for (const NamedDim& d : list) vars.note(d.name);
    }
    void operator()(const Parallel& p) { vars.note(p.axis); }
    void operator()(const For& f) { vars.note(f.axis); }
    void operator()(const Let& l) {
        tiles.note(l.tile.name);
        dims(l.tile.dims);
        if (l.source) slice(*l.source);
    }
    void operator()(const Op& op) {
        dims(op.dims);
        for_each_slice(op, [&](const Slice& s, bool) { slice(s); });
        for (const std::string& o : op.origins)
            if (origin_numbers.emplace(o, origins.size()).second) origins.push_back(o);
    }
    void operator()(const Check& c) {
        dims(c.dims);
        if (auto* s = std::get_if<Slice>(&c.condition)) slice(*s);
    }
    void operator()(const Prefetch& p) { buffers.note(p.buffer); }
};

void mix(size_t& hash, size_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
}

size_t hash_of(const Dim& d) {
    return d.is_const() ? std::hash<int64_t>()(d.value()) : std::hash<std::string>()(d.str());
}

void mix(size_t& hash, const Slice& s) {
    mix(hash, std::hash<Name>()(s.target));
    for (const Coord& c : s.at) {
        mix(hash, static_cast<size_t>(c.affine.constant));
        for (const Term& t : c.affine.terms) {
            mix(hash, std::hash<Name>()(t.var));
            mix(hash, static_cast<size_t>(t.coefficient));
        }
        if (c.index) mix(hash, *c.index);
    }
}

/// Of enough to keep forms apart that differ; equality looks at the rest.
size_t hash_of(const Block& body, const std::vector<Buffer>& ports) {
    size_t hash = ports.size();
    for (const Buffer& b : ports) {
        mix(hash, static_cast<size_t>(b.dtype));
        mix(hash, b.layout.dims.size());
        for (const NamedDim& d : b.dims) mix(hash, hash_of(d.extent));
    }
    for_each_stmt(body, [&](const Stmt& s) {
        mix(hash, s.node.index());
        if (auto* p = std::get_if<Parallel>(&s.node)) mix(hash, hash_of(p->extent));
        if (auto* f = std::get_if<For>(&s.node)) mix(hash, hash_of(f->extent));
        if (auto* op = std::get_if<Op>(&s.node)) {
            mix(hash, static_cast<size_t>(op->kind));
            mix(hash, static_cast<size_t>(op->fn));
            for (const NamedDim& d : op->dims) mix(hash, hash_of(d.extent));
            mix(hash, op->dst);
            for (const Operand& o : op->srcs)
                if (auto* slice = std::get_if<Slice>(&o)) mix(hash, *slice);
        }
    });
    return hash;
}

/// The buffers without their names; which of them share bytes is told by numbers.
std::vector<Buffer> ports_of(const std::vector<Name>& buffers, const Program& program) {
    std::vector<Buffer> ports;
    std::map<Name, size_t> roots;
    for (Name n : buffers) {
        Buffer port = program.buffer(n);
        const size_t root = roots.emplace(root_of(program, n), roots.size()).first->second;
        port.name = Name();
        port.data.reset();
        port.value_name = std::to_string(root);
        if (!port.alias_of.empty()) port.alias_of = "$alias";
        ports.push_back(std::move(port));
    }
    return ports;
}

}  // namespace

bool same_port(const Buffer& a, const Buffer& b) {
    return a.level == b.level && a.dtype == b.dtype && a.lifetime == b.lifetime &&
           a.dims == b.dims && a.layout == b.layout && a.alias_of == b.alias_of &&
           a.resident == b.resident && a.value_name == b.value_name;
}

bool operator==(const KernelForm& a, const KernelForm& b) {
    if (a.hash != b.hash || a.ports.size() != b.ports.size()) return false;
    for (size_t i = 0; i < a.ports.size(); ++i)
        if (!same_port(a.ports[i], b.ports[i])) return false;
    return same(a.body, b.body);
}

KernelForm form_of(const Kernel& kernel, const Program& program) {
    Collector names;
    names.tile_names = tiles_declared(kernel.body);
    for_each_stmt(kernel.body, [&](const Stmt& s) { std::visit(names, s.node); });
    KernelForm form;
    Renaming canonical;
    names.tiles.add_canonical(canonical.targets);
    names.buffers.add_canonical(canonical.targets);
    names.vars.add_canonical(canonical.vars);
    for (size_t i = 0; i < names.origins.size(); ++i)
        canonical.origins.emplace(names.origins[i], fmt::format("${}", i));
    form.body = rename(kernel.body, canonical);
    form.ports = ports_of(names.buffers.names, program);
    form.hash = hash_of(form.body, form.ports);
    form.vars = std::move(names.vars.names);
    form.tiles = std::move(names.tiles.names);
    form.buffers = std::move(names.buffers.names);
    form.origins = std::move(names.origins);
    return form;
}

namespace {

OtherNames pairs(const std::vector<Name>& from, const std::vector<Name>& to) {
    OtherNames map;
    for (size_t i = 0; i < from.size(); ++i)
        if (from[i] != to[i]) map.emplace(from[i], to[i]);
    return map;
}

/// What a name that a rewrite made is called in the other kernel: "weight_l2" follows "weight".
Name followed(Name made, const std::vector<Name>& from, const std::vector<Name>& to) {
    size_t best = 0;
    Name result = made;
    for (size_t i = 0; i < from.size(); ++i) {
        const std::string& stem = from[i].str();
        if (stem.size() < best || made.str().size() <= stem.size() ||
            made.str()[stem.size()] != '_' || !made.str().starts_with(stem))
            continue;
        best = stem.size();
        result = Name(to[i].str() + made.str().substr(stem.size()));
    }
    return result;
}

/// Adds what `made` declares besides what is known, after the buffers. False: a name is taken.
bool add_made(const Kernel& made, const std::vector<Name>& from, const std::vector<Name>& to,
              const std::set<Name>& known, std::set<Name>& taken, const std::set<Name>& in_use,
              Renaming& names) {
    for (Name n : declared_names(made.body)) {
        if (known.count(n) > 0) continue;
        const Name other = followed(n, from, to);
        if (in_use.count(other) > 0 || !taken.insert(other).second) return false;
        if (other == n) continue;
        names.vars.emplace(n, other);
        names.targets.emplace(n, other);
    }
    return true;
}

Kernel in_other_names(const Kernel& made, Renaming names, const Kernel& named, Renaming* out) {
    Kernel other = named;
    other.body = rename(made.body, names);
    if (out) *out = std::move(names);
    return with_uses(std::move(other));
}

Name other_of(Name n, const OtherNames& names) {
    auto other = names.find(n);
    return other == names.end() ? n : other->second;
}

std::vector<Name> others_of(std::vector<Name> list, const OtherNames& names) {
    for (Name& n : list) n = other_of(n, names);
    return list;
}

}  // namespace

std::optional<Kernel> renamed(const Kernel& made, const KernelForm& from, const KernelForm& to,
                              const Kernel& named, const std::set<Name>& in_use, Renaming* out) {
    Renaming names{pairs(from.tiles, to.tiles), pairs(from.vars, to.vars), {}};
    for (const auto& [a, b] : pairs(from.buffers, to.buffers)) names.targets.emplace(a, b);
    if (out)
        for (const auto& [a, b] : out->targets) names.targets.emplace(a, b);
    std::set<Name> known(from.vars.begin(), from.vars.end());
    known.insert(from.tiles.begin(), from.tiles.end());
    std::set<Name> taken(to.vars.begin(), to.vars.end());
    taken.insert(to.tiles.begin(), to.tiles.end());
    if (!add_made(made, from.buffers, to.buffers, known, taken, in_use, names)) return std::nullopt;
    for (size_t i = 0; i < from.origins.size(); ++i)
        names.origins.emplace(from.origins[i], to.origins[i]);
    return in_other_names(made, std::move(names), named, out);
}

std::optional<Kernel> renamed(const Kernel& made, const Twin& twin, const Kernel& named,
                              const std::set<Name>& in_use, Renaming* out) {
    Renaming names = twin.names;
    std::set<Name> taken = declared_names(named.body);
    if (!add_made(made, twin.buffers_of_first, twin.buffers, declared_names(twin.first->body),
                  taken, in_use, names))
        return std::nullopt;
    return in_other_names(made, std::move(names), named, out);
}

KernelForm form_of(const Twin& twin, const KernelForm& first) {
    KernelForm form;
    form.hash = first.hash;
    form.vars = others_of(first.vars, twin.names.vars);
    form.tiles = others_of(first.tiles, twin.names.targets);
    form.buffers = others_of(first.buffers, twin.names.targets);
    for (const std::string& origin : first.origins) {
        auto other = twin.names.origins.find(origin);
        form.origins.push_back(other == twin.names.origins.end() ? origin : other->second);
    }
    return form;
}

Program map_forms(Program program, const std::function<KernelPtr(const KernelPtr&)>& rewrite,
                  const std::function<void(const KernelPtr&, const KernelPtr&)>& applied) {
    const Program before = program;
    std::set<Name> buffers;
    for (const Buffer& b : before.buffers) buffers.insert(b.name);
    FormTable<KernelPtr> made;  // null: unchanged
    auto one = [&](const KernelPtr& kernel) -> KernelPtr {
        KernelForm form = form_of(*kernel, before);
        const auto* known = made.find(form);
        if (!known) {
            KernelPtr after = rewrite(kernel);
            made.add(std::move(form), after == kernel ? nullptr : after);
            return after;
        }
        if (!known->value) return kernel;
        std::optional<Kernel> copy = renamed(*known->value, known->form, form, *kernel, buffers);
        return copy ? std::make_shared<const Kernel>(std::move(*copy)) : rewrite(kernel);
    };
    return map_kernels(std::move(program), [&](const KernelPtr& kernel) {
        KernelPtr after = one(kernel);
        if (applied && after != kernel) applied(kernel, after);
        return after;
    });
}

}  // namespace smeaton::gir
