// Statements: loops, lets, and the entry point of one kernel.
#include "gir/interp/exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "gir/interp/account.h"
#include "gir/interp/interp.h"
#include "gir/interp/widen.h"
#include "gir/walk.h"

namespace smeaton::gir::interp {

namespace {

void take_part(LetNode& let, int64_t iteration) {
    const int64_t part = iteration % static_cast<int64_t>(let.parts.size());
    let.place->data = let.parts[static_cast<size_t>(part)].data;
    let.place->region.address = let.address + static_cast<uint64_t>(part * let.place->region.bytes);
}

// Parts of the iterations ahead are filled before this one works on its own.
void run_parts(LetNode& let, Context& c) {
    int64_t& axis = c.axes[static_cast<size_t>(let.loop->slot)];
    const int64_t now = axis;
    const int64_t ahead = now + static_cast<int64_t>(let.parts.size());
    for (; let.next < std::min(ahead, let.loop->end); ++let.next) {
        axis = let.next;
        take_part(let, let.next);
        if (c.account) c.account->let(let, c.axes);
        run_op(*let.fill, c);
    }
    axis = now;
    take_part(let, now);
}

void run_node(LetNode* let, Context& c) {
    if (!let->parts.empty()) return run_parts(*let, c);
    if (c.account) c.account->let(*let, c.axes);
    if (!let->place || let->place->constant) return;
    if (let->fill)
        run_op(*let->fill, c);
    else if (c.poison_tiles)
        poison(let->place->dtype, let->place->data, let->place->elements);
}

void run_node(OpNode* op, Context& c) {
    if (c.account) c.account->op(*op, c.axes);
    run_op(*op, c);
}

void run_node(CheckNode* check, Context& c) {
    if (c.account) c.account->check(*check, c.axes);
    run_check(*check, c);
}

void starts(LoopNode& loop, int64_t begin, int64_t end) {
    loop.end = end;
    for (LetNode* let : loop.rings) {
        let->ring_held.clear();
        let->next = begin;
    }
}

void run_node(LoopNode* loop, Context& c) {
    int64_t begin = 0, end = loop->extent;
    for (const LinearForm& f : loop->from) begin = std::max(begin, f.at(c.axes.data(), nullptr));
    for (const LinearForm& f : loop->to) end = std::min(end, f.at(c.axes.data(), nullptr));
    starts(*loop, begin, end);
    int64_t& axis = c.axes[static_cast<size_t>(loop->slot)];
    for (int64_t i = begin; i < end; ++i) {
        axis = i;
        run_nodes(*loop->body, c);
    }
}

int64_t iterations(const std::vector<LoopNode*>& nest) {
    int64_t total = 1;
    for (const LoopNode* l : nest) total *= l->extent;
    return total;
}

void run_nest(const std::vector<LoopNode*>& nest, Context& c, const IterationRange& range) {
    int64_t total = iterations(nest);
    int64_t first = std::min(range.first, total);
    int64_t last = range.count > total - first ? total : first + range.count;
    for (int64_t i = first; i < last; ++i) {
        int64_t rest = i;
        bool begins = true;  // the loop at hand, with all loops inside it
        for (size_t l = nest.size(); l-- > 0;) {
            int64_t at = rest % nest[l]->extent;
            c.axes[static_cast<size_t>(nest[l]->slot)] = at;
            rest /= nest[l]->extent;
            begins = begins && at == 0;
            if (begins || i == first) starts(*nest[l], at, nest[l]->extent);
        }
        if (c.account) c.account->iteration(i);
        run_nodes(*nest.back()->body, c);
    }
}

}  // namespace

void run_nodes(const Nodes& nodes, Context& c) {
    for (const Node& n : nodes) std::visit([&](auto* node) { run_node(node, c); }, n.v);
}

std::vector<LoopNode*> parallel_nest(LoopNode* loop) {
    std::vector<LoopNode*> nest{loop};
    while (loop->body->size() == 1) {
        auto* inner = std::get_if<LoopNode*>(&loop->body->front().v);
        if (!inner || !(*inner)->parallel) break;
        nest.push_back(loop = *inner);
    }
    return nest;
}

void run_body(const Nodes& nodes, Context& c, const IterationRange& range) {
    int nest = 0;
    for (const Node& n : nodes) {
        auto* loop = std::get_if<LoopNode*>(&n.v);
        if (!loop || !(*loop)->parallel) {
            std::visit([&](auto* node) { run_node(node, c); }, n.v);
            continue;
        }
        if (range.nest < 0 || range.nest == nest) run_nest(parallel_nest(*loop), c, range);
        ++nest;
    }
}

static bool whole(const IterationRange& r) {
    return r.first == 0 && r.count == INT64_MAX && r.nest < 0;
}

void run_kernel(const Kernel& kernel, const Program& program, Memory& memory,
                const Options& options, Traffic* traffic) {
    std::string context = fmt::format("running kernel {}", kernel.name);
    if (!kernel.origins.empty()) context += fmt::format(" ({})", fmt::join(kernel.origins, ", "));
    with_context(context, [&] {
        bool observed = options.count || options.trace;
        Block body = kernel.body;
        if (options.widen && !observed && whole(options.range))
            body = widen(body, bindings_of(program, options.bindings));
        Resolved resolved = resolve(body, kernel.name.str(), program, memory, options);
        Account account(resolved.levels, options.count, options.trace);
        Context c;
        c.axes.assign(static_cast<size_t>(resolved.axis_slots), 0);
        c.account = observed ? &account : nullptr;
        c.poison_tiles = options.poison_tiles;
        c.sum_slack = options.sum_slack;
        c.random.seed(options.sum_seed);
        run_body(resolved.body, c, options.range);
        if (options.count && traffic) *traffic += account.traffic();
    });
}

namespace {

/// The outermost parallel nests of a body that has claims and constant tiles beside them; else
/// nothing.
Block nests_alone(const Block& body) {
    Block nests;
    for (const StmtPtr& s : body) {
        if (std::holds_alternative<Parallel>(s->node)) {
            nests.push_back(s);
        } else if (auto* let = std::get_if<Let>(&s->node);
                   !let || !(let->source || let->constant)) {
            return {};
        }
    }
    return nests;
}

int64_t iterations_of(const StmtPtr& nest, const Bindings& bindings) {
    int64_t total = 1;
    for (auto* p = std::get_if<Parallel>(&nest->node); p;
         p = p->body.size() == 1 ? std::get_if<Parallel>(&p->body.front()->node) : nullptr)
        total *= p->extent.bind(bindings).value();
    return total;
}

}  // namespace

int64_t sampled_iterations(const Kernel& kernel, const Bindings& bindings) {
    const Block nests = nests_alone(kernel.body);
    return nests.size() == 1 ? iterations_of(nests[0], bindings) : 0;
}

std::vector<NestSize> separate_nests(const Kernel& kernel, const Program& program,
                                     const Bindings& bindings) {
    std::map<Name, Name> sources;  // of claims: what they read, by the root of its memory
    const auto root = [&](Name name) {
        if (auto claim = sources.find(name); claim != sources.end()) return claim->second;
        const Buffer* b = program.find_buffer(name);
        while (b && !b->alias_of.empty()) b = program.find_buffer(b->alias_of);
        return b ? b->name : name;
    };
    for_each_stmt(kernel.body, [&](const Stmt& s) {
        if (auto* let = std::get_if<Let>(&s.node); let && let->source)
            sources[let->tile.name] = root(let->source->target);
    });
    std::vector<NestSize> sizes;
    std::set<Name> written;
    for (const StmtPtr& nest : nests_alone(kernel.body)) {
        std::set<Name> writes;
        bool apart = true;
        for_each_op(Block{nest}, [&](const Op& op) {
            for_each_slice(op, [&](const Slice& s, bool writes_it) {
                if (writes_it)
                    writes.insert(root(s.target));
                else
                    apart = apart && written.count(root(s.target)) == 0;
            });
        });
        if (!apart) return {};
        written.insert(writes.begin(), writes.end());
        sizes.push_back({iterations_of(nest, bindings), points({nest})});
    }
    return sizes;
}

}  // namespace smeaton::gir::interp
