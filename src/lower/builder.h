// KernelBuilder: writes one GIR kernel, statement by statement, for a lowering rule.
//
//     KernelBuilder k(node);
//     Index i = k.parallel_all(y.shape);                         // parallel i0: 2 any { ...
//     Val t = k.binary(Fn::add, k.at(a, i), k.broadcast(b, i));  // let t; add t[] <- a[..], b[..]
//     k.store(k.at(y, i), t);                                    // move y[..] <- t[]
//     k.done();                                                  // }
//
// Axes and tile dims of extent 1 are left out: their coordinate is the constant 0. A value
// operation declares the tile it writes; done() lets a result take over the tile of an operand that
// is read for the last time, so chains read `unary exp row[v] <- row[v]`.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "gir/program.h"
#include "lower/context.h"

namespace smeaton::lower {

using gir::Affine;
using gir::Literal;
using Fn = gir::ScalarFn;
using Index = std::vector<Affine>;

/// An operand with its dtype: a slice of a buffer or tile, or a literal.
struct Val {
    gir::Operand operand;
    DType dtype = DType::kF32;

    bool is_literal() const { return std::holds_alternative<Literal>(operand); }
    const gir::Slice& slice() const { return std::get<gir::Slice>(operand); }
};

/// Arithmetic on f16 and bf16 is done in f32; other dtypes compute as they are.
DType compute_dtype(DType);
/// Least value of the dtype: -infinity, the least integer, false. `highest` likewise.
Literal lowest(DType);
Literal highest(DType);
Literal literal(double v, DType);

class KernelBuilder {
public:
    explicit KernelBuilder(NodeContext& node, std::string_view suffix = "");

    // ---- loops and dims: each returns the coordinate, 0 when the extent is 1 ----
    Affine parallel(std::string_view base, int64_t extent);
    Index parallel_all(const Shape&, std::string_view base = "i");
    Affine loop(std::string_view base, int64_t extent);
    Affine dim(std::string_view base, int64_t extent);  ///< a dim of tiles and ops
    void close();                                       ///< ends the innermost parallel or loop
    void close_all();                                   ///< back to the kernel's own block

    // ---- operands ----
    Val at(const Buf&, const Index&) const;
    /// Reads `otherwise` outside the buffer; only bounds that can be broken are written down.
    Val at_or(const Buf&, const Index&, Literal otherwise) const;
    /// Numpy broadcasting: dims aligned at the right, coordinate 0 where the buffer's extent is 1.
    Val broadcast(const Buf&, const Index&) const;
    /// Coordinate `axis` gets the integer read from `index` added to it.
    Val computed(Val slice, size_t axis, const Val& index) const;
    Val with_bound(Val slice, Affine expr, std::optional<int64_t> lo, std::optional<int64_t> hi,
                   Literal otherwise) const;
    Val lit(double v, DType t) const { return {literal(v, t), t}; }

    // ---- values: each declares a tile over the free dims of its operands ----
    Val unary(Fn, const Val&, std::string_view tile = "t");
    Val binary(Fn, const Val&, const Val&, std::string_view tile = "t");
    Val select(const Val& condition, const Val& then, const Val& otherwise,
               std::string_view tile = "t");
    Val cast(const Val&, DType, std::string_view tile = "t");  ///< the operand itself if equal
    Val copy(const Val&, std::string_view tile = "row");       ///< into a tile
    Val reduce(Fn, const Val&, const Index& over, std::string_view tile = "m");
    /// The integers of an affine form of axes and dims.
    Val iota(const Affine&, DType = DType::kI64, std::string_view tile = "p");
    /// f16 and bf16 memory operands as f32 tiles; anything else unchanged.
    Val load(const Val&);
    /// load(), but always a tile.
    Val load_row(const Val&, std::string_view tile = "row");

    // ---- tiles written more than once, and effects ----
    Val tile(std::string_view base, DType, const Index& dims = {});
    void move(const Val& dst, const Val& src);
    void fill(const Val& dst, Literal);
    void mma(const Val& acc, const Val& a, const Val& b);
    void reduce_into(Fn, const Val& dst, const Val& src, bool accumulate);
    void binary_into(Fn, const Val& dst, const Val& a, const Val& b);
    void scatter(Fn, const Val& dst, const Val& src);
    void sort(const Val& key, const Val& payload, const Affine& along, bool descending);
    void check(const Val& condition, const std::string& message);
    /// dst <- src through a tile, cast to dst's dtype.
    void store(const Val& dst, const Val& src);

    /// Closes what is open and appends the kernel to the program.
    void done();

    /// Free tile dims of a value, as coordinates in declaration order.
    Index dims_of(const Val&) const;

private:
    struct Frame {
        bool is_parallel = true;
        Name axis;
        int64_t extent = 0;
        gir::Block body;
    };

    Name fresh_local(std::string_view base);
    Affine open(std::string_view base, int64_t extent, bool is_parallel);
    std::vector<gir::NamedDim> free_dims(const std::vector<gir::Slice>&) const;
    gir::Op make_op(gir::OpKind, Fn, const Val& dst, const std::vector<Val>& srcs) const;
    Val result_tile(std::string_view base, DType, const std::vector<Val>& operands,
                    const std::set<Name>& without = {});
    void append(gir::Op);

    NodeContext& node_;
    Name name_;
    gir::Origins origins_;
    std::vector<Frame> frames_;
    std::map<Name, int64_t> axes_;
    std::vector<gir::NamedDim> dims_;
    std::set<Name> locals_;
};

/// In each block without loops, a tile declared as the result of an op takes the place of an
/// operand tile of the same dtype and dims that is read there for the last time and not stored.
gir::Block reuse_tiles(const gir::Block&);

}  // namespace smeaton::lower
