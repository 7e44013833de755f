#include "export/pytorch/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace smeaton::pytorch {

namespace {

bool contains(const std::vector<ValueId>& ids, ValueId id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

class ForwardWriter {
public:
    ForwardWriter(const Source& source, const Tree& tree, int unit, const Attributes& attributes,
                  const std::vector<std::vector<std::string>>& sizes)
        : source_(source),
          tree_(tree),
          unit_(tree.units[static_cast<size_t>(unit)]),
          root_(unit == tree.root),
          attributes_(attributes),
          sizes_(sizes) {}

    Forward write() {
        find_last_reads();
        variables_.take("block");
        arguments();
        for (size_t k = 0; k < unit_.items.size();) {
            const size_t end = loop_end(k);
            if (end - k >= 2)
                loop(k, end);
            else if (unit_.items[k].unit >= 0)
                call(static_cast<int>(k));
            else
                line(static_cast<int>(k));
            k = std::max(end, k + 1);
        }
        for (ValueId id : unit_.outputs)
            out_.result += (out_.result.empty() ? "" : ", ") + variables_.of(id);
        for (ValueId id : unit_.outputs) declare(variables_.of(id));
        return std::move(out_);
    }

private:
    const Unit& part(const Item& item) const { return tree_.units[static_cast<size_t>(item.unit)]; }

    std::vector<ValueId> reads(const Item& item) const {
        if (item.unit >= 0) return part(item).inputs;
        return reads_of(tree_.statements[static_cast<size_t>(item.statement)]);
    }

    void find_last_reads() {
        for (size_t k = 0; k < unit_.items.size(); ++k)
            for (ValueId id : reads(unit_.items[k])) last_[id.v] = static_cast<int>(k);
        for (ValueId id : unit_.outputs) last_[id.v] = static_cast<int>(unit_.items.size());
    }

    int last_read(ValueId id) const {
        const auto found = last_.find(id.v);
        return found == last_.end() ? -1 : found->second;
    }

    // ---- what comes in -------------------------------------------------------------------------

    std::vector<std::string> needed_sizes() const {
        std::vector<std::string> names;
        for (const Item& item : unit_.items) {
            if (item.statement >= 0) {
                add_sizes(tree_.statements[static_cast<size_t>(item.statement)].expression, names);
                continue;
            }
            for (const std::string& s : sizes_[static_cast<size_t>(item.unit)])
                if (std::find(names.begin(), names.end(), s) == names.end()) names.push_back(s);
        }
        return names;
    }

    std::string argument_name(size_t k) const {
        const auto& inputs = source_.graph.inputs;
        const ValueId id = unit_.inputs[k];
        const auto given = std::count_if(unit_.inputs.begin(), unit_.inputs.end(),
                                         [&](ValueId i) { return contains(inputs, i); });
        if (root_ || (contains(inputs, id) && (k > 0 || given > 1)))
            return identifier(source_.graph.at(id).name);
        static const char* const kNames[] = {"x", "y", "z"};
        return k < 3 ? kNames[k] : "x" + std::to_string(k + 1);
    }

    void arguments() {
        const std::vector<std::string> needed = needed_sizes();
        for (const std::string& s : needed) variables_.take(size_name(s));
        for (size_t k = 0; k < unit_.inputs.size(); ++k) {
            const ValueId id = unit_.inputs[k];
            variables_.bind(id, argument_name(k), last_read(id), root_ || k > 0);
            out_.arguments.push_back(variables_.of(id));
        }
        for (const std::string& s : needed)
            if (!size_from_argument(s)) out_.sizes.push_back(s);
    }

    bool size_from_argument(const std::string& size) {
        const Dim wanted = Dim::symbol(size);
        for (ValueId id : unit_.inputs) {
            const std::vector<Dim>& shape = *source_.graph.at(id).shape;
            for (size_t d = 0; d < shape.size(); ++d) {
                if (shape[d] != wanted) continue;
                add_line(fmt::format("{} = {}.shape[{}]", size_name(size), variables_.of(id), d),
                         {});
                return true;
            }
        }
        return false;
    }

    // ---- items ---------------------------------------------------------------------------------

    void add_line(std::string text, std::vector<NodeId> nodes, int depth = 0) {
        out_.lines.push_back({std::move(text), std::move(nodes), depth});
    }

    std::string spelled(const Mark& m, int statement) const {
        switch (m.kind) {
            case Mark::Kind::Value:
                return variables_.of({m.number});
            case Mark::Kind::Module:
                return "self." + attributes_.of.at(statement)[static_cast<size_t>(m.number)];
            case Mark::Kind::Size:
                return size_name(m.name);
            case Mark::Kind::Device:
                break;
        }
        return out_.arguments.empty() ? "None" : out_.arguments[0] + ".device";
    }

    std::string hint(const Statement& s, int statement) const {
        if (!s.hint.empty()) return s.hint;
        if (s.results.size() > 1) return "part";
        if (s.modules.empty() || !s.expression.starts_with(module_mark(0))) return "";
        return telling_name(attributes_.of.at(statement)[0]);
    }

    void line(int k) {
        const int statement = unit_.items[static_cast<size_t>(k)].statement;
        const Statement& s = tree_.statements[static_cast<size_t>(statement)];
        const std::string expression =
            fill(s.expression, [&](const Mark& m) { return spelled(m, statement); });
        const std::string results =
            give(s.results, named_on(s, reads_of(s), variables_), hint(s, statement), k);
        if (results != expression) add_line(results + " = " + expression, s.nodes);
    }

    std::string give(const std::vector<ValueId>& results, const std::vector<ValueId>& operands,
                     const std::string& hint, int k) {
        std::string names;
        for (size_t r = 0; r < results.size(); ++r) {
            if (r > 0) names += ", ";
            const bool unread =
                results.size() > 1 && results[r].valid() && last_read(results[r]) < 0;
            if (!results[r].valid() || unread)
                names += "_";
            else
                names += variables_.give(
                    results[r], r == 0 && results.size() == 1 ? operands : std::vector<ValueId>(),
                    hint, k, last_read(results[r]));
        }
        return names;
    }

    std::string handed(const Unit& unit, int u) const {
        std::string all;
        for (ValueId id : unit.inputs) all += (all.empty() ? "" : ", ") + variables_.of(id);
        for (const std::string& s : sizes_[static_cast<size_t>(u)])
            all += (all.empty() ? "" : ", ") + size_name(s);
        return all;
    }

    void call(int k) {
        const Item& item = unit_.items[static_cast<size_t>(k)];
        const Unit& unit = part(item);
        const std::string expression =
            fmt::format("self.{}({})", attributes_.child(item.unit), handed(unit, item.unit));
        add_line(give(unit.outputs, unit.inputs, "", k) + " = " + expression, {});
    }

    /// Modules return anything, to a type checker: what is returned is declared where it first
    /// stands; in front of it where it stands beside others, since only a single name can be.
    void declare(const std::string& name) {
        const auto& arguments = out_.arguments;
        if (std::find(arguments.begin(), arguments.end(), name) != arguments.end()) return;
        for (auto line = out_.lines.begin(); line != out_.lines.end(); ++line) {
            const std::string results = ", " + line->text.substr(0, line->text.find(" = ")) + ", ";
            if (results.find(", " + name + ", ") == std::string::npos) continue;
            if (line->text.starts_with(name + " = ") && line->depth == 0)
                line->text.insert(name.size(), ": Tensor");
            else if (unit_.outputs.size() == 1)
                out_.lines.insert(line, {name + ": Tensor", {}, 0});
            return;
        }
    }

    // ---- loops ---------------------------------------------------------------------------------

    /// Where the unit behind reads what this one makes; -1 where it cannot be the same call.
    int chained_at(size_t k) const {
        const Item &a = unit_.items[k], &b = unit_.items[k + 1];
        if (b.unit < 0 || part(a).list.empty() || part(a).list != part(b).list ||
            part(b).place != part(a).place + 1)
            return -1;
        const Unit &one = part(a), &next = part(b);
        if (one.outputs.size() != 1 || next.outputs.size() != 1 ||
            one.inputs.size() != next.inputs.size() ||
            sizes_[static_cast<size_t>(a.unit)] != sizes_[static_cast<size_t>(b.unit)] ||
            last_read(one.outputs[0]) != static_cast<int>(k) + 1)
            return -1;
        int at = -1;
        for (size_t i = 0; i < one.inputs.size(); ++i) {
            if (next.inputs[i] == one.outputs[0] && at < 0)
                at = static_cast<int>(i);
            else if (next.inputs[i] != one.inputs[i])
                return -1;
        }
        return at;
    }

    size_t loop_end(size_t k) const {
        if (unit_.items[k].unit < 0) return k;
        size_t end = k + 1;
        int at = -1;
        while (end < unit_.items.size()) {
            const int next = chained_at(end - 1);
            if (next < 0 || (at >= 0 && next != at)) break;
            at = next;
            ++end;
        }
        return end;
    }

    void loop(size_t k, size_t end) {
        const Item &first = unit_.items[k], &last = unit_.items[end - 1];
        const auto at = static_cast<size_t>(chained_at(k));
        const ValueId carried = part(first).inputs[at], result = part(last).outputs[0];
        const std::string before = variables_.of(carried);
        std::string arguments = handed(part(first), first.unit);
        const std::string name =
            variables_.give(result, {carried}, "", static_cast<int>(end) - 1, last_read(result));
        if (name != before) add_line(name + " = " + before, {});
        std::string all;
        for (size_t i = 0; i < part(first).inputs.size(); ++i)
            all += (i > 0 ? ", " : "") + (i == at ? name : variables_.of(part(first).inputs[i]));
        for (const std::string& s : sizes_[static_cast<size_t>(first.unit)])
            all += ", " + size_name(s);
        const std::string list = attributes_.child(first.unit);
        const std::string base = list.substr(0, list.find('['));
        const int from = part(first).place, to = part(last).place + 1;
        size_t members = 0;
        for (const Item& item : unit_.items)
            members += item.unit >= 0 && part(item).list == part(first).list;
        std::string range;
        if (from > 0 || static_cast<size_t>(to) < members)
            range = fmt::format("[{}:{}]", from > 0 ? std::to_string(from) : "",
                                static_cast<size_t>(to) < members ? std::to_string(to) : "");
        add_line(fmt::format("for block in self.{}{}:", base, range), {});
        add_line(fmt::format("{} = block({})", name, all), {}, 1);
    }

    const Source& source_;
    const Tree& tree_;
    const Unit& unit_;
    bool root_;
    const Attributes& attributes_;
    const std::vector<std::vector<std::string>>& sizes_;
    std::map<int32_t, int> last_;
    Variables variables_;
    Forward out_;
};

}  // namespace

void add_sizes(std::string_view text, std::vector<std::string>& sizes) {
    for (const Mark& m : marks_of(text))
        if (m.kind == Mark::Kind::Size &&
            std::find(sizes.begin(), sizes.end(), m.name) == sizes.end())
            sizes.push_back(m.name);
}

Forward forward_of(const Source& source, const Tree& tree, int unit, const Attributes& attributes,
                   const std::vector<std::vector<std::string>>& sizes) {
    return ForwardWriter(source, tree, unit, attributes, sizes).write();
}

}  // namespace smeaton::pytorch
