#include "gir/text/print.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text_writer.h"
#include "gir/text/scope.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace {

std::string text_of(Name name) {
    return name_text(name.str());
}

template <class List, class Text>
std::string joined(const List& list, std::string_view separator, Text text) {
    std::string out;
    bool first = true;
    for (const auto& item : list) {
        if (!first) out += separator;
        first = false;
        out += text(item);
    }
    return out;
}

std::string names_text(const std::vector<Name>& names) {
    return joined(names, ", ", text_of);
}

std::string dim_text(const NamedDim& d) {
    return d.name.empty() ? d.extent.str() : text_of(d.name) + ": " + d.extent.str();
}

std::string origins_text(const Origins& origins) {
    if (origins.empty()) return " from nothing";
    // A node that happens to be called "nothing" is told apart by its quotes.
    return " from " + joined(origins, ", ", [](const std::string& o) {
               return o == "nothing" ? quoted(o) : name_text(o);
           });
}

std::string coord_text(const Coord& at) {
    if (!at.index) return affine_text(at.affine);
    std::string index = print(*at.index);
    if (at.index->within) index = "(" + index + ")";
    if (at.affine == Affine()) return index;
    std::string offset = affine_text(at.affine);
    return index + (offset[0] == '-' ? "" : "+") + offset;
}

std::string bound_text(const Bound& b) {
    std::string out = affine_text(b.expr);
    if (b.lo) out = b.lo->str() + " <= " + out;
    if (b.hi) out += " < " + b.hi->str();
    return out;
}

/// A store needs no value outside; it is printed only where someone has put one.
std::string slice_text(const Slice& s, bool stored) {
    std::string out = text_of(s.target) + "[" + joined(s.at, ",", coord_text) + "]";
    if (!s.within) return out;
    out += " within (" + joined(s.within->bounds, ", ", bound_text) + ")";
    if (!stored || !(s.within->otherwise == Literal()))
        out += " else " + literal_text(s.within->otherwise);
    return out;
}

std::string operand_text(const Operand& operand) {
    if (const auto* literal = std::get_if<Literal>(&operand)) return literal_text(*literal);
    return slice_text(std::get<Slice>(operand), false);
}

std::string sources_text(const Op& op) {
    return joined(op.srcs, ", ", operand_text);
}

/// The op without its dims and origins.
std::string op_text(const Op& op) {
    std::string dst = slice_text(op.dst, true);
    std::string arrow = op.accumulate ? " += " : " <- ";
    switch (op.kind) {
        case OpKind::Move:
        case OpKind::Fill:
        case OpKind::Select:
            return fmt::format("{} {}{}{}", name(op.kind), dst, arrow, sources_text(op));
        case OpKind::Iota:
            return "iota " + dst + arrow + affine_text(op.value);
        case OpKind::Unary:
        case OpKind::Binary:
        case OpKind::Reduce:
            return fmt::format("{} {} {}{}{}", name(op.kind), name(op.fn), dst, arrow,
                               sources_text(op));
        case OpKind::Mma:
            return "mma " + dst + arrow + joined(op.srcs, " * ", operand_text);
        case OpKind::Scatter: {
            std::string_view fn = op.fn == ScalarFn::copy ? "set" : name(op.fn);
            return fmt::format("scatter {} {}{}{}{}", fn, dst, arrow, sources_text(op),
                               op.unique ? " unique" : "");
        }
        case OpKind::Sort: {
            std::string payload = op.payload ? ", " + slice_text(*op.payload, true) : "";
            return fmt::format("sort {} {}{} along {}", op.descending ? "desc" : "asc", dst,
                               payload, text_of(op.along));
        }
    }
    SMEATON_CHECK(false, "an op of unknown kind");
}

/// The shortest `over` that with `implied` means `dims`; empty when none is needed.
std::string over_text(const std::vector<NamedDim>& dims, const std::vector<NamedDim>& implied) {
    for (size_t k = 0; k <= dims.size(); ++k) {
        std::vector<NamedDim> suffix(dims.end() - static_cast<ptrdiff_t>(k), dims.end());
        if (with_suffix(implied, suffix) != dims) continue;
        return k == 0 ? "" : " over " + joined(suffix, ", ", dim_text);
    }
    return " over only" + std::string(dims.empty() ? "" : " ") + joined(dims, ", ", dim_text);
}

