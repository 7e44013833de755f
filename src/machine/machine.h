// A machine: memory levels, compute units, links. Real or imagined, measured or from a data sheet;
// machines/*.yaml hold such descriptions, read.h and print.h convert, verify.h checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "machine/number.h"
#include "tensor/dtype.h"

namespace smeaton::machine {

/// One level of the tree of units, e.g. {core, 4}: `count` of them in each unit of the scope
/// before. The machine as a whole is the root and has no row.
struct Scope {
    std::string name;
    int64_t count = 1;
    friend bool operator==(const Scope&, const Scope&) = default;
};

enum class Managed { Software, Hardware };

/// What stays in the cells of a systolic array of R x C while the other two stream: b (rows carry
/// the contracted dim, columns those of b), the sums (rows and columns are theirs), a (rows carry
/// the contracted dim, columns the rows of a).
enum class Dataflow { WeightStationary, OutputStationary, InputStationary };

/// Tables of energy and area that fill in what a description leaves out: tech/tables.h.
enum class Technology { Nm45, Nm7 };

//      enumerator text      what
#define SMEATON_OPERAND_ROLES(X)                               \
    X(A, "a")           /* left operand of mma: activations */ \
    X(B, "b")           /* right operand of mma: weights */    \
    X(Acc, "acc")       /* accumulator of mma */               \
    X(Vector, "vector") /* operands of every other op, and results */

enum class OperandRole {
#define X(name, text) name,
    SMEATON_OPERAND_ROLES(X)
#undef X
};

/// Bytes per second between a level and what lies inwards of it.
struct Bandwidth {
    Number one_gb_s;                 ///< one unit alone
    std::optional<Number> all_gb_s;  ///< all units at once, in total; absent: each gets one_gb_s
    friend bool operator==(const Bandwidth&, const Bandwidth&) = default;
};

/// What a level's `stall_ns` is of: the page at whose end prefetchers stop.
inline constexpr double kStallBytes = 4096;

struct Level {
    std::string name;
    std::string next;        ///< the level outwards; empty for the outermost
    std::string private_to;  ///< scope whose units have one each; empty: one for the machine
    Managed managed = Managed::Hardware;
    std::vector<OperandRole> roles;  ///< empty: takes every operand
    Number capacity_bytes;           ///< of one instance
    std::optional<Number> line_bytes;
    std::optional<Number> ways;  ///< lines that one set of a cache holds
    std::optional<Bandwidth> read, write;
    std::optional<Bandwidth> copy;  ///< bytes read + bytes written, in equal parts, per second
    /// What a vector that crosses the end of a line takes of a cache's bandwidth, times what
    /// another takes. Absent: as much.
    std::optional<Number> split;
    std::optional<Number> latency_ns;
    /// What multiply-adds wait for in each kStallBytes that they read in order from here, beyond
    /// the longer of their own time and the transfer's: prefetchers end at a page. Absent: nothing.
    std::optional<Number> stall_ns;
    /// How long what nobody uses stays in a cache that others of the host use too: then half of it
    /// is gone. Absent: it stays until the program's own data takes its place.
    std::optional<Number> kept_ms;
    /// Parts that the room of a scratchpad is divided in: 1: what is filled waits for its readers,
    /// 2: one part is filled while another is read. Absent: as the program's copies say.
    std::optional<Number> depth;
    std::optional<Number> port_gb_s;  ///< to and from `next`, both ways together, of one instance
    std::optional<Number> read_energy_pj_per_byte, write_energy_pj_per_byte;
    std::optional<Number> area_mm2, leakage_w;  ///< of one instance
    friend bool operator==(const Level&, const Level&) = default;
};

/// Matrix: a unit that does contractions in shapes of its own, and nothing else.
enum class UnitKind { Scalar, Vector, Systolic, Matrix };

// Classes of operations that a unit is rated for. `fma` is one multiply-add (two FLOPs); for dtypes
// narrower than 32 bits it accumulates in 32 bits, as dot-product instructions do.
//      enumerator text
#define SMEATON_OP_CLASSES(X)                                                    \
    X(Fma, "fma")                                                                \
    X(FmaLoad, "fma_load") /* fma in a register tile fed from the first level */ \
    X(Add, "add")          /* also subtract, negate, absolute value */           \
    X(Mul, "mul")                                                                \
    X(MinMax, "minmax")                                                          \
    X(Compare, "compare") /* to a mask */                                        \
    X(Select, "select")   /* by a mask */                                        \
    X(Logic, "logic")     /* and, or, xor, shifts */                             \
    X(Convert, "convert") /* between dtypes, and rounding to integers */         \
    X(Shuffle, "shuffle") /* lanes across a register */                          \
    X(Scale, "scale")     /* by a power of two, and its inverse (getexp) */      \
    X(Div, "div")                                                                \
    X(Sqrt, "sqrt")                                                              \
    X(Gather, "gather") /* elements loaded by index, from the first level */     \
    X(Insert, "insert") /* elements loaded one by one and put into a vector */   \
    X(Exp, "exp")                                                                \
    X(Log, "log")                                                                \
    X(Erf, "erf")                                                                \
    X(Tanh, "tanh")                                                              \
    X(Sin, "sin")                                                                \
    X(Pow, "pow")

enum class OpClass {
#define X(name, text) name,
    SMEATON_OP_CLASSES(X)
#undef X
};

/// How fast one unit does one class of operation: elements, not instructions. Exactly one of the
/// two speeds is given (per_cycle: data sheet; gops_per_s: measured); the fma of a systolic array
/// may leave both out: rows x columns in a cycle.
struct Rate {
    OpClass op = OpClass::Fma;
    tensor::DType dtype = tensor::DType::kF32;
    std::optional<Number> per_cycle;
    std::optional<Number> gops_per_s;
    std::optional<Number> all_gops_per_s;  ///< all instances at once, in total, where that is less
    std::optional<Number> latency_cycles;
    std::optional<Number> energy_pj;  ///< per element
    friend bool operator==(const Rate&, const Rate&) = default;
};

/// A contraction that a unit takes at once: acc[rows, columns] += a[rows, group] * b[group,
/// columns]. Exactly one of the two speeds is given.
struct ContractionShape {
    tensor::DType a = tensor::DType::kF32, b = tensor::DType::kF32, acc = tensor::DType::kF32;
    int64_t rows = 1, columns = 1, group = 1;
    std::optional<Number> per_cycle;       ///< shapes begun in a cycle
    std::optional<Number> gops_per_s;      ///< multiply-adds per second
    std::optional<Number> latency_cycles;  ///< until the next one that adds to the same sums
    std::optional<Number> energy_pj;       ///< per multiply-add
    std::string a_from, b_from, acc_in;    ///< levels; empty: the one that takes the role
    friend bool operator==(const ContractionShape&, const ContractionShape&) = default;
};

/// Lanes of a dtype where they are not vector_bits over the element's bits.
struct Lanes {
    tensor::DType dtype = tensor::DType::kF32;
    int64_t count = 1;
    friend bool operator==(const Lanes&, const Lanes&) = default;
};

struct Unit {
    std::string name;
    UnitKind kind = UnitKind::Vector;
    std::string private_to;  ///< scope whose units have one each; empty: one for the machine
    std::optional<Number> clock_ghz;    ///< where it differs from the machine's
    std::optional<Number> vector_bits;  ///< Vector
    std::optional<Number> registers;    ///< Vector: of vector_bits each
    /// Scalar: instructions that its core has begun and not ended at any time, at most: so far it
    /// looks ahead. Absent: hides nothing of what a level's `stall_ns` tells.
    std::optional<Number> in_flight;
    std::optional<Number> rows, columns;  ///< Systolic
    std::optional<Dataflow> dataflow;     ///< Systolic; absent: weight-stationary
    /// Systolic, sparse N:M: of each M neighbours along the contracted dim of the second operand N
    /// at most are not zero; they alone are stored, each with its place among the M, and
    /// multiplied.
    std::optional<Number> sparse_n, sparse_m;
    /// Systolic: the share of multiply-adds that is left where one with a zero takes no time.
    std::optional<Number> nonzero_share;
    std::vector<std::string> isa;  ///< features that code for it may use, e.g. avx512f
    std::vector<Lanes> lanes;      ///< Vector
    std::vector<Rate> rates;
    std::vector<ContractionShape> shapes;       ///< beside what the rates say: docs/machine.md
    std::optional<Number> area_mm2, leakage_w;  ///< of one instance
    friend bool operator==(const Unit&, const Unit&) = default;
};

enum class Topology { PointToPoint, Bus, Ring, Mesh, Torus, AllToAll };

struct Link {
    std::string name;
    std::string between;  ///< scope whose units it joins; empty: whole machines
    Topology topology = Topology::PointToPoint;
    std::optional<Number> count;  ///< links per unit
    Number bandwidth_gb_s;        ///< of one link, one direction
    Number latency_ns;
    std::optional<Number> energy_pj_per_byte;
    friend bool operator==(const Link&, const Link&) = default;
};

/// From one thread's store to the other thread running: spinning, and asleep in the kernel.
struct Handoff {
    Number spin_ns;
    std::optional<Number> wake_ns;
    friend bool operator==(const Handoff&, const Handoff&) = default;
};

struct Machine {
    std::string name;
    std::vector<std::string> about;                            ///< lines for a reader
    std::vector<std::pair<std::string, std::string>> sources;  ///< short name, full reference
    Number clock_ghz;
    std::optional<Technology> technology;
    std::optional<Number> area_mm2, power_w, price_usd;
    std::optional<Number> leakage_w;  ///< drawn at all times, where it is known as a whole
    std::vector<Scope> scopes;        ///< outermost first
    std::vector<Level> levels;        ///< innermost first
    std::vector<Unit> units;
    std::vector<Link> links;
    std::optional<Handoff> handoff;
    friend bool operator==(const Machine&, const Machine&) = default;
};

}  // namespace smeaton::machine
