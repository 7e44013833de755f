// Tasks, what they wait for, and the cores that they may run on. One form for operators of a model,
// kernels of a program, and graphs from files.
//
// A task takes k cores of every kind that it holds, with the same numbers within each kind: core i
// of one kind and core i of another form a pair. An edge's cost is due where the two tasks share no
// core; where they do, the successor may start as soon as its predecessor ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/strong_id.h"

namespace smeaton::schedule {

using TaskId = StrongId<struct TaskTag>;

/// Of one kind, from a file or a command line.
constexpr int kMostCores = 4096;

struct CoreKind {
    std::string name = "core";
    int count = 1;
};

/// Cores are numbered through: all of the first kind, then all of the next.
struct Cores {
    std::vector<CoreKind> kinds = {CoreKind{}};

    int total() const;
    int first(int kind) const;  ///< number of the kind's first core
};
Cores cores_of_one_kind(int count);

struct Task {
    std::string name;
    std::vector<double>
        durations_us;              ///< [k - 1]: on k cores of each kind; infinity: not on so many
    std::vector<int> holds = {0};  ///< kinds, ascending
    double output_bytes = 0;       ///< alive from its start to the end of the last reader
};

struct Edge {
    TaskId from, to;
    double cost_us = 0;
    double bytes = 0;
};

struct TaskGraph {
    std::vector<std::string> kinds = {"core"};
    std::vector<Task> tasks;
    std::vector<Edge> edges;
    std::optional<Cores> cores;          ///< where the graph says them itself
    std::optional<double> memory_bytes;  ///< that outputs may take at once; absent: not limited

    const Task& at(TaskId id) const { return tasks[static_cast<size_t>(id.v)]; }
};

/// The edges at each task, and an order of the tasks: predecessors first, of those that are ready
/// the lowest number first. Refers to the graph.
class Links {
public:
    /// UserError naming a cycle's tasks.
    explicit Links(const TaskGraph&);

    struct Span {
        const int* first;
        const int* last;
        const int* begin() const { return first; }
        const int* end() const { return last; }
        bool empty() const { return first == last; }
    };
    Span out(int task) const { return span(out_first_, out_, task); }  ///< numbers of edges
    Span in(int task) const { return span(in_first_, in_, task); }
    const std::vector<int>& order() const { return order_; }
    const std::vector<int>& position() const { return position_; }  ///< in order(), by task

private:
    static Span span(const std::vector<int>& first, const std::vector<int>& all, int task) {
        auto t = static_cast<size_t>(task);
        return {all.data() + first[t], all.data() + first[t + 1]};
    }
    std::vector<int> out_first_, out_, in_first_, in_, order_, position_;
};

/// UserError naming `what` (a file or model) and the task or edge: no task, a name twice, a
/// duration that is negative or missing, an edge to itself or with a negative cost, times too large
/// to be added up, a cycle.
void verify(const TaskGraph&, const std::string& what);
/// Besides, against these cores: kinds without cores, tasks that no core can run.
void verify(const TaskGraph&, const Cores&, const std::string& what);

/// Edges between the same two tasks become one: the largest cost, the sum of bytes.
void merge_edges(TaskGraph&);

/// Cores of each kind that it may choose from: the fewest that any kind it holds has.
int places_for(const Task&, const Cores&);
/// Most cores of each kind that the task may take: at least one, none whose duration is infinite.
int most_cores(const Task&, const Cores&);
/// On its fastest number of cores, at most `most`.
double fastest_us(const Task&, int most);
/// Least core time (cores of one kind x duration) over the allowed numbers.
double least_area_us(const Task&, int most);
/// The one without splitting: on the fewest cores that it can run on.
double serial_us(const Task&);

}  // namespace smeaton::schedule
