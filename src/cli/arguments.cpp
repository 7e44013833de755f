#include "cli/arguments.h"

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace smeaton::cli {

namespace {

class Declared : public Arguments {
public:
    explicit Declared(CLI::App& app) : app_(app) {}

    void positional(const std::string& name, std::string& value, const std::string& help,
                    bool required) override {
        app_.add_option(name, value, help)->required(required)->type_name("");
    }
    void option(const std::string& names, std::string& value, const std::string& what,
                const std::string& help) override {
        app_.add_option(names, value, help)->type_name(what);
    }
    void option(const std::string& names, int& value, int at_least,
                const std::string& help) override {
        app_.add_option(names, value, help)
            ->type_name("N")
            ->check(CLI::Range(at_least, 1 << 30))
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

private:
    CLI::App& app_;
};

std::string one_line(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    for (char& c : text)
        if (c == '\n') c = ' ';
    return text;
}

}  // namespace

int run_command_line(const std::vector<Verb>& verbs, int argc, char** argv) {
    CLI::App app(
        "Smeaton compiles a neural network for this machine, runs it, and says where its "
        "time goes.",
        "smeaton");
    app.set_version_flag("--version", SMEATON_VERSION);
    app.require_subcommand(0, 1);
    std::vector<std::function<int()>> bodies;
    for (const Verb& verb : verbs) {
        CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
        sub->footer("Example:\n  " + verb.example);
        Declared declared(*sub);
        bodies.push_back(verb.declare(declared));
    }
    std::string list;
    bool known = argc < 2 || argv[1][0] == '-';
    for (const Verb& verb : verbs) {
        list += (list.empty() ? "" : ", ") + verb.name;
        known |= argc > 1 && verb.name == argv[1];
    }
    if (!known) throw UserError("there is no verb '{}'; the verbs are {}", argv[1], list);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {
        return app.exit(asked);  // --help, --version
    } catch (const CLI::ParseError& error) {
        std::string verb = argc > 1 && argv[1][0] != '-' ? std::string(" ") + argv[1] : "";
        throw UserError("{} (smeaton{} --help shows what there is)", one_line(error.what()), verb);
    }
    for (size_t i = 0; i < verbs.size(); ++i)
        if (app.got_subcommand(verbs[i].name)) return bodies[i]();
    fmt::print("{}", app.help());
    return argc > 1 ? 1 : 0;
}

}  // namespace smeaton::cli
