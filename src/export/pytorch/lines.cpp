#include "export/pytorch/lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "export/pytorch/joins.h"
#include "export/pytorch/overwrite.h"

namespace smeaton::pytorch {

using model::Graph;
using model::Node;
using model::OpType;

namespace {

/// Statements by node; those that nothing depends on stay empty.
class Needed {
public:
    explicit Needed(const Source& source) : source_(source), needed_(source.graph.values.size()) {}

    std::vector<Statement> statements() {
        const Graph& graph = source_.graph;
        for (ValueId id : graph.outputs) need(id);
        std::vector<Statement> all(graph.nodes.size());
        for (size_t n = graph.nodes.size(); n-- > 0;)
            if (is_needed(graph.nodes[n])) all[n] = spelled({static_cast<int32_t>(n)});
        if (!refused_.empty()) throw UserError("{}", refusal());
        return all;
    }

private:
    void need(ValueId id) { needed_[static_cast<size_t>(id.v)] = true; }

    bool is_needed(const Node& node) const {
        return std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
            return id.valid() && needed_[static_cast<size_t>(id.v)];
        });
    }

    Statement spelled(NodeId id) {
        Statement s;
        try {
            s = spell(source_, id);
        } catch (const UserError& error) {
            refused_.emplace_back(error.what());
            for (ValueId in : source_.graph.at(id).inputs)
                if (in.valid()) need(in);
            return s;
        }
        for (ValueId in : reads_of(s)) need(in);
        return s;
    }

    std::string refusal() const {
        std::string text =
            refused_.size() == 1
                ? "it cannot be emitted as PyTorch: "
                : fmt::format("{} nodes cannot be emitted as PyTorch:", refused_.size());
        for (auto line = refused_.rbegin(); line != refused_.rend(); ++line)
            text += (refused_.size() == 1 ? "" : "\n  ") + *line;
        return text;
    }

    const Source& source_;
    std::vector<bool> needed_;
    std::vector<std::string> refused_;  // last node first
};

/// The graph of the needed nodes alone. Sizes that statements spell by name are inputs of it, one
/// for each that differs, so that they hide no repetition.
Graph graph_of_needed(const Source& source, const std::vector<Statement>& statements,
                      std::vector<int>& node_of) {
    Graph graph = source.graph;
    std::vector<bool> made(graph.values.size());
    for (ValueId id : graph.inputs) made[static_cast<size_t>(id.v)] = true;
    std::map<std::string, ValueId> sizes;
    std::vector<Node> nodes;
    for (size_t n = 0; n < statements.size(); ++n) {
        if (statements[n].nodes.empty()) continue;
        Node node = graph.nodes[n];
        if (statements[n].nodes.size() > 1) {  // an activation or attention, joined from several
            const std::vector<Module>& modules = statements[n].modules;
            if (!modules.empty()) node.op = OpType::kGelu;
            node.op_name = modules.empty() ? "attention" : modules[0].type;
            node.inputs = reads_of(statements[n]);
        }
        for (ValueId& in : node.inputs) {
            if (!in.valid() || graph.at(in).constant || made[static_cast<size_t>(in.v)]) continue;
            const model::KnownPtr& known = source.known[static_cast<size_t>(in.v)];
            const std::string text = known ? dims_text(known->ints) : graph.at(in).name;
            const auto [found, is_new] = sizes.emplace(text, in);
            if (is_new) graph.inputs.push_back(in);
            in = found->second;
        }
        for (ValueId out : node.outputs)
            if (out.valid()) made[static_cast<size_t>(out.v)] = true;
        nodes.push_back(std::move(node));
        node_of.push_back(static_cast<int>(n));
    }
    graph.nodes = std::move(nodes);
    std::erase_if(graph.outputs, [&](ValueId id) {
        return !made[static_cast<size_t>(id.v)] && !graph.at(id).constant;
    });
    return graph;
}

/// Where in its period a row of equal blocks is cut. Blocks that repeat a, b, c may as well repeat
/// c, a, b where a c stands in front of the first: the cut goes to where the fewest values cross.
class Phase {
public:
    Phase(const Graph& graph, Lines& lines)
        : graph_(graph), lines_(lines), last_read_(graph.values.size(), -1) {
        for (const std::vector<int>& block : lines.blocks)
            for (int s : block) {
                for (ValueId id : reads_of(statement(s)))
                    last_read_[static_cast<size_t>(id.v)] = static_cast<int>(order_.size());
                order_.push_back(s);
            }
        for (ValueId id : graph.outputs)
            last_read_[static_cast<size_t>(id.v)] = static_cast<int>(order_.size());
    }

    void align() {
        count_crossing();
        size_t begin = 0;
        for (size_t b = 0; b < lines_.blocks.size();) {
            size_t end = b + 1;
            while (end < lines_.blocks.size() && lines_.kinds[end] == lines_.kinds[b]) ++end;
            const size_t period = lines_.blocks[b].size();
            if (b > 0 && end - b >= 2) begin -= move(b, end, best_shift(begin, period, end - b));
            for (size_t k = b; k < end; ++k) begin += lines_.blocks[k].size();
            b = end;
        }
    }

private:
    const Statement& statement(int s) const { return lines_.statements[static_cast<size_t>(s)]; }

