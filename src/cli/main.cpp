#include <cstdio>
#include <exception>
#include <new>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

int main(int argc, char** argv) {
    using namespace smeaton;
    try {
        cli::end_cleanly_on_interrupt();
        return cli::run_command_line(
            {cli::inspect_verb(), cli::run_verb(), cli::emit_verb(), cli::probe_verb(),
             cli::simulate_verb(), cli::schedule_verb(), cli::study_verb(), cli::cache_verb()},
            argc, argv);
    } catch (const UserError& error) {
        fmt::print(stderr, "smeaton: {}\n", error.what());
        return 1;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "smeaton: not enough memory\n");
        return 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "smeaton: internal error, please report it: {}\n", error.what());
        return 2;
    }
}
