// Questions to a machine description.
#pragma once

#include <optional>
#include <string_view>

#include "machine/machine.h"

namespace smeaton::machine {

const Level* find_level(const Machine&, std::string_view name);  ///< null when there is none
/// Units of `scope` in the whole machine; 1 for the empty scope. InternalError for an unknown one.
int64_t unit_count(const Machine&, std::string_view scope);
/// Units of the innermost scope: the cores of a CPU.
int64_t core_count(const Machine&);

/// GHz of a unit: its own clock or the machine's.
Interval clock_of(const Machine&, const Unit&);
/// Giga-elements per second of one instance of `unit`; nothing when it is not rated for that. A
/// systolic fma without a speed: rows x columns in a cycle.
std::optional<Interval> rate_gops(const Machine&, const Unit&, OpClass, tensor::DType);
/// Share of its lone speed that each instance keeps when all work (turbo, shared threads): from the
/// first rate that states both, 1 without one. At most 1.
Interval all_busy_share(const Machine&, const Unit&);
/// The unit with the highest rate for this; null when none is rated.
const Unit* best_unit(const Machine&, OpClass, tensor::DType);
/// 2 x the best fma rate, GFLOP/s (GOP/s for integers) of one instance; nothing when no unit has
/// one.
std::optional<Interval> peak_gflops(const Machine&, tensor::DType);

/// Of an operand that stays zero-free by N:M (machine.h): bytes stored over those of all elements,
/// the places of the kept ones with them; 1 for a unit that has none.
double stored_share(const Unit&, tensor::DType);
/// The same of what lies in a level: that of the sparse unit whose second operand alone it takes.
double stored_share(const Machine&, const Level&, tensor::DType);

/// Elements in a vector of a vector unit: as stated, or its bits over the element's, of which
/// narrow ones take 32.
int64_t lanes_of(const Unit&, tensor::DType);

/// Total GB/s when `cores` of the innermost units use the level at once: cores x one, at most all.
Interval total_gb_s(const Bandwidth&, int64_t cores);

/// The vector unit that general code is generated for: the fastest at f32 fma (at f32 add where
/// there is no fma), the widest of those about as fast; null when the machine has no vector unit.
const Unit* main_vector_unit(const Machine&);
/// Independent vector FMAs in flight that fill the unit: latency in cycles x FMAs per cycle, each
/// rounded to the whole number that it is in silicon. Without a stated latency, or without fma: 8,
/// what two units of latency 4 need.
int fma_latency_times_rate(const Machine&, const Unit&);

}  // namespace smeaton::machine
