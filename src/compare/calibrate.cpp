#include "compare/calibrate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/nearest.h"

namespace smeaton::compare {

namespace {

using cost::Calibration;
using cost::Efficiency;
using cost::EfficiencyTerm;

std::vector<EfficiencyTerm> terms_named(const std::vector<std::string>& names) {
    std::vector<EfficiencyTerm> terms;
    for (const EfficiencyTerm& term : cost::efficiency_terms())
        if (std::find(names.begin(), names.end(), term.name) != names.end()) terms.push_back(term);
    return terms;
}

/// Coefficients that rows of this kind tell of.
std::vector<EfficiencyTerm> free_terms(const std::string& engine, const std::string& width,
                                       const std::set<std::string>& quantities, size_t rows,
                                       const FittedTerms& asked) {
    std::vector<std::string> names;
    if (const auto own = asked.find(engine + "/" + width); own != asked.end())
        return terms_named(own->second);
    if (quantities.contains("operator")) {
        names = {"compute", "rows_half",     "memory",      "cache",    "attention",
                 "softmax", "norm",          "elementwise", "launch_s", "softmax_s",
                 "norm_s",  "elementwise_s", "link",        "link_s"};
    } else if (engine == "llama.cpp") {
        names = {"memory", width == "4" ? "unpack" : "lanes"};
        if (quantities.contains("prefill")) names.push_back("compute");
    } else if (rows >= 20) {
        names = {"compute", "memory", "cache", "step_s", "sequence_s", "link", "link_s"};
    } else {
        names = {"compute", "memory", "link_s"};  // what a few rows can tell apart
    }
    return terms_named(names);
}

/// Where the search begins, and the widest first step, by term.
double start_of(const EfficiencyTerm& term) {
    const std::string name = term.name;
    if (name == "lanes" || name == "unpack") return 8;
    if (name == "rows_half") return 0;
    if (name == "launch_s" || name == "softmax_s" || name == "norm_s" || name == "elementwise_s")
        return 2e-5;
    if (name == "step_s") return 1e-3;
    if (name == "sequence_s" || name == "link_s") return 1e-5;
    return name == "memory" ? 0.9 : 0.6;
}

/// A device counts as one however many rows it has; of a quantity likewise.
std::vector<double> weights_of(const std::vector<const RowCase*>& rows) {
    std::map<std::string, int> counts;
    for (const RowCase* row : rows) ++counts[row->device + "/" + row->quantity];
    std::vector<double> weights;
    for (const RowCase* row : rows)
        weights.push_back(1 / std::sqrt(counts[row->device + "/" + row->quantity]));
    return weights;
}

/// Mean |log(predicted / measured)|, and a slight pull to the start where rows say nothing.
double loss(const Efficiency& e, const std::vector<const RowCase*>& rows,
            const std::vector<double>& weights) {
    double sum = 0, all = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
        const double r = std::log(rows[i]->predict(e) / rows[i]->seconds);
        // Between the absolute and the square: outliers pull, but do not rule.
        sum += weights[i] * (std::sqrt(1 + r * r / 0.01) - 1) * 0.1;
        all += weights[i];
    }
    return sum / all;
}

/// Pattern search along each coefficient, steps halved until they are small. No randomness.
Efficiency fit(const std::vector<const RowCase*>& rows, const std::vector<EfficiencyTerm>& terms) {
    const std::vector<double> weights = weights_of(rows);
    Efficiency best;
    for (const EfficiencyTerm& t : terms) best.*t.at = start_of(t);
    double least = loss(best, rows, weights);
    for (double step = 0.5; step > 0.004; step /= 1.6) {
        for (bool better = true; better;) {
            better = false;
            for (const EfficiencyTerm& t : terms)
                for (double sign : {1.0, -1.0}) {
                    Efficiency next = best;
                    const double at = best.*t.at;
                    const double span =
                        t.one == 1 ? t.most - t.least : std::max(std::abs(at), start_of(t)) + 1e-7;
                    next.*t.at = std::clamp(at + sign * step * span, t.least, t.most);
                    const double now = loss(next, rows, weights);
                    if (now < least - 1e-7) {
                        least = now;
                        best = next;
                        better = true;
                    }
                }
        }
    }
    return best;
}

cost::FitError error_of(const std::vector<std::pair<double, double>>& measured_predicted) {
    cost::FitError error;
    for (const auto& [measured, predicted] : measured_predicted) {
        const double e = predicted / measured - 1;
        error.mean += std::abs(e);
        error.bias += e;
        ++error.rows;
    }
    if (error.rows > 0) {
        error.mean /= error.rows;
        error.bias /= error.rows;
    }
    return error;
}

/// Measured over predicted that holds nine rows of ten, each side of 1; wider for few rows.
cost::Spread spread_of(std::vector<double> ratios) {
    if (ratios.empty()) return {};
    std::sort(ratios.begin(), ratios.end());
    const auto n = static_cast<double>(ratios.size());
    auto at = [&](double share) {
        const double place = std::clamp(share * (n + 1) - 1, 0.0, n - 1);
        const auto low = static_cast<size_t>(place);
        const size_t high = std::min(low + 1, ratios.size() - 1);
        const double part = place - static_cast<double>(low);
        return ratios[low] * (1 - part) + ratios[high] * part;
    };
    const double few = 1 + 0.5 / n;
    return {std::min(1.0, at(0.08)) / few, std::max(1.0, at(0.92)) * few};
}

struct Group {
    std::vector<const RowCase*> rows;
    Calibration calibration;
    std::map<const RowCase*, double> left_out;  ///< predicted seconds
    std::map<const RowCase*, double> fitted;
};

constexpr double kOutlier = 5;  ///< times the fit of its engine: no property of the device

/// Takes out rows that are far off the fit of all, and says so.
void drop_outliers(Group& g, std::vector<LeftRow>& left, const FittedTerms& asked) {
    std::set<std::string> quantities;
    for (const RowCase* row : g.rows) quantities.insert(row->quantity);
    const Efficiency e = fit(g.rows, free_terms(g.calibration.engine, g.calibration.width,
                                                quantities, g.rows.size(), asked));
    std::erase_if(g.rows, [&](const RowCase* row) {
        const double times = row->seconds / row->predict(e);
        if (times < kOutlier && times > 1 / kOutlier) return false;
        left.push_back({row->row.line, row->row.model, row->row.hardware, row->row.metric,
                        "more than 5 times off the fit of its engine's other rows"});
        return true;
    });
}

void fit_group(Group& g, const FittedTerms& asked) {
    std::set<std::string> devices, quantities, families, sources;
    for (const RowCase* row : g.rows) {
        devices.insert(row->device);
        quantities.insert(row->quantity);
        families.insert(row->family);
        sources.insert(row->row.source.substr(0, row->row.source.find('(')));
        g.calibration.most_batch = std::max(g.calibration.most_batch, row->batch);
        g.calibration.most_context = std::max(g.calibration.most_context, row->context);
    }
    const auto terms =
        free_terms(g.calibration.engine, g.calibration.width, quantities, g.rows.size(), asked);
    g.calibration.efficiency = fit(g.rows, terms);
    g.calibration.families.assign(families.begin(), families.end());
    g.calibration.sources.assign(sources.begin(), sources.end());
    for (const RowCase* row : g.rows) g.fitted[row] = row->predict(g.calibration.efficiency);
    for (const std::string& device : devices) {
        std::vector<const RowCase*> others;
        for (const RowCase* row : g.rows)
            if (row->device != device) others.push_back(row);
        if (others.empty()) continue;  // nothing to predict it from
        const Efficiency e = fit(others, terms);
        std::vector<std::pair<double, double>> pairs;
        for (const RowCase* row : g.rows)
            if (row->device == device) {
                g.left_out[row] = row->predict(e);
                pairs.emplace_back(row->seconds, g.left_out[row]);
            }
        g.calibration.left_out_by_device[device] = error_of(pairs).mean;
    }
}

void summarize(Group& g) {
    std::map<std::string, std::vector<std::pair<double, double>>> fitted, left;
    std::map<std::string, std::vector<double>> ratios, by_device;
    for (const RowCase* row : g.rows) {
        fitted[row->quantity].emplace_back(row->seconds, g.fitted[row]);
        by_device[row->device + "/" + row->quantity].push_back(
            std::log(row->seconds / g.fitted[row]));
        const bool has = g.left_out.contains(row);
        const double predicted = has ? g.left_out[row] : g.fitted[row];
        if (has) left[row->quantity].emplace_back(row->seconds, predicted);
        ratios[row->quantity].push_back(row->seconds / predicted);
    }
    for (const auto& [quantity, pairs] : fitted) g.calibration.fitted[quantity] = error_of(pairs);
    for (const auto& [quantity, pairs] : left) g.calibration.left_out[quantity] = error_of(pairs);
    for (const auto& [quantity, all] : ratios) g.calibration.spread[quantity] = spread_of(all);
    for (const auto& [key, logs] : by_device) {
        double sum = 0;
        for (double l : logs) sum += l;
        g.calibration.device_factor[key] = std::exp(sum / static_cast<double>(logs.size()));
    }
}

/// What the interval of a row would have been had its device not been there.
cost::Spread spread_without(const Group& g, const RowCase* row) {
    std::vector<double> ratios;
    for (const auto& [other, predicted] : g.left_out)
        if (other->device != row->device && other->quantity == row->quantity)
            ratios.push_back(other->seconds / predicted);
    return spread_of(ratios);
}

}  // namespace

