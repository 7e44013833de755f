#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "driver/compare/compare.h"

namespace smeaton::driver {

namespace {

namespace fs = std::filesystem;

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw UserError("{}: cannot be opened", path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// Models by the names that rows have for them; read when first asked for.
class Models {
public:
    explicit Models(const fs::path& folder) : folder_(folder) {
        std::ifstream in(folder / "names.txt");
        for (std::string line; std::getline(in, line);)
            if (const size_t tab = line.find('\t'); tab != std::string::npos)
                files_[line.substr(tab + 1)] = line.substr(0, tab) + ".json";
    }

    const compare::Workload* find(const std::string& name) {
        if (const auto known = read_.find(name); known != read_.end()) return known->second.get();
        const auto listed = files_.find(name);
        const fs::path path = folder_ / (listed != files_.end() ? listed->second : name + ".json");
        std::unique_ptr<compare::Workload> workload;
        if (fs::is_regular_file(path))
            workload = std::make_unique<compare::Workload>(workload_of({path.string(), {}, 0, 0}));
        return (read_[name] = std::move(workload)).get();
    }

private:
    fs::path folder_;
    std::map<std::string, std::string> files_;
    std::map<std::string, std::unique_ptr<compare::Workload>> read_;
};

}  // namespace

compare::CalibrationResult calibrate_rows(const CalibrateRequest& request) {
    const fs::path folder = request.models.empty() ? "machines/models" : request.models;
    if (!fs::is_directory(folder))
        throw UserError(
            "{}: no folder of configurations; --models names one that holds NAME.json "
            "for the models of the rows",
            folder.string());
    Models models(folder);
    const auto rows = compare::parse_rows(read_text(request.rows), request.rows);
    const auto cases =
        compare::cases_of(rows, [&](const std::string& name) { return models.find(name); });
    if (cases.cases.empty()) {
        const std::string why = cases.left.empty() ? "it has none" : cases.left[0].why;
        throw UserError("{}: no row that can be predicted: {}", request.rows, why);
    }
    compare::FittedTerms terms;
    for (const std::string& text : request.terms) compare::add_terms(text, terms);
    return compare::calibrate(cases, terms);
}

}  // namespace smeaton::driver
