#include "search/phaze/work.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace smeaton::search::phaze {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

const std::map<std::string, VectorRow>& rows() {
    using enum Role;
    static const auto vector = [](Role role, double forward, double backward) {
        return VectorRow{Engine::kVector, role, forward, backward};
    };
    static const VectorRow free{Engine::kFree, kView, 0, 0}, taken{Engine::kFree, kOther, 0, 0};
    // Cycles for a lane's element, forward and backward, as PHAZE's table has them: LUT, add,
    // subtract, multiply and compare 1, divide 10.
    static const std::map<std::string, VectorRow> all = {
        {"Add", vector(kElementwise, 1, 1)},
        {"Sub", vector(kElementwise, 1, 1)},
        {"Mul", vector(kElementwise, 1, 1)},
        {"Neg", vector(kElementwise, 1, 1)},
        {"Div", vector(kElementwise, 10, 10)},
        {"Reciprocal", vector(kElementwise, 10, 10)},
        {"Pow", vector(kElementwise, 15, 16)},
        {"Exp", vector(kElementwise, 15, 16)},
        {"Log", vector(kElementwise, 15, 16)},
        {"Sqrt", vector(kElementwise, 15, 16)},
        {"Erf", vector(kElementwise, 15, 15)},
        {"Sin", vector(kElementwise, 13, 2)},
        {"Cos", vector(kElementwise, 13, 2)},
        {"Where", vector(kElementwise, 1, 1)},
        {"Clip", vector(kActivation, 1, 1)},
        {"Relu", vector(kActivation, 1, 1)},
        {"LeakyRelu", vector(kActivation, 1, 1)},
        {"Gelu", vector(kActivation, 1, 1)},
        {"Tanh", vector(kActivation, 27, 2)},
        {"Sigmoid", vector(kActivation, 12, 2)},
        {"Swish", vector(kActivation, 12, 2)},
        {"HardSwish", vector(kActivation, 14, 15)},
        {"HardSigmoid", vector(kActivation, 14, 15)},
        {"LayerNormalization", vector(kNorm, 1, 1)},
        {"RMSNormalization", vector(kNorm, 1, 1)},
        {"SimplifiedLayerNormalization", vector(kNorm, 1, 1)},
        {"BatchNormalization", vector(kNorm, 1, 1)},
        {"InstanceNormalization", vector(kNorm, 1, 1)},
        {"GroupNormalization", vector(kNorm, 1, 1)},
        {"LRN", vector(kNorm, 1, 1)},
        {"Dropout", vector(kDropout, 2, 1)},
        {"Softmax", vector(kReduction, 10, 2)},
        {"LogSoftmax", vector(kReduction, 13, 2)},
        {"ReduceMean", vector(kReduction, 10, 10)},
        {"ReduceSum", vector(kReduction, 1, 1)},
        {"ReduceMax", vector(kReduction, 1, 1)},
        {"GlobalAveragePool", vector(kReduction, 10, 10)},
        {"AveragePool", vector(kReduction, 10, 10)},
        {"MaxPool", vector(kReduction, 1, 1)},
        {"Reshape", free},
        {"Transpose", free},
        {"Flatten", free},
        {"Squeeze", free},
        {"Unsqueeze", free},
        {"Expand", free},
        {"Slice", free},
        {"Split", free},
        {"Identity", free},
        {"Cast", free},
        {"Gather", taken},
        {"GatherND", taken},
        {"Concat", taken},
        {"Shape", taken},
        {"Size", taken},
        {"Constant", taken},
        {"ConstantOfShape", taken},
        {"Range", taken},
        {"CumSum", taken},
        {"Sum", taken},
        {"Equal", taken},
        {"Greater", taken},
        {"GreaterOrEqual", taken},
        {"Less", taken},
        {"LessOrEqual", taken},
        {"Not", taken},
        {"And", taken},
        {"Or", taken},
        {"Trilu", taken},
        {"Tile", taken},
        {"Pad", taken},
        {"IsNaN", taken},
        {"TopK", taken},
        {"OneHot", taken},
        {"ScatterElements", taken},
        {"ScatterND", taken},
        {"GatherElements", taken},
        {"Floor", taken},
        {"Ceil", taken},
        {"Abs", vector(kElementwise, 1, 1)},
        {"Min", vector(kElementwise, 1, 1)},
        {"Max", vector(kElementwise, 1, 1)},
    };
    return all;
}

