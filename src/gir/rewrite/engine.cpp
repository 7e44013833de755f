#include "gir/rewrite/engine.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "gir/ledger/ledger.h"
#include "gir/rewrite/claim/claim.h"
#include "gir/rewrite/layout_choice.h"
#include "gir/rewrite/spell/spell.h"
#include "gir/rewrite/stream.h"
#include "gir/rewrite/tile.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"

namespace smeaton::gir::rewrite {

namespace {

const KernelPtr& kernel_in(const Program& alone) {
    return std::get<RunStep>(alone.steps.at(0).node).kernel;
}

void add_to(Effect& sum, const Effect& part) {
    for (const LevelBytes& row : part.levels) {
        auto at = std::find_if(sum.levels.begin(), sum.levels.end(),
                               [&](const LevelBytes& l) { return l.level == row.level; });
        if (at == sum.levels.end()) at = sum.levels.insert(at, {row.level});
        at->read_bytes += row.read_bytes;
        at->write_bytes += row.write_bytes;
    }
    if (sum.us) sum.us = part.us ? std::optional(*sum.us + *part.us) : std::nullopt;
}

std::vector<LevelBytes> bytes_of(const Program& program, const Levels& levels) {
    try {
        std::vector<LevelBytes> rows =
            traffic_at(ledger(*kernel_in(program), program, levels)).levels;
        // What is not placed yet counts at the machine's outermost level too: one name for both.
        std::erase_if(rows, [](const LevelBytes& row) { return row.level == Name("memory"); });
        return rows;
    } catch (const UserError&) {
        return {};  // open sizes have no number
    }
}

/// Kernels of one name, which run with the model or at load.
struct Named {
    std::vector<KernelPtr> kernels;
    bool once = false;
};

void collect(const Steps& steps, std::map<Name, Named>& out) {
    for (const Step& s : steps) {
        if (auto* run = std::get_if<RunStep>(&s.node)) {
            Named& named = out[run->kernel->name];
            named.kernels.push_back(run->kernel);
            named.once = run->once;
        }
        if (auto* branch = std::get_if<BranchStep>(&s.node)) {
            collect(branch->then_steps, out);
            collect(branch->else_steps, out);
        }
        if (auto* repeat = std::get_if<RepeatStep>(&s.node)) collect(repeat->body, out);
    }
}

std::map<Name, Named> named_kernels(const Program& program) {
    std::map<Name, Named> out;
    collect(program.steps, out);
    return out;
}

/// Buffers laid out in two ways by two programs.
std::set<Name> relaid(const Program& before, const Program& after) {
    std::map<Name, const Layout*> layouts;
    for (const Buffer& b : before.buffers) layouts[b.name] = &b.layout;
    std::set<Name> changed;
    for (const Buffer& b : after.buffers)
        if (auto was = layouts.find(b.name); was != layouts.end() && !(*was->second == b.layout))
            changed.insert(b.name);
    return changed;
}

bool touches(const Kernel& kernel, const std::set<Name>& buffers) {
    auto among = [&](Name n) { return buffers.count(n) > 0; };
    return std::any_of(kernel.reads.begin(), kernel.reads.end(), among) ||
           std::any_of(kernel.writes.begin(), kernel.writes.end(), among);
}

std::vector<KeptFormPtr> each_alone(const Program& program, const std::vector<KernelPtr>& kernels,
                                    const std::map<Name, Layout>* layouts, const Prices& prices) {
    std::vector<KeptFormPtr> out;
    for (const KernelPtr& k : kernels) {
        Program one = alone(program, k);
        for (Buffer& b : one.buffers)
            if (layouts)
                if (auto to_come = layouts->find(b.name); to_come != layouts->end())
                    b.layout = to_come->second;
        out.push_back(prices.form(std::move(one)));
    }
    return out;
}

std::optional<double> price_of(const std::vector<KeptFormPtr>& kernels, Prices& prices,
                               Region* asked) {
    double sum = 0;
    for (const KeptFormPtr& k : kernels) {
        const std::optional<double> us = prices.us(k, Prices::Kind::Tiled, asked);
        if (!us) return std::nullopt;
        sum += *us;
    }
    return sum;
}

/// Empty: it pays.
std::string objection(const Question& q, Prices& prices, Region* asked = nullptr) {
    std::optional<double> before = price_of(q.before, prices, asked);
    std::optional<double> after = price_of(q.after, prices, asked);
    if (!before || !after) return "it has no price";
    if (*after <= *before) return "";
    return fmt::format("the price would rise from {:.2f} to {:.2f} us", *before, *after);
}

bool asked_before(const std::vector<Question>& questions, const Question& q) {
    return std::any_of(questions.begin(), questions.end(), [&](const Question& other) {
        return other.before == q.before && other.after == q.after;
    });
}

/// Empty: yes. The question and its answer are noted.
std::string answer_to(Question question, const Rules& rules) {
    std::string refused = objection(question, *rules.prices);
    question.pays = refused.empty();
    if (rules.questions && !asked_before(*rules.questions, question))
        rules.questions->push_back(std::move(question));
    return refused;
}

constexpr const char* kNobodyToAsk = "nobody to ask what it costs";

/// Empty: the program takes what the proposal asks for.
std::string answer_to(const Proposal& proposal, const Program& program, const Rules& rules) {
    if (!rules.prices) return kNobodyToAsk;
    Prices& prices = *rules.prices;
    return answer_to({each_alone(program, proposal.before, proposal.layouts, prices),
                      each_alone(program, proposal.after, proposal.layouts, prices)},
                     rules);
}

/// Kernels of `program` that run with the model and that the other lacks, or that touch a buffer
/// which the two lay out in two ways (`moved`).
std::vector<KernelPtr> not_in(const Program& other, const Program& program,
                              const std::set<Name>& moved) {
    const std::vector<KernelPtr> there = kernels(other);
    const std::set<KernelPtr> known(there.begin(), there.end());
    std::vector<KernelPtr> own;
    for (const auto& [name, named] : named_kernels(program))
        for (const KernelPtr& k : named.kernels)
            if (!named.once && (known.count(k) == 0 || touches(*k, moved))) own.push_back(k);
    return own;
}

/// Then claims are copies. What caches keep is priced with and without claims alike, and claims
/// take most of the time.
bool has_scratchpads(const Target& target) {
    return std::any_of(target.levels.begin() + 1, target.levels.end(),
                       [](const TargetLevel& l) { return l.software_managed; });
}

/// What runs with the model.
Program without_loads(Program program) {
    std::erase_if(program.steps, [](const Step& s) { return std::get<RunStep>(s.node).once; });
    return program;
}

/// A rule may propose in every round what was refused in the first.
bool said_before(const std::vector<RuleLog>& log, const RuleLog& entry) {
    return std::any_of(log.begin(), log.end(), [&](const RuleLog& e) {
        return !e.refused.empty() && e.rule == entry.rule && e.what == entry.what;
    });
}

}  // namespace

Program alone(const Program& program, const KernelPtr& kernel) {
    Program out;
    out.name = kernel->name;
    out.params = program.params;
    std::set<Name> taken;
    auto take = [&](Name n) {
        // A view brings what it is a view of.
        for (const Buffer* b = program.find_buffer(n); b && taken.insert(b->name).second;
             b = b->alias_of.empty() ? nullptr : program.find_buffer(b->alias_of))
            out.buffers.push_back(*b);
    };
    for (Name n : kernel->reads) take(n);
    for (Name n : kernel->writes) take(n);
    out.steps.push_back({RunStep{kernel, false}});
    return out;
}

void KeptPrices::turn() {
    for (auto* prices : {&tiled, &standing}) {
        for (auto& [form, by_region] : *prices) by_region.turn();
        std::erase_if(*prices, [](const auto& of) { return of.second.empty(); });
    }
    charged.turn();
}

void KeptPrices::measure(KeptSize& size) const {
    auto in_itself = [](const Price&) {};
    for (const auto* prices : {&tiled, &standing}) {
        size.add_all(*prices);
        for (const auto& [form, by_region] : *prices) {
            rewrite::measure(size, form);
            by_region.measure(size, in_itself);
        }
    }
    charged.measure(size, in_itself);
}

Prices::Prices(Target target, Oracle oracle, std::set<std::string> skip,
               std::shared_ptr<KeptPrices> kept)
    : target_(std::move(target)),
      numbers_(numbers_of(target_)),
      oracle_(std::move(oracle)),
      skip_(std::move(skip)),
      kept_(kept ? std::move(kept) : std::make_shared<KeptPrices>()) {}

std::optional<double> Prices::us(const KeptFormPtr& form, Kind kind, Region* asked_before) {
    if (!form->bound) return std::nullopt;
    auto& table = kind == Kind::Tiled ? kept_->tiled : kept_->standing;
    return table[form].get({numbers_, asked_before},
                           [&](Region& asked) { return priced(*form, kind, asked); });
}

std::optional<double> Prices::us(Program alone, Kind kind) {
    return us(form(std::move(alone)), kind);
}

std::optional<double> Prices::priced(KeptForm& form, Kind kind, Region& asked) const {
    const Target target = noting(target_, asked);
    Program program = form.alone;
    if (kind == Kind::Tiled) {
        Rules quiet;
        quiet.skip = skip_;
        quiet.oracle = oracle_;
        quiet.asked = &asked;
        quiet.kept_kernels = &form.kept;
        program = without_loads(tile(program, target, quiet));
        if (has_scratchpads(target)) program = claim_residents(std::move(program), target, quiet);
    }
    program = spell(std::move(program), target, &form.kept, &asked);
    double sum = 0;
    for (const Step& s : program.steps) {
        const std::optional<double> us = charged(program, std::get<RunStep>(s.node).kernel, asked);
        if (!us) return std::nullopt;
        sum += *us;
    }
    return sum;
}

/// Nothing: the target has no rate for what it does.
std::optional<double> Prices::charged(const Program& program, const KernelPtr& kernel,
                                      Region& asked_before) const {
    auto ask = [&](Region& asked) -> std::optional<double> {
        try {
            return oracle_(program, *kernel, &asked);
        } catch (const UserError&) {
            return std::nullopt;
        }
    };
    return kept_->charged.get(kernel, {numbers_, &asked_before}, ask);
}

bool Prices::streams() const {
    return moves_beside_units(target_);
}

std::map<Name, Layout> Prices::layouts_to_come(const Program& program) const {
    if (skip_.count("layout") > 0 || skip_.count("channels-last") > 0) return {};
    return rewrite::layouts_to_come(program, target_);
}

Levels levels_while_rewriting(const Target& target) {
    const Levels own = levels_of(target);
    Levels out;
    out.units = own.units;
    out.list.push_back({"memory", -1, {}});
    for (Levels::Level level : own.list) {
        ++level.parent;  // the outermost: into memory
        out.list.push_back(level);
    }
    out.list.push_back({"local", out.index(target.registers().name), {}});
    return out;
}

Effect effect_of(const Program& program, const std::vector<KernelPtr>& kernels, const Rules& rules,
                 Prices::Kind kind) {
    Effect sum;
    sum.us = 0;
    for (const KernelPtr& k : kernels) {
        const Program one = alone(program, k);
        Effect part;
        part.levels = bytes_of(one, rules.levels);
        if (rules.prices) part.us = rules.prices->us(one, kind);
        add_to(sum, part);
    }
    return sum;
}

Effect effect_of(const Program& program, const Rules& rules, Prices::Kind kind) {
    std::vector<KernelPtr> all;
    for (const auto& [name, named] : named_kernels(program))
        if (!named.once) all.insert(all.end(), named.kernels.begin(), named.kernels.end());
    return effect_of(program, all, rules, kind);
}

bool pays(const Question& question, const Rules& rules, Region* asked) {
    return rules.prices && objection(question, *rules.prices, asked).empty();
}

/// Of several parts of the model; a kernel without origins is of any.
static bool joins_parts(const Proposal& proposal, const Rules& rules) {
    if (!rules.part_of || proposal.rule != "merge-loops") return false;
    std::set<std::string> parts;
    for (const KernelPtr& k : proposal.before)
        for (const std::string& origin : k->origins) parts.insert(rules.part_of(origin));
    return parts.size() > 1;
}

bool accept(const Proposal& proposal, const Program& program, const Rules& rules) {
    std::string refused;
    if (joins_parts(proposal, rules)) {
        refused = "they belong to different operators of the model, which are to stay apart";
    } else if (proposal.asks) {
        refused = answer_to(proposal, program, rules);
    }
    if (rules.log) {
        RuleLog entry{proposal.rule, proposal.what, refused};
        if (refused.empty() || !said_before(*rules.log, entry)) {
            entry.before = effect_of(program, proposal.before, rules, Prices::Kind::Tiled);
            entry.after = effect_of(program, proposal.after, rules, Prices::Kind::Tiled);
            rules.log->push_back(std::move(entry));
        }
    }
    return refused.empty();
}

bool accept(const std::string& rule, const std::string& what, const Program& before,
            const Program& after, const Rules& rules) {
    const std::set<Name> moved = relaid(before, after);
    const std::vector<KernelPtr> olds = not_in(after, before, moved);
    const std::vector<KernelPtr> news = not_in(before, after, moved);
    std::string refused = kNobodyToAsk;
    if (rules.prices)
        refused = answer_to({each_alone(before, olds, nullptr, *rules.prices),
                             each_alone(after, news, nullptr, *rules.prices)},
                            rules);
    if (rules.log && !refused.empty()) {
        RuleLog entry{rule, what, refused};
        entry.before = effect_of(before, olds, rules, Prices::Kind::Tiled);
        entry.after = effect_of(after, news, rules, Prices::Kind::Tiled);
        rules.log->push_back(std::move(entry));
    }
    return refused.empty();
}

void note_changes(const Program& before, const Program& after, const Rules& rules,
                  Prices::Kind kind, const std::function<std::string(Name)>& rule) {
    if (!rules.log) return;
    std::map<Name, Named> olds = named_kernels(before), news = named_kernels(after);
    const std::set<Name> moved = relaid(before, after);
    auto same = [&](const Named& a, const Named& b) {
        return a.once == b.once && a.kernels == b.kernels &&
               std::none_of(a.kernels.begin(), a.kernels.end(),
                            [&](const KernelPtr& k) { return touches(*k, moved); });
    };
    for (const auto& [name, old] : olds) news.try_emplace(name);
    for (const auto& [name, now] : news) {
        const Named& old = olds[name];
        if (same(old, now) || (old.kernels.empty() && now.once)) continue;
        auto effect = [&](const Program& p, const Named& n) {
            return effect_of(p, n.once ? std::vector<KernelPtr>{} : n.kernels, rules, kind);
        };
        RuleLog entry{rule(name), name.str()};
        entry.before = effect(before, old);
        entry.after = effect(after, now);
        entry.tiling = kind == Prices::Kind::Standing;
        rules.log->push_back(std::move(entry));
    }
}

Program proposed(const std::string& rule, Program program, const Rules& rules,
                 const std::function<Program(Program)>& body) {
    if (!rules.on(rule)) return program;
    program = body(std::move(program));
    if (rules.verify) verify(program, rule);
    return program;
}

Program applied(const std::string& rule, Program program, const Rules& rules, Prices::Kind kind,
                const std::function<Program(Program)>& body) {
    if (!rules.log) return proposed(rule, std::move(program), rules, body);
    const Program before = program;
    program = proposed(rule, std::move(program), rules, body);
    note_changes(before, program, rules, kind, [&](Name) { return rule; });
    return program;
}

}  // namespace smeaton::gir::rewrite
