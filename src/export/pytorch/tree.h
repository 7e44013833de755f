// The model as a tree of units: what becomes a class, and what a class calls.
#pragma once

#include <string>
#include <vector>

#include "export/pytorch/speller.h"
#include "model/blocks/blocks.h"
#include "model/blocks/scopes.h"

namespace smeaton::pytorch {

/// A statement, or a call of another unit.
struct Item {
    int statement = -1;
    int unit = -1;
};

struct Unit {
    model::Scope scope;  ///< of all its nodes; empty where the file's names tell nothing
    int kind = -1;       ///< units of one kind are equal but for their weights; -1: of none
    std::vector<Item> items;
    std::vector<ValueId> inputs;   ///< made outside, in the order of reading
    std::vector<ValueId> outputs;  ///< read outside
    std::string list;              ///< stands in the parent's list of that name
    int place = 0;                 ///< there
};

struct Tree {
    std::vector<Statement> statements;
    std::vector<Unit> units;
    int root = -1;
    std::vector<model::Scope> scopes;  ///< by statement
};

/// No function gets more statements than this, the model's own not more calls than kMostCalls.
inline constexpr size_t kMostItems = 60;
inline constexpr size_t kMostCalls = 36;

/// What the graph's outputs depend on, in an order in which layers stand together. UserError
/// listing every node that has no spelling.
Tree make_tree(const Source&);

/// Statements in the order of the tree.
std::vector<int> statement_order(const Tree&);

}  // namespace smeaton::pytorch