    /// By position: values made before it and read from it on.
    void count_crossing() {
        std::vector<int> change(order_.size() + 2);
        for (size_t p = 0; p < order_.size(); ++p)
            for (ValueId id : statement(order_[p]).results) {
                if (!id.valid() || last_read_[static_cast<size_t>(id.v)] <= static_cast<int>(p))
                    continue;
                ++change[p + 1];
                --change[static_cast<size_t>(last_read_[static_cast<size_t>(id.v)]) + 1];
            }
        crossing_.assign(order_.size() + 1, 0);
        int now = 0;
        for (size_t p = 0; p <= order_.size(); ++p) crossing_[p] = now += change[p];
    }

    bool alike(int a, int b) const {
        const Node &x = graph_.at(statement(a).nodes[0]), &y = graph_.at(statement(b).nodes[0]);
        return x.op == y.op && x.inputs.size() == y.inputs.size();
    }

    size_t best_shift(size_t begin, size_t period, size_t count) const {
        size_t best = 0;
        for (size_t k = 1; k < period && k <= begin; ++k) {
            if (!alike(order_[begin - k], order_[begin - k + period])) break;
            const auto cost = [&](size_t shift) { return crossing_[begin + period - shift]; };
            if (count >= 2 && cost(k) < cost(best)) best = k;
        }
        return best;
    }

    /// The last `shift` statements of each block go to the one behind. Gives by how many the first
    /// block begins earlier.
    size_t move(size_t begin, size_t end, size_t shift) {
        if (shift == 0 || shift >= lines_.blocks[begin - 1].size()) return 0;
        for (size_t b = std::min(end, lines_.blocks.size() - 1); b >= begin; --b) {
            std::vector<int>& from = lines_.blocks[b - 1];
            std::vector<int>& to = lines_.blocks[b];
            to.insert(to.begin(), from.end() - static_cast<long>(shift), from.end());
            from.resize(from.size() - shift);
        }
        const bool more =
            end < lines_.blocks.size() &&
            lines_.blocks[end].size() == lines_.blocks[begin].size() &&
            std::equal(lines_.blocks[end].begin(), lines_.blocks[end].end(),
                       lines_.blocks[begin].begin(), [&](int a, int b) { return alike(a, b); });
        if (more) lines_.kinds[end] = lines_.kinds[begin];
        return shift;
    }

    const Graph& graph_;
    Lines& lines_;
    std::vector<int> last_read_;  // by value: position
    std::vector<int> order_;
    std::vector<int> crossing_;
};

/// Outputs of the graph that no node makes: constants and sizes.
void add_made_outputs(const Source& source, Lines& lines) {
    std::vector<int> more;
    for (ValueId id : source.graph.outputs) {
        const bool constant = source.graph.at(id).constant.has_value();
        if (!constant) continue;
        model::Node copy;
        copy.op = OpType::kIdentity;
        copy.op_name = "Identity";
        copy.name = source.graph.at(id).name;
        copy.inputs = copy.outputs = {id};
        Speller s(source, copy, {});
        s.give(s.in(0) + ".clone()");
        Statement statement = s.take();
        statement.nodes.clear();
        more.push_back(static_cast<int>(lines.statements.size()));
        lines.statements.push_back(std::move(statement));
        lines.scopes.emplace_back();
    }
    if (more.empty()) return;
    lines.blocks.push_back(more);
    lines.kinds.push_back(-1);
}

}  // namespace

Lines make_lines(const Source& source) {
    Lines lines;
    lines.statements = Needed(source).statements();
    Joiner joiner(source.graph, lines.statements);
    joiner.join_activations();
    std::vector<int> node_of;
    const Graph needed = graph_of_needed(source, lines.statements, node_of);
    lines.scopes.resize(lines.statements.size());
    const std::vector<model::Scope> scopes = model::node_scopes(needed);
    std::vector<const model::Scope*> all;
    for (const model::Scope& scope : scopes) all.push_back(&scope);
    const model::Scope shared = model::shared_scope(all);
    // What nearly all begin with ("model", "gpu_0") tells nothing.
    for (size_t k = 0; k < scopes.size(); ++k) {
        model::Scope& own = lines.scopes[static_cast<size_t>(node_of[k])] = scopes[k];
        if (model::common_depth(own, shared) == shared.size())
            own.erase(own.begin(), own.begin() + static_cast<long>(shared.size()));
    }
    for (const model::Block& block : model::find_blocks(needed).blocks) {
        lines.blocks.emplace_back();
        for (NodeId n : block.nodes)
            lines.blocks.back().push_back(node_of[static_cast<size_t>(n.v)]);
        lines.kinds.push_back(block.kind);
    }
    Phase(source.graph, lines).align();
    for (std::vector<int>& block : lines.blocks) joiner.join_layers(block);
    mark_overwriting(source.graph, lines.blocks, lines.statements);
    add_made_outputs(source, lines);
    return lines;
}

}  // namespace smeaton::pytorch
