#include "export/pytorch/tree.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "export/pytorch/lines.h"

namespace smeaton::pytorch {

using model::Scope;

namespace {

/// Statements of a class of its own; fewer of a part that nothing resembles stand in its parent.
constexpr size_t kInlined = 16;
constexpr size_t kMostInlined = 30;
constexpr size_t kPart = 28;

class TreeMaker {
public:
    explicit TreeMaker(const Source& source) : source_(source) {}

    Tree make() {
        Lines lines = make_lines(source_);
        tree_.statements = std::move(lines.statements);
        tree_.scopes = std::move(lines.scopes);
        for (const Scope& scope : tree_.scopes)
            for (const std::string& word : scope)
                if (word.ends_with("_0")) from_zero_.insert(word.substr(0, word.size() - 2));
        for (const Scope& scope : tree_.scopes)
            if (const Scope unit = numbered_unit(scope); unit.size() < scope.size())
                containers_.insert(model::scope_text(unit));
        std::vector<int> parts;
        std::map<int, int> times;
        for (int kind : lines.kinds)
            if (++times[kind] > 1) repeated_.insert(kind);
        for (size_t b = 0; b < lines.blocks.size(); ++b)
            add_block(lines.blocks[b], lines.kinds[b], parts);
        cut_off_likes(parts);
        join_by_scope(parts);
        join_periods(parts);
        for (int part : parts) divide(part);
        Unit root;
        root.items = in_place(parts);
        tree_.root = add(std::move(root));
        gather(tree_.root);
        for (size_t u = 0; u < tree_.units.size(); ++u) name_lists(static_cast<int>(u));
        wire();
        return std::move(tree_);
    }

private:
    Unit& at(int u) { return tree_.units[static_cast<size_t>(u)]; }

    int add(Unit unit) {
        tree_.units.push_back(std::move(unit));
        return static_cast<int>(tree_.units.size()) - 1;
    }

    /// Up to the first component that is a place in a list ("layer.3", or "layer_3" where there is
    /// a "layer_0"), else the outermost one.
    Scope numbered_unit(const Scope& scope) const {
        for (size_t k = 0; k < scope.size(); ++k) {
            const std::string& word = scope[k];
            const size_t at = word.find_last_not_of("0123456789");
            const bool digits = at + 1 < word.size() && at != std::string::npos;
            if (digits &&
                (word[at] == '.' || (word[at] == '_' && from_zero_.count(word.substr(0, at)) > 0)))
                return {scope.begin(), scope.begin() + static_cast<long>(k) + 1};
        }
        return scope.empty() ? Scope() : Scope{scope.front()};
    }

    /// The scope that a person would make a class of; empty outside of one.
    std::string class_scope(int statement) const {
        const Scope& scope = tree_.scopes[static_cast<size_t>(statement)];
        const Scope unit = numbered_unit(scope);
        const std::string text = model::scope_text(unit);
        return unit.size() < scope.size() || containers_.count(text) > 0 ? text : "";
    }

    /// The one class scope of a unit's statements; empty where they have several or none.
    std::string class_scope_of(int u) const {
        std::string one;
        for (const Item& item : tree_.units[static_cast<size_t>(u)].items) {
            if (item.statement < 0) return "";
            if (tree_.scopes[static_cast<size_t>(item.statement)].empty()) continue;
            const std::string own = class_scope(item.statement);
            if (own.empty() || (!one.empty() && own != one)) return "";
            one = own;
        }
        return one;
    }

    /// A block that nothing repeats is cut where the file's author began something else.
    void add_block(const std::vector<int>& statements, int kind, std::vector<int>& parts) {
        for (size_t k = 0; k < statements.size();) {
            size_t end = k + 1;
            while (end < statements.size() &&
                   (repeated_.count(kind) > 0 ||
                    tree_.scopes[static_cast<size_t>(statements[end])].empty() ||
                    class_scope(statements[end]) == class_scope(statements[k])))
                ++end;
            const std::vector<int> some(statements.begin() + static_cast<long>(k),
                                        statements.begin() + static_cast<long>(end));
            parts.push_back(block(some, some.size() == statements.size() ? kind : -1));
            k = end;
        }
    }

