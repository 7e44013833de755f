// Task graphs of a model: its operators, or the kernels of its tuned program.
#pragma once

#include <string>
#include <vector>

#include "driver/session.h"
#include "gir/program.h"
#include "machine/machine.h"
#include "model/graph.h"
#include "schedule/task_graph.h"

namespace smeaton::driver {

//      enumerator     text
#define SMEATON_COSTS(X)                                                           \
    X(Unit, "unit")         /* every operator 1, every message 1 */                \
    X(Class, "class")       /* operators that contract 8, others 1; a message 1 */ \
    X(Model, "model")       /* the cost model, on a described machine */           \
    X(Measured, "measured") /* kernels timed on this machine */

enum class Costs {
#define X(name, text) name,
    SMEATON_COSTS(X)
#undef X
};
/// UserError listing the names.
Costs costs_named(const std::string&);
std::string_view name(Costs);

/// us from the end of a task to the start of one on another core: the machine's hand-off, and the
/// bytes that a private cache would have kept from the level that all cores share. UserError where
/// the machine says nothing of hand-offs.
double message_us(const machine::Machine&, double bytes);

/// A task per node that does not depend on constants alone; an edge per value, producer to reader,
/// with its bytes (of one reader each value once). Durations and message costs are 1.
schedule::TaskGraph operator_tasks(const model::Graph&);
/// `costs`: unit or class.
void set_static_costs(const model::Graph&, Costs costs, schedule::TaskGraph&);

/// A task per step that runs with the model (a branch or loop is one); names are those of kernels.
/// Edges with their bytes. Durations and message costs are 1.
schedule::TaskGraph kernel_tasks(const gir::Program&);
/// The sum of the operators' weights: of the nodes of `graph` that the kernel computes.
void set_static_costs(const gir::Program&, const model::Graph& graph, Costs costs,
                      schedule::TaskGraph&);

/// By the cost model, for 1 to `cores` cores. The program must be tiled for the machine.
void set_model_costs(const gir::Program&, const machine::Machine&, int cores,
                     schedule::TaskGraph& kernels);
/// Median times of each kernel on 1 to `cores` threads here; messages by the machine's description.
/// UserError for more cores than there are.
void set_measured_costs(const std::string& model_path, const SessionOptions&,
                        const std::map<std::string, Tensor>& feeds, const gir::Program&,
                        const machine::Machine& here, int cores, schedule::TaskGraph& kernels);
/// By the cost model from a program that has a kernel for each operator (nothing fused), one core.
void set_operator_costs(const gir::Program& unfused, const machine::Machine&, const model::Graph&,
                        schedule::TaskGraph& operators);

}  // namespace smeaton::driver