bool joins_tensor(Role role) {
    return role == Role::kActivation || role == Role::kElementwise || role == Role::kNorm ||
           role == Role::kDropout || role == Role::kView;
}

/// Whether `b`, the only reader of `a`, becomes part of it.
bool joins(const Operator& a, const Operator& b) {
    if (a.engine == Engine::kTensor) return joins_tensor(b.role) && b.engine != Engine::kTensor;
    return a.engine == Engine::kVector && a.role == Role::kElementwise &&
           b.engine == Engine::kVector &&
           (b.role == Role::kElementwise || b.role == Role::kReduction || b.role == Role::kDropout);
}

/// a becomes a with b behind it.
void join(Operator& a, const Operator& b) {
    a.name += "+" + b.name;
    if (a.engine == Engine::kTensor) {
        a.engine = b.engine == Engine::kFree ? Engine::kTensor : Engine::kFused;
        // One partner: what is fused takes no more.
        a.role = Role::kOther;
        if (b.engine == Engine::kFree) {
            a.role = Role::kTensor;
            return;
        }
    } else {
        a.role = b.role;
    }
    a.elements = std::max(a.elements, b.elements);
    a.forward_cycles += b.forward_cycles, a.backward_cycles += b.backward_cycles;
}

/// Without those at `gone`; who read one of them reads what it became.
std::vector<Operator> without(const std::vector<Operator>& all, size_t gone, size_t into) {
    std::vector<Operator> kept;
    auto place = [&](int old) {
        const auto at = static_cast<size_t>(old) == gone ? into : static_cast<size_t>(old);
        return static_cast<int>(at > gone ? at - 1 : at);
    };
    for (size_t i = 0; i < all.size(); ++i) {
        if (i == gone) continue;
        kept.push_back(all[i]);
        for (int& r : kept.back().reads) r = place(r);
    }
    return kept;
}

}  // namespace

std::string Rules::text() const {
    std::string out;
    for (const int d : defects())
        if (has(d)) out += fmt::format("{}{}", out.empty() ? "" : " ", d);
    return out;
}

const std::vector<int>& defects() {
    static const std::vector<int> all = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14};
    return all;
}

void require_defect(int number) {
    if (std::find(defects().begin(), defects().end(), number) == defects().end())
        throw UserError("--phaze-defect {}: there are 1 to 8 and 11 to 14 (docs/phaze.md)", number);
}

const VectorRow* vector_row(const std::string& op) {
    const auto found = rows().find(op);
    return found == rows().end() ? nullptr : &found->second;
}

std::vector<Operator> fused(std::vector<Operator> all) {
    for (bool again = true; again;) {
        again = false;
        std::vector<std::vector<size_t>> readers(all.size());
        for (size_t i = 0; i < all.size(); ++i)
            for (const int r : all[i].reads) readers[static_cast<size_t>(r)].push_back(i);
        for (size_t i = 0; i < all.size(); ++i) {
            if (readers[i].size() != 1) continue;
            const size_t next = readers[i][0];
            if (all[next].reads.size() != 1 || !joins(all[i], all[next])) continue;
            join(all[i], all[next]);
            all = without(all, next, i);
            again = true;
            break;
        }
    }
    return all;
}

namespace {

/// The gradient of what comes in: C and K exchanged.
TensorOperator input_gradient(TensorOperator op) {
    std::swap(op.sizes[kC], op.sizes[kK]);
    return op;
}

/// The gradient of the weight: a sum over N, P and Q.
TensorOperator weight_gradient(const TensorOperator& op) {
    const Sizes& s = op.sizes;
    return {{s[kC], s[kN], s[kK], s[kP], s[kQ], s[kR], s[kS]}};
}

bool works(const Operator& op, Direction direction) {
    const bool forward = direction == Direction::kForward;
    return op.engine == Engine::kTensor || op.engine == Engine::kFused ||
           (op.engine == Engine::kVector &&
            (op.elements > 0 || (forward ? op.forward_sent_bytes : op.backward_sent_bytes) > 0));
}

/// By operator: the operators before it that work, through those that do not.
std::vector<std::vector<int>> before(const std::vector<Operator>& all, Direction direction) {
    std::vector<std::vector<int>> out(all.size());
    for (size_t i = 0; i < all.size(); ++i) {
        for (const int r : all[i].reads) {
            const auto from = static_cast<size_t>(r);
            if (works(all[from], direction))
                out[i].push_back(r);
            else
                out[i].insert(out[i].end(), out[from].begin(), out[from].end());
        }
        std::sort(out[i].begin(), out[i].end());
        out[i].erase(std::unique(out[i].begin(), out[i].end()), out[i].end());
    }
    return out;
}

}  // namespace

