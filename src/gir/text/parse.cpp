#include "gir/text/parse.h"

#include <fmt/core.h>

#include <map>

#include "base/error.h"
#include "base/text_reader.h"
#include "gir/text/scope.h"
#include "gir/walk.h"
#include "tensor/dim_text.h"

namespace smeaton::gir {

namespace {

using tensor::ConstantTable;

template <class Item>
void read_list(TextReader& r, std::string_view close, Item item) {
    for (bool first = true; !r.accept(close); first = false) {
        if (!first) r.expect(",");
        item();
    }
}

bool is_punctuation(const Token& t, std::string_view text) {
    return t.kind == TokenKind::Punctuation && t.text == text;
}

DType read_dtype(TextReader& r) {
    Token place = r.peek();
    auto dtype = tensor::dtype_named(r.identifier("a dtype"));
    if (!dtype) r.fail(place, fmt::format("expected a dtype, found {}", describe(place)));
    return *dtype;
}

NamedDim read_named_dim(TextReader& r) {
    NamedDim out;
    if (is_punctuation(r.peek(1), ":")) {
        out.name = r.name("a dim");
        r.expect(":");
    }
    out.extent = tensor::read_dim(r);
    return out;
}

Origins read_origins(TextReader& r) {
    Origins out;
    if (r.accept("nothing")) return out;
    do out.push_back(r.name("a node of the model"));
    while (r.accept(","));
    return out;
}

Literal read_literal(TextReader& r) {
    const Token& number = r.peek(r.at("-") ? 1 : 0);
    if (number.kind == TokenKind::Integer) return Literal::of_int(r.integer());
    return Literal::of(r.number("a literal"));
}

/// Slices, coordinates and affine forms.
class SliceReader {
public:
    explicit SliceReader(TextReader& reader) : r_(reader) {}

    Affine affine() {
        Coord c = sum(false);
        return c.affine;
    }

    Slice slice() {
        Slice s = bare_slice();
        if (!r_.accept("within")) return s;
        s.within.emplace();
        r_.expect("(");
        read_list(r_, ")", [&] { s.within->bounds.push_back(bound()); });
        if (r_.accept("else")) s.within->otherwise = read_literal(r_);
        return s;
    }

    Operand operand() {
        // inf and nan are numbers unless they name a target.
        if (r_.at_number() && !is_punctuation(r_.peek(1), "[")) return read_literal(r_);
        return slice();
    }

private:
    Slice bare_slice() {
        Slice s;
        s.target = r_.name("a buffer or tile");
        r_.expect("[");
        read_list(r_, "]", [&] { s.at.push_back(sum(true)); });
        return s;
    }

    /// A sum of INT, var, var*INT, INT*var and, where `computed`, at most one slice.
    Coord sum(bool computed) {
        Coord out;
        int64_t sign = r_.accept("-") ? -1 : 1;
        while (true) {
            addend(out, sign, computed);
            if (r_.accept("+"))
                sign = 1;
            else if (r_.accept("-"))
                sign = -1;
            else
                return out;
        }
    }

    void addend(Coord& out, int64_t sign, bool computed) {
        if (r_.at(TokenKind::Integer)) {
            int64_t k = sign * r_.integer();
            out.affine += r_.accept("*") ? Affine(r_.name("a variable"), k) : Affine(k);
            return;
        }
        bool in_parentheses = r_.at("(");
        if (in_parentheses || is_punctuation(r_.peek(1), "[")) {
            if (!computed || sign < 0 || out.index)
                r_.fail("expected at most one slice in a coordinate, added to it");
            r_.accept("(");
            out.index = std::make_shared<const Slice>(slice());
            if (in_parentheses) r_.expect(")");
            return;
        }
        Name var = r_.name("a variable, an integer or a slice");
        out.affine += Affine(var, r_.accept("*") ? sign * r_.integer() : sign);
    }

    Bound bound() {
        Bound b;
        if (has_lower_end()) {
            b.lo = tensor::read_dim(r_);
            r_.expect("<=");
        }
        b.expr = affine();
        if (r_.accept("<")) b.hi = tensor::read_dim(r_);
        return b;
    }

    /// Looks for "<=" before this bound ends.
    bool has_lower_end() const {
        int depth = 0;
        for (size_t k = 0;; ++k) {
            const Token& t = r_.peek(k);
            if (t.kind == TokenKind::LineEnd || t.kind == TokenKind::End) return false;
            if (is_punctuation(t, "<=")) return true;
            if (is_punctuation(t, "(")) ++depth;
            if (is_punctuation(t, ")") && depth-- == 0) return false;
            if (is_punctuation(t, ",") && depth == 0) return false;
        }
    }

