// The work of a model as PHAZE sees it: layers of operators for tensor cores, for vector cores, for
// both (fused), or for none; their tasks on a chip, forward and backward.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "place/chain.h"
#include "schedule/task_graph.h"
#include "search/phaze/mapping.h"

namespace smeaton::search::phaze {

/// What PHAZE's program has that is wrong (docs/phaze.md names them by these numbers). A rule set
/// without any is the corrected one; with all it is the published program.
class Rules {
public:
    void restore(int defect) { restored_ |= 1U << defect; }
    bool has(int defect) const { return (restored_ >> defect & 1U) != 0; }
    std::string text() const;  ///< "", or "1 3 8"

private:
    uint32_t restored_ = 0;
};
/// Those that can be restored. UserError for other numbers says what they are.
const std::vector<int>& defects();
void require_defect(int number);

enum class Engine { kTensor, kVector, kFused, kFree };
/// What decides which operators are fused.
enum class Role { kTensor, kActivation, kElementwise, kNorm, kDropout, kReduction, kView, kOther };

/// An operator of the forward graph.
struct Operator {
    std::string name;
    Engine engine = Engine::kFree;
    Role role = Role::kOther;
    TensorOperator tensor;                           ///< of a tensor or fused operator
    double elements = 0;                             ///< of a vector or fused operator
    double forward_cycles = 0, backward_cycles = 0;  ///< for a lane's element
    std::vector<int> reads;                          ///< operators before it that it reads
    /// Bytes that each of the devices that share the layer sends to add up what they have in parts:
    /// time of a link, charged as if it were a vector core's.
    double forward_sent_bytes = 0, backward_sent_bytes = 0;
};

/// An operator with this name of ONNX: its role and cycles for an element. Nothing: no vector
/// operator and none that is free.
struct VectorRow {
    Engine engine = Engine::kVector;
    Role role = Role::kElementwise;
    double forward = 0, backward = 0;
};
const VectorRow* vector_row(const std::string& op);

/// Joined to the fixpoint, in topological order, the first match: a tensor operator and one
/// activation, elementwise, norm, dropout or view behind it; an elementwise operator and an
/// elementwise, reduction or dropout. Only where the first has one reader and that reads nothing
/// else that is still there.
std::vector<Operator> fused(std::vector<Operator>);

/// Equal layers are one kind.
struct LayerKind {
    std::string name;
    std::vector<Operator> operators;             ///< fused
    double parameters = 0;                       ///< elements
    double parameter_bytes = 0, held_bytes = 0;  ///< held: weights, gradients, optimizer
    double activation_bytes = 0;                 ///< kept for the backward half
    bool tensor_parallel = false;                ///< all of this is of one of t devices
};

/// A model at one size of microbatch, its layers over t devices each.
struct Work {
    std::string model;
    int microbatch = 1, t = 1;
    std::string why_whole;  ///< why no layer can be cut over t devices; "": some are
    std::vector<LayerKind> kinds;
    std::vector<int> layers;                 ///< their kinds, from the model's start
    std::vector<double> boundary_bytes;      ///< behind each layer but the last
    std::vector<place::ChainShared> shared;  ///< weights of several layers
    int64_t batch = 4096;
};

enum class Direction { kForward, kBackward };

/// A task of a layer: its tensor problem, or none, and the cycles of the vector part.
struct Task {
    std::string name;
    Engine engine = Engine::kTensor;
    TensorOperator tensor;
    double elements = 0, cycles_each = 0;
    std::vector<int> after;  ///< tasks that end before
    double sent_bytes = 0;   ///< its time is a link's
};
/// The tasks of a direction. Backward: the graph turned round, for a tensor operator the gradient
/// of the input and, corrected, that of the weight or other operand beside it.
std::vector<Task> tasks_of(const std::vector<Operator>&, Direction, const Rules&);

/// One core, and all that the task may hold. Cycles.
struct Latency {
    double one = 0, all = 0;
};

/// Vector cycles on so many cores of `width` lanes.
double vector_cycles(double elements, int width, int cores, double cycles_each);

/// The tasks as a graph of src/schedule in cycles, on the chip's cores (kinds "tc" and "vc"), with
/// as many cores as the tasks can tell apart.
schedule::TaskGraph task_graph(const std::vector<Task>&, const std::vector<Latency>&, const Chip&);

}  // namespace smeaton::search::phaze
