#include "cli/completion.h"

#include "base/error.h"
#include "base/nearest.h"
#include "cli/verbs.h"

namespace smeaton::cli {

namespace {

const std::vector<std::string>& shells() {
    static const std::vector<std::string> names = {"bash", "zsh", "fish"};
    return names;
}

std::string spaced(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::string verb_names(const std::vector<VerbText>& verbs) {
    std::vector<std::string> names;
    for (const VerbText& verb : verbs) names.push_back(verb.name);
    names.emplace_back("help");
    return spaced(names);
}

/// Text within single quotes of a shell.
std::string quoted(const std::string& text) {
    std::string out = "'";
    for (char c : text)
        if (c == '\'')
            out += "'\\''";
        else
            out += c;
    return out + "'";
}

// One case per verb: its options; after an option with a closed list, that list; else files.
std::string bash_script(const std::vector<VerbText>& verbs) {
    std::string out =
        "# smeaton completion bash; in ~/.bashrc: eval \"$(smeaton completion bash)\"\n"
        "_smeaton() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    COMPREPLY=()\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ] || [ \"$before\" = help ]; then\n"
        "        COMPREPLY=($(compgen -W '" +
        verb_names(verbs) +
        " --help --version' -- \"$word\"))\n"
        "        return\n"
        "    fi\n"
        "    local options= values=\n"
        "    case ${COMP_WORDS[1]} in\n";
    for (const VerbText& verb : verbs) {
        out += "    " + verb.name + ")\n        options='" + spaced(option_names(verb)) + "'\n";
        std::string cases;
        for (const OptionText& o : verb.options) {
            if (o.words.empty()) continue;
            if (o.positional) {
                out += "        [[ $word == -* ]] || values='" + spaced(o.words) + "'\n";
                continue;
            }
            std::string names;
            for (const std::string& n : o.names) names += (names.empty() ? "" : "|") + n;
            cases += "        " + names + ") values='" + spaced(o.words) + "' ;;\n";
        }
        if (!cases.empty()) out += "        case $before in\n" + cases + "        esac\n";
        out += "        ;;\n";
    }
    return out +
           "    esac\n"
           "    if [ -n \"$values\" ]; then\n"
           "        COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
           "    elif [[ $word == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
           "    fi\n"
           "}\n"
           "complete -o default -F _smeaton smeaton\n";
}

std::string zsh_script(const std::vector<VerbText>& verbs) {
    return "#compdef smeaton\n"
           "# smeaton completion zsh; in ~/.zshrc: eval \"$(smeaton completion zsh)\"\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash_script(verbs);
}

std::string fish_script(const std::vector<VerbText>& verbs) {
    std::string out =
        "# smeaton completion fish > ~/.config/fish/completions/smeaton.fish\n"
        "complete -c smeaton -n __fish_use_subcommand -f -a help -d 'what a verb takes'\n";
    for (const VerbText& verb : verbs) {
        out += "complete -c smeaton -n __fish_use_subcommand -f -a " + verb.name + " -d " +
               quoted(verb.summary) + "\n";
        const std::string here =
            "complete -c smeaton -n '__fish_seen_subcommand_from " + verb.name + "'";
        for (const OptionText& o : verb.options) {
            std::string line = here;
            if (!o.positional)
                for (const std::string& name : o.names)
                    line +=
                        name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            else if (o.words.empty())
                continue;
            if (!o.words.empty())
                line += std::string(o.positional ? "" : " -x") + " -a " + quoted(spaced(o.words));
            else if (!o.what.empty())
                line += " -r";
            out += line + " -d " + quoted(o.help) + "\n";
        }
    }
    return out;
}

/// Text for roff: no line begins with a control character, no dash is a hyphen.
std::string roff(const std::string& text) {
    std::string out;
    for (char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return !out.empty() && (out[0] == '.' || out[0] == '\'') ? "\\&" + out : out;
}

std::string man_option(const OptionText& o) {
    std::string names;
    for (const std::string& n : o.names)
        names += (names.empty() ? "\\fB" : ", \\fB") + roff(n) + "\\fR";
    if (!o.what.empty()) names += " \\fI" + roff(o.what) + "\\fR";
    return ".TP\n" + names + "\n" + roff(o.words.empty() ? o.help : with_words(o.help, o.words)) +
           "\n";
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<VerbText>& verbs) {
    if (shell == "bash") return bash_script(verbs);
    if (shell == "zsh") return zsh_script(verbs);
    if (shell == "fish") return fish_script(verbs);
    throw UserError("completion: no script for '{}'{}; there are bash, zsh and fish", shell,
                    nearest_hint(shell, shells()));
}

std::string man_page(const std::vector<VerbText>& verbs) {
    std::string out =
        ".TH SMEATON 1 \"\" \"smeaton " SMEATON_VERSION
        "\" \"\"\n.SH NAME\nsmeaton \\- compiles a neural network for this machine, runs it, and "
        "says where its time goes\n.SH SYNOPSIS\n.B smeaton\n.I VERB\n[options]\n.SH VERBS\n";
    for (const VerbText& verb : verbs) {
        out += ".SS smeaton " + verb.name;
        for (const OptionText& o : verb.options)
            if (o.positional) out += o.required ? " " + o.names[0] : " [" + o.names[0] + "]";
        out += "\n" + roff(verb.summary) + "\n";
        for (const OptionText& o : verb.options) out += man_option(o);
        out += ".PP\nExample:\n.PP\n.nf\n  " + roff(verb.example) + "\n.fi\n";
    }
    return out +
           ".SH EXIT STATUS\n0: done; 1: the user can mend it, the message says how; 2: a fault of "
           "the program; 130: interrupted.\n";
}

namespace {

std::vector<VerbText> texts_of(const std::vector<Verb>& verbs) {
    std::vector<VerbText> texts;
    for (const Verb& verb : verbs) texts.push_back(text_of(verb));
    return texts;
}

}  // namespace

Verb completion_verb(const std::vector<Verb>& verbs) {
    return {"completion", "a script that completes verbs, options and their values in a shell",
            "smeaton completion bash >> ~/.bashrc", [&verbs](Arguments& arguments) {
                auto shell = std::make_shared<std::string>();
                arguments.positional("SHELL", *shell, "of which");
                arguments.words("SHELL", shells());
                return [shell, &verbs] {
                    print_out(completion_script(*shell, texts_of(verbs)));
                    return 0;
                };
            }};
}

Verb man_verb(const std::vector<Verb>& verbs) {
    return {"man", "the manual page, as roff text", "smeaton man | man -l -", [&verbs](Arguments&) {
                return [&verbs] {
                    print_out(man_page(texts_of(verbs)));
                    return 0;
                };
            }};
}

}  // namespace smeaton::cli