    /// A unit that begins or ends as another one is made: "stem, block" beside "block" is two.
    void cut_off_likes(std::vector<int>& parts) {
        constexpr size_t kLeast = 4;
        std::map<std::string, size_t> sizes;  // of forms
        for (int u : parts)
            if (at(u).items.size() >= kLeast) sizes.emplace(form(u), at(u).items.size());
        std::vector<int> cut;
        for (int u : parts) {
            const std::string own = form(u);
            size_t front = 0, back = 0;
            for (const auto& [other, size] : sizes) {
                if (other.size() >= own.size()) continue;
                if (own.starts_with(other)) front = std::max(front, size);
                if (own.ends_with(" " + other)) back = std::max(back, size);
            }
            const size_t at_item = back >= front ? at(u).items.size() - back : front;
            if (front + back == 0) {
                cut.push_back(u);
                continue;
            }
            Unit rest;
            rest.items.assign(at(u).items.begin() + static_cast<long>(at_item), at(u).items.end());
            at(u).items.resize(at_item);
            at(u).kind = -1;
            cut.push_back(u);
            cut.push_back(add(std::move(rest)));
        }
        parts = std::move(cut);
    }

    size_t size_of(const std::vector<int>& parts, size_t begin, size_t end) {
        size_t size = 0;
        for (size_t k = begin; k < end; ++k) size += at(parts[k]).items.size();
        return size;
    }

    /// Parts [begin, end) as one unit; units made so are of one kind where their forms are equal.
    int joined(const std::vector<int>& parts, size_t begin, size_t end) {
        if (end - begin == 1) return parts[begin];
        Unit unit;
        for (size_t k = begin; k < end; ++k)
            unit.items.insert(unit.items.end(), at(parts[k]).items.begin(),
                              at(parts[k]).items.end());
        const int u = add(std::move(unit));
        at(u).kind = joined_kinds_.emplace(form(u), (1 << 24) + u).first->second;
        return u;
    }

    /// What stands in one scope of the file is one unit, whatever repeats within it.
    void join_by_scope(std::vector<int>& parts) {
        std::vector<int> out;
        for (size_t k = 0; k < parts.size();) {
            const std::string scope = class_scope_of(parts[k]);
            size_t end = k + 1;
            while (end < parts.size() && !scope.empty() && class_scope_of(parts[end]) == scope)
                ++end;
            const bool fits = size_of(parts, k, end) <= kMostItems;
            if (fits)
                out.push_back(joined(parts, k, end));
            else
                out.insert(out.end(), parts.begin() + static_cast<long>(k),
                           parts.begin() + static_cast<long>(end));
            k = end;
        }
        parts = std::move(out);
    }

    bool is_nameless(int u) const {
        const auto& items = tree_.units[static_cast<size_t>(u)].items;
        return std::all_of(items.begin(), items.end(), [&](const Item& item) {
            return item.statement >= 0 && tree_.scopes[static_cast<size_t>(item.statement)].empty();
        });
    }

    /// "a b a b a b" repeats "a b", where the file has no names for a or b.
    void join_periods(std::vector<int>& parts) {
        std::vector<std::string> forms;
        for (int u : parts) forms.push_back(form(u));
        std::vector<int> out;
        for (size_t k = 0; k < parts.size();) {
            size_t period = 1, times = 1;
            for (size_t p = 2; p <= 3 && times < 2; ++p) {
                if (k + 2 * p > parts.size() || size_of(parts, k, k + p) > kMostItems) continue;
                size_t end = k + p;
                while (end < parts.size() && forms[end] == forms[end - p]) ++end;
                const bool nameless = std::any_of(parts.begin() + static_cast<long>(k),
                                                  parts.begin() + static_cast<long>(k + p),
                                                  [&](int u) { return is_nameless(u); });
                const std::set<std::string> different(forms.begin() + static_cast<long>(k),
                                                      forms.begin() + static_cast<long>(k + p));
                if (nameless && end - k >= 2 * p && different.size() == p) {
                    period = p;
                    times = (end - k) / p;
                }
            }
            for (size_t t = 0; t < times; ++t, k += period)
                out.push_back(joined(parts, k, k + period));
        }
        parts = std::move(out);
    }

