// The text of one emitted function while it grows: nested scopes, variables, storage, pointers.
//
// Every address is an affine form over variables that are in scope (Linear). A pointer is declared
// once per (storage, loop prefix), in the scope of the prefix's last variable; what is constant in
// an address becomes a displacement where it is used.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "emit/cpp/isa.h"
#include "gir/layout.h"
#include "gir/program.h"

namespace smeaton::emit {

using gir::DType;
using gir::Literal;
using gir::ValueRange;
using VarId = int;

/// constant + sum(coefficient * variable); terms sorted by variable, none zero.
struct Linear {
    int64_t constant = 0;
    std::vector<std::pair<VarId, int64_t>> terms;

    bool is_const() const { return terms.empty(); }
    void add(VarId, int64_t coefficient);
    void add(const Linear&, int64_t scale);
    friend bool operator==(const Linear&, const Linear&) = default;
};

struct Variable {
    std::string text;
    ValueRange range;
    int depth = 0;         ///< scope that declares it
    bool in_body = false;  ///< declared between statements, not at the head of its scope
};

/// Where a tile or buffer lives.
struct Storage {
    enum class Kind { Memory, Registers, Claim };
    Kind kind = Kind::Memory;
    Name name;
    DType dtype = DType::kF32;
    std::vector<int64_t> extents;  ///< logical
    std::vector<Name> dim_names;
    std::vector<gir::MemoryPart> parts;  ///< Memory
    std::string base;                  ///< Memory: a pointer; Registers: the stem of the variables
    int lanes = -1;                    ///< Registers: the dim held in vectors, -1: scalars
    std::optional<gir::Slice> source;  ///< Claim: what stands behind it
    std::optional<gir::Tensor> constant;  ///< values known when the code is written
};

class Function {
public:
    explicit Function(const Isa& isa);

    const Isa& isa() const { return isa_; }
    int lanes() const { return isa_.lanes(); }

    // ---- scopes ----
    void open_scope();
    /// Ends the innermost scope; its text, head first, goes to the enclosing body after `opening`
    /// ("for
    /// (...) {") and before "}".
    void close_scope(const std::string& opening, const std::string& closing = "}");
    int depth() const { return static_cast<int>(scopes_.size()) - 1; }
    void line(const std::string& text);  ///< to the body of the innermost scope
    void head_line(int depth, const std::string& text);
    std::string take_root();  ///< the finished text of the outermost scope

    // ---- names and variables ----
    /// An identifier not used so far in the function.
    std::string unique(const std::string& stem);
    VarId declare(const std::string& text, ValueRange range, bool in_body = false);
    const Variable& variable(VarId v) const { return variables_[static_cast<size_t>(v)]; }
    ValueRange range(const Linear&) const;
    std::string text(const Linear&) const;
    /// Depth of the innermost variable, and whether the form must be computed at the current place.
    std::pair<int, bool> place(const Linear&) const;
    /// floor(form / divisor), form mod modulus: a variable computed as far out as it may be.
    VarId quotient(const Linear&, int64_t divisor);
    VarId remainder(const Linear&, int64_t modulus);
    /// lo <= form < hi as a bool identifier, computed as far out as it may be.
    std::string condition(const Linear&, std::optional<int64_t> lo, std::optional<int64_t> hi);
    /// Some integer expression of `form` ("{}" replaced by it), declared once as `type name`.
    std::string hoisted(const std::string& type, const std::string& stem, const Linear& form,
                        const std::string& expression);
    /// "p3 + 32": the address `offset` elements into a storage with that base pointer.
    std::string address(const Storage&, const Linear& offset);

    // ---- axes and storages by name ----
    std::map<Name, VarId> axes;
    std::map<Name, Storage> storages;
    const Storage& storage(Name) const;

    std::set<std::string> bases_used;  ///< base pointers that some address starts from
    std::vector<std::string> messages;
    int64_t stack_bytes = 0;
    int64_t scratch_top = 0, scratch_bytes = 0;
    /// Takes `bytes` of scratch, 64-byte aligned, until scratch_top is set back; gives the offset.
    int64_t take_scratch(int64_t bytes);

private:
    struct Scope {
        std::string head, body;
        std::map<std::string, std::string> declared;  ///< what is computed here already
    };
    const std::string* find_declared(const std::string& key, int depth) const;

    const Isa& isa_;
    std::vector<Scope> scopes_;
    std::vector<Variable> variables_;
    std::set<std::string> used_;
};

}  // namespace smeaton::emit