    TextReader& r_;
};

/// The statements of one kernel.
class BlockReader {
public:
    BlockReader(TextReader& reader, const ConstantTable& constants, Origins origins)
        : r_(reader), slices_(reader), constants_(constants), origins_(std::move(origins)) {}

    Block block(int level) {
        Block out;
        size_t tiles = scope_.tiles.size();
        while (r_.line_at(level)) out.push_back(statement(level));
        scope_.tiles.resize(tiles);
        return out;
    }

private:
    StmtPtr statement(int level) {
        if (r_.accept("parallel")) return parallel(level);
        if (r_.accept("for")) return loop(level);
        if (r_.accept("let")) return let(TileKind::Memory);
        if (r_.accept("claim")) return let(TileKind::Claim);
        if (r_.accept("copy")) return let(TileKind::Copy);
        if (r_.accept("check")) return check();
        if (r_.accept("prefetch")) return prefetch();
        return op();
    }

    struct Axis {
        Name name;
        Dim extent;
    };

    /// "a: 2, b: 4", from outermost to innermost; all are in scope from here on.
    std::vector<Axis> axes() {
        std::vector<Axis> out;
        do {
            Name name = r_.name("an axis");
            r_.expect(":");
            out.push_back({name, tensor::read_dim(r_)});
            scope_.axes.push_back(name);
        } while (r_.accept(","));
        return out;
    }

    StmtPtr parallel(int level) {
        size_t outer = scope_.axes.size();
        std::vector<Axis> list = axes();
        Name scope = r_.name("a scope");
        r_.end_line();
        Block body = block(level + 1);
        scope_.axes.resize(outer);
        for (size_t i = list.size(); i-- > 1;)
            body = {stmt(Parallel{list[i].name, list[i].extent, scope, std::move(body)})};
        return stmt(Parallel{list[0].name, list[0].extent, scope, std::move(body)});
    }

    StmtPtr loop(int level) {
        size_t outer = scope_.axes.size();
        Token place = r_.peek();
        std::vector<Axis> list = axes();
        For f;
        if (r_.accept("from")) f.from = affine_list();
        if (r_.accept("to")) f.to = affine_list();
        if (r_.accept("unroll")) f.unroll = static_cast<int>(r_.integer());
        if (list.size() > 1 && (!f.from.empty() || !f.to.empty() || f.unroll != 1))
            r_.fail(place, "expected one axis: from, to and unroll belong to a loop of their own");
        r_.end_line();
        f.body = block(level + 1);
        scope_.axes.resize(outer);
        for (size_t i = list.size(); i-- > 0;) {
            f.axis = list[i].name;
            f.extent = list[i].extent;
            if (i == 0) break;
            For outer_loop;
            outer_loop.body = {stmt(std::move(f))};
            f = std::move(outer_loop);
        }
        return stmt(std::move(f));
    }

    std::vector<Affine> affine_list() {
        std::vector<Affine> out;
        do out.push_back(slices_.affine());
        while (r_.accept(","));
        return out;
    }

    StmtPtr let(TileKind kind) {
        Let let;
        let.kind = kind;
        let.tile.name = r_.name("a tile");
        r_.expect(":");
        let.tile.level = r_.name("a level");
        let.tile.dtype = read_dtype(r_);
        r_.expect("[");
        read_list(r_, "]", [&] {
            let.tile.dims.push_back(read_named_dim(r_));
            Token place = r_.peek();
            if (!r_.accept("lanes")) return;
            if (let.tile.lanes >= 0) r_.fail(place, "expected one dim with lanes, found a second");
            let.tile.lanes = static_cast<int>(let.tile.dims.size()) - 1;
        });
        if (kind == TileKind::Memory) {
            if (r_.accept("=")) let.constant = tensor::read_tensor(r_, constants_);
        } else {
            source(let);
        }
        r_.end_line();
        scope_.tiles.push_back(let.tile);
        return stmt(std::move(let));
    }

    /// What a claim or copy is of, and how its iterations share it.
    void source(Let& let) {
        if (r_.accept("ring")) {
            r_.expect("(");
            let.ring = r_.name("an axis");
            r_.expect(")");
        }
        if (let.kind == TileKind::Copy && r_.accept("depth"))
            let.depth = static_cast<int>(r_.integer());
        r_.expect("<-");
        let.source = slices_.slice();
    }

