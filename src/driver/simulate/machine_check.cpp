#include "driver/simulate/machine_check.h"

#include "base/error.h"
#include "base/workers.h"
#include "cost/machine_notes.h"
#include "driver/simulate/pricer.h"
#include "driver/source.h"
#include "machine/figures.h"
#include "machine/query.h"
#include "machine/read.h"
#include "machine/shipped.h"
#include "model/text/text.h"

namespace smeaton::driver {

namespace {

// One of everything that general code does: contractions, every special function, division, roots,
// rounding, comparisons, gathers, transposes, sums; in f32, bf16, f64, i64.
constexpr const char* kModel = R"(graph everything
  opset "" 17
  input x: f32[192,256]
  input w: f32[256,320]
  input image: f32[1,16,28,28]
  input taps: f32[24,16,3,3]
  input table: f32[5000,64]
  input row: i64[96]
  input half: bf16[64,256]
  input weights: bf16[256,96]
  input wide: f64[64,64]
  xw = MatMul(x, w) since 13 as MatMul
  gelu_a = Erf(xw) since 13 as Erf
  gelu = Mul(gelu_a, xw) since 14 as Mul
  soft = Softmax(gelu) {axis: 1} since 13 as Softmax
  turned = Transpose(soft) {perm: [1,0]} since 13 as Transpose
  conv = Conv(image, taps) {pads: [1,1,1,1]} since 11 as Conv
  act = Sigmoid(conv) since 13 as Sigmoid
  pooled = MaxPool(act) {kernel_shape: [2,2], strides: [2,2]} since 12 as MaxPool
  picked = Gather(table, row) since 13 as Gather
  curved = Tanh(picked) since 13 as Tanh
  root = Sqrt(curved) since 13 as Sqrt
  logs = Log(root) since 13 as Log
  waves = Sin(logs) since 7 as Sin
  raised = Pow(waves, curved) since 15 as Pow
  less = Less(raised, waves) since 13 as Less
  chosen = Where(less, raised, waves) since 16 as Where
  floor = Floor(chosen) since 13 as Floor
  ratio = Div(floor, picked) since 14 as Div
  sums = MatMul(half, weights) since 13 as MatMulHalf
  moved = Add(row, row) since 14 as Add
  deep = MatMul(wide, wide) since 13 as MatMul64
  output turned
  output pooled
  output ratio
  output sums
  output moved
  output deep
)";

Opened model_of(const MachineCheckRequest& request) {
    if (!request.model.empty()) {
        SessionOptions session;
        session.dims = parse_dims(request.dims);
        FeedRequest feeds;
        feeds.dims = request.dims;
        return open_model(request.model, feeds, session);
    }
    Opened opened;
    opened.graph = model::parse(kModel, "the built-in model");
    for (model::ValueId id : opened.graph.inputs) {
        const model::Value& v = opened.graph.at(id);
        std::vector<int64_t> shape;
        for (const Dim& d : *v.shape) shape.push_back(d.value());
        opened.feeds.emplace(v.name, Tensor(*v.dtype, shape));
    }
    return opened;
}

/// What is said of a machine, of one core alone and of all; or why nothing can be.
std::string said_of(Pricer& pricer, const machine::Machine& m, const MachineCheckRequest& request) {
    try {
        return request.digest(pricer.price(m, {1, 0})) + request.digest(pricer.price(m));
    } catch (const UserError& error) {
        return error.what();
    }
}

bool is_used(size_t i, const machine::Figures& figures, Pricer& pricer, const std::string& as_is,
             const MachineCheckRequest& request) {
    for (double factor : {2.0, 0.5, 16.0}) {
        const std::optional<machine::Machine> other = figures.scaled(i, factor);
        if (other && said_of(pricer, *other, request) != as_is) return true;
    }
    return false;
}

}  // namespace

std::vector<MachineRow> list_machines() {
    std::vector<MachineRow> rows;
    for (const std::string& name : machine::shipped_names()) {
        const machine::Machine m = machine::read_machine_file(name);
        MachineRow row{name, m.about.empty() ? "" : m.about[0], machine::core_count(m)};
        if (auto peak = machine::peak_gflops(m, tensor::DType::kF32))
            row.peak_gflops = peak->value * static_cast<double>(row.cores);
        const machine::Level& memory = m.levels.back();
        row.memory_bytes = memory.capacity_bytes.value;
        if (memory.read) row.memory_gb_s = machine::total_gb_s(*memory.read, row.cores).value;
        rows.push_back(row);
    }
    return rows;
}

std::string machine_text(const std::string& file_or_name) {
    return machine::read_description(file_or_name);
}

MachineCheck check_machine(const MachineCheckRequest& request) {
    const std::string yaml = machine::read_description(request.machine);
    const machine::Figures figures(yaml, request.machine);
    const machine::Machine m = machine::parse_machine(yaml, request.machine);
    MachineCheck result{m.name, request.model, {}, cost::machine_notes(m)};
    const Opened opened = model_of(request);
    Pricer pricer(opened.graph, opened.feeds, {});
    pricer.use(std::make_shared<Workers>(0));
    pricer.price(m);
    const std::string as_is = said_of(pricer, m, request);
    const auto count = static_cast<double>(figures.all().size());
    for (size_t i = 0; i < figures.all().size(); ++i) {
        if (request.progress)
            request.progress("changing one figure at a time", static_cast<double>(i) / count);
        const machine::Figure& f = figures.all()[i];
        result.figures.push_back(
            {f.where, f.key, f.value, f.source, is_used(i, figures, pricer, as_is, request)});
    }
    return result;
}

}  // namespace smeaton::driver
