// Compressed models: what bits and zeros a method leaves, and the loss that somebody published.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare/workload.h"

namespace smeaton::compare {

struct CompressionRow {
    std::string model;
    double width = 0, layers = 0, heads = 0, feed_forward = 0, vocabulary = 0;
    std::string method, format;
    std::optional<double> loss_percent;  ///< nothing: unknown
    std::optional<double> bits;          ///< of a weight, as the file has it
    std::optional<double> zeros;         ///< share of weights
    std::string measure, source;
};

/// UserError names file, line and key.
std::vector<CompressionRow> parse_compression(const std::string& yaml, const std::string& file);
const std::vector<CompressionRow>& shipped_compression_rows();

/// Rows of this model's shape in this format; shapes count, names do not.
std::vector<CompressionRow> rows_of_shape(const std::vector<CompressionRow>&, const Workload&,
                                          const std::string& format);

/// UserError where a format loses more than `most_percent`, or nobody says how much and `unknown`
/// is not taken. Formats of 16 bits and more lose nothing by definition.
void check_accuracy(const std::vector<CompressionRow>&, const Workload&, const std::string& format,
                    double weight_bits, double most_percent, bool unknown);

}  // namespace smeaton::compare