    StmtPtr check() {
        Check c;
        c.condition = slices_.operand();
        c.message = r_.string("a message");
        c.dims = dims(implied_dims(c, scope_));
        r_.end_line();
        return stmt(std::move(c));
    }

    /// The `over` of an op or check, if it has one.
    std::vector<NamedDim> dims(const std::vector<NamedDim>& implied) {
        if (!r_.accept("over")) return implied;
        bool only = r_.at("only") && !is_punctuation(r_.peek(1), ":") && r_.accept("only");
        std::vector<NamedDim> list;
        if (!only || (!r_.at_line_end() && !r_.at("from"))) {
            do {
                Token place = r_.peek();
                list.push_back(read_named_dim(r_));
                if (list.back().name.empty()) r_.fail(place, "expected a dim with its name");
            } while (r_.accept(","));
        }
        return only ? list : with_suffix(implied, list);
    }

    StmtPtr op() {
        Op op;
        kind(op);
        op.dims = dims(implied_dims(op, scope_));
        if (r_.accept("spelled")) op.spelling = spelling();
        if (r_.accept("from")) origins_ = read_origins(r_);
        op.origins = origins_;
        r_.end_line();
        return stmt(std::move(op));
    }

    Spelling spelling() {
        Spelling s;
        if (r_.accept("turning")) {
            s.lanes = r_.name("a dim");
            r_.expect(",");
            s.across = r_.name("a dim");
            r_.expect("by");
            s.width = r_.integer("a width");
        } else if (r_.accept("lanes")) {
            s.lanes = r_.name("a dim");
            r_.expect("by");
            s.width = r_.integer("a width");
        }
        if (r_.accept("gathered")) s.gathered = gathered();
        if (r_.accept("strided")) s.strided = strided();
        if (r_.accept("turn")) s.turn = r_.integer("vectors a turn");
        if (r_.accept("unrolled")) s.unrolled = names("a dim");
        if (r_.accept("loop")) s.loops = names("a dim");
        if (r_.accept("sums")) s.sums = r_.integer("a number of sums");
        if (r_.accept("part")) s.part = r_.integer("a length");
        if (r_.accept("through")) s.scratch = names("a tile");
        return s;
    }

    std::vector<Gathered> gathered() {
        std::vector<Gathered> out;
        do {
            out.push_back({r_.name("an operand")});
            out.back().whole = r_.accept("whole");
        } while (r_.accept(","));
        return out;
    }

    std::vector<Strided> strided() {
        std::vector<Strided> out;
        do {
            out.push_back({r_.name("an operand")});
            r_.expect("by");
            out.back().by = r_.integer("elements from one lane to the next");
        } while (r_.accept(","));
        return out;
    }

    std::vector<Name> names(const char* what) {
        std::vector<Name> out;
        do out.push_back(r_.name(what));
        while (r_.accept(","));
        return out;
    }

    StmtPtr prefetch() {
        Prefetch p;
        p.buffer = r_.name("a buffer");
        r_.expect("at");
        p.element = slices_.affine();
        r_.expect("lines");
        p.lines = r_.integer("a number of lines");
        r_.expect("by");
        p.stride = r_.integer("elements from line to line");
        r_.expect("to");
        p.level = r_.name("a level");
        r_.end_line();
        return stmt(std::move(p));
    }

    void kind(Op& op) {
        Token place = r_.peek();
        std::string word = r_.identifier("a statement");
        for (int k = 0; k <= static_cast<int>(OpKind::Sort); ++k) {
            if (name(static_cast<OpKind>(k)) != word) continue;
            op.kind = static_cast<OpKind>(k);
            return operands(op);
        }
        r_.fail(place, fmt::format("expected a statement, found {}", describe(place)));
    }

    void operands(Op& op) {
        if (op.kind == OpKind::Sort) return sort(op);
        if (op.kind == OpKind::Unary || op.kind == OpKind::Binary || op.kind == OpKind::Reduce)
            op.fn = function();
        if (op.kind == OpKind::Scatter) op.fn = r_.accept("set") ? ScalarFn::copy : function();
        op.dst = slices_.slice();
        op.accumulate = r_.accept("+=");
        if (!op.accumulate) r_.expect("<-");
        if (op.kind == OpKind::Iota) {
            op.value = slices_.affine();
            return;
        }
        op.srcs.push_back(slices_.operand());
        size_t count = op.kind == OpKind::Binary || op.kind == OpKind::Mma ? 2
                       : op.kind == OpKind::Select                         ? 3
                                                                           : 1;
        while (op.srcs.size() < count) {
            r_.expect(op.kind == OpKind::Mma ? "*" : ",");
            op.srcs.push_back(slices_.operand());
        }
        if (op.kind == OpKind::Scatter) op.unique = r_.accept("unique");
    }

