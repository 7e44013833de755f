#include "emit/cpp/kernel.h"

#include <algorithm>

#include "base/error.h"
#include "emit/cpp/op.h"
#include "emit/cpp/spell.h"
#include "gir/layout.h"
#include "gir/scalar_list.h"
#include "gir/walk.h"

namespace smeaton::emit {

using gir::Block;
using gir::For;
using gir::Let;
using gir::OpKind;
using gir::Parallel;
using gir::Stmt;

namespace {

const Name kRegisters("reg");
constexpr int64_t kStackTile = 4096, kStackTotal = 32768;  // bytes; larger tiles go to scratch

Storage buffer_storage(const gir::Buffer& b) {
    Storage s;
    s.name = b.name;
    s.dtype = b.dtype;
    for (const gir::NamedDim& d : b.dims) {
        s.extents.push_back(d.extent.value());
        s.dim_names.push_back(d.name);
    }
    s.parts = gir::memory_parts(b);
    return s;
}

struct SharedTile {
    Storage storage;
    int64_t offset = 0;
};

/// Nothing but code moves data here: a copy is memory and a pass over it, element by element, and
/// nothing of it is in flight.
Block copied_by_code(const Block& body) {
    return gir::map_stmts(body, [](const gir::StmtPtr& s) -> Block {
        auto* let = std::get_if<Let>(&s->node);
        if (!let || let->kind != gir::TileKind::Copy) return {s};
        gir::Op pass = gir::filling_of(*let);
        pass.spelling.emplace();
        for (const gir::NamedDim& d : pass.dims) pass.spelling->loops.push_back(d.name);
        return {gir::stmt(Let{let->tile}), gir::stmt(std::move(pass))};
    });
}

bool has_contraction(const Block& block) {
    bool found = false;
    gir::for_each_op(block, [&](const gir::Op& op) { found = found || op.kind == OpKind::Mma; });
    return found;
}

/// A loop of polynomials that contracts nothing and leaves its function nowhere.
bool is_of_polynomials(const gir::StmtPtr& s) {
    bool polynomials = false, other = !std::holds_alternative<For>(s->node);
    gir::for_each_stmt({s}, [&](const Stmt& inner) {
        other = other || std::holds_alternative<gir::Check>(inner.node);
        auto* op = std::get_if<gir::Op>(&inner.node);
        if (!op) return;
        const bool scalar = op->kind == OpKind::Unary || op->kind == OpKind::Binary;
        other = other || op->kind == OpKind::Mma;
        polynomials = polynomials || (scalar && gir::op_class(op->fn) == gir::LedgerClass::Special);
    });
    return polynomials && !other;
}

class KernelEmitter {
public:
    KernelEmitter(const gir::Kernel& kernel, const gir::Program& program, const Isa& isa)
        : kernel_(gir::with_uses(kernel)), program_(program), isa_(isa) {
        // What is known of a tile (where it lives, which phases share it) is known by its name.
        kernel_.body = gir::with_unique_tiles(copied_by_code(kernel_.body));
    }

    KernelText run() {
        for (Name n : kernel_.reads) text_.buffers.push_back(n);
        for (Name n : kernel_.writes)
            if (std::find(text_.buffers.begin(), text_.buffers.end(), n) == text_.buffers.end())
                text_.buffers.push_back(n);
        split();
        return std::move(text_);
    }

private:
    /// Top-level statements in phases: each parallel nest is one, what stands between them another.
    void split() {
        const bool several = gir::has_several_phases(kernel_.body);
        Block declared, pending;
        for (const gir::StmtPtr& s : kernel_.body) {
            if (auto* let = std::get_if<Let>(&s->node)) {
                if (let->source || let->constant) {
                    declared.push_back(s);
                    pending.push_back(s);
                    continue;
                }
                if (several) share(*let);
            }
            if (std::holds_alternative<Parallel>(s->node)) {
                serial_phase(pending);
                pending = declared;
                parallel_phase(declared, std::get<Parallel>(s->node));
            } else {
                pending.push_back(s);
            }
        }
        serial_phase(pending);
        if (text_.phases.empty()) text_.phases.push_back({"    return 0;\n", 0, false});
    }