    int block(const std::vector<int>& statements, int kind) {
        Unit unit;
        unit.kind = kind;
        for (int s : statements) unit.items.push_back({s, -1});
        return add(std::move(unit));
    }

    // ---- sizes ---------------------------------------------------------------------------------

    std::vector<std::vector<Item>> chunks(const std::vector<Item>& items, size_t most) {
        const size_t count = (items.size() + most - 1) / most;
        std::vector<std::vector<Item>> out;
        for (size_t c = 0; c < count; ++c)
            out.emplace_back(items.begin() + static_cast<long>(c * items.size() / count),
                             items.begin() + static_cast<long>((c + 1) * items.size() / count));
        return out;
    }

    /// Parts of at most kPart items in the place of more than `most`.
    void divide(int u, size_t most = kMostItems) {
        while (at(u).items.size() > most) {
            std::vector<Item> parts;
            for (std::vector<Item>& some : chunks(at(u).items, kPart)) {
                Unit part;
                part.items = std::move(some);
                parts.push_back({-1, add(std::move(part))});
            }
            at(u).items = std::move(parts);
        }
    }

    // ---- what stands in the model itself -------------------------------------------------------

    /// Operators in order: units that look alike may be one class.
    std::string form(int u) {
        std::string text;
        for (const Item& item : at(u).items) {
            if (item.unit >= 0) {
                text += "(" + form(item.unit) + ")";
                continue;
            }
            for (NodeId n : tree_.statements[static_cast<size_t>(item.statement)].nodes)
                text += source_.graph.at(n).op_name + " ";
        }
        return text;
    }

    std::vector<Item> in_place(const std::vector<int>& parts) {
        std::map<std::string, int> forms;
        for (int u : parts) ++forms[form(u)];
        std::vector<Item> items;
        size_t inlined = 0;
        for (int u : parts) {
            const Unit& unit = at(u);
            const bool small =
                unit.items.size() <= kInlined && inlined + unit.items.size() <= kMostInlined;
            const bool alone = forms[form(u)] == 1 || unit.items.size() <= 2;
            if ((small && alone) || unit.items.size() == 1) {
                inlined += unit.items.size();
                items.insert(items.end(), unit.items.begin(), unit.items.end());
            } else {
                items.push_back({-1, u});
            }
        }
        return items;
    }

    Scope scope_of(const Item& item) {
        if (item.statement >= 0) return tree_.scopes[static_cast<size_t>(item.statement)];
        Scope common;
        bool first = true;
        for (const Item& inside : at(item.unit).items) {
            const Scope s = scope_of(inside);
            if (s.empty()) continue;
            if (first)
                common = s;
            else
                common.resize(model::common_depth(common, s));
            first = false;
        }
        return common;
    }

    /// Calls that a reader sees: neighbours of one kind are one loop.
    size_t seen(const std::vector<Item>& items) {
        size_t count = 0;
        for (size_t k = 0; k < items.size(); ++k) {
            const bool again = k > 0 && items[k].unit >= 0 && items[k - 1].unit >= 0 &&
                               at(items[k].unit).kind >= 0 &&
                               at(items[k].unit).kind == at(items[k - 1].unit).kind;
            count += again ? 0 : 1;
        }
        return count;
    }

    /// Neighbours whose scopes begin alike become a unit, so that no class is too long.
    void gather(int u) {
        for (size_t depth = 1; depth <= 4 && seen(at(u).items) > kMostCalls; ++depth) {
            std::vector<Item> items;
            const std::vector<Item> old = at(u).items;
            for (size_t k = 0; k < old.size();) {
                Scope scope = scope_of(old[k]);
                size_t end = k + 1;
                while (end < old.size() && scope.size() >= depth &&
                       same_start(scope, old[end], depth))
                    ++end;
                if (end - k < 2 || end - k == old.size())
                    items.insert(items.end(), old.begin() + static_cast<long>(k),
                                 old.begin() + static_cast<long>(end));
                else
                    items.push_back({-1, gathered(old, k, end, depth)});
                k = end;
            }
            at(u).items = std::move(items);
        }
        if (seen(at(u).items) > kMostCalls || at(u).items.size() > kMostItems)
            divide(u, kMostCalls);
    }

