// Compressed models: what bits and zeros a method leaves, and the loss that somebody published.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare/formats.h"
#include "compare/workload.h"

namespace smeaton::compare {

struct CompressionRow {
    std::string model;
    double width = 0, layers = 0, heads = 0, feed_forward = 0, vocabulary = 0;
    std::string method, format;
    Sparsity sparsity;                   ///< none: all weights are kept
    std::optional<double> cache_bits;    ///< of keys and values, where the method is about them
    std::optional<double> loss_percent;  ///< nothing: unknown
    std::optional<double> bits;          ///< of a weight, as the file has it
    std::string measure, source;
};

/// UserError names file, line and key.
std::vector<CompressionRow> parse_compression(const std::string& yaml, const std::string& file);
const std::vector<CompressionRow>& shipped_compression_rows();

/// Rows of this model's shape; shapes count, names do not.
std::vector<CompressionRow> rows_of_shape(const std::vector<CompressionRow>&, const Workload&);
/// Those of them that are of this format, its zeros and its bits of the cache.
std::vector<CompressionRow> rows_of_format(const std::vector<CompressionRow>&, const Workload&,
                                           const Format&);

/// The format that a row is served in: its format with its zeros and its bits.
Format format_of(const CompressionRow&);

/// Nothing is narrower than 16 bits and nothing is left out.
bool lossless(const Format&);

/// Why a format is not taken where at most `most_percent` may be lost: some row says that it loses
/// more, or nobody says how much and `unknown` is not taken; "" where it is. Formats that lose
/// nothing by definition are taken unless a row of this shape says otherwise (a model that was made
/// smaller by training).
std::string accuracy_refused(const std::vector<CompressionRow>&, const Workload&, const Format&,
                             double most_percent, bool unknown);

}  // namespace smeaton::compare
