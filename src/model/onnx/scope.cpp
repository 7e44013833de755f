#include "model/onnx/scope.h"

#include <algorithm>

#include "base/error.h"
#include "model/onnx/text.h"

namespace smeaton::model::onnx {

std::string UniqueNames::make(std::string wanted) {
    if (used_.insert(wanted).second) return wanted;
    for (int& number = next_.try_emplace(wanted, 2).first->second;; ++number) {
        std::string candidate = fmt::format("{}_{}", wanted, number);
        if (used_.insert(candidate).second) return candidate;
    }
}

ValueId new_value(Draft& draft, std::string wanted_name) {
    const ValueId id{static_cast<int32_t>(draft.graph.values.size())};
    Value value;
    value.name = draft.value_names.make(std::move(wanted_name));
    draft.graph.values.push_back(std::move(value));
    return id;
}

ValueId declare(Draft& draft, Scope& scope, const std::string& name, const std::string& prefix,
                const std::string& who) {
    const auto [at, is_new] = scope.names.try_emplace(name);
    if (!is_new)
        throw UserError("{} defines {}, which is defined already; every value has one source", who,
                        in_quotes(name));
    const auto preset = scope.preset.find(name);
    at->second = preset != scope.preset.end() && preset->second.valid()
                     ? preset->second
                     : new_value(draft, prefix + checked_name(name, "a value's name"));
    return at->second;
}

std::optional<ValueId> look_up(Draft& draft, Scope& scope, const std::string& name) {
    if (name.empty()) return ValueId{};
    if (const auto at = scope.names.find(name); at != scope.names.end()) return at->second;
    if (!scope.sees_outer) return std::nullopt;
    const std::optional<ValueId> outer = look_up(*draft.outer, *draft.outer_scope, name);
    if (!outer || !outer->valid()) return outer;
    auto known = draft.inner_of.find(*outer);  // two names of one value are captured once
    if (known == draft.inner_of.end()) {
        known = draft.inner_of.emplace(*outer, new_value(draft, name)).first;
        draft.captured.push_back(*outer);
    }
    scope.names.emplace(name, known->second);
    return known->second;
}

std::vector<ValueId> close_subgraphs(const std::vector<Draft*>& subgraphs) {
    std::vector<ValueId> captured;
    std::unordered_set<ValueId> known;
    for (const Draft* draft : subgraphs)
        for (const ValueId outer : draft->captured)
            if (known.insert(outer).second) captured.push_back(outer);
    for (Draft* draft : subgraphs) {
        for (const ValueId outer : captured) {
            const auto at = draft->inner_of.find(outer);
            const ValueId inner = at != draft->inner_of.end()
                                      ? at->second
                                      : new_value(*draft, draft->outer->graph.at(outer).name);
            draft->graph.inputs.push_back(inner);
        }
    }
    return captured;
}

}  // namespace smeaton::model::onnx