    /// Items [begin, end) as one unit. What belongs to their common scope itself, and to no scope
    /// within it, stands in the unit.
    int gathered(const std::vector<Item>& items, size_t begin, size_t end, size_t depth) {
        Unit unit;
        for (size_t k = begin; k < end; ++k) {
            const Item& item = items[k];
            const bool inside = item.unit >= 0 && scope_of(item).size() <= depth &&
                                at(item.unit).items.size() <= kInlined;
            if (inside)
                unit.items.insert(unit.items.end(), at(item.unit).items.begin(),
                                  at(item.unit).items.end());
            else
                unit.items.push_back(item);
        }
        const int made = add(std::move(unit));
        divide(made);
        return made;
    }

    bool same_start(const Scope& scope, const Item& item, size_t depth) {
        const Scope other = scope_of(item);
        return other.size() >= depth && model::common_depth(scope, other) >= depth;
    }

    // ---- lists ---------------------------------------------------------------------------------

    /// "layer1.2" is place 2 of list layer1.
    static bool numbered(const Scope& scope, std::string& list, int& place) {
        if (scope.empty()) return false;
        const std::string& last = scope.back();
        const size_t dot = last.find_last_of("._");
        const std::string digits = dot == std::string::npos ? "" : last.substr(dot + 1);
        if (digits.empty() || digits.size() > 4 ||
            !std::all_of(digits.begin(), digits.end(),
                         [](unsigned char c) { return std::isdigit(c) != 0; }))
            return false;
        list = identifier(last.substr(0, dot));
        place = std::stoi(digits);
        return true;
    }

    size_t statements_in(int u, const Scope& scope) {
        size_t count = 0;
        for (const Item& item : at(u).items) {
            if (item.unit >= 0)
                count += statements_in(item.unit, scope);
            else
                count += begins(tree_.scopes[static_cast<size_t>(item.statement)], scope);
        }
        return count;
    }

    static bool begins(const Scope& scope, const Scope& start) {
        return scope.size() >= start.size() && model::common_depth(scope, start) == start.size();
    }

    /// "features.2/conv" is features.2 where that has nothing else: its place in a list.
    Scope place_of(const Item& item) {
        Scope scope = scope_of(item);
        std::string list;
        int place = 0;
        for (Scope up = scope; !up.empty(); up.pop_back()) {
            const auto all = std::count_if(tree_.scopes.begin(), tree_.scopes.end(),
                                           [&](const Scope& s) { return begins(s, up); });
            if (static_cast<size_t>(all) != statements_in(item.unit, up)) break;
            if (numbered(up, list, place)) return up;
        }
        return scope;
    }

    void name_lists(int u) {
        for (Item& item : at(u).items)
            if (item.unit >= 0) at(item.unit).scope = place_of(item);
        const std::vector<Item> items = at(u).items;
        std::map<std::string, int> taken;
        for (size_t k = 0; k < items.size();) {
            const size_t end = list_end(items, k);
            if (end - k >= 2) set_list(items, k, end, taken);
            k = std::max(end, k + 1);
        }
    }

    /// One behind the last of a row of units that are numbered from 0 on, or that the file has
    /// no names for.
    size_t list_end(const std::vector<Item>& items, size_t k) {
        if (items[k].unit < 0) return k;
        std::string list, next;
        int place = 0, next_place = 0;
        size_t end = k + 1;
        if (numbered(at(items[k].unit).scope, list, place) && place == 0) {
            while (end < items.size() && items[end].unit >= 0 &&
                   numbered(at(items[end].unit).scope, next, next_place) && next == list &&
                   next_place == place + 1) {
                ++place;
                ++end;
            }
            if (end - k >= 2) return end;
        }
        // Without numbers in the file: calls in a row that hand on one value.
        while (end < items.size() && items[end].unit >= 0 &&
               !numbered(at(items[end].unit).scope, next, next_place) &&
               at(items[k].unit).scope.empty() && at(items[end].unit).scope.empty())
            ++end;
        return end;
    }

