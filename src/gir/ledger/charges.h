// Adds up what a kernel asks of each level, buffer and class of operations.
#pragma once

#include <map>
#include <vector>

#include "gir/ledger/ledger.h"

namespace smeaton::gir {

/// What a slice is charged to.
struct ChargedTo {
    int level = 0;
    DType dtype = DType::kF32;
    Name buffer;  ///< empty: a tile
};

class Charges {
public:
    explicit Charges(const Levels&);

    /// Elements read or written at the level itself, in contiguous runs of `run_elements`.
    void access(const ChargedTo&, const Dim& elements, bool write, const Dim& run_elements);
    /// Elements that go from their level into the level `inner`, through those between.
    void crossing(const ChargedTo&, int inner, const Dim& elements, const Dim& run_elements);
    void operations(LedgerClass, DType, const Dim& count);

    /// Levels cumulated inwards; without the parallel width. Empties this.
    Ledger take();

private:
    struct Amount {
        Dim read = 0, write = 0;
    };
    void buffer(const ChargedTo&, const Dim& bytes, bool write);

    const Levels& levels_;
    std::vector<Amount> direct_;
    std::vector<Dim> crossing_;
    std::vector<std::vector<LedgerLevel::Run>> runs_;
    std::map<std::pair<LedgerClass, DType>, Dim> operations_;
    std::map<Name, LedgerBuffer> buffers_;
};

}  // namespace smeaton::gir
