// Statements: loops, lets, and the entry point of one kernel.
#include "gir/interp/exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "gir/interp/account.h"
#include "gir/interp/interp.h"
#include "gir/interp/widen.h"

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
    for (const Node& n : nodes) {
        auto* loop = std::get_if<LoopNode*>(&n.v);
        if (loop && (*loop)->parallel)
            run_nest(parallel_nest(*loop), c, range);
        else
            std::visit([&](auto* node) { run_node(node, c); }, n.v);
    }
}

static bool whole(const IterationRange& r) {
    return r.first == 0 && r.count == INT64_MAX;
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
        run_body(resolved.body, c, options.range);
        if (options.count && traffic) *traffic += account.traffic();
    });
}

int64_t sampled_iterations(const Kernel& kernel, const Bindings& bindings) {
    const Parallel* nest = nullptr;
    for (const StmtPtr& s : kernel.body) {
        if (auto* p = std::get_if<Parallel>(&s->node)) {
            if (nest) return 0;
            nest = p;
        } else if (auto* let = std::get_if<Let>(&s->node);
                   !let || !(let->source || let->constant)) {
            return 0;
        }
    }
    if (!nest) return 0;
    int64_t total = nest->extent.bind(bindings).value();
    while (nest->body.size() == 1) {
        nest = std::get_if<Parallel>(&nest->body.front()->node);
        if (!nest) break;
        total *= nest->extent.bind(bindings).value();
    }
    return total;
}

}  // namespace smeaton::gir::interp