    /// A tile that several phases see: memory of the kernel's own, behind its buffers.
    void share(const Let& let) {
        SharedTile shared;
        shared.storage = tile_storage(let.tile);
        gir::TileMemory memory = gir::tile_memory(let.tile, false, isa_.lanes());
        shared.storage.parts = std::move(memory.parts);
        shared.offset = text_.shared_bytes;
        text_.shared_bytes += (memory.elements * size_of(let.tile.dtype) + 63) / 64 * 64;
        shared_[let.tile.name] = shared;
    }

    static Storage tile_storage(const gir::Tile& tile) {
        Storage s;
        s.name = tile.name;
        s.dtype = tile.dtype;
        for (const gir::NamedDim& d : tile.dims) {
            s.extents.push_back(d.extent.value());
            s.dim_names.push_back(d.name);
        }
        return s;
    }

    Function begin() {
        Function f(isa_);
        f.messages = text_.messages;
        int index = 0;
        for (Name n : text_.buffers) {
            const gir::Buffer& b = program_.buffer(n);
            Storage s = buffer_storage(b);
            bool written =
                std::find(kernel_.writes.begin(), kernel_.writes.end(), n) != kernel_.writes.end();
            s.base = f.unique(written ? "y" : b.lifetime == gir::Lifetime::Weight ? "w" : "x");
            bases_[s.base] = fmt::format("buffers[{}]", index++);
            f.storages[n] = std::move(s);
        }
        for (auto& [name, shared] : shared_) {
            Storage s = shared.storage;
            s.base = f.unique(stem(name.str()));
            bases_[s.base] =
                fmt::format("((char*)buffers[{}] + {})", text_.buffers.size(), shared.offset);
            f.storages[name] = std::move(s);
        }
        return f;
    }

    void finish(Function& f, int64_t range, bool parallel) {
        for (const auto& [name, storage] : f.storages) {
            auto base = bases_.find(storage.base);
            if (base == bases_.end() || f.bases_used.count(storage.base) == 0) continue;
            std::string type = type_name(storage.dtype);
            base_lines_[base->second] =
                fmt::format("    {0}* const {1} = ({0}*){2};\n", type, storage.base, base->second);
        }
        std::string head;
        for (const auto& [place, line] : base_lines_) head += line;
        text_.phases.push_back({head + f.take_root() + "    return 0;\n", range, parallel});
        text_.messages = f.messages;
        text_.scratch_bytes = std::max(text_.scratch_bytes, f.scratch_bytes);
        bases_.clear();
        base_lines_.clear();
    }

    void serial_phase(const Block& block) {
        bool does_something = false;
        for (const gir::StmtPtr& s : block) {
            auto* let = std::get_if<Let>(&s->node);
            does_something = does_something || !let;
        }
        if (!does_something) return;
        Function f = begin();
        emit_block(f, block);
        finish(f, 1, false);
    }

    void parallel_phase(const Block& declared, const Parallel& outer) {
        Function f = begin();
        for (const gir::StmtPtr& s : declared) emit_stmt(f, *s);
        // Nested parallels that touch are one range.
        std::vector<const Parallel*> nest = {&outer};
        int64_t range = outer.extent.value();
        Block claims;
        while (const Parallel* next = gir::only_parallel(nest.back()->body)) {
            for (const gir::StmtPtr& s : nest.back()->body)
                if (std::holds_alternative<Let>(s->node)) claims.push_back(s);
            nest.push_back(next);
            range *= next->extent.value();
        }
        f.open_scope();
        std::string it = nest.size() == 1 ? f.unique(stem(outer.axis.str())) : f.unique("it");
        int64_t inner = range;
        for (size_t i = 0; i < nest.size() && range > 0; ++i) {
            int64_t extent = nest[i]->extent.value();
            inner /= extent;
            std::string name = it;
            if (nest.size() > 1) {
                name = f.unique(stem(nest[i]->axis.str()));
                std::string value = inner == 1 ? it : fmt::format("{} / {}", it, inner);
                if (i > 0) value = fmt::format("{} % {}", value, extent);
                f.head_line(f.depth(), fmt::format("const i64 {} = {};", name, value));
            }
            f.axes[nest[i]->axis] = f.declare(name, {0, extent - 1});
        }
        for (const gir::StmtPtr& s : claims) emit_stmt(f, *s);
        if (range > 0) emit_block(f, nest.back()->body);
        f.close_scope(fmt::format("for (i64 {0} = begin; {0} < end; ++{0}) {{", it));
        finish(f, range, true);
    }

