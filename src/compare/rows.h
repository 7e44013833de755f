// Measured rows: a table with the columns source, model, hardware, n_devices, precision, batch,
// in_len, out_len, parallelism, metric, value, unit, note; engine where it stands apart.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace smeaton::compare {

struct Row {
    int line = 0;  ///< of the file
    std::string source, model, hardware, precision, parallelism, metric, unit, note, engine;
    std::string batch;  ///< as written: "8", "max throughput"
    double devices = 1, prompt = 0, output = 0, value = 0;
    double parameters = 0;  ///< as the row states them; 0: not stated
};

/// UserError names file and line: a missing column, a value that is no number.
std::vector<Row> parse_rows(const std::string& csv, const std::string& file);

/// "TP=8" of a parallelism; 0 where it is not stated.
int degree(const std::string& parallelism, const std::string& key);

}  // namespace smeaton::compare
