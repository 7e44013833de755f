#include "model/blocks/signature.h"

namespace smeaton::model {

PartReader::PartReader(const Graph& graph, const NodeLabels& labels)
    : graph_(graph),
      labels_(labels),
      stamp_(graph.values.size(), 0),
      number_(graph.values.size(), 0),
      weight_(graph.values.size(), 0) {}

// A node says its label, then one number per operand: which value of the part it is, in the order
// in which values appear. Labels hold dtypes, shapes and absences, so numbers suffice for wiring.
Part PartReader::read(const int32_t* begin, const int32_t* end) {
    ++reading_;
    Part part;
    int32_t inside = 0, outside = 0;
    auto numbered = [&](ValueId id, int32_t fresh) {
        const auto v = static_cast<size_t>(id.v);
        if (stamp_[v] == reading_) return false;
        stamp_[v] = reading_;
        number_[v] = fresh;
        return true;
    };
    for (const int32_t* n = begin; n != end; ++n) {
        const Node& node = graph_.nodes[static_cast<size_t>(*n)];
        part.signature.push_back(labels_.exact[static_cast<size_t>(*n)]);
        for (size_t k = 0; k < node.inputs.size(); ++k) {
            const ValueId id = node.inputs[k];
            if (!id.valid()) continue;
            const bool constant = graph_.at(id).constant.has_value();
            if (numbered(id, 2 * outside + 1)) {
                ++outside;
                (constant ? part.constants : part.inputs).push_back(id);
            }
            part.signature.push_back(number_[static_cast<size_t>(id.v)]);
            int32_t& listed = weight_[static_cast<size_t>(id.v)];
            if (constant && listed != reading_ && is_parameter(graph_, node, k)) {
                listed = reading_;
                part.parameters.push_back(id);
            }
        }
        for (ValueId id : node.outputs)
            if (id.valid()) numbered(id, 2 * inside++);
    }
    return part;
}

}  // namespace smeaton::model
