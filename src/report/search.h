// The best chips of a space: as text with a chart of the front, as JSON, as an HTML page.
#pragma once

#include <string>

#include "driver/search/search.h"
#include "report/table.h"

namespace smeaton::report {

std::string text(const driver::SearchResult&, Width = {});
std::string json(const driver::SearchResult&);
std::string html(const driver::SearchResult&);

}  // namespace smeaton::report
