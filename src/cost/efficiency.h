// Time of one operator on a real device: the roofline of its data sheet with efficiencies that
// depend on the operator's size (docs/compare.md). One function for all callers; never faster than
// the roofline.
#pragma once

#include <string>
#include <vector>

namespace smeaton::cost {

/// Products of fewer rows go by the lanes too: the least tile of matrix units.
inline constexpr double kThinRows = 8;

/// What an operator asks of a device.
struct OperatorWork {
    enum class Kind { Product, Attention, Softmax, Norm, Elementwise };
    Kind kind = Kind::Product;
    std::string name;
    double rows = 1;  ///< M of a product: what shares one reading of the weights
    double flops = 0;
    double weight_bytes = 0, cache_bytes = 0, activation_bytes = 0;
    double times = 1;     ///< so many of it, one after another
    bool pruned = false;  ///< its weight has zeros where the device may skip them (N of M)
};

/// What a device has, in its units per second; 0: its data sheet does not say.
struct DeviceRates {
    double matrix_flops = 0;     ///< dense, of the format that products compute in
    double attention_flops = 0;  ///< of the format that attention computes in
    double vector_flops = 0;     ///< fp32
    double memory_bytes = 0;
    double link_bytes = 0;    ///< one way
    double pruned_flops = 0;  ///< of products with pruned weights, zeros counted; 0: as of others
};

//      name              one    least   most   what
#define SMEATON_EFFICIENCIES(X)                                                                 \
    X(compute, 1, 0.05, 1)       /* of the matrix peak, large products */                       \
    X(rows_half, 0, 0, 4096)     /* rows at which a product reaches half of that */             \
    X(memory, 1, 0.1, 1)         /* of the memory's rate, large operands */                     \
    X(bytes_half, 0, 0, 1e9)     /* bytes in flight at which it reaches half of that */         \
    X(cache, 1, 0.1, 1)          /* of the memory's rate, keys and values of decode */          \
    X(attention, 1, 0.02, 1)     /* of the attention peak */                                    \
    X(softmax, 1, 0.05, 1)       /* of the memory's rate */                                     \
    X(norm, 1, 0.05, 1)          /* the same */                                                 \
    X(elementwise, 1, 0.05, 1)   /* the same */                                                 \
    X(lanes, 0, 0, 64)           /* times that a thin product's FLOPs pass the vector lanes */  \
    X(unpack, 0, 0, 64)          /* the same of weights below 8 bits: lanes and matrix units */ \
    X(launch_s, 0, 0, 1e-3)      /* of a product */                                             \
    X(softmax_s, 0, 0, 1e-3)     /* of a softmax */                                             \
    X(norm_s, 0, 0, 1e-3)        /* of a norm */                                                \
    X(elementwise_s, 0, 0, 1e-3) /* of an elementwise operator */                               \
    X(step_s, 0, 0, 1)           /* of an iteration, beside its operators */                    \
    X(sequence_s, 0, 0, 1e-2)    /* of an iteration, for each sequence in it */                 \
    X(link, 1, 0.05, 1)          /* of the link's rate */                                       \
    X(link_s, 0, 0, 1e-3)        /* of a step of a collective */

/// Efficiencies of one (device or family, engine). As made: the roofline itself.
struct Efficiency {
#define X(name, one, least, most) double name = one;
    SMEATON_EFFICIENCIES(X)
#undef X
    friend bool operator==(const Efficiency&, const Efficiency&) = default;
};

/// One coefficient by name and the range that it can have; for fitting and for files.
struct EfficiencyTerm {
    const char* name;
    double Efficiency::*at;
    double one, least, most;
};
const std::vector<EfficiencyTerm>& efficiency_terms();

enum class Limit { Compute, Memory, Link, Launch };
const char* text(Limit);

struct OperatorTime {
    double seconds = 0;  ///< of all its times
    double compute_s = 0, memory_s = 0, launch_s = 0;
    double bound_s = 0;  ///< max(FLOPs / peak, bytes / rate)
    Limit limit = Limit::Memory;
};

/// max(FLOPs / (peak e_c(M)), bytes / (rate e_m(bytes))) + what passes the vector lanes + launch.
/// A product is thin with fewer than 8 rows: then its FLOPs also pass the vector lanes `lanes`
/// times, beside the reading of memory. Where the device states no vector peak, that part is 0.
OperatorTime operator_time(const OperatorWork&, const DeviceRates&, const Efficiency&);

/// Seconds of an all-reduce of `bytes` over `n` devices: the cheaper of ring and double binary
/// tree (codesign alpha-beta forms), alpha = link_s, beta = link x the link's rate.
double all_reduce_s(double bytes, double n, const DeviceRates&, const Efficiency&);

/// Seconds of an all-to-all in which each of `n` devices has `bytes` for all: (n - 1) steps of a
/// part each.
double all_to_all_s(double bytes, double n, const DeviceRates&, const Efficiency&);

}  // namespace smeaton::cost
