#include "report/page.h"

#include <fmt/core.h>

#include "report/style.h"
#include "report/svg.h"

namespace smeaton::report {

std::string page(const std::string& title, const std::string& head,
                 const std::vector<Section>& sections) {
    std::string links, parts;
    for (const Section& s : sections) {
        if (s.html.empty()) continue;
        links += fmt::format("<a href=\"#{}\">{}</a>\n", s.id, s.title);
        parts +=
            fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", s.id, s.title, s.html);
    }
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
        "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" "
        "href=\"data:,\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n"
        "{}<nav>\n{}</nav>\n{}<script>{}</script>\n</body>\n</html>\n",
        escaped(title), kStyle, head, links, parts, kScript);
}

}  // namespace smeaton::report
