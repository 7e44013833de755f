#include "gir/rewrite/narrow.h"

#include <algorithm>
#include <map>
#include <set>

#include "gir/names.h"
#include "gir/rewrite/nest.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

Op cast_op(const Slice& dst, const Slice& src, std::vector<NamedDim> dims, const Origins& origins) {
    Op op;
    op.kind = OpKind::Unary;
    op.fn = ScalarFn::cast;
    op.dims = std::move(dims);
    op.dst = dst;
    op.srcs = {src};
    op.origins = origins;
    return op;
}

Slice whole(const Tile& t) {
    Slice s{t.name, {}, {}};
    for (const NamedDim& d : t.dims) s.at.emplace_back(d.name);
    return s;
}

class Narrower {
public:
    Narrower(Program& program, DType to) : program_(program), to_(to) {
        for (const Buffer& b : program.buffers) taken_.insert(b.name);
        for (const KernelPtr& k : kernels(program)) {
            taken_.insert(k->name);
            for (Name n : k->writes) made_.insert(root_of(program, n));
        }
    }

    void run() {
        std::map<Name, Name> narrow;
        program_.steps = in_steps(program_.steps, narrow);
        program_.steps.insert(program_.steps.begin(), at_load_.begin(), at_load_.end());
    }

private:
    bool wider(DType t) const { return tensor::is_float(t) && tensor::bits(t) > tensor::bits(to_); }

    /// `narrow`: of roots whose narrow copy holds what they hold.
    Steps in_steps(const Steps& steps, std::map<Name, Name>& narrow) {
        Steps out;
        for (const Step& s : steps) {
            Step next = s;
            if (auto* run = std::get_if<RunStep>(&next.node)) {
                run->kernel = in_kernel(run->kernel, run->once, narrow, out);
                ++step_;
                for (Name n : run->kernel->writes) {
                    narrow.erase(root_of(program_, n));
                    writer_[root_of(program_, n)] = {run->kernel, step_};
                }
            } else if (auto* branch = std::get_if<BranchStep>(&next.node)) {
                for (Steps* side : {&branch->then_steps, &branch->else_steps}) {
                    std::map<Name, Name> inside = narrow;
                    *side = in_steps(*side, inside);
                }
                narrow.clear();  // either side may have written
            } else if (auto* repeat = std::get_if<RepeatStep>(&next.node)) {
                std::map<Name, Name> inside;
                repeat->body = in_steps(repeat->body, inside);
                narrow.clear();
            }
            out.push_back(std::move(next));
        }
        return out;
    }

    KernelPtr in_kernel(const KernelPtr& kernel, bool once, std::map<Name, Name>& narrow,
                        Steps& before) {
        std::map<Name, Tile> tiles;
        std::set<Name> written(kernel->writes.begin(), kernel->writes.end());
        for_each_stmt(kernel->body, [&](const Stmt& s) {
            if (auto* let = std::get_if<Let>(&s.node)) tiles[let->tile.name] = let->tile;
        });
        std::set<Name> names = declared_names(kernel->body);
        names.insert(taken_.begin(), taken_.end());
        auto dtype = [&](Name n) {
            auto t = tiles.find(n);
            return t != tiles.end() ? t->second.dtype : program_.buffer(n).dtype;
        };
        bool changed = false;
        Block body = map_stmts(kernel->body, [&](const StmtPtr& s) -> Block {
            auto* op = std::get_if<Op>(&s->node);
            if (!op || op->kind != OpKind::Mma) return {s};
            auto is_wide = [&](const Operand& o) {
                auto* slice = std::get_if<Slice>(&o);
                return slice && wider(dtype(slice->target));
            };
            auto is_float = [&](const Operand& o) {
                auto* slice = std::get_if<Slice>(&o);
                return slice && tensor::is_float(dtype(slice->target));
            };
            if (!is_float(op->srcs[0]) || !is_float(op->srcs[1])) return {s};
            if (!is_wide(op->srcs[0]) && !is_wide(op->srcs[1])) return {s};
            changed = true;
            Block out;
            Op next = *op;
            for (Operand& o : next.srcs) {
                auto& slice = std::get<Slice>(o);
                if (!wider(dtype(slice.target))) continue;
                const bool apart = tiles.count(slice.target) > 0 || written.count(slice.target) > 0;
                if (apart)
                    slice = narrow_tile(slice, *op, names, out);
                else
                    slice.target =
                        narrow_buffer(slice.target, kernel->origins, once, narrow, before);
                if (slice.within && tensor::is_integer(to_))
                    slice.within->otherwise =
                        Literal::of_int(static_cast<int64_t>(slice.within->otherwise.as_double()));
            }
            if (tensor::is_float(to_)) {
                out.push_back(stmt(std::move(next)));
                return out;
            }
            sum_integers(std::move(next), tiles.at(op->dst.target), names, out);
            return out;
        });
        if (!changed) return kernel;
        Kernel next = *kernel;
        next.body = std::move(body);
        return std::make_shared<const Kernel>(with_uses(std::move(next)));
    }