/// What `spell` decided, behind the op.
std::string spelling_text(const Spelling& s) {
    std::string out = " spelled";
    if (!s.across.empty())
        out += fmt::format(" turning {}, {} by {}", text_of(s.lanes), text_of(s.across), s.width);
    else if (!s.lanes.empty())
        out += fmt::format(" lanes {} by {}", text_of(s.lanes), s.width);
    for (size_t i = 0; i < s.gathered.size(); ++i)
        out += fmt::format("{}{}{}", i == 0 ? " gathered " : ", ", text_of(s.gathered[i].operand),
                           s.gathered[i].whole ? " whole" : "");
    for (size_t i = 0; i < s.strided.size(); ++i)
        out += fmt::format("{}{} by {}", i == 0 ? " strided " : ", ", text_of(s.strided[i].operand),
                           s.strided[i].by);
    if (s.turn != 1) out += fmt::format(" turn {}", s.turn);
    if (!s.unrolled.empty()) out += " unrolled " + names_text(s.unrolled);
    if (!s.loops.empty()) out += " loop " + names_text(s.loops);
    if (s.sums != 1) out += fmt::format(" sums {}", s.sums);
    if (s.part != 0) out += fmt::format(" part {}", s.part);
    if (!s.scratch.empty()) out += " through " + names_text(s.scratch);
    return out;
}

std::string prefetch_text(const Prefetch& p) {
    return fmt::format("prefetch {} at {} lines {} by {} to {}", text_of(p.buffer),
                       affine_text(p.element), p.lines, p.stride, text_of(p.level));
}

std::string check_text(const Check& check) {
    return "check " + operand_text(check.condition) + " " + quoted(check.message);
}

std::string tile_text(const Tile& t) {
    std::string dims;
    for (size_t i = 0; i < t.dims.size(); ++i)
        dims += (i != 0 ? ", " : "") + dim_text(t.dims[i]) +
                (static_cast<int>(i) == t.lanes ? " lanes" : "");
    return fmt::format("{}: {} {}[{}]", text_of(t.name), text_of(t.level), tensor::name(t.dtype),
                       dims);
}

std::string let_text(const Let& let) {
    static constexpr std::string_view kWords[] = {"let ", "claim ", "copy "};
    std::string out(kWords[static_cast<size_t>(let.kind)]);
    out += tile_text(let.tile);
    if (!let.ring.empty()) out += " ring(" + text_of(let.ring) + ")";
    if (let.depth != 1) out += fmt::format(" depth {}", let.depth);
    if (let.source) out += " <- " + slice_text(*let.source, false);
    if (let.constant) out += " = " + tensor::tensor_text(*let.constant);
    return out;
}

class BlockPrinter {
public:
    std::string text;

    explicit BlockPrinter(const Origins& origins) : origins_(origins) {}

    void block(const Block& statements, int level) {
        size_t tiles = scope_.tiles.size();
        for (const StmtPtr& s : statements)
            std::visit([&](const auto& node) { print_node(node, level); }, s->node);
        scope_.tiles.resize(tiles);
    }

private:
    void print_node(const Parallel& p, int level) {
        std::string head = "parallel " + axis_text(p.axis, p.extent);
        const Parallel* last = &p;
        size_t axes = scope_.axes.size();
        scope_.axes.push_back(p.axis);
        while (const auto* inner = lone<Parallel>(last->body)) {
            if (inner->scope != p.scope) break;
            head += ", " + axis_text(inner->axis, inner->extent);
            scope_.axes.push_back(inner->axis);
            last = inner;
        }
        line(level, head + " " + text_of(p.scope));
        block(last->body, level + 1);
        scope_.axes.resize(axes);
    }

