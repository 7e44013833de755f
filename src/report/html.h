// The report of `study` as one HTML page that needs nothing else.
#pragma once

#include <string>

#include "driver/study/study.h"
#include "report/table.h"

namespace smeaton::report {

std::string html(const driver::StudyResult&);
std::string text(const driver::StudyResult&, Width = {});
std::string json(const driver::StudyResult&);

}  // namespace smeaton::report