    void sort(Op& op) {
        op.descending = r_.accept("desc");
        if (!op.descending) r_.expect("asc");
        op.dst = slices_.slice();
        if (r_.accept(",")) op.payload = slices_.slice();
        r_.expect("along");
        op.along = r_.name("a dim");
    }

    ScalarFn function() {
        Token place = r_.peek();
        auto fn = scalar_named(r_.identifier("a scalar function"));
        if (!fn)
            r_.fail(place, fmt::format("expected a scalar function, found {}", describe(place)));
        return *fn;
    }

    TextReader& r_;
    SliceReader slices_;
    const ConstantTable& constants_;
    TextScope scope_;
    Origins origins_;  // of the op before
};

void read_uses(TextReader& r, Kernel& k) {
    r.expect("(");
    read_list(r, "->", [&] { k.reads.push_back(r.name("a buffer")); });
    read_list(r, ")", [&] { k.writes.push_back(r.name("a buffer")); });
}

/// From the word "kernel" on.
Kernel read_kernel(TextReader& r, const ConstantTable& constants) {
    Kernel k;
    r.expect("kernel");
    k.name = r.name("the kernel's name");
    read_uses(r, k);
    if (r.accept("from")) k.origins = read_origins(r);
    r.end_line();
    k.body = BlockReader(r, constants, k.origins).block(1);
    return k;
}

class ProgramReader {
public:
    ProgramReader(TextReader& reader, const ConstantTable& constants, std::vector<Name>* unknown)
        : r_(reader), constants_(constants), unknown_(unknown) {}

    Program run() {
        r_.line_at(0);
        r_.expect("program");
        program_.name = r_.name("the program's name");
        r_.end_line();
        while (r_.line_at(1)) {
            if (r_.accept("param"))
                param();
            else if (r_.accept("buffer"))
                buffer();
            else
                program_.steps.push_back(step(1));
        }
        while (r_.line_at(0)) {
            Token place = r_.peek(1);
            Kernel k = read_kernel(r_, constants_);
            Name name = k.name;
            auto kernel = std::make_shared<const Kernel>(std::move(k));
            if (!kernels_.emplace(name, Given{kernel, place}).second)
                r_.fail(place, fmt::format("kernel {} is given twice", name));
        }
        return link();
    }

private:
    struct Given {
        KernelPtr kernel;
        Token place;
        bool run = false;
    };

    void param() {
        Param p{r_.name("a parameter"), {}};
        if (r_.accept("=")) p.bound = r_.integer();
        program_.params.push_back(p);
        r_.end_line();
    }

    void buffer() {
        Buffer b;
        b.name = r_.name("a buffer");
        r_.expect(":");
        b.level = r_.name("a level");
        b.dtype = read_dtype(r_);
        r_.expect("[");
        read_list(r_, "]", [&] { b.dims.push_back(read_named_dim(r_)); });
        b.lifetime = lifetime();
        if (r_.accept("[")) read_list(r_, "]", [&] { b.layout.dims.push_back(physical_dim(b)); });
        if (r_.accept("border")) b.layout.border = read_literal(r_);
        if (r_.accept("resident")) b.resident = r_.name("a level");
        if (r_.accept("alias")) {
            r_.expect("of");
            b.alias_of = r_.name("a buffer");
        }
        if (r_.accept("holds")) b.value_name = r_.string("a value of the model");
        if (r_.accept("data")) data(b);
        r_.end_line();
        program_.buffers.push_back(std::move(b));
    }

    void data(Buffer& b) {
        if (!unknown_) {
            b.data = tensor::read_tensor(r_, constants_);
            return;
        }
        b.data = tensor::read_tensor_if_known(r_, constants_);
        if (!b.data) unknown_->push_back(b.name);
    }

    Lifetime lifetime() {
        Token place = r_.peek();
        std::string word = r_.identifier("a lifetime");
        for (int k = 0; k <= static_cast<int>(Lifetime::Temp); ++k)
            if (name(static_cast<Lifetime>(k)) == word) return static_cast<Lifetime>(k);
        r_.fail(place, "expected input, output, weight, state or temp, found " + describe(place));
    }

