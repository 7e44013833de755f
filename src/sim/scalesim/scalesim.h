// SCALE-Sim's compute cycles (v2, v3): a systolic array of r rows and c columns that multiplies
// M x K by K x N, in folds; closed form, no stalls.
//
//     output stationary   ceil(M/r) ceil(N/c) (K + r + c - 2) - 1
//     weight stationary   ceil(K/r) ceil(N/c) (M + 2r + c - 2) - 1
//     input stationary    ceil(K/r) ceil(M/c) (N + 2r + c - 2) - 1
//
// The -1 is the published tool's: it gives the index of the last cycle. Edge folds cost as much as
// full ones.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/layer_table.h"

namespace smeaton::sim::scalesim {

enum class Dataflow { kOutputStationary, kWeightStationary, kInputStationary };

struct Array {
    int64_t rows = 1, columns = 1;
};

struct Product {
    std::string name, op;
    int64_t m = 1, n = 1, k = 1;
    int64_t times = 1;  ///< groups of a convolution, copies of a contraction: one after another

    int64_t macs() const { return times * m * n * k; }
};

int64_t compute_cycles(const Product&, const Array&, Dataflow);
/// Multiply-accumulates / (cycles * r * c), a fraction.
double utilization(int64_t macs, int64_t cycles, const Array&);

struct Products {
    std::vector<Product> products;            ///< in the order of the table
    std::map<std::string, int> not_modelled;  ///< operator -> how many; all others
};
/// Convolutions as M = batch * output pixels, N = filters, K = window * channels (padding counted:
/// the output sizes are the model's); contractions as they are. UserError naming the node for
/// what multiplies matrices in another way (ConvTranspose, Einsum, convolutions of other than two
/// dims).
Products products_of(const LayerTable&);

/// "os", "ws", "is". UserError on anything else.
Dataflow dataflow_named(const std::string&);
/// "32x32" is rows x columns. UserError on anything else.
Array array_of(const std::string&);

}  // namespace smeaton::sim::scalesim