void add_terms(const std::string& text, FittedTerms& terms) {
    const size_t is = text.find('='), slash = text.find('/');
    if (is == std::string::npos || slash == std::string::npos || slash > is)
        throw UserError("--terms {}: expected ENGINE/WIDTH=NAME,NAME, as llama.cpp/16=memory,lanes",
                        text);
    std::vector<std::string>& names = terms[text.substr(0, is)];
    names.clear();
    std::vector<std::string> known;
    for (const EfficiencyTerm& term : cost::efficiency_terms()) known.emplace_back(term.name);
    for (size_t at = is + 1; at <= text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        const std::string name = text.substr(at, comma - at);
        if (std::find(known.begin(), known.end(), name) == known.end())
            throw UserError("--terms {}: no coefficient '{}'{}", text, name,
                            nearest_hint(name, known));
        names.push_back(name);
        at = comma + 1;
    }
}

CalibrationResult calibrate(const RowCases& rows, const FittedTerms& terms) {
    std::map<std::pair<std::string, std::string>, Group> groups;
    for (const RowCase& row : rows.cases) {
        Group& g = groups[{row.engine, row.width}];
        g.calibration.engine = row.engine;
        g.calibration.width = row.width;
        g.rows.push_back(&row);
    }
    CalibrationResult out;
    out.left = rows.left;
    out.bounds = rows.bounds;
    out.unbounded = rows.unbounded;
    for (auto& [key, g] : groups) {
        drop_outliers(g, out.left, terms);
        fit_group(g, terms);
        summarize(g);
        out.calibrations.push_back(g.calibration);
        for (const RowCase* row : g.rows) {
            RowResult r{row->row.line, row->row.model, row->device,    row->engine,
                        row->width,    row->quantity,  row->row.metric};
            r.measured_s = row->seconds;
            r.fitted_s = g.fitted[row];
            r.left_out_s = g.left_out.contains(row) ? g.left_out[row] : 0;
            r.bound_s = row->bound_s;
            const double predicted = r.left_out_s > 0 ? r.left_out_s : r.fitted_s;
            const cost::Spread s = spread_without(g, row);
            r.low_s = std::max(r.bound_s, predicted * s.low);
            r.high_s = std::max(r.bound_s, predicted * s.high);
            out.rows.push_back(r);
        }
    }
    return out;
}

}  // namespace smeaton::compare