    void emit_block(Function& f, const Block& block) {
        int64_t top = f.scratch_top;
        const bool contracts = has_contraction(block);
        for (const gir::StmtPtr& s : block) {
            if (contracts && is_of_polynomials(s))
                emit_apart(f, *s);
            else
                emit_stmt(f, *s);
        }
        f.scratch_top = top;
    }

    /// As a function of its own: else compilers hold the constants of its polynomials in registers
    /// all the time, and parts of the contraction's tile in memory.
    void emit_apart(Function& f, const Stmt& s) {
        f.open_scope();
        emit_stmt(f, s);
        f.close_scope("[&]() __attribute__((noinline)) {", "}();");
    }

    void emit_stmt(Function& f, const Stmt& s) {
        std::visit([&](const auto& node) { emit(f, node); }, s.node);
    }

    void emit(Function& f, const Parallel& p) {
        loop(f, p.axis, p.extent.value(), {}, {}, 1, p.body);
    }
    void emit(Function& f, const For& l) {
        loop(f, l.axis, l.extent.value(), l.from, l.to, l.unroll, l.body);
    }

    void loop(Function& f, Name axis, int64_t extent, const std::vector<gir::Affine>& from,
              const std::vector<gir::Affine>& to, int unroll, const Block& body) {
        if (extent == 0) return;
        ValueRange range{0, extent - 1};
        std::string first = "0", last = std::to_string(extent);
        // The bounds are computed where the loop starts.
        for (const gir::Affine& a : from) {
            Linear form = compile_form(f, a, {}).base;
            range.lo = std::max(range.lo, f.range(form).lo);
            first = fmt::format("max_i64({}, {})", first, f.text(form));
        }
        for (const gir::Affine& a : to) {
            Linear form = compile_form(f, a, {}).base;
            range.hi = std::min(range.hi, f.range(form).hi - 1);
            last = fmt::format("min_i64({}, {})", last, f.text(form));
        }
        if (range.hi < range.lo) return;
        f.open_scope();
        std::string name = f.unique(stem(axis.str()));
        bool shadows = f.axes.count(axis) > 0;
        VarId outer = shadows ? f.axes[axis] : 0;
        f.axes[axis] = f.declare(name, range);
        emit_block(f, body);
        if (shadows)
            f.axes[axis] = outer;
        else
            f.axes.erase(axis);
        std::string pragma = unroll > 1 ? fmt::format("\n#pragma GCC unroll {}\n", unroll) : "";
        if (from.empty() && to.empty()) {
            f.close_scope(
                fmt::format("{0}for (i64 {1} = 0; {1} < {2}; ++{1}) {{", pragma, name, extent));
        } else {
            f.close_scope(
                fmt::format("{0}for (i64 {1} = {2}, {1}_end = {3}; {1} < {1}_end; ++{1}) {{",
                            pragma, name, first, last));
        }
    }

    void emit(Function& f, const Let& let) {
        if (shared_.count(let.tile.name) == 0) declare(f, let);
    }

