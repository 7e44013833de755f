#include "cli/verb_text.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace smeaton::cli {

namespace {

class Described : public Arguments {
public:
    explicit Described(std::vector<OptionText>& options) : options_(options) {}

    void positional(const std::string& name, std::string&, const std::string& help,
                    bool required) override {
        options_.push_back({{name}, "", help, {}, true, required});
    }
    void positional(const std::string& name, std::vector<std::string>&,
                    const std::string& help) override {
        options_.push_back({{name}, "", help, {}, true, false});
    }
    void option(const std::string& names, std::string&, const std::string& what,
                const std::string& help) override {
        add(names, what, help);
    }
    void option(const std::string& names, int&, int, const std::string& help) override {
        add(names, "N", help);
    }
    void option(const std::string& names, uint64_t&, const std::string& help) override {
        add(names, "N", help);
    }
    void option(const std::string& names, std::optional<double>&,
                const std::string& help) override {
        add(names, "X", help);
    }
    void option(const std::string& names, std::vector<std::string>&, const std::string& what,
                const std::string& help, bool) override {
        add(names, what, help);
    }
    void flag(const std::string& names, bool&, const std::string& help) override {
        add(names, "", help);
    }
    void flag(const std::string& name, std::string&, const std::vector<std::string>&,
              const std::string& help) override {
        add(name, "", help);
    }
    void words(const std::string& name, const std::vector<std::string>& words) override {
        for (OptionText& o : options_)
            if (std::find(o.names.begin(), o.names.end(), name) != o.names.end()) o.words = words;
    }

private:
    void add(const std::string& names, const std::string& what, const std::string& help) {
        OptionText option{{}, what, help, {}};
        for (size_t at = 0; at < names.size();) {
            const size_t end = std::min(names.find(',', at), names.size());
            option.names.push_back(names.substr(at, end - at));
            at = end + 1;
        }
        options_.push_back(std::move(option));
    }

    std::vector<OptionText>& options_;
};

}  // namespace

VerbText text_of(const Verb& verb) {
    VerbText text{verb.name, verb.summary, verb.example, {}};
    Described described(text.options);
    verb.declare(described);
    return text;
}

std::vector<std::string> option_names(const VerbText& verb) {
    std::vector<std::string> names;
    for (const OptionText& option : verb.options)
        if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
    names.emplace_back("--help");
    return names;
}

void require_verb(const std::vector<Verb>& verbs, const std::string& name) {
    std::vector<std::string> names;
    for (const Verb& verb : verbs) names.push_back(verb.name);
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    names.emplace_back("help");
    std::string list;
    for (const std::string& n : names) list += (list.empty() ? "" : ", ") + n;
    throw UserError("there is no verb '{}'{}; the verbs are {}", name, nearest_hint(name, names),
                    list);
}

std::string with_words(const std::string& help, const std::vector<std::string>& words) {
    std::string list;
    for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
    return help + ": " + list;
}

}  // namespace smeaton::cli
