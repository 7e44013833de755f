// The frame of a page of sections. Included by .cpp files of this folder only.
#pragma once

#include <string>
#include <vector>

#include "report/html_parts.h"

namespace smeaton::report {

/// One page that needs nothing else: `head` (HTML) above links to the sections that are not empty.
std::string page(const std::string& title, const std::string& head, const std::vector<Section>&);

}  // namespace smeaton::report
