// Counting and tracing: each slice element once per op that names it, by plain enumeration.
// Internal.
#pragma once

#include <functional>
#include <vector>

#include "gir/interp/rows.h"

namespace smeaton::gir::interp {

class Account {
public:
    Account(const Levels& levels, bool count, TraceSink* trace);

    void op(const OpNode&, const std::vector<int64_t>& axes);
    void let(LetNode&, const std::vector<int64_t>& axes);
    void check(const CheckNode&, const std::vector<int64_t>& axes);
    void iteration(int64_t index) {
        if (trace_) trace_->iteration(index);
    }
    /// What was counted, cumulative over the levels.
    Traffic traffic() const;

private:
    using Axes = std::vector<int64_t>;
    struct Bits {
        int64_t read = 0, write = 0;
    };

    void slice(const SliceRef&, const std::vector<int64_t>& extents, const Axes&, bool read,
               bool write);
    void indices(const SliceRef&, const std::vector<int64_t>& extents, const Axes&, int64_t copies);
    void operations(const OpNode&, const Axes&);
    void charge(const SliceRef&, int64_t elements, bool write);
    void charge_crossing(const SliceRef&, int outer_level, int inner_level, int64_t elements);
    int64_t count_elements(const SliceRef&, const std::vector<int64_t>& extents, const Axes&) const;
    void trace_slice(const SliceRef&, const std::vector<int64_t>& extents, const Axes&, bool read,
                     bool write);

    const Levels& levels_;
    bool count_;
    TraceSink* trace_;
    std::vector<Bits> direct_;
    std::vector<int64_t> crossing_;
    std::map<Name, std::pair<int, Bits>> buffers_;
    OpCounts operations_;
};

}  // namespace smeaton::gir::interp