    void set_list(const std::vector<Item>& items, size_t begin, size_t end,
                  std::map<std::string, int>& taken) {
        std::string list = "blocks";
        int place = 0;
        numbered(at(items[begin].unit).scope, list, place);
        const int times = ++taken[list];
        if (times > 1) list += "_" + std::to_string(times);
        for (size_t k = begin; k < end; ++k) {
            at(items[k].unit).list = list;
            at(items[k].unit).place = static_cast<int>(k - begin);
        }
    }

    // ---- inputs and outputs --------------------------------------------------------------------

    struct Span {
        int begin = 0, end = 0;
    };

    void wire() {
        const size_t values = source_.graph.values.size();
        made_.assign(values, -1);
        last_read_.assign(values, -1);
        const std::vector<int> order = statement_order(tree_);
        for (size_t p = 0; p < order.size(); ++p) {
            const Statement& s = tree_.statements[static_cast<size_t>(order[p])];
            for (ValueId id : reads_of(s))
                last_read_[static_cast<size_t>(id.v)] = static_cast<int>(p);
            for (ValueId id : s.results)
                if (id.valid()) made_[static_cast<size_t>(id.v)] = static_cast<int>(p);
        }
        for (ValueId id : source_.graph.outputs)
            last_read_[static_cast<size_t>(id.v)] = static_cast<int>(order.size());
        wire_unit(tree_.root, 0);
        Unit& root = at(tree_.root);
        root.inputs = source_.graph.inputs;
        root.outputs = source_.graph.outputs;
    }

    int wire_unit(int u, int begin) {
        int end = begin;
        std::vector<ValueId> reads, results;
        for (size_t k = 0; k < at(u).items.size(); ++k) {
            const Item item = at(u).items[k];
            if (item.unit >= 0) {
                end = wire_unit(item.unit, end);
                const Unit& part = at(item.unit);
                reads.insert(reads.end(), part.inputs.begin(), part.inputs.end());
                results.insert(results.end(), part.outputs.begin(), part.outputs.end());
                continue;
            }
            ++end;
            const Statement& s = tree_.statements[static_cast<size_t>(item.statement)];
            for (ValueId id : reads_of(s)) reads.push_back(id);
            for (ValueId id : s.results)
                if (id.valid()) results.push_back(id);
        }
        Unit& unit = at(u);
        for (ValueId id : reads)
            if (made_[static_cast<size_t>(id.v)] < begin && !contains(unit.inputs, id))
                unit.inputs.push_back(id);
        for (ValueId id : results)
            if (last_read_[static_cast<size_t>(id.v)] >= end) unit.outputs.push_back(id);
        return end;
    }

    static bool contains(const std::vector<ValueId>& ids, ValueId id) {
        return std::find(ids.begin(), ids.end(), id) != ids.end();
    }

    const Source& source_;
    Tree tree_;
    std::set<std::string> from_zero_;          // "layer" of layer_0
    std::set<std::string> containers_;         // scopes that hold others
    std::map<std::string, int> joined_kinds_;  // by form
    std::set<int> repeated_;                   // kinds of two blocks or more
    std::vector<int> made_, last_read_;        // by value: position of a statement
};

void append_order(const Tree& tree, int u, std::vector<int>& order) {
    for (const Item& item : tree.units[static_cast<size_t>(u)].items) {
        if (item.unit >= 0)
            append_order(tree, item.unit, order);
        else
            order.push_back(item.statement);
    }
}

}  // namespace

std::vector<int> statement_order(const Tree& tree) {
    std::vector<int> order;
    append_order(tree, tree.root, order);
    return order;
}

Tree make_tree(const Source& source) {
    return TreeMaker(source).make();
}

}  // namespace smeaton::pytorch