    void print_node(const For& f, int level) {
        std::string head = "for " + axis_text(f.axis, f.extent);
        const For* last = &f;
        size_t axes = scope_.axes.size();
        scope_.axes.push_back(f.axis);
        while (const auto* inner = lone<For>(last->body)) {
            if (!plain(*last) || !plain(*inner)) break;
            head += ", " + axis_text(inner->axis, inner->extent);
            scope_.axes.push_back(inner->axis);
            last = inner;
        }
        if (!f.from.empty()) head += " from " + joined(f.from, ", ", affine_text);
        if (!f.to.empty()) head += " to " + joined(f.to, ", ", affine_text);
        if (f.unroll != 1) head += fmt::format(" unroll {}", f.unroll);
        line(level, head);
        block(last->body, level + 1);
        scope_.axes.resize(axes);
    }

    void print_node(const Let& let, int level) {
        line(level, let_text(let));
        scope_.tiles.push_back(let.tile);
    }

    void print_node(const Op& op, int level) {
        std::string content = op_text(op) + over_text(op.dims, implied_dims(op, scope_));
        if (op.spelling) content += spelling_text(*op.spelling);
        if (op.origins != origins_) {
            content += origins_text(op.origins);
            origins_ = op.origins;
        }
        line(level, content);
    }

    void print_node(const Prefetch& p, int level) { line(level, prefetch_text(p)); }

    void print_node(const Check& check, int level) {
        line(level, check_text(check) + over_text(check.dims, implied_dims(check, scope_)));
    }

    static bool plain(const For& f) { return f.from.empty() && f.to.empty() && f.unroll == 1; }

    /// The block's only statement when it is of this kind.
    template <class Node>
    static const Node* lone(const Block& block) {
        return block.size() == 1 ? std::get_if<Node>(&block[0]->node) : nullptr;
    }

    static std::string axis_text(Name axis, const Dim& extent) {
        return text_of(axis) + ": " + extent.str();
    }

    void line(int level, const std::string& content) {
        text.append(static_cast<size_t>(2 * level), ' ');
        text += content + "\n";
    }

    TextScope scope_;
    Origins origins_;  // of the op before
};

std::string uses_text(const Kernel& k) {
    return fmt::format("{}({} -> {})", text_of(k.name), names_text(k.reads), names_text(k.writes));
}

void print_steps(const Steps& steps, int level, std::string& out) {
    auto line = [&](int deeper, const std::string& content) {
        out.append(static_cast<size_t>(2 * (level + deeper)), ' ');
        out += content + "\n";
    };
    for (const Step& s : steps) {
        line(0, print(s));
        if (const auto* branch = std::get_if<BranchStep>(&s.node)) {
            line(1, "then");
            print_steps(branch->then_steps, level + 2, out);
            line(1, "else");
            print_steps(branch->else_steps, level + 2, out);
        }
        if (const auto* repeat = std::get_if<RepeatStep>(&s.node))
            print_steps(repeat->body, level + 1, out);
    }
}

std::string physical_text(const Buffer& b, const PhysicalDim& p) {
    std::string out = p.before != 0 ? fmt::format("{}+", p.before) : "";
    out += text_of(b.dims[static_cast<size_t>(p.dim)].name);
    if (p.div != 1) out += fmt::format("/{}", p.div);
    if (p.mod != 0) out += fmt::format("%{}", p.mod);
    if (p.after != 0) out += fmt::format("+{}", p.after);
    return out;
}

}  // namespace

std::string affine_text(const Affine& a) {
    // Large strides first, as a person writes them; a constant leads where a minus sign would.
    auto size = [](int64_t k) {
        return k < 0 ? ~static_cast<uint64_t>(k) + 1 : static_cast<uint64_t>(k);
    };
    auto terms = a.terms;
    std::sort(terms.begin(), terms.end(), [&](const Term& x, const Term& y) {
        uint64_t kx = size(x.coefficient), ky = size(y.coefficient);
        return kx != ky ? kx > ky : x.var < y.var;
    });
    std::string out;
    auto append = [&](int64_t k, const std::string& body) {
        out += k < 0 ? "-" : (out.empty() ? "" : "+");
        out += body;
    };
    bool constant_first = !terms.empty() && terms[0].coefficient < 0 && a.constant > 0;
    if (constant_first) append(a.constant, std::to_string(a.constant));
    for (const Term& t : terms) {
        uint64_t k = size(t.coefficient);
        append(t.coefficient, k == 1 ? text_of(t.var) : fmt::format("{}*{}", text_of(t.var), k));
    }
    if (!constant_first && (a.constant != 0 || terms.empty()))
        append(a.constant, std::to_string(size(a.constant)));
    return out;
}

