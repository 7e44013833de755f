// What the loads and memories of a chain's stages are made of, for every run of layers.
#pragma once

#include <limits>
#include <vector>

#include "place/chain.h"

namespace smeaton::place {

/// Bytes of a layer's weights, gradients and optimizer.
double held_bytes(const ChainProblem&, const ChainLayer&);
/// What layers from … end - 1 count more than once of weights that they share.
double counted_again(const ChainWidth&, size_t from, size_t end, double ChainShared::*bytes);

/// What a run holds, sends and receives does not depend on the layers' times and is worked out
/// once; price() does what does.
class Runs {
public:
    Runs(const ChainProblem&, const ChainWidth&);
    /// Takes the layers' times as they are now.
    void price();

    /// As stage `s` from the end, s >= 1.
    double load(size_t from, size_t end, size_t s) const {
        const size_t at = index(from, end);
        return forward_[at] + (problem_.recompute && s > 1 ? late_[at] : back_[at]);
    }
    double memory(size_t from, size_t end, size_t s) const {
        const size_t at = index(from, end);
        return base_[at] + static_cast<double>(s - 1) * stash_[at];
    }
    /// A run fits as stage 1 … so many: more is kept the farther from the end.
    size_t most_stages(size_t from, size_t end) const {
        const size_t at = index(from, end);
        return parameters_[at] <= cap_ ? most_stages_[at] : 0;
    }
    bool fits(size_t from, size_t end, size_t s) const { return s <= most_stages(from, end); }
    /// Only runs of so many parameter bytes count from now on.
    void set_cap(double cap) { cap_ = cap; }
    bool split(size_t from, size_t end) const { return split_[index(from, end)] != 0; }
    double parameters(size_t from, size_t end) const { return parameters_[index(from, end)]; }
    double parameters() const { return parameters(0, count_); }

private:
    /// A layer's largest tensor for layers behind some cut.
    struct Leaving {
        size_t layer;
        double time;
    };

    size_t index(size_t from, size_t end) const { return from * (count_ + 1) + end; }
    void hold(size_t from, size_t end);
    void find_transfers();

    const ChainProblem& problem_;
    const ChainWidth& width_;
    size_t count_;
    std::vector<double> entering_;               // time, by first layer of a run and layer
    std::vector<std::vector<Leaving>> leaving_;  // by end of a run, layers ascending
    std::vector<double> forward_, back_, late_, base_, stash_, parameters_;
    std::vector<size_t> most_stages_;
    std::vector<char> split_;
    double cap_ = std::numeric_limits<double>::infinity();
};

}  // namespace smeaton::place
