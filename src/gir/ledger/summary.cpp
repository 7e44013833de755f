// Sums, numbers and text of ledgers.
#include <algorithm>

#include "base/error.h"
#include "gir/layout.h"
#include "gir/ledger/ledger.h"
#include "gir/names.h"
#include "gir/walk.h"

namespace smeaton::gir {

const LedgerLevel* Ledger::find(Name level) const {
    for (const LedgerLevel& l : levels)
        if (l.level == level) return &l;
    return nullptr;
}

Dim Ledger::read_bytes(Name level) const {
    const LedgerLevel* l = find(level);
    return l ? l->read_bytes : Dim(0);
}

Dim Ledger::write_bytes(Name level) const {
    const LedgerLevel* l = find(level);
    return l ? l->write_bytes : Dim(0);
}

Ledger& operator+=(Ledger& a, const Ledger& b) {
    for (const LedgerLevel& row : b.levels) {
        auto own = std::find_if(a.levels.begin(), a.levels.end(),
                                [&](const LedgerLevel& l) { return l.level == row.level; });
        if (own == a.levels.end()) {
            a.levels.push_back(row);
            continue;
        }
        own->read_bytes += row.read_bytes;
        own->write_bytes += row.write_bytes;
        own->runs.insert(own->runs.end(), row.runs.begin(), row.runs.end());
    }
    for (const auto& [key, count] : b.operations)
        a.operations.try_emplace(key, Dim(0)).first->second += count;
    a.multiply_adds += b.multiply_adds;
    for (const auto& [name, bytes] : b.buffers) {
        LedgerBuffer& own =
            a.buffers.try_emplace(name, LedgerBuffer{bytes.level, 0, 0}).first->second;
        own.read_bytes += bytes.read_bytes;
        own.write_bytes += bytes.write_bytes;
    }
    return a;
}

static void collect(const Steps& steps, bool once, std::vector<Kernel>& out) {
    for (const Step& s : steps) {
        if (auto* run = std::get_if<RunStep>(&s.node); run && run->once == once)
            out.push_back(with_uses(*run->kernel));
        if (auto* branch = std::get_if<BranchStep>(&s.node)) {
            collect(branch->then_steps, once, out);
            collect(branch->else_steps, once, out);
        }
        if (auto* repeat = std::get_if<RepeatStep>(&s.node)) collect(repeat->body, once, out);
    }
}

Ledger ledger(const Program& program, const Levels& levels, bool once) {
    std::vector<Kernel> list;
    collect(program.steps, once, list);
    Ledger sum;
    for (const Levels::Level& l : levels.list) sum.levels.push_back({l.name, 0, 0, {}});
    bool first = true;
    for (const Kernel& k : list) {
        Ledger one = ledger(k, program, levels);
        if (first || (one.parallel_width.is_const() && sum.parallel_width.is_const() &&
                      one.parallel_width.value() < sum.parallel_width.value()))
            sum.parallel_width = one.parallel_width;
        first = false;
        sum += one;
    }
    return sum;
}

Ledger ledger(const Program& program, bool once) {
    return ledger(program, levels_used(program), once);
}

static int64_t number(const Dim& d, const Bindings& bindings) {
    Dim bound = d.bind(bindings);
    if (!bound.is_const()) throw UserError("the size {} is not bound", d.str());
    return bound.value();
}

double arithmetic(const Ledger& ledger, const Bindings& bindings) {
    double sum = 2.0 * static_cast<double>(number(ledger.multiply_adds, bindings));
    for (const auto& [op, count] : ledger.operations)
        if (op.first != LedgerClass::Move && op.first != LedgerClass::Fma)
            sum += static_cast<double>(number(count, bindings));
    return sum;
}

Traffic traffic_at(const Ledger& ledger, const Bindings& bindings) {
    Traffic t;
    for (const LedgerLevel& l : ledger.levels)
        t.levels.push_back(
            {l.level, number(l.read_bytes, bindings), number(l.write_bytes, bindings)});
    for (const auto& [key, count] : ledger.operations)
        if (int64_t n = number(count, bindings); n != 0) t.operations[key] = n;
    for (const auto& [name, bytes] : ledger.buffers)
        t.buffers[name] = {bytes.level, number(bytes.read_bytes, bindings),
                           number(bytes.write_bytes, bindings)};
    return t;
}

double run_bytes(const LedgerLevel& level, const Bindings& bindings) {
    double bytes = 0, accesses = 0;
    for (const LedgerLevel::Run& r : level.runs) {
        double moved = static_cast<double>(number(r.bytes, bindings));
        bytes += moved;
        accesses += moved / std::max(1.0, static_cast<double>(number(r.run_bytes, bindings)));
    }
    return accesses > 0 ? bytes / accesses : 0;
}

static Dim fewer(const Dim& a, const Dim& b) {
    Dim difference = a - b;
    return difference.is_const() && difference.value() < 0 ? a : b;
}

static void add_buffer(const Program& program, const Ledger& ledger, Name name, bool read,
                       bool write, Compulsory& sum) {
    auto asked = ledger.buffers.find(name);
    if (asked == ledger.buffers.end()) return;
    Dim logical = logical_bytes(program.buffer(name));
    Bindings bound;
    for (const Param& p : program.params)
        if (p.bound) bound[p.name] = *p.bound;
    logical = logical.bind(bound);
    if (read && !asked->second.read_bytes.is(0))
        sum.read_bytes += fewer(asked->second.read_bytes, logical);
    if (write && !asked->second.write_bytes.is(0))
        sum.write_bytes += fewer(asked->second.write_bytes, logical);
}

Compulsory compulsory(const Kernel& kernel, const Program& program, const Ledger& ledger) {
    Kernel uses = with_uses(kernel);
    Compulsory sum{0, 0};
    for (Name n : uses.reads) add_buffer(program, ledger, n, true, false, sum);
    for (Name n : uses.writes) add_buffer(program, ledger, n, false, true, sum);
    return sum;
}

Compulsory compulsory(const Program& program, const Ledger& by_name) {
    // What is asked of an alias is asked of the buffer whose bytes it shows.
    Ledger ledger;
    for (const auto& [name, bytes] : by_name.buffers) {
        LedgerBuffer& own =
            ledger.buffers.try_emplace(root_of(program, name), LedgerBuffer{bytes.level, 0, 0})
                .first->second;
        own.read_bytes += bytes.read_bytes;
        own.write_bytes += bytes.write_bytes;
    }
    Compulsory sum{0, 0};
    for (const Buffer& b : program.buffers) {
        if (b.lifetime == Lifetime::Temp || !b.alias_of.empty()) continue;
        bool written = b.lifetime == Lifetime::Output || b.lifetime == Lifetime::State;
        add_buffer(program, ledger, b.name, b.lifetime != Lifetime::Output, written, sum);
    }
    return sum;
}

std::string str(const Ledger& ledger) {
    std::string text;
    for (const LedgerLevel& l : ledger.levels) {
        text +=
            fmt::format("{}: read {} write {}", l.level, l.read_bytes.str(), l.write_bytes.str());
        bool numbers = !l.runs.empty() &&
                       std::all_of(l.runs.begin(), l.runs.end(), [](const LedgerLevel::Run& r) {
                           return r.bytes.is_const() && r.run_bytes.is_const();
                       });
        if (numbers) text += fmt::format(" run {:.0f}", run_bytes(l));
        text += "\n";
    }
    std::string ops;
    for (const auto& [key, count] : ledger.operations)
        ops += fmt::format("{}{} {} {}", ops.empty() ? "ops: " : ", ", tensor::name(key.second),
                           name(key.first), count.str());
    if (!ops.empty()) text += ops + "\n";
    text += fmt::format("parallel {}\n", ledger.parallel_width.str());
    return text;
}

}  // namespace smeaton::gir
