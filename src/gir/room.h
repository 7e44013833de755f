// Room at a level of memory. One may ask only whether it holds so many bytes, and each question
// can be noted, as can be each other number of a machine that is asked for: so whoever works
// something out for one machine knows for which others it comes out the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace smeaton::gir {

/// Numbers from `low` to `high`, both among them; of capacities those in which so many bytes are,
/// or are not, a multiple of what one of so many parts holds.
struct Span {
    struct Step {
        int64_t bytes = 0, parts = 1;
        bool multiple = false;
        friend bool operator==(const Step&, const Step&) = default;
    };
    double low = 0, high = std::numeric_limits<double>::infinity();
    std::vector<Step> steps = {};

    bool contains(double capacity) const;
    /// Ends that leave `capacity` out are moved to it.
    void narrow(double capacity, double from, double to);
    void add(const Step&);
    /// What is in both.
    void meet(const Span&);
    friend bool operator==(const Span&, const Span&) = default;
};

/// Bytes that follow from a capacity by multiplying, dividing and subtracting.
class Room {
public:
    /// Of a capacity in which questions are noted (null: nowhere).
    Room(double capacity, Span* asked = nullptr)
        : bytes_(capacity), capacity_(capacity), asked_(asked) {}

    bool holds(double bytes) const;
    Room operator*(double share) const;
    Room operator/(double parts) const;
    Room operator-(double bytes) const;
    /// Cut to whole bytes.
    Room whole() const;

private:
    double bytes_, capacity_;
    double slope_ = 1;  ///< of bytes over capacity
    Span* asked_;
};

/// What a level of a target holds. Whether it is bounded at all is no question of size: nothing is
/// noted.
class Capacity {
public:
    Capacity(int64_t bytes = 0) : bytes_(bytes) {}  ///< 0: unbounded

    bool bounded() const { return bytes_ > 0; }
    /// An unbounded one holds all.
    bool holds(int64_t bytes) const;
    /// Is `bytes` a multiple of what one of so many equal parts holds?
    bool is_in_step(int64_t bytes, int64_t parts) const;
    /// To reckon with; of an unbounded one nothing.
    Room room() const { return {static_cast<double>(bytes_), asked_}; }
    /// The number itself: noted as a question that every other capacity answers otherwise.
    int64_t bytes() const;

    Capacity noting(Span* asked) const;

private:
    int64_t bytes_;
    Span* asked_ = nullptr;
};

/// Any other number of a machine. It is noted as a question that every other value answers
/// otherwise.
class Figure {
public:
    Figure(double value = 0) : value_(value) {}

    operator double() const;
    /// The lesser of the two: where that is `other`, all larger values answer the same.
    double at_most(double other) const;
    void note() const { static_cast<void>(static_cast<double>(*this)); }
    double unnoted() const { return value_; }

    Figure noting(Span* asked) const;

private:
    double value_;
    Span* asked_ = nullptr;
};

/// For each of a list of numbers, the values for which something holds.
using Region = std::vector<Span>;

/// A region as it is kept: the spans that leave something out, no others.
class KeptRegion {
public:
    KeptRegion(const Region&);

    bool contains(const std::vector<double>& values) const;
    /// That it has taken from the heap.
    size_t bytes() const;
    friend void meet(Region&, const KeptRegion&);

private:
    struct Part {
        size_t index = 0;  ///< in the region
        Span span;
    };
    std::vector<Part> parts_;
};
/// Narrows the region to what is in both.
void meet(Region&, const KeptRegion&);

}  // namespace smeaton::gir
