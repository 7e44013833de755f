#include <cstdio>
#include <exception>
#include <new>

#include "base/error.h"
#include "cli/completion.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

int main(int argc, char** argv) {
    using namespace smeaton;
    try {
        cli::end_cleanly_on_interrupt();
        std::vector<cli::Verb> verbs = {
            cli::inspect_verb(),  cli::run_verb(),      cli::emit_verb(),   cli::probe_verb(),
            cli::simulate_verb(), cli::schedule_verb(), cli::train_verb(),  cli::study_verb(),
            cli::machine_verb(),  cli::cache_verb(),    cli::search_verb(), cli::devices_verb(),
            cli::place_verb()};
        verbs.push_back(cli::completion_verb(verbs));
        verbs.push_back(cli::man_verb(verbs));
        return cli::run_command_line(verbs, argc, argv);
    } catch (const UserError& error) {
        fmt::print(stderr, "smeaton: {}\n", cli::safe_lines(error.what()));
        return 1;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "smeaton: not enough memory\n");
        return 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "smeaton: internal error, please report it: {}\n", error.what());
        return 2;
    }
}