    /// [before "+"] dim ["/" div] ["%" mod] ["+" after]
    PhysicalDim physical_dim(const Buffer& b) {
        PhysicalDim p;
        if (r_.at(TokenKind::Integer)) {
            p.before = r_.integer();
            r_.expect("+");
        }
        Token place = r_.peek();
        Name dim = r_.name("a dim of the buffer");
        for (p.dim = 0; p.dim < static_cast<int>(b.dims.size()); ++p.dim)
            if (b.dims[static_cast<size_t>(p.dim)].name == dim) break;
        if (p.dim == static_cast<int>(b.dims.size()))
            r_.fail(place, fmt::format("expected a dim of {}, found {}", b.name, describe(place)));
        if (r_.accept("/")) p.div = positive();
        if (r_.accept("%")) p.mod = positive();
        if (r_.accept("+")) p.after = r_.integer();
        return p;
    }

    int64_t positive() {
        Token place = r_.peek();
        int64_t value = r_.integer("a positive block");
        if (value <= 0) r_.fail(place, "expected a positive block, found " + describe(place));
        return value;
    }

    Steps steps(int level) {
        Steps out;
        while (r_.line_at(level)) out.push_back(step(level));
        return out;
    }

    Step step(int level) {
        bool once = r_.accept("once");
        if (once || r_.at("run")) {
            r_.expect("run");
            return {run_step(once)};
        }
        if (r_.accept("branch")) return {branch(level)};
        if (r_.accept("repeat")) return {repeat(level)};
        if (r_.accept("settle")) {
            SettleStep s;
            s.parameter = r_.name("a parameter");
            r_.expect("from");
            s.from = r_.name("a buffer");
            r_.end_line();
            return {s};
        }
        r_.fail_expected("param, buffer or a step");
    }

    /// The kernel is a stand-in of the same name until link().
    RunStep run_step(bool once) {
        Kernel k;
        Token place = r_.peek();
        k.name = r_.name("a kernel");
        read_uses(r_, k);
        r_.end_line();
        RunStep s{std::make_shared<const Kernel>(std::move(k)), once};
        places_.emplace(s.kernel.get(), place);
        return s;
    }

    BranchStep branch(int level) {
        BranchStep b;
        b.condition = r_.name("a buffer");
        r_.end_line();
        for (auto [word, side] : {std::pair{"then", &b.then_steps}, {"else", &b.else_steps}}) {
            r_.line_at(level + 1);
            r_.expect(word);
            r_.end_line();
            *side = steps(level + 2);
        }
        return b;
    }

    RepeatStep repeat(int level) {
        RepeatStep s;
        s.counter = r_.name("a buffer");
        if (r_.accept("trips")) s.trips = tensor::read_dim(r_);
        if (r_.accept("while")) s.condition = r_.name("a buffer");
        if (r_.accept("carry")) {
            do {
                RepeatStep::Carried c;
                c.from = r_.name("a buffer");
                r_.expect("to");
                c.to = r_.name("a buffer");
                s.carried.push_back(c);
            } while (r_.accept(","));
        }
        r_.end_line();
        s.body = steps(level + 1);
        return s;
    }

    /// Puts the kernels in place of their stand-ins.
    Program link() {
        Program out = map_kernels(std::move(program_), [&](const KernelPtr& stand_in) {
            const Token& place = places_.at(stand_in.get());
            auto found = kernels_.find(stand_in->name);
            if (found == kernels_.end())
                r_.fail(place, fmt::format("kernel {} is not given below", stand_in->name));
            const KernelPtr& kernel = found->second.kernel;
            if (kernel->reads != stand_in->reads || kernel->writes != stand_in->writes)
                r_.fail(place, fmt::format("kernel {} below reads or writes other buffers",
                                           stand_in->name));
            found->second.run = true;
            return kernel;
        });
        for (const auto& [name, given] : kernels_)
            if (!given.run) r_.fail(given.place, fmt::format("no step runs kernel {}", name));
        return out;
    }

    TextReader& r_;
    const ConstantTable& constants_;
    std::vector<Name>* unknown_;
    Program program_;
    std::map<Name, Given> kernels_;
    std::map<const Kernel*, Token> places_;  // where each stand-in was named; only looked up
};

}  // namespace

Program parse_program(std::string_view text, const std::string& file,
                      const ConstantTable& constants, std::vector<Name>* unknown) {
    TextReader reader(file, text);
    Program out = ProgramReader(reader, constants, unknown).run();
    if (!reader.at_end()) reader.fail_expected("the end of the text");
    return out;
}

Kernel parse_kernel(std::string_view text, const std::string& file,
                    const ConstantTable& constants) {
    TextReader reader(file, text);
    reader.line_at(0);
    Kernel out = read_kernel(reader, constants);
    if (!reader.at_end()) reader.fail_expected("the end of the text");
    return out;
}

}  // namespace smeaton::gir
