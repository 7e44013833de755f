// Claims, or copies, of one kernel at one level, made from the outermost block inwards. Internal to
// the rewrite; its parts: candidates.cpp says what could be claimed in a block and is worth it,
// insert.cpp writes a claim and turns the reads to it, claimer.cpp goes through the blocks.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gir/cache/residency.h"
#include "gir/program.h"
#include "gir/target.h"

namespace smeaton::gir::rewrite {

using cache::KnownTiles;
using cache::Touch;
using cache::Touches;

/// What is the same for all levels of a kernel.
struct ClaimedKernel {
    const Program& program;
    const Target& target;
    std::function<Name(Name)> fresh_name;
    std::set<Name> written;                     ///< buffers, and tiles that ops fill
    std::map<Name, std::string> claim_of = {};  ///< what each claim made so far is of
};

/// The loop whose body is looked at.
struct Around {
    Name axis;
    std::function<double(const Touches& one)> turn_bytes;  ///< of what one iteration touches
};

struct Candidate {
    Name source;
    Touch touch;
    bool ring = false;
    double saved_bytes = 0;
};

/// Bytes of the level that are free: of the share to reckon with, and of all that it holds.
struct Free {
    Room reckoned, whole;

    Free operator-(double bytes) const { return {reckoned - bytes, whole - bytes}; }
};

struct Claimer {
    ClaimedKernel& kernel;
    const TargetLevel& level;
    std::set<Name> further_out;  ///< levels whose tiles can be claimed
    cache::Observer observer;
    KnownTiles tiles = {};
    int64_t made = 0;

    /// Claims in the block and all inside it. `shared_out`: iterations on several units run through
    /// one instance of the level.
    Block block(const Block&, const Extents& scope, const Around&, bool shared_out, const Free&);

    /// What a claim in this block would save, those that save more first.
    std::vector<Candidate> candidates(const Block&, const Extents& scope, const Around&,
                                      const Room& capacity) const;
    /// The block with the claim in it and its reads turned to the claim.
    Block insert(const Candidate&, Name ring, const Block&);

    /// One operand of contractions goes through the level.
    bool for_operand() const { return observer.options.mma_operand >= 0; }
    /// A scratchpad that all operands go through: what is claimed there is copied, and stays.
    bool for_all_operands() const { return level.software_managed && !for_operand(); }

private:
    Block claim_filled(Block, const Extents& scope, const Room& capacity, Free& room, Room& whole);
    double own_bytes(const Let&) const;
    double own_bytes(const Block&) const;
    double standing(const Block&) const;
    StmtPtr inside(const StmtPtr& loop, const Extents& scope, bool shared_out, const Free& room);
    StmtPtr alone(const StmtPtr&, const Extents& scope, const Room& room);
    bool claimable(Name source) const;
    bool spares_units(const Block& b, Name source) const;
    bool gains_here(const Block&, const Extents& scope, Name source, const Touch&) const;
    cache::TouchesPtr touched(const Block& b, const Extents& scope, const KnownTiles& known) const {
        return observer.touched(b, scope, known);
    }
    StmtPtr only(StmtPtr s) const { return observer.known ? observer.known->only(s) : s; }
    std::vector<NamedDim> dims_of(Name source) const;
    std::string stem_of(Name source) const;
    void as_it_lies(Name source, std::vector<size_t>& dims) const;
};

}  // namespace smeaton::gir::rewrite