std::string literal_text(const Literal& l) {
    return l.is_int ? std::to_string(l.i) : float_text(l.f);
}

std::string print(const Slice& s) {
    return slice_text(s, false);
}

std::string print(const Op& op) {
    return op_text(op) + over_text(op.dims, {});
}

std::string print(const Block& block, int level) {
    BlockPrinter printer({});
    printer.block(block, level);
    return std::move(printer.text);
}

std::string print(const Kernel& k) {
    std::string out = "kernel " + uses_text(k);
    if (!k.origins.empty()) out += origins_text(k.origins);
    BlockPrinter printer(k.origins);
    printer.block(k.body, 1);
    return out + "\n" + printer.text;
}

std::string print(const Step& step) {
    if (const auto* run = std::get_if<RunStep>(&step.node))
        return std::string(run->once ? "once " : "") + "run " + uses_text(*run->kernel);
    if (const auto* branch = std::get_if<BranchStep>(&step.node))
        return "branch " + text_of(branch->condition);
    if (const auto* settle = std::get_if<SettleStep>(&step.node))
        return "settle " + text_of(settle->parameter) + " from " + text_of(settle->from);
    const auto& repeat = std::get<RepeatStep>(step.node);
    std::string out = "repeat " + text_of(repeat.counter);
    if (repeat.trips) out += " trips " + repeat.trips->str();
    if (!repeat.condition.empty()) out += " while " + text_of(repeat.condition);
    if (!repeat.carried.empty())
        out += " carry " + joined(repeat.carried, ", ", [](const RepeatStep::Carried& c) {
                   return text_of(c.from) + " to " + text_of(c.to);
               });
    return out;
}

std::string layout_text(const Buffer& b) {
    if (b.layout.dense()) return "dense";
    return "[" +
           joined(b.layout.dims, ", ", [&](const PhysicalDim& p) { return physical_text(b, p); }) +
           "]";
}

std::string print(const Buffer& b) {
    std::string out =
        fmt::format("buffer {}: {} {}[{}] {}", text_of(b.name), text_of(b.level),
                    tensor::name(b.dtype), joined(b.dims, ", ", dim_text), name(b.lifetime));
    if (!b.layout.dense()) out += " " + layout_text(b);
    if (b.layout.border) out += " border " + literal_text(*b.layout.border);
    if (!b.resident.empty()) out += " resident " + text_of(b.resident);
    if (!b.alias_of.empty()) out += " alias of " + text_of(b.alias_of);
    if (!b.value_name.empty()) out += " holds " + quoted(b.value_name);
    if (b.data) out += " data " + tensor::tensor_text(*b.data);
    return out;
}

std::string print(const Program& p) {
    std::string out = "program " + text_of(p.name) + "\n";
    for (const Param& param : p.params)
        out += "  param " + text_of(param.name) +
               (param.bound ? fmt::format(" = {}", *param.bound) : "") + "\n";
    for (const Buffer& b : p.buffers) out += "  " + print(b) + "\n";
    print_steps(p.steps, 1, out);
    std::map<Name, KernelPtr> printed;
    for (const KernelPtr& k : kernels(p)) {
        const auto [before, is_new] = printed.emplace(k->name, k);
        if (is_new) out += "\n" + print(*k);
        SMEATON_CHECK(before->second == k || print(*before->second) == print(*k),
                      "two kernels have the name {}", k->name);
    }
    return out;
}

tensor::ConstantTable large_constants(const Program& p) {
    tensor::ConstantTable out;
    auto add = [&](const std::optional<Tensor>& t) {
        if (t && tensor::is_large(*t)) out.emplace(tensor::content_hash(*t), *t);
    };
    for (const Buffer& b : p.buffers) add(b.data);
    for (const KernelPtr& k : kernels(p))
        for_each_stmt(k->body, [&](const Stmt& s) {
            if (const auto* let = std::get_if<Let>(&s.node)) add(let->constant);
        });
    return out;
}

}  // namespace smeaton::gir