    /// The box that the op reads of a tile, or of a buffer that the kernel itself writes.
    Slice narrow_tile(const Slice& slice, const Op& mma, std::set<Name>& names, Block& out) {
        Tile t;
        t.name = fresh(Name(slice.target.str() + "_" + std::string(tensor::name(to_))), names);
        t.level = Name("local");
        t.dtype = to_;
        for (const NamedDim& d : mma.dims)
            if (walks(slice, d.name)) t.dims.push_back(d);
        out.push_back(stmt(Let{t}));
        out.push_back(stmt(cast_op(whole(t), slice, t.dims, mma.origins)));
        return whole(t);
    }

    /// The buffer of the same name and shape in the narrow dtype; made and filled where there is
    /// none that holds what the wide one does.
    Name narrow_buffer(Name wide, const Origins& origins, bool once, std::map<Name, Name>& narrow,
                       Steps& before) {
        const Name root = root_of(program_, wide);
        auto known = narrow.find(root);
        const bool weight =
            program_.buffer(root).lifetime == Lifetime::Weight && made_.count(root) == 0;
        if (weight && at_load_of_.count(root) > 0) known = at_load_of_.find(root);
        if (known == narrow.end()) {
            const Name made = make(root, weight || once);
            auto writer = writer_.find(root);
            KernelPtr kernel;
            if (writer != writer_.end() && !weight)
                kernel = moving(writer->second, root, made, once, narrow, before);
            if (!kernel)
                kernel = casting(
                    root, made, writer == writer_.end() ? origins : writer->second.kernel->origins);
            Step step{RunStep{kernel, weight || once}};
            if (weight) {
                at_load_.push_back(std::move(step));
                known = at_load_of_.emplace(root, made).first;
            } else {
                before.push_back(std::move(step));
                known = narrow.emplace(root, made).first;
            }
        }
        return wide == root ? known->second : view(wide, known->second);
    }

    Name make(Name root, bool kept) {
        Buffer b = program_.buffer(root);
        b.name = fresh(suffixed(root), taken_);
        b.dtype = to_;
        b.lifetime = kept ? Lifetime::Weight : Lifetime::Temp;
        b.data.reset();
        b.value_name.clear();
        if (b.layout.border && tensor::is_integer(to_))
            b.layout.border = Literal::of_int(static_cast<int64_t>(b.layout.border->as_double()));
        program_.buffers.push_back(b);
        return b.name;
    }

    /// Of the narrow root, as `wide` is one of the wide root.
    Name view(Name wide, Name narrow_root) {
        auto known = views_.find({wide, narrow_root});
        if (known != views_.end()) return known->second;
        Buffer b = program_.buffer(wide);
        b.name = fresh(suffixed(wide), taken_);
        b.dtype = to_;
        b.lifetime = program_.buffer(narrow_root).lifetime;
        b.alias_of = narrow_root;
        b.data.reset();
        b.value_name.clear();
        program_.buffers.push_back(b);
        views_[{wide, narrow_root}] = b.name;
        return b.name;
    }

    struct Writer {
        KernelPtr kernel;
        int64_t step = 0;
    };

