#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "cli/verb_text.h"

namespace smeaton::cli {

namespace {

class Declared : public Arguments {
public:
    explicit Declared(CLI::App& app) : app_(app) {}

    void positional(const std::string& name, std::string& value, const std::string& help,
                    bool required) override {
        app_.add_option(name, value, help)->required(required)->type_name("");
    }
    void positional(const std::string& name, std::vector<std::string>& values,
                    const std::string& help) override {
        app_.add_option(name, values, help)->type_name("");
    }
    void option(const std::string& names, std::string& value, const std::string& what,
                const std::string& help) override {
        app_.add_option(names, value, help)->type_name(what);
    }
    void option(const std::string& names, int& value, int at_least,
                const std::string& help) override {
        app_.add_option(names, value, help)
            ->type_name("N")
            ->check(CLI::Range(at_least, 1 << 30).description(""))
            ->capture_default_str();
    }
    void option(const std::string& names, uint64_t& value, const std::string& help) override {
        app_.add_option(names, value, help)->type_name("N")->capture_default_str();
    }
    void option(const std::string& names, std::optional<double>& value,
                const std::string& help) override {
        app_.add_option(names, value, help)->type_name("X");
    }
    void option(const std::string& names, std::vector<std::string>& value, const std::string& what,
                const std::string& help, bool many) override {
        auto* option = app_.add_option(names, value, help)->type_name(what);
        option->allow_extra_args(many);
    }
    void flag(const std::string& names, bool& value, const std::string& help) override {
        app_.add_flag(names, value, help);
    }
    void flag(const std::string& name, std::string& value, const std::vector<std::string>& words,
              const std::string& help) override {
        app_.add_flag(name + "{" + words.front() + "}", value, help)
            ->check(CLI::IsMember(words))
            ->disable_flag_override(false);
    }
    void words(const std::string& name, const std::vector<std::string>& words) override {
        CLI::Option* option = app_.get_option(name);
        option->description(with_words(option->get_description(), words));
    }

private:
    CLI::App& app_;
};

/// A flag that may take a word is "--explain[=WORD]", not CLI11's "--explain{rules}".
class Help : public CLI::Formatter {
public:
    std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
        std::string name = CLI::Formatter::make_option_name(option, is_positional);
        const size_t open = name.find('{');
        return open == std::string::npos ? name : name.substr(0, open) + "[=WORD]";
    }
};

std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    for (char& c : text)
        if (c == '\n') c = ' ';
    return text;
}

}  // namespace

// What the parser did not take: the nearest of what there is, where an option is misspelled.
static UserError refusal(const VerbText& verb, const std::vector<std::string>& given,
                         const std::string& reason) {
    const std::vector<std::string> names = option_names(verb);
    for (const std::string& word : given) {
        const std::string name = word.substr(0, word.find('='));
        if (!name.starts_with("--") || std::find(names.begin(), names.end(), name) != names.end())
            continue;
        return UserError("{} has no option {}{}; smeaton help {} shows what there is", verb.name,
                         name, nearest_hint(name, names), verb.name);
    }
    return UserError("{}: {} (smeaton help {} shows what there is)", verb.name, reason, verb.name);
}

static int parse_and_run(const std::vector<Verb>& verbs, CLI::App& app, int argc, char** argv) {
    app.formatter(std::make_shared<Help>());  // subcommands take it over
    std::vector<std::function<int()>> bodies;
    for (const Verb& verb : verbs) {
        CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
        sub->footer("Example:\n  " + verb.example);
        Declared declared(*sub);
        bodies.push_back(verb.declare(declared));
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {
        return app.exit(asked);  // --help, --version
    } catch (const CLI::ParseError& error) {
        const std::string reason = one_line(error.what());
        for (const Verb& verb : verbs)
            if (argc > 1 && verb.name == argv[1])
                throw refusal(text_of(verb), {argv + 2, argv + argc}, reason);
        throw UserError("{} (smeaton --help shows what there is)", reason);
    }
    for (size_t i = 0; i < verbs.size(); ++i)
        if (app.got_subcommand(verbs[i].name)) return bodies[i]();
    fmt::print("{}", app.help());
    return argc > 1 ? 1 : 0;
}

// "smeaton help VERB" is "smeaton VERB --help".
static std::vector<char*> without_help(const std::vector<Verb>& verbs, int argc, char** argv) {
    static char asked[] = "--help";
    std::vector<char*> words(argv, argv + argc);
    if (argc < 2 || std::string(argv[1]) != "help") return words;
    if (argc > 3) throw UserError("help takes one verb, as in smeaton help run");
    if (argc == 2) return {argv[0], asked};
    require_verb(verbs, argv[2]);
    return {argv[0], argv[2], asked};
}

int run_command_line(const std::vector<Verb>& verbs, int argc, char** argv) {
    CLI::App app(
        "Smeaton compiles a neural network for this machine, runs it, and says where its "
        "time goes.",
        "smeaton");
    app.set_version_flag("--version", SMEATON_VERSION);
    app.require_subcommand(0, 1);
    app.footer("smeaton help VERB says what a verb takes.");
    std::vector<char*> words = without_help(verbs, argc, argv);
    if (words.size() > 1 && words[1][0] != '-') require_verb(verbs, words[1]);
    return parse_and_run(verbs, app, static_cast<int>(words.size()), words.data());
}

}  // namespace smeaton::cli
