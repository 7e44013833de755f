// What modules are called in their class, and tensors in a function.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "export/pytorch/tree.h"

namespace smeaton::pytorch {

/// The attributes of one unit's class.
struct Attributes {
    struct Made {
        std::string name;
        const Module* module;
    };
    std::vector<Made> made;                      ///< in the order of __init__; each name once
    std::map<int, std::vector<std::string>> of;  ///< by statement: of each of its modules
    struct Child {
        int unit;
        std::string name;  ///< "layer1[2]" for one of a list
    };
    std::vector<Child> children;  ///< in the order of the unit's items
    const std::string& child(int unit) const;
};

/// Modules without weights that are made alike are one. Names come from the scopes of the file
/// where these tell something ("conv1", "query"), else from the kind of module, with numbers.
/// Looks words up in tables and does little else.
bool embeds(const Tree&, int unit);

Attributes name_attributes(const Source&, const Tree&, int unit);

/// Names of variables in a function whose items are numbered. A result takes the name of an operand
/// that nobody reads any more: x = self.conv(x).
class Variables {
public:
    /// Never given to a tensor.
    void take(const std::string& name) { fixed_.insert(name); }
    /// A value that comes in, read last at item `last`; `keeps`: no other value takes its name.
    void bind(ValueId, const std::string& wanted, int last, bool keeps);
    /// The name says what the value is ("query"), not only that it goes on ("x", "out").
    bool tells(ValueId id) const { return telling_.count(names_.at(id.v)) > 0; }
    /// A result of item `item`, read last at item `last`.
    std::string give(ValueId, const std::vector<ValueId>& operands, const std::string& hint,
                     int item, int last);
    const std::string& of(ValueId id) const { return names_.at(id.v); }
    bool knows(ValueId id) const { return names_.count(id.v) > 0; }

private:
    bool is_free(const std::string& name, int item) const;

    std::map<int32_t, std::string> names_;
    std::map<int32_t, int> last_;
    std::map<std::string, int32_t> holder_;
    std::set<std::string> fixed_, telling_;
};

/// Operands whose name a result may go on with: what a layer or a product makes of a query is none.
std::vector<ValueId> named_on(const Statement&, const std::vector<ValueId>& operands,
                              const Variables&);

/// "query" of a module that is called so; empty where the name says only what kind of module it is.
std::string telling_name(const std::string& attribute);

}  // namespace smeaton::pytorch