std::vector<Task> tasks_of(const std::vector<Operator>& all, Direction direction,
                           const Rules& rules) {
    const std::vector<std::vector<int>> reads = before(all, direction);
    std::vector<std::vector<int>> after(all.size());
    const bool forward = direction == Direction::kForward;
    for (size_t i = 0; i < all.size(); ++i)
        for (const int r : reads[i]) {
            if (!works(all[i], direction)) continue;
            if (forward)
                after[i].push_back(r);
            else
                after[static_cast<size_t>(r)].push_back(static_cast<int>(i));
        }
    std::vector<Task> tasks;
    std::vector<std::vector<int>> made(all.size());  // the tasks of an operator
    auto add = [&](size_t i, Task task) {
        for (const int a : after[i])
            task.after.insert(task.after.end(), made[static_cast<size_t>(a)].begin(),
                              made[static_cast<size_t>(a)].end());
        made[i].push_back(static_cast<int>(tasks.size()));
        tasks.push_back(std::move(task));
    };
    for (size_t k = 0; k < all.size(); ++k) {
        const size_t i = forward ? k : all.size() - 1 - k;
        const Operator& op = all[i];
        if (!works(op, direction)) continue;
        Task task{op.name,
                  op.engine,
                  op.tensor,
                  op.elements,
                  forward ? op.forward_cycles : op.backward_cycles,
                  {},
                  forward ? op.forward_sent_bytes : op.backward_sent_bytes};
        if (forward || op.engine == Engine::kVector) {
            add(i, std::move(task));
            continue;
        }
        task.tensor = input_gradient(op.tensor);
        add(i, std::move(task));
        if (!rules.has(3))
            add(i, {op.name + " dW", Engine::kTensor, weight_gradient(op.tensor), 0, 0, {}, 0});
    }
    return tasks;
}

double vector_cycles(double elements, int width, int cores, double cycles_each) {
    return std::ceil(elements / (static_cast<double>(width) * cores)) * cycles_each;
}

schedule::TaskGraph task_graph(const std::vector<Task>& tasks,
                               const std::vector<Latency>& latencies, const Chip& chip) {
    // Of cores beyond one for each task only how many more of a type there are than pairs matters,
    // and that up to the number of tasks.
    const auto most = static_cast<int>(tasks.size());
    const int pairs = std::min({chip.n_tc, chip.n_vc, most});
    auto count = [&](int n) { return pairs + std::min(n - std::min(chip.n_tc, chip.n_vc), most); };
    schedule::TaskGraph graph;
    graph.kinds = {"tc", "vc"};
    graph.cores = schedule::Cores{{{"tc", count(chip.n_tc)}, {"vc", count(chip.n_vc)}}};
    for (size_t i = 0; i < tasks.size(); ++i) {
        schedule::Task task;
        task.name = fmt::format("{} {}", i, tasks[i].name);
        int all = pairs;
        if (tasks[i].engine == Engine::kTensor) task.holds = {0}, all = count(chip.n_tc);
        if (tasks[i].engine == Engine::kVector) task.holds = {1}, all = count(chip.n_vc);
        if (tasks[i].engine == Engine::kFused) task.holds = {0, 1};
        task.durations_us.assign(static_cast<size_t>(all), kInfinite);
        task.durations_us.back() = latencies[i].all;
        task.durations_us.front() = std::min(task.durations_us.front(), latencies[i].one);
        if (all == 1) task.durations_us = {latencies[i].all};
        graph.tasks.push_back(std::move(task));
        for (const int a : tasks[i].after)
            graph.edges.push_back({{a}, {static_cast<int>(i)}, 0, 0});
    }
    return graph;
}

}  // namespace smeaton::search::phaze
