// emitted_fuzz [PROGRAMS] [SEED] [ISA]: random programs in batches of 40, the interpreter as judge.
#include <fmt/core.h>

#include <cstdlib>
#include <exception>

#include "gir/rewrite/spell/spell.h"
#include "gir/text/parse.h"
#include "random_program.h"
#include "run/cpu.h"
#include "run_emitted.h"

int main(int argc, char** argv) {
    using namespace smeaton;
    int programs = argc > 1 ? std::atoi(argv[1]) : 400;
    uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000;
    std::string best = run::host_isa();
    std::vector<std::string> isas = {"plain"};
    if (best != "plain") isas.insert(isas.begin(), "avx2");
    if (best.rfind("avx512", 0) == 0) isas.insert(isas.begin(), "avx512");
    if (argc > 3) isas = {argv[3]};
    int failed = 0, done = 0;
    for (; done < programs; done += 40, ++seed) {
        std::string text = emitted::random_program(seed, 40);
        gir::Program program = gir::parse_program(text, "fuzz");
        for (const std::string& isa : isas) {
            try {
                const gir::Program spelled =
                    gir::rewrite::spell(program, emitted::target_of(emit::isa_named(isa), seed));
                for (const std::string& d :
                     emitted::compare(spelled, emitted::random_inputs(program, seed), isa)
                         .differences) {
                    fmt::print("seed {} {}: {}\n", seed, isa, d);
                    ++failed;
                }
            } catch (const std::exception& error) {
                fmt::print("seed {} {}: {}\n", seed, isa, error.what());
                ++failed;
            }
        }
    }
    fmt::print("{} programs, {} differences\n", done, failed);
    return failed == 0 ? 0 : 1;
}
