#include "compare/rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"

namespace smeaton::compare {

namespace {

/// Cells of CSV with quotes; a quoted cell may hold line ends.
std::vector<std::pair<int, std::vector<std::string>>> cells_of(const std::string& csv) {
    std::vector<std::pair<int, std::vector<std::string>>> lines;
    std::vector<std::string> line;
    std::string cell;
    bool quoted = false, any = false;
    int at = 1, from = 1;
    auto end_line = [&] {
        line.push_back(std::exchange(cell, {}));
        if (any) lines.emplace_back(from, std::move(line));
        line.clear();
        any = false;
        from = at + 1;
    };
    for (size_t i = 0; i < csv.size(); ++i) {
        const char c = csv[i];
        if (quoted && c == '"' && i + 1 < csv.size() && csv[i + 1] == '"') {
            cell += csv[++i];
        } else if (c == '"') {
            quoted = !quoted;
            any = true;
        } else if (c == ',' && !quoted) {
            line.push_back(std::exchange(cell, {}));
            any = true;
        } else if (c == '\n' && !quoted) {
            end_line();
            ++at;
        } else if (c != '\r') {
            cell += c;
            any = true;
            if (c == '\n') ++at;
        }
    }
    if (any) end_line();
    return lines;
}

std::optional<double> figure(const std::string& text) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

/// Who ran it, where no column says so.
std::string engine_of(const Row& row) {
    auto says = [&](const std::string& text, const char* word) {
        return text.find(word) != std::string::npos;
    };
    if (says(row.note, "vllm")) return "vllm";
    if (says(row.note, "sglang")) return "sglang";
    if (says(row.note, "trtllm") || says(row.note, "TensorRT") || says(row.source, "TensorRT"))
        return "trtllm";
    if (says(row.source, "llama.cpp")) return "llama.cpp";
    if (says(row.source, "LLMCompass")) return "pytorch";
    return "";
}

}  // namespace

std::vector<Row> parse_rows(const std::string& csv, const std::string& file) {
    const auto lines = cells_of(csv);
    if (lines.empty()) throw UserError("{}: no rows; expected a header of columns and rows", file);
    const std::vector<std::string>& heads = lines[0].second;
    auto column = [&](const char* name, bool needed) {
        const auto found = std::find(heads.begin(), heads.end(), name);
        if (found == heads.end() && needed)
            throw UserError(
                "{}:1: column '{}' is missing; expected model, hardware, n_devices, "
                "precision, batch, in_len, out_len, parallelism, metric, value",
                file, name);
        return found == heads.end() ? heads.size() : static_cast<size_t>(found - heads.begin());
    };
    const size_t source = column("source", false), model = column("model", true),
                 hardware = column("hardware", true), count = column("n_devices", true),
                 precision = column("precision", true), batch = column("batch", true),
                 in = column("in_len", true), out = column("out_len", true),
                 parallel = column("parallelism", true), metric = column("metric", true),
                 value = column("value", true), unit = column("unit", false),
                 note = column("note", false), engine = column("engine", false),
                 parameters = column("params", false);
    std::vector<Row> rows;
    for (size_t i = 1; i < lines.size(); ++i) {
        const auto& [line, cells] = lines[i];
        auto cell = [&, &c = cells](size_t at) { return at < c.size() ? c[at] : std::string(); };
        Row row{line,           cell(source), cell(model), cell(hardware), cell(precision),
                cell(parallel), cell(metric), cell(unit),  cell(note),     cell(engine),
                cell(batch)};
        const auto measured = figure(cell(value));
        if (!measured)
            throw UserError("{}:{}: 'value' must be a number, got '{}'", file, line, cell(value));
        row.value = *measured;
        row.devices = figure(cell(count)).value_or(1);
        row.prompt = figure(cell(in)).value_or(0);
        row.output = figure(cell(out)).value_or(0);
        row.parameters = figure(cell(parameters)).value_or(0);
        if (row.engine.empty()) row.engine = engine_of(row);
        rows.push_back(std::move(row));
    }
    return rows;
}

int degree(const std::string& parallelism, const std::string& key) {
    for (size_t at = parallelism.find(key + "="); at != std::string::npos;
         at = parallelism.find(key + "=", at + 1)) {
        if (at > 0 && std::isalpha(static_cast<unsigned char>(parallelism[at - 1]))) continue;
        int value = 0;
        const char* from = parallelism.data() + at + key.size() + 1;
        std::from_chars(from, parallelism.data() + parallelism.size(), value);
        return value;
    }
    return 0;
}

}  // namespace smeaton::compare
