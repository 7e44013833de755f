// What tensor operators cost on the chips of the template: a table of each operator by the powers
// of two of a chip, in front of the mappers that threads share.
#pragma once

#include <string>
#include <vector>

#include "search/phaze/mapping.h"
#include "search/search.h"

namespace smeaton::search::phaze {

/// Operators that occur, each once; safe for several threads once all are added.
class Operators {
public:
    /// Its place.
    int add(const TensorOperator&);
    size_t count() const { return mappers_.size(); }
    Mapper& at(int place) { return mappers_[static_cast<size_t>(place)]; }

    /// False: an operator that is not there, or no cores.
    bool know(const Price&);
    std::vector<Price> news();  ///< worked out since the last call
    double seconds() const;     ///< of the processor's time

private:
    std::vector<TensorOperator> operators_;
    std::vector<Mapper> mappers_;
    std::vector<size_t> sorted() const;
};

/// For one thread.
class Prices {
public:
    /// The operators outlive it.
    Prices(Operators&, bool published_memories);
    /// Cycles on so many tensor cores of the chip, a power of two.
    double cycles(int place, const Chip&, int cores);
    /// No fewer cycles: each memory and the arrays by themselves.
    double bound(int place, const Chip&, int cores);

private:
    Operators& operators_;
    bool published_;
    /// By operator, as powers of two; negative: not asked for yet.
    std::vector<std::vector<double>> cycles_, bounds_;
    double& known(std::vector<std::vector<double>>&, int place, const Chip&, int cores);
};

}  // namespace smeaton::search::phaze
