// `inspect`: what a model holds and how much work it is; what of it is not supported.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/session.h"
#include "model/graph.h"

namespace smeaton::model {
struct Blocks;
}  // namespace smeaton::model

namespace smeaton::driver {

struct InspectRequest {
    std::string model;
    std::vector<std::string> dims;  ///< "NAME=VALUE", "INPUT:AXIS=VALUE"
    bool memory = false;            ///< plan the arena as `run` would
    bool blocks = false;            ///< find the repeated structure of the simplified graph
    bool layers = false;            ///< what each layer takes in training
    int batch = 0, prompt = 0;      ///< of a config.json: sequences, tokens of each; 0: open
    int threads = 0;
    std::function<void(const std::string& stage, double fraction)> progress;  ///< may be empty
};

struct OperatorRow {
    std::string node, op, output;  ///< output: "f32[1,64,56,56]"
    Dim flops, read_bytes, written_bytes;
    Dim constant_bytes;  ///< of read_bytes
};

struct UnsupportedRow {
    std::string node, op, reason;
};

struct PortRow {
    std::string name, dtype;
    std::vector<Dim> shape;
};

struct BlockRow {
    std::string name;
    int kind = 0;  ///< blocks of one kind compute the same function
    std::vector<std::string> nodes, inputs, outputs;
    int64_t parameters = 0;  ///< elements of its weights
    std::vector<int> reads;  ///< blocks that make its inputs
};

/// Equal neighbours.
struct RunRow {
    int first = 0, count = 0;
    std::vector<std::string> inputs;  ///< per input: "previous K" (its output K), "shared", "own"
};

/// Of a layer in training (layers.h); bytes are those of the graph's own element types.
struct LayerRow {
    std::string name;
    int kind = 0;
    int64_t parameters = 0;
    int64_t forward_flops = 0, data_flops = 0, weight_flops = 0;  ///< forward; dX; dW
    int64_t matrix_flops = 0;                                     ///< of all three
    double forward_bytes = 0, backward_bytes = 0;  ///< read and written, each operator by itself
    double kept_bytes = 0, kept_selective_bytes = 0, input_bytes = 0, boundary_bytes = 0;
};

/// As the file has it; after simplification where sizes are known. Without operators' work where
/// something is unsupported.
struct InspectResult {
    std::string model;
    std::map<std::string, int> opsets;
    std::vector<PortRow> inputs, outputs;
    std::map<std::string, int> operators;  ///< name -> nodes, in the file
    std::vector<UnsupportedRow> unsupported;
    int64_t parameters = 0, weights_bytes = 0;
    std::optional<int64_t> active_parameters, kv_bytes_per_token;  ///< of a config.json
    Dim flops, read_bytes, written_bytes;
    std::vector<OperatorRow> rows;
    std::vector<std::string> open_dims;  ///< sizes that --dim must give before the model can run
    std::vector<std::string> bindings;   ///< the options that give them: "--dim N=VALUE"
    std::vector<std::string> warnings;
    bool has_memory = false;
    MemoryStats memory;
    bool has_blocks = false;
    std::vector<BlockRow> blocks;
    std::vector<RunRow> runs;
    bool has_layers = false;
    std::vector<LayerRow> layers;
};

InspectResult inspect(const InspectRequest&);

/// The repeated structure of the graph.
void add_blocks(const model::Graph&, const model::Blocks&, InspectResult&);
/// Work and shapes of a graph that is shaped.
void add_work(const model::ShapedGraph&, InspectResult&);

}  // namespace smeaton::driver
