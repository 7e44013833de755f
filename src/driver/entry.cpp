#include "driver/entry.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/error.h"
#include "driver/naming.h"
#include "driver/stages.h"
#include "gir/bind.h"
#include "gir/names.h"
#include "gir/text/parse.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"

namespace smeaton::driver {

namespace {

using gir::Buffer;
using gir::Lifetime;

std::string text_of(const std::string& path) {
    std::ifstream in(path);
    if (!in || std::filesystem::is_directory(path)) throw UserError("{}: cannot read it", path);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool port(const Buffer& b, Lifetime lifetime) {
    return b.lifetime == lifetime && b.alias_of.empty();
}

std::string list_of(const std::set<Name>& names) {
    std::set<std::string> sorted;
    for (Name n : names) sorted.insert(n.str());
    std::string list;
    for (const std::string& n : sorted) list += (list.empty() ? "" : ", ") + n;
    return list;
}

PortInfo port_of(const Buffer& b) {
    PortInfo out{port_name(b), b.dtype, {}, true};
    for (const gir::NamedDim& d : b.dims) out.shape.push_back(d.extent);
    return out;
}

std::vector<PortInfo> ports(const gir::Program& p, Lifetime lifetime) {
    std::vector<PortInfo> out;
    for (const Buffer& b : p.buffers)
        if (port(b, lifetime)) out.push_back(port_of(b));
    return out;
}

// A chain of views that ends at no buffer cannot even be asked about.
void check_aliases(const gir::Program& p) {
    for (const Buffer& b : p.buffers) {
        const Buffer* at = &b;
        for (size_t hops = 0; at && !at->alias_of.empty() && hops <= p.buffers.size(); ++hops)
            at = p.find_buffer(at->alias_of);
        if (!at || !at->alias_of.empty())
            throw UserError("buffer {}: what it is an alias of ends at no buffer", b.name);
    }
}

// What running it asks beyond what the verifier does, once weights and sizes are there.
void check_program(const gir::Program& p) {
    check_aliases(p);
    bool runs = false;
    for (const gir::Step& s : p.steps) {
        const auto* run = std::get_if<gir::RunStep>(&s.node);
        if (!run)
            throw UserError(
                "program {}: steps other than `run` are not compiled: expected one kernel after "
                "another",
                p.name);
        runs |= !run->once;
    }
    if (!runs)
        throw UserError("program {} runs nothing: expected a step `run KERNEL(… -> …)`", p.name);
    for (const Buffer& b : p.buffers)
        if ((port(b, Lifetime::Input) || port(b, Lifetime::Output)) && !b.layout.dense())
            throw UserError(
                "buffer {}: an {} is dense, as its caller sees it; move it to a temp that has the "
                "layout",
                b.name, gir::name(b.lifetime));
    for (const Buffer& b : p.buffers)
        if (b.data && !b.layout.dense())
            throw UserError("buffer {}: data are dense; a `once` step lays them out in another",
                            b.name);
}

std::set<Name> written_roots(const gir::Program& p) {
    std::set<Name> out;
    for (const gir::KernelPtr& k : gir::kernels(p))
        for (Name n : k->writes) out.insert(gir::root_of(p, n));
    return out;
}

bool is_open(const Entry& e, const Buffer& b, const std::set<Name>& written) {
    if (b.data || !b.alias_of.empty()) return false;
    if (std::find(e.by_hash.begin(), e.by_hash.end(), b.name) != e.by_hash.end()) return true;
    return b.lifetime == Lifetime::Weight && written.count(b.name) == 0;
}

void bind_size(tensor::Bindings& all, Name parameter, int64_t value) {
    auto [at, fresh] = all.emplace(parameter, value);
    if (!fresh && at->second != value)
        throw UserError("the size {} is {} in one place and {} in another", parameter, at->second,
                        value);
}

// The sizes that a shape gives; those that are expressions are checked once all are known.
void bind_sizes(const Buffer& b, const std::vector<int64_t>& shape, tensor::Bindings& all) {
    if (shape.size() != b.dims.size())
        throw UserError("'{}' has {} dims, but {} were given", port_name(b), b.dims.size(),
                        shape.size());
    for (size_t k = 0; k < shape.size(); ++k) {
        const std::vector<Name> symbols = b.dims[k].extent.symbols();
        if (symbols.size() == 1 && b.dims[k].extent == Dim::symbol(symbols[0]))
            bind_size(all, symbols[0], shape[k]);
    }
}

void check_shape(const Buffer& bound, const std::vector<int64_t>& shape) {
    for (size_t k = 0; k < shape.size(); ++k)
        if (bound.dims.size() != shape.size() || !bound.dims[k].extent.is(shape[k]))
            throw UserError("'{}', axis {}: expected {}, found {}", port_name(bound), k,
                            bound.dims[k].extent.str(), shape[k]);
}

const Buffer* port_called(const gir::Program& p, const std::string& name) {
    for (const Buffer& b : p.buffers)
        if (b.alias_of.empty() && b.lifetime != Lifetime::Temp && port_name(b) == name) return &b;
    return nullptr;
}

void check_names(const gir::Program& p, const std::string& stage, const std::set<Name>& levels,
                 const std::set<Name>& tiles, const std::set<Name>& scopes) {
    auto refuse = [&](const std::string& what, Name found, const std::set<Name>& known) {
        throw UserError(
            "{}: '{}' is unknown behind '{}', where there are {}; a first line '# after STAGE' "
            "says which stage the program stands behind",
            what, found, stage, list_of(known));
    };
    for (const Buffer& b : p.buffers)
        if (levels.count(b.level) == 0)
            refuse(fmt::format("the level of buffer {}", b.name), b.level, levels);
    for (const gir::KernelPtr& k : gir::kernels(p))
        gir::for_each_stmt(k->body, [&](const gir::Stmt& s) {
            auto* let = std::get_if<gir::Let>(&s.node);
            if (let && tiles.count(let->tile.level) == 0)
                refuse(fmt::format("kernel {}, the level of tile {}", k->name, let->tile.name),
                       let->tile.level, tiles);
            auto* parallel = std::get_if<gir::Parallel>(&s.node);
            if (parallel && scopes.count(parallel->scope) == 0)
                refuse(fmt::format("kernel {}, the scope of axis {}", k->name, parallel->axis),
                       parallel->scope, scopes);
        });
}

bool tiled(const std::string& stage) {
    return !is_before(stage, "tile");
}

// A program that knows no machine has its own words; one that is tiled has the target's.
void check_levels(const gir::Program& p, const std::string& stage, const gir::Target& target) {
    const Name memory("memory"), local("local"), any("any");
    if (!tiled(stage)) return check_names(p, stage, {memory}, {local, memory}, {any});
    std::set<Name> levels = {memory}, scopes = {target.core_scope()};
    for (const gir::TargetLevel& l : target.levels) levels.insert(l.name);
    for (const gir::TargetScope& s : target.scopes) scopes.insert(s.name);
    check_names(p, stage, levels, levels, scopes);
}

void require_spelled(const gir::Program& p) {
    for (const gir::KernelPtr& k : gir::kernels(p))
        gir::for_each_op(k->body, [&](const gir::Op& op) {
            if (!op.spelling)
                throw UserError(
                    "kernel {}: an op is not spelled; with the first line '# after tile' the stage "
                    "`spell` does it",
                    k->name);
        });
}

}  // namespace

bool is_program_file(const std::string& path) {
    if (path.ends_with(".gir")) return true;
    std::error_code none;  // a pipe gives its bytes once, to who reads the model
    if (!std::filesystem::is_regular_file(path, none)) return false;
    std::ifstream in(path, std::ios::binary);
    char first[8] = {};
    in.read(first, sizeof first);
    const std::string word(first, static_cast<size_t>(in.gcount()));
    return word == "# after " || word == "program ";
}

void refuse_program(const std::string& path) {
    if (is_program_file(path))
        throw UserError("{}: a program, which run, emit and simulate take; expected an ONNX file",
                        path);
}

Entry read_entry(const std::string& path) {
    const std::string text = text_of(path);
    Entry entry;
    if (std::optional<std::string> stage = dumped_stage(text)) entry.stage = *stage;
    const auto& names = stage_names();
    if (is_before(entry.stage, "lower") || !is_before(entry.stage, "emit") ||
        std::find(names.begin(), names.end(), entry.stage) == names.end())
        throw UserError(
            "{}: '{}' makes no program; expected a dump of lower, fuse, layout, tile or spell "
            "(--resume takes those of a graph, beside their model)",
            path, entry.stage);
    if (is_unchanged(text))
        throw UserError("{}: this stage changed nothing; take the dump before it", path);
    entry.program = gir::parse_program(text, path, {}, &entry.by_hash);
    naming(path, [&] { check_program(entry.program); });
    return entry;
}

std::string port_name(const Buffer& b) {
    return b.value_name.empty() ? b.name.str() : b.value_name;
}

std::vector<PortInfo> input_ports(const gir::Program& p) {
    return ports(p, Lifetime::Input);
}

std::vector<PortInfo> output_ports(const gir::Program& p) {
    return ports(p, Lifetime::Output);
}

std::vector<PortInfo> open_weights(const Entry& e) {
    const std::set<Name> written = written_roots(e.program);
    std::vector<PortInfo> out;
    for (const Buffer& b : e.program.buffers)
        if (is_open(e, b, written)) out.push_back(port_of(b));
    return out;
}

void give_weights(Entry& e, const std::map<std::string, Tensor>& values) {
    const std::set<Name> written = written_roots(e.program);
    for (Buffer& b : e.program.buffers) {
        if (!is_open(e, b, written)) continue;
        auto found = values.find(port_name(b));
        if (found == values.end()) continue;
        if (found->second.dtype() != b.dtype)
            throw UserError("weight '{}' is {}, but {} was given", port_name(b), name(b.dtype),
                            name(found->second.dtype()));
        b.data = found->second;
    }
}

void require_weights(const Entry& e) {
    for (const PortInfo& open : open_weights(e))
        throw UserError("weight '{}' has no data; `smeaton run` takes it from --inputs FILE.npz",
                        open.name);
}

tensor::Bindings bindings_of(const gir::Program& p, const std::map<std::string, int64_t>& dims) {
    tensor::Bindings all;
    for (const auto& [key, value] : dims) {
        const Name parameter(key);
        if (std::any_of(p.params.begin(), p.params.end(),
                        [&](const gir::Param& param) { return param.name == parameter; })) {
            bind_size(all, parameter, value);
            continue;
        }
        const size_t colon = key.rfind(':');
        const Buffer* b =
            colon == std::string::npos ? nullptr : port_called(p, key.substr(0, colon));
        size_t axis = 0;
        const char* end = key.data() + key.size();
        if (!b || std::from_chars(key.data() + colon + 1, end, axis).ptr != end ||
            axis >= b->dims.size())
            throw UserError("--dim {}={}: the program has no such param or INPUT:AXIS", key, value);
        const std::vector<Name> symbols = b->dims[axis].extent.symbols();
        if (symbols.size() == 1 && b->dims[axis].extent == Dim::symbol(symbols[0]))
            bind_size(all, symbols[0], value);
        else if (!b->dims[axis].extent.is(value))
            throw UserError("--dim {}={}: this size is {}", key, value, b->dims[axis].extent.str());
    }
    return all;
}

gir::Program entered_program(const Entry& e, const Specialisation& wanted,
                             const gir::Target& target) {
    tensor::Bindings sizes = bindings_of(e.program, wanted.dims);
    std::map<Name, std::vector<int64_t>> shapes;
    for (const Buffer& b : e.program.buffers) {
        if (port(b, Lifetime::Input)) {
            auto fed = wanted.shapes.find(port_name(b));
            if (fed != wanted.shapes.end()) shapes[b.name] = fed->second;
        } else if (b.data) {
            shapes[b.name] = b.data->shape();
        }
        if (auto known = shapes.find(b.name); known != shapes.end())
            bind_sizes(b, known->second, sizes);
    }
    gir::Program p = gir::bind(e.program, sizes);
    for (const gir::Param& open : p.params)
        throw UserError("the size {} is open; give --dim {}=VALUE or feed what has it", open.name,
                        open.name);
    for (const auto& [buffer, shape] : shapes) check_shape(p.buffer(buffer), shape);
    check_levels(p, e.stage, target);
    gir::VerifyOptions verify;
    if (tiled(e.stage)) verify.capacity_bytes = gir::capacities(target);
    std::vector<std::string> faults = gir::find_faults(p, verify);
    if (!faults.empty()) throw UserError("{}", faults[0]);
    if (e.stage == "spell") require_spelled(p);
    return p;
}

void check_program_options(const Entry& e, const SessionOptions& options) {
    if (!options.state.empty())
        throw UserError("--state {}: of a program, the buffers of lifetime `state` are kept",
                        options.state.begin()->first);
    if (is_before(options.stop_after, e.stage))
        throw UserError(
            "--stop-after {}: the program stands behind '{}', so that this stage does not run",
            options.stop_after, e.stage);
}

}  // namespace smeaton::driver
