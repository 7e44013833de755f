#include "driver/parallel/file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "base/error.h"
#include "base/output_file.h"
#include "base/text_reader.h"
#include "base/text_writer.h"
#include "run/cache.h"
#include "run/cpu.h"

namespace smeaton::driver {

namespace {

// The figures, in the order in which they are written.
struct Figure {
    const char* name;
    double ParallelChoice::*value;
};
constexpr Figure kFigures[] = {
    {"serial_us", &ParallelChoice::serial_us},
    {"linear_us", &ParallelChoice::linear_us},
    {"scheduled_us", &ParallelChoice::scheduled_us},
    {"bound_us", &ParallelChoice::bound_us},
    {"critical_path_us", &ParallelChoice::critical_path_us},
    {"work_us", &ParallelChoice::work_us},
    {"uncertainty", &ParallelChoice::uncertainty},
    {"crowding", &ParallelChoice::crowding},
};

schedule::Placed read_placed(TextReader& in, int task) {
    schedule::Placed p;
    p.task = {task};
    in.expect("cores");
    const auto first = static_cast<int>(in.integer("a core")),
               count = static_cast<int>(in.integer("a number of cores"));
    if (first < 0 || count < 1 || count > schedule::kMostCores) in.fail("no such cores");
    p.cores.resize(static_cast<size_t>(count));
    std::iota(p.cores.begin(), p.cores.end(), first);
    in.expect("start");
    p.start_us = in.number();
    in.expect("finish");
    p.finish_us = in.number();
    return p;
}

void read_ways(TextReader& in, ParallelChoice& c) {
    in.expect("samples");
    if (in.integer() != c.samples) in.fail("another number of samples");
    in.expect("hyper");
    c.hyper = in.string();
    in.end_line();
    in.expect("energy");
    c.energy_of = in.string();
    c.energy_missing = in.string();
    in.end_line();
    in.expect("ways");
    const int64_t ways = in.integer("a number of ways");
    in.end_line();
    for (int64_t i = 0; i < ways; ++i) {
        TriedWay way;
        in.expect("way");
        way.method = in.identifier("a method");
        way.hyper = in.string();
        in.expect("us");
        way.us = in.number();
        in.expect("joules");
        way.joules = in.number();
        in.end_line();
        c.ways.push_back(std::move(way));
    }
}

}  // namespace

// parallel auto
//   method list tried list threads 2 timings 1
//   cpu "..."
//   samples 1 hyper ""
//   energy "RAPL: package-0" ""
//   ways 2
//   way serial "" us 120.5 joules 0.02
//   ...
//   serial_us 120.5
//   ...
//   kernel conv_1 us 10.0 5.5 cores 0 2 start 0.0 finish 5.5
std::string parallel_text(const ParallelChoice& c) {
    std::string out = fmt::format(
        "parallel {}\n  method {} tried {} threads {} timings {}\n  cpu {}\n  samples {} hyper {}\n"
        "  energy {} {}\n  ways {}\n",
        c.wanted, c.method, c.tried, c.threads, c.timings, smeaton::quoted(c.cpu), c.samples,
        smeaton::quoted(c.hyper), smeaton::quoted(c.energy_of), smeaton::quoted(c.energy_missing),
        c.ways.size());
    for (const TriedWay& w : c.ways)
        out += fmt::format("  way {} {} us {} joules {}\n", w.method, smeaton::quoted(w.hyper),
                           float_text(w.us), float_text(w.joules));
    for (const Figure& f : kFigures)
        out += fmt::format("  {} {}\n", f.name, float_text(c.*f.value));
    for (size_t i = 0; i < c.graph.tasks.size(); ++i) {
        const schedule::Placed& p = c.schedule.tasks[i];
        out += fmt::format("  kernel {} us", name_text(c.graph.tasks[i].name));
        for (double us : c.graph.tasks[i].durations_us) out += " " + float_text(us);
        out += fmt::format(" cores {} {} start {} finish {}\n", p.cores.front(), p.cores.size(),
                           float_text(p.start_us), float_text(p.finish_us));
    }
    return out;
}

ParallelChoice parse_parallel(std::string_view text, const std::string& file,
                              const ParallelChoice& asked) {
    TextReader in(file, text);
    ParallelChoice c = asked;
    c.ways.clear();
    in.expect("parallel");
    in.expect(asked.wanted);
    in.end_line();
    in.expect("method");
    c.method = in.identifier("a method");
    in.expect("tried");
    c.tried = in.identifier("an algorithm");
    in.expect("threads");
    if (in.integer() != asked.threads) in.fail("another number of threads");
    in.expect("timings");
    c.timings = static_cast<int>(in.integer("how often it was timed"));
    in.end_line();
    in.expect("cpu");
    if (in.string() != asked.cpu) in.fail("another machine");
    in.end_line();
    read_ways(in, c);
    for (const Figure& f : kFigures) {
        in.expect(f.name);
        c.*f.value = in.number();
        in.end_line();
    }
    c.schedule.tasks.clear();
    for (size_t i = 0; i < c.graph.tasks.size(); ++i) {
        schedule::Task& task = c.graph.tasks[i];
        in.expect("kernel");
        if (in.name() != task.name) in.fail("another kernel");
        in.expect("us");
        task.durations_us.clear();
        while (in.at_number()) task.durations_us.push_back(in.number());
        if (static_cast<int>(task.durations_us.size()) != asked.threads)
            in.fail("a time for each number of threads is expected");
        c.schedule.tasks.push_back(read_placed(in, static_cast<int>(i)));
        in.end_line();
    }
    if (!in.at_end()) in.fail_expected("no more kernels");
    return c;
}

ParallelFile::ParallelFile(const std::string& cache_folder, const std::string& plan,
                           const std::vector<std::string>& units, const ParallelChoice& asked) {
    const std::string folder = cache_folder.empty() ? run::default_cache_folder() : cache_folder;
    std::string key = fmt::format("{}\n{} cores\n{} threads\n{}\n{} samples {}\n{}",
                                  run::cpu_identity(), run::usable_cores(), asked.threads,
                                  asked.wanted, asked.samples, asked.hyper, plan);
    for (const std::string& unit : units) key += "\n" + run::digest(unit);
    path_ = fmt::format("{}/{}.parallel", folder, run::digest(key));
}

std::optional<ParallelChoice> ParallelFile::read(const ParallelChoice& asked) const {
    std::ifstream in(path_, std::ios::binary);
    if (!in) return std::nullopt;
    const std::string text(std::istreambuf_iterator<char>(in), {});
    try {
        ParallelChoice known = parse_parallel(text, path_, asked);
        known.kept = true;
        run::touch(path_);
        return known;
    } catch (const UserError&) {
        return std::nullopt;  // written by another version of ours: timed anew
    }
}

void ParallelFile::write(const ParallelChoice& choice) const {
    run::make_cache_folder(std::filesystem::path(path_).parent_path());
    write_file(path_, parallel_text(choice));
}

}  // namespace smeaton::driver
