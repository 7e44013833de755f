#include "compare/adoption.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/error.h"
#include "machine/shipped.h"
#include "machine/yaml_map.h"

namespace smeaton::compare {

namespace {

using machine::YamlMap;

bool holds(const std::vector<std::string>& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

EngineList read_one(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, "engine");
    EngineList list;
    list.engine = map.text("engine");
    map.rename("engine " + list.engine);
    list.classes = map.words("classes");
    list.vendor = map.optional_text("vendor").value_or("");
    list.every_operator = map.optional_text("every_operator").value_or("") == "true";
    list.complete = map.optional_text("complete").value_or("") == "true";
    list.operators = map.words("operators");
    list.models = map.words("models");
    list.where = map.optional_text("where").value_or("");
    list.source = map.text("source");
    list.date = map.text("date");
    map.finish();
    return list;
}

bool answers(const EngineList& list, const std::string& engine, const machine::Device& d) {
    return list.engine == engine && (list.classes.empty() || holds(list.classes, d.device_class)) &&
           (list.vendor.empty() || list.vendor == d.vendor);
}

EngineFit fit_of(const EngineList& list, const Workload& w) {
    EngineFit fit;
    fit.engine = list.engine;
    fit.source = list.source;
    fit.date = list.date;
    if (list.every_operator) {
        fit.known = true;
        return fit;
    }
    if (!list.operators.empty()) {
        for (const std::string& op : w.op_names)
            if (!holds(list.operators, op)) fit.lacks.push_back(op);
        fit.known = list.complete || fit.lacks.empty();
        fit.why = list.where;
    } else if (w.model_type.empty()) {
        fit.known = true;
        fit.lacks = {"ONNX graphs"};
        fit.why = "it reads configurations of known models";
    } else if (holds(list.models, w.model_type)) {
        fit.known = true;
    } else if (list.complete) {
        fit.known = true;
        fit.lacks = {w.model_type};
        fit.why = "this kind of model is not on its list";
    } else {
        fit.why = "its list was not read whole";
    }
    if (!fit.known) fit.lacks.clear();
    if (fit.lacks.empty() && fit.known) fit.why.clear();
    return fit;
}

}  // namespace

std::vector<EngineList> parse_engines(const std::string& yaml, const std::string& file) {
    try {
        const YAML::Node root = YAML::Load(yaml);
        YamlMap map(root, file, "engines");
        std::vector<EngineList> all;
        for (const YAML::Node& item : map.items("engines")) all.push_back(read_one(item, file));
        map.finish();
        return all;
    } catch (const YAML::Exception& error) {
        throw UserError("{}:{}: not readable as YAML: {}", file, error.mark.line + 1, error.msg);
    }
}

const std::vector<EngineList>& shipped_engine_lists() {
    static const std::vector<EngineList> lists =
        parse_engines(std::string(machine::shipped_engines()), "machines/compare/engines.yaml");
    return lists;
}

std::vector<EngineFit> engines_for(const std::vector<EngineList>& lists, const Workload& w,
                                   const machine::Device& device) {
    std::vector<EngineFit> all;
    for (const std::string& engine : device.engines) {
        const auto list = std::find_if(lists.begin(), lists.end(), [&](const EngineList& l) {
            return answers(l, engine, device);
        });
        if (list != lists.end()) {
            all.push_back(fit_of(*list, w));
        } else if (engine == "smeaton") {
            // Whatever got here was read by this program; it refuses what it cannot compile.
            all.push_back({engine, true, {}, "", "this program", ""});
        } else {
            EngineFit unknown;
            unknown.engine = engine;
            unknown.why = "no list of it for this device was read";
            all.push_back(unknown);
        }
    }
    return all;
}

}  // namespace smeaton::compare
