#include "model/shape/from_text.h"

#include <vector>

#include "base/error.h"
#include "model/shape/infer.h"
#include "model/text/text.h"
#include "model/verify.h"

namespace smeaton::model::test {

namespace {

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    size_t from = 0;
    while (from < text.size()) {
        const size_t end = std::min(text.find(';', from), text.size());
        std::string part = text.substr(from, end - from);
        part.erase(0, part.find_first_not_of(" \n"));
        if (!part.empty()) parts.push_back(part);
        from = end + 1;
    }
    return parts;
}

std::string outputs_of(const Graph& graph) {
    std::string text;
    for (ValueId id : graph.outputs) {
        const Value& value = graph.at(id);
        text += (text.empty() ? "" : " ") + describe(value.dtype, value.shape);
    }
    return text;
}

std::string infer_text(const Graph& graph) {
    try {
        const ShapedGraph shaped = infer_shapes(graph);
        verify(shaped, "infer_shapes");
        return outputs_of(shaped.graph);
    } catch (const UserError& error) {
        return error.what();
    }
}

}  // namespace

Graph graph_of(const std::string& declarations, const std::string& nodes) {
    std::string text = "graph g\n";
    for (const std::string& line : split(declarations)) text += "  " + line + "\n";
    int count = 0;
    for (const std::string& line : split(nodes)) {
        text += "  " + line;
        const bool is_node = line.find(" since ") != std::string::npos;
        if (is_node && line.find(" as ") == std::string::npos) {
            text += " as N" + std::to_string(count);
        }
        count += is_node;
        text += "\n";
    }
    return parse(text, "test");
}

std::string inferred(const std::string& declarations, const std::string& expression, int outputs) {
    std::string left;
    std::string right;
    for (int k = 0; k < outputs; ++k) {
        left += (k > 0 ? ", y" : "y") + std::to_string(k);
        right += "; output y" + std::to_string(k);
    }
    return infer_text(graph_of(declarations, left + " = " + expression + right));
}

std::string chain(const std::string& declarations, const std::string& nodes) {
    const std::string last = split(nodes).back();
    const std::string name = last.substr(0, last.find_first_of(" ,:"));
    return infer_text(graph_of(declarations, nodes + "; output " + name));
}

}  // namespace smeaton::model::test
