#include "machine/words.h"

#include <array>

namespace smeaton::machine {
namespace {

#define X(name, text) text,
constexpr std::array kRoles{SMEATON_OPERAND_ROLES(X)};
constexpr std::array kOpClasses{SMEATON_OP_CLASSES(X)};
#undef X
constexpr std::array kManaged{"software", "hardware"};
constexpr std::array kUnitKinds{"scalar", "vector", "systolic", "matrix"};
constexpr std::array kDataflows{"weight_stationary", "output_stationary", "input_stationary"};
constexpr std::array kTechnologies{"45nm", "7nm"};
constexpr std::array kTopologies{"point_to_point", "bus", "ring", "mesh", "torus", "all_to_all"};

template <class T>
constexpr const auto& table() {
    if constexpr (std::is_same_v<T, OperandRole>)
        return kRoles;
    else if constexpr (std::is_same_v<T, OpClass>)
        return kOpClasses;
    else if constexpr (std::is_same_v<T, Managed>)
        return kManaged;
    else if constexpr (std::is_same_v<T, UnitKind>)
        return kUnitKinds;
    else if constexpr (std::is_same_v<T, Dataflow>)
        return kDataflows;
    else if constexpr (std::is_same_v<T, Technology>)
        return kTechnologies;
    else
        return kTopologies;
}

}  // namespace

std::string_view text(OperandRole r) {
    return kRoles.at(static_cast<size_t>(r));
}
std::string_view text(OpClass c) {
    return kOpClasses.at(static_cast<size_t>(c));
}
std::string_view text(Managed m) {
    return kManaged.at(static_cast<size_t>(m));
}
std::string_view text(UnitKind k) {
    return kUnitKinds.at(static_cast<size_t>(k));
}
std::string_view text(Dataflow d) {
    return kDataflows.at(static_cast<size_t>(d));
}
std::string_view text(Technology t) {
    return kTechnologies.at(static_cast<size_t>(t));
}
std::string_view text(Topology t) {
    return kTopologies.at(static_cast<size_t>(t));
}

template <class T>
std::optional<T> parse_word(std::string_view word) {
    const auto& words = table<T>();
    for (size_t i = 0; i < words.size(); ++i)
        if (words[i] == word) return static_cast<T>(i);
    return std::nullopt;
}

template <class T>
std::vector<std::string> all_words() {
    const auto& words = table<T>();
    return {words.begin(), words.end()};
}

template std::optional<OperandRole> parse_word(std::string_view);
template std::optional<OpClass> parse_word(std::string_view);
template std::optional<Managed> parse_word(std::string_view);
template std::optional<UnitKind> parse_word(std::string_view);
template std::optional<Dataflow> parse_word(std::string_view);
template std::optional<Technology> parse_word(std::string_view);
template std::optional<Topology> parse_word(std::string_view);
template std::vector<std::string> all_words<OperandRole>();
template std::vector<std::string> all_words<OpClass>();
template std::vector<std::string> all_words<Managed>();
template std::vector<std::string> all_words<UnitKind>();
template std::vector<std::string> all_words<Dataflow>();
template std::vector<std::string> all_words<Technology>();
template std::vector<std::string> all_words<Topology>();

}  // namespace smeaton::machine