    /// Where the wide buffer is but another order of what another holds, the narrow one is that of
    /// the other's narrow one, which others may want as well; null where it is not.
    KernelPtr moving(const Writer& writer, Name root, Name made, bool once,
                     std::map<Name, Name>& narrow, Steps& before) {
        if (writer.kernel->body.size() != 1) return nullptr;
        const Block body = nest_of(writer.kernel->body[0], true).body;
        auto* op = body.size() == 1 ? std::get_if<Op>(&body[0]->node) : nullptr;
        if (!op || op->kind != OpKind::Move || op->dst.target != root || op->dst.within)
            return nullptr;
        auto* src = std::get_if<Slice>(&op->srcs[0]);
        if (!src || !program_.find_buffer(src->target) || src->within) return nullptr;
        const Name from = root_of(program_, src->target);
        auto changed = writer_.find(from);
        if (from == root || (changed != writer_.end() && changed->second.step >= writer.step))
            return nullptr;
        const Name wide = src->target;
        const Name narrow_source =
            narrow_buffer(wide, writer.kernel->origins, once, narrow, before);
        Kernel k = *writer.kernel;
        k.name = fresh(Name("narrow_" + root.str()), taken_);
        k.body = rename_targets(k.body, {{wide, narrow_source}, {root, made}});
        return std::make_shared<const Kernel>(with_uses(std::move(k)));
    }

    KernelPtr casting(Name from, Name to, const Origins& origins) {
        Kernel k;
        k.name = fresh(Name("narrow_" + from.str()), taken_);
        k.origins = origins;
        Slice src{from, {}, {}}, dst{to, {}, {}};
        std::vector<NamedDim> axes;
        std::set<Name> names = taken_;
        for (const NamedDim& d : program_.buffer(from).dims) {
            axes.push_back({fresh(Name("i"), names), d.extent});
            src.at.emplace_back(axes.back().name);
            dst.at.emplace_back(axes.back().name);
        }
        Tile t;
        t.name = fresh(Name("t"), names);
        t.level = Name("local");
        t.dtype = to_;
        Op store;
        store.dst = dst;
        store.srcs = {whole(t)};
        store.origins = origins;
        Block body{stmt(Let{t}), stmt(cast_op(whole(t), src, {}, origins)), stmt(store)};
        for (size_t d = axes.size(); d-- > 0;)
            body = {stmt(Parallel{axes[d].name, axes[d].extent, Name("any"), std::move(body)})};
        k.body = std::move(body);
        return std::make_shared<const Kernel>(with_uses(std::move(k)));
    }

    /// The products' sum in i32, then added to the tile that it was for.
    void sum_integers(Op mma, Tile sum, std::set<Name>& names, Block& out) const {
        const Slice dst = mma.dst;
        auto like = [&](const char* suffix, DType t) {
            Tile tile;
            tile.name = fresh(Name(sum.name.str() + suffix), names);
            tile.level = Name("local");
            tile.dtype = t;
            for (const NamedDim& d : mma.dims)
                if (walks(dst, d.name)) tile.dims.push_back(d);
            out.push_back(stmt(Let{tile}));
            return tile;
        };
        const Tile products = like("_i32", DType::kI32);
        Op zero;
        zero.kind = OpKind::Fill;
        zero.dims = products.dims;
        zero.dst = whole(products);
        zero.srcs = {Literal::of_int(0)};
        zero.origins = mma.origins;
        out.push_back(stmt(zero));
        const Origins origins = mma.origins;
        mma.dst = whole(products);
        out.push_back(stmt(std::move(mma)));
        const Tile wide = like("_sum", sum.dtype);
        out.push_back(stmt(cast_op(whole(wide), whole(products), products.dims, origins)));
        Op add;
        add.kind = OpKind::Binary;
        add.fn = ScalarFn::add;
        add.dims = products.dims;
        add.dst = dst;
        add.srcs = {dst, whole(wide)};
        add.origins = origins;
        out.push_back(stmt(add));
    }

    Name suffixed(Name n) const { return Name(n.str() + "_" + std::string(tensor::name(to_))); }

    Program& program_;
    DType to_;
    std::set<Name> taken_, made_;    ///< names that are given; roots that steps write
    std::map<Name, Writer> writer_;  ///< of a root, so far
    int64_t step_ = 0;
    Steps at_load_;
    std::map<Name, Name> at_load_of_;
    std::map<std::pair<Name, Name>, Name> views_;
};

}  // namespace

Program narrow_products(Program program, DType to) {
    Narrower(program, to).run();
    return program;
}

}  // namespace smeaton::gir::rewrite
