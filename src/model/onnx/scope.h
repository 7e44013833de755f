// Names in a graph that is being built: which value a name means, and what a subgraph captures.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/graph.h"

namespace smeaton::model::onnx {

/// Makes names unique by appending _2, _3, ...
class UniqueNames {
public:
    std::string make(std::string wanted);

private:
    std::unordered_set<std::string> used_;
    std::unordered_map<std::string, int> next_;
};

struct Scope;

/// A graph under construction. A function body adds to the draft of the graph that calls it.
struct Draft {
    Graph graph;
    UniqueNames value_names;
    UniqueNames node_names;
    Draft* outer = nullptr;  ///< of a subgraph: where the names that it captures are looked up
    Scope* outer_scope = nullptr;
    std::vector<ValueId> captured;  ///< values of `outer`, in the order of their first use here
    std::unordered_map<ValueId, ValueId> inner_of;  ///< captured -> value here
};

/// The names of one graph or of one function body. Keys view the texts of the parsed file.
struct Scope {
    std::unordered_map<std::string_view, ValueId> names;  ///< invalid id: an absent function input
    std::unordered_map<std::string_view, ValueId>
        preset;               ///< a function's outputs: the caller's values
    bool sees_outer = false;  ///< a subgraph's own scope; a function body sees nothing outside
};

ValueId new_value(Draft&, std::string wanted_name);

/// A new value for `name`. `who` defines it: "node 'a' (Add)". UserError when the name is taken.
ValueId declare(Draft&, Scope&, const std::string& name, const std::string& prefix,
                const std::string& who);

/// The value that `name` means, captured from the enclosing graphs if need be; invalid for "" and
/// for an absent function input; nothing when there is none.
std::optional<ValueId> look_up(Draft&, Scope&, const std::string& name);

/// Gives all subgraphs of a node the same captured inputs, in the same order; returns the values of
/// the enclosing graph that they stand for.
std::vector<ValueId> close_subgraphs(const std::vector<Draft*>& subgraphs);

}  // namespace smeaton::model::onnx
