// Pictures of graphs by Graphviz.
#pragma once

#include <string>

namespace smeaton::driver {

struct Drawing {
    std::string svg;      ///< an <svg> element
    std::string missing;  ///< why there is none
};

/// `dot`: a graph in Graphviz' language. Nothing but `missing` where there is no `dot` on PATH, or
/// it fails.
Drawing draw_graph(const std::string& dot);

}  // namespace smeaton::driver