    void declare(Function& f, const Let& let) {
        Storage s = tile_storage(let.tile);
        if (let.kind == gir::TileKind::Claim) {
            s.kind = Storage::Kind::Claim;
            s.source = let.source;
            const Storage& behind = f.storage(let.source->target);
            SMEATON_CHECK(behind.dtype == s.dtype, "{} converts, so it is no claim", let.tile.name);
            f.storages[let.tile.name] = std::move(s);
            return;
        }
        std::string type = type_name(s.dtype);
        s.base = f.unique(stem(let.tile.name.str()));
        if (let.tile.level == kRegisters) {
            s.kind = Storage::Kind::Registers;
            s.lanes = let.tile.lanes;
            declare_registers(f, s);
            f.storages[let.tile.name] = std::move(s);
            return;
        }
        gir::TileMemory memory = gir::tile_memory(let.tile, let.constant.has_value(), isa_.lanes());
        s.parts = std::move(memory.parts);
        int64_t bytes = memory.elements * size_of(s.dtype);
        if (let.constant) {
            s.constant = let.constant;
            f.head_line(0, fmt::format("static {} {}[] __attribute__((aligned(64))) = {{{}}};",
                                       type, s.base, values(*let.constant)));
        } else if (bytes <= kStackTile && f.stack_bytes + bytes <= kStackTotal) {
            f.stack_bytes += bytes;
            f.head_line(0, fmt::format("{} {}[{}] __attribute__((aligned(64)));", type, s.base,
                                       memory.elements));
        } else {
            f.head_line(0, fmt::format("{0}* const {1} = ({0}*)(scratch + {2});", type, s.base,
                                       f.take_scratch(bytes)));
        }
        f.storages[let.tile.name] = std::move(s);
    }

    void declare_registers(Function& f, const Storage& s) const {
        std::vector<std::string> names = {s.base};
        for (size_t d = 0; d < s.extents.size(); ++d) {
            int64_t n = s.extents[d];
            if (static_cast<int>(d) == s.lanes) n = (n + isa_.lanes() - 1) / isa_.lanes();
            std::vector<std::string> next;
            for (const std::string& name : names)
                for (int64_t i = 0; i < n; ++i) next.push_back(fmt::format("{}_{}", name, i));
            names = std::move(next);
        }
        std::string list;
        for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
        if (!names.empty())
            f.line(fmt::format("{}{} {};", s.lanes >= 0 ? "v" : "", type_name(s.dtype), list));
    }

    static std::string values(const gir::Tensor& t) {
        std::string out;
        for (int64_t i = 0; i < t.elements(); ++i) {
            Literal v = tensor::is_float(t.dtype()) ? Literal::of(t.at_as_double(i))
                                                    : Literal::of_int(t.at_as_int(i));
            out += (i ? ", " : "") + literal(t.dtype(), v);
        }
        return out;
    }

    void emit(Function& f, const gir::Prefetch& p) {
        // The hint of the instruction: how near the line shall come.
        int hint = p.level == Name("l1") ? 3 : p.level == Name("l2") ? 2 : 1;
        // What will be stored to is fetched for this core alone.
        const std::vector<Name>& w = kernel_.writes;
        int write = std::find(w.begin(), w.end(), p.buffer) != w.end();
        Linear at = compile_form(f, p.element, {}).base;
        for (int64_t i = 0; i < p.lines; ++i) {
            f.line(fmt::format("__builtin_prefetch({}, {}, {});",
                               f.address(f.storage(p.buffer), at), write, hint));
            at.constant += p.stride;
        }
    }
    void emit(Function& f, const gir::Op& op) { emit_op(f, op); }
    void emit(Function& f, const gir::Check& check) { emit_check(f, check); }

    gir::Kernel kernel_;
    const gir::Program& program_;
    const Isa& isa_;
    KernelText text_;
    std::map<Name, SharedTile> shared_;
    std::map<std::string, std::string> bases_, base_lines_;
};

}  // namespace

KernelText emit_kernel(const gir::Kernel& kernel, const gir::Program& program, const Isa& isa) {
    return KernelEmitter(kernel, program, isa).run();
}

}  // namespace smeaton::emit
