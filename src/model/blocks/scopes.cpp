#include "model/blocks/scopes.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace smeaton::model {

namespace {

Scope split(const std::string& name, char at) {
    Scope parts;
    std::string part;
    for (char c : name + at) {
        if (c != at) {
            part += c;
        } else if (!part.empty()) {
            parts.push_back(std::move(part));
            part.clear();
        }
    }
    return parts;
}

bool all_digits(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// {"encoder", "layer", "3", "0"} as {"encoder", "layer.3", "0"}.
Scope with_numbers_joined(const Scope& parts) {
    Scope joined;
    for (size_t k = 0; k < parts.size(); ++k) {
        const std::string& part = parts[k];
        if (k > 0 && all_digits(part) && !all_digits(parts[k - 1])) {
            joined.back() += "." + part;
        } else {
            joined.push_back(part);
        }
    }
    return joined;
}

bool is_numbered(const std::string& component) {
    if (all_digits(component)) return true;
    const size_t at = component.find_last_of("._");
    return at != std::string::npos && at > 0 && all_digits(component.substr(at + 1));
}

Scope scope_of(const Graph& graph, const Node& node) {
    if (node.name.find('/') != std::string::npos) {
        Scope scope = split(node.name, '/');
        if (!scope.empty()) scope.pop_back();
        return with_numbers_joined(scope);
    }
    for (size_t k = 0; k < node.inputs.size(); ++k) {
        if (constant_input(graph, node, k) == nullptr) continue;
        const std::string& name = graph.at(node.inputs[k]).name;
        const char at = name.find('/') != std::string::npos ? '/' : '.';
        Scope scope = split(name, at);
        if (scope.size() < 2) continue;
        scope.pop_back();
        return with_numbers_joined(scope);
    }
    return {};
}

}  // namespace

std::vector<Scope> node_scopes(const Graph& graph) {
    std::vector<Scope> scopes;
    scopes.reserve(graph.nodes.size());
    for (const Node& node : graph.nodes) scopes.push_back(scope_of(graph, node));
    return scopes;
}

size_t common_depth(const Scope& a, const Scope& b) {
    size_t k = 0;
    while (k < a.size() && k < b.size() && a[k] == b[k]) ++k;
    return k;
}

Scope unit_of(const Scope& scope) {
    const auto numbered = std::find_if(scope.begin(), scope.end(), is_numbered);
    if (numbered != scope.end()) return {scope.begin(), numbered + 1};
    return scope.empty() ? Scope() : Scope{scope.front()};
}

Scope shared_scope(const std::vector<const Scope*>& scopes) {
    std::vector<const Scope*> left;
    for (const Scope* s : scopes)
        if (!s->empty()) left.push_back(s);
    const size_t all = left.size();
    Scope shared;
    while (true) {
        std::map<std::string, size_t> counts;
        for (const Scope* s : left)
            if (s->size() > shared.size()) ++counts[(*s)[shared.size()]];
        const auto most = std::max_element(counts.begin(), counts.end(),
                                           [](auto& a, auto& b) { return a.second < b.second; });
        if (most == counts.end() || 3 * most->second <= 2 * all) return shared;
        const size_t depth = shared.size();
        shared.push_back(most->first);
        std::erase_if(left, [&](const Scope* s) {
            return s->size() <= depth || (*s)[depth] != shared.back();
        });
    }
}

std::string scope_text(const Scope& scope) {
    std::string text;
    for (size_t k = 0; k < scope.size(); ++k) {
        const bool repeated = k + 1 < scope.size() && scope[k + 1].starts_with(scope[k] + ".");
        if (!repeated) text += (text.empty() ? "" : "/") + scope[k];
    }
    return text;
}

}  // namespace smeaton::model
