#include "run/plan_text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/text_reader.h"
#include "base/text_writer.h"

namespace smeaton::run {

namespace {

using Place = PlanBuffer::Place;

constexpr std::pair<Place, const char*> kPlaces[] = {
    {Place::Arena, "arena"},   {Place::Persistent, "persistent"},
    {Place::Packed, "packed"}, {Place::Constant, "constant"},
    {Place::State, "state"},   {Place::External, "external"}};

std::string list_text(const char* word, const std::vector<int>& list) {
    return list.empty() ? "" : fmt::format(" {} {}", word, fmt::join(list, ", "));
}

std::string buffer_text(size_t number, const PlanBuffer& b) {
    std::string place;
    for (auto [known, word] : kPlaces)
        if (known == b.place) place = word;
    if (b.place != Place::Constant) place += fmt::format(" {}", b.at);
    const std::string key = b.key.empty() ? "" : " key " + quoted(b.key);
    return fmt::format("  buffer {} {}: {} bytes {}{}\n", number, name_text(b.name), place, b.bytes,
                       key);
}

std::string step_text(const char* word, const PlanStep& s) {
    std::string out =
        fmt::format("  {} {}({}){}{}", word, name_text(s.name), fmt::join(s.buffers, ", "),
                    list_text("writes", s.writes), list_text("after", s.after));
    if (s.team != Team{}) out += fmt::format(" team {}, {}", s.team.first, s.team.count);
    if (s.work_ns != 0) out += " work " + float_text(s.work_ns);
    out += "\n";
    for (const PlanPhase& p : s.phases) {
        out += fmt::format("    phase {} range {}", name_text(p.function), p.range);
        if (p.parallel) out += " parallel";
        out += "\n";
    }
    for (const std::string& m : s.messages) out += "    message " + quoted(m) + "\n";
    return out;
}

class Parser {
public:
    Parser(std::string_view text, const std::string& file) : r_(file, text) {}

    Plan run() {
        r_.expect("plan");
        r_.end_line();
        while (r_.line_at(1)) line();
        if (!r_.at_end()) r_.fail_expected("a line of the plan");
        return std::move(plan_);
    }

private:
    void line() {
        if (r_.accept("buffer")) return buffer();
        if (r_.accept("fill")) return fill();
        if (r_.accept("once")) return step(plan_.once, false);
        if (r_.accept("step")) return step(plan_.steps, true);
        if (r_.accept("order")) {
            plan_.order = step_numbers();
        } else if (r_.accept("arena")) {
            plan_.arena_bytes = r_.integer();
        } else if (r_.accept("persistent")) {
            plan_.persistent_bytes = r_.integer();
        } else if (r_.accept("scratch")) {
            plan_.scratch_bytes = r_.integer();
        } else if (r_.accept("externals")) {
            plan_.externals = static_cast<int>(r_.integer());
        } else if (r_.accept("states")) {
            plan_.states = static_cast<int>(r_.integer());
        } else {
            r_.fail_expected("a buffer, a fill, a step or a size");
        }
        r_.end_line();
    }

    void buffer() {
        if (static_cast<size_t>(r_.integer("a number")) != plan_.buffers.size())
            r_.fail(fmt::format("the buffers are numbered; this one is {}", plan_.buffers.size()));
        PlanBuffer b;
        b.name = r_.name("the buffer's name");
        r_.expect(":");
        b.place = place();
        if (b.place != Place::Constant) b.at = r_.integer("a place");
        r_.expect("bytes");
        b.bytes = r_.integer();
        if (r_.accept("key")) b.key = r_.string("a key");
        plan_.buffers.push_back(std::move(b));
        r_.end_line();
    }

    Place place() {
        for (auto [known, word] : kPlaces)
            if (r_.accept(word)) return known;
        r_.fail_expected("arena, persistent, packed, constant, state or external");
    }

    int buffer_number() {
        Token place = r_.peek();
        int64_t n = r_.integer("a buffer's number");
        if (n < 0 || n >= static_cast<int64_t>(plan_.buffers.size()))
            r_.fail(place, fmt::format("there is no buffer {}", n));
        return static_cast<int>(n);
    }

    std::vector<int> step_numbers() {
        std::vector<int> out;
        do {
            Token place = r_.peek();
            int64_t n = r_.integer("a step's number");
            if (n < 0 || n >= static_cast<int64_t>(plan_.steps.size()))
                r_.fail(place, fmt::format("there is no step {} above", n));
            out.push_back(static_cast<int>(n));
        } while (r_.accept(","));
        return out;
    }

    void step(std::vector<PlanStep>& steps, bool each_run) {
        PlanStep s;
        s.name = r_.name("the step's name");
        r_.expect("(");
        for (bool first = true; !r_.accept(")"); first = false) {
            if (!first) r_.expect(",");
            s.buffers.push_back(buffer_number());
        }
        if (r_.accept("writes")) {
            do s.writes.push_back(buffer_number());
            while (r_.accept(","));
        }
        if (each_run && r_.accept("after")) s.after = step_numbers();
        if (each_run && r_.accept("team")) {
            s.team.first = static_cast<int>(r_.integer("a thread"));
            r_.expect(",");
            s.team.count = static_cast<int>(r_.integer("a number of threads"));
        }
        if (r_.accept("work")) s.work_ns = r_.number();
        r_.end_line();
        while (r_.line_at(2)) step_line(s);
        steps.push_back(std::move(s));
    }

    void step_line(PlanStep& s) {
        if (r_.accept("phase"))
            s.phases.push_back(phase());
        else if (r_.accept("message"))
            s.messages.push_back(r_.string("a message"));
        else
            r_.fail_expected("phase or message");
        r_.end_line();
    }

    void fill() {
        PlanFill f;
        f.buffer = buffer_number();
        r_.expect("offset");
        f.offset = r_.integer();
        r_.expect("count");
        f.count = r_.integer();
        r_.expect("bytes");
        f.element_bytes = static_cast<int>(r_.integer());
        r_.expect("element");
        f.element = r_.unsigned_integer();
        plan_.fills.push_back(f);
        r_.end_line();
    }

    PlanPhase phase() {
        PlanPhase p;
        p.function = r_.name("a function");
        r_.expect("range");
        p.range = r_.integer();
        p.parallel = r_.accept("parallel");
        return p;
    }

    TextReader r_;
    Plan plan_;
};

}  // namespace

std::string print(const Plan& plan) {
    std::string out = "plan\n";
    auto size = [&](const char* word, int64_t n) {
        if (n != 0) out += fmt::format("  {} {}\n", word, n);
    };
    size("arena", plan.arena_bytes);
    size("persistent", plan.persistent_bytes);
    size("scratch", plan.scratch_bytes);
    size("externals", plan.externals);
    size("states", plan.states);
    for (size_t i = 0; i < plan.buffers.size(); ++i) out += buffer_text(i, plan.buffers[i]);
    for (const PlanFill& f : plan.fills)
        out += fmt::format("  fill {} offset {} count {} bytes {} element {}\n", f.buffer, f.offset,
                           f.count, f.element_bytes, f.element);
    for (const PlanStep& s : plan.once) out += step_text("once", s);
    for (const PlanStep& s : plan.steps) out += step_text("step", s);
    if (!plan.order.empty()) out += fmt::format("  order {}\n", fmt::join(plan.order, ", "));
    return out;
}

Plan parse_plan(std::string_view text, const std::string& file) {
    return Parser(text, file).run();
}

}  // namespace smeaton::run
