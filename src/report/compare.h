// Devices side by side: table, JSON, page; and what a calibration found.
#pragma once

#include <string>

#include "driver/compare/compare.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const driver::CompareResult&, Width = {});
std::string json(const driver::CompareResult&);
/// One HTML page that needs nothing else.
std::string html(const driver::CompareResult&);

std::string text(const compare::CalibrationResult&, Width = {});
std::string json(const compare::CalibrationResult&);

std::string text(const std::vector<compare::SurveyRow>&, Width = {});
std::string json(const std::vector<compare::SurveyRow>&);

}  // namespace smeaton::report
