// Inputs of nearby sizes, padded to one: they share compiled code.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/session.h"
#include "model/graph.h"

namespace smeaton::driver {

/// Open sizes that are rounded up to a multiple, by SessionOptions::bucket. Inputs are padded with
/// zeros behind what is fed; outputs are cut where their sizes follow from the sizes fed, to what
/// follows from these. What the model makes of the zeros is not looked at: values are those of the
/// padded inputs.
class Buckets {
public:
    Buckets() = default;
    /// `outputs`: those given, of the graph before shapes are fed. UserError where a key names no
    /// open size of an input, a multiple is below 2, a size stands in an expression of an input's,
    /// elements cannot be padded, or an output may have such a size and cannot be cut.
    Buckets(const std::map<std::string, int64_t>& multiples, const std::vector<PortInfo>& inputs,
            const std::vector<PortInfo>& outputs);

    bool empty() const { return multiples_.empty(); }
    /// The feeds with rounded sizes; those that need none are viewed. UserError where one size is
    /// fed as two.
    std::map<std::string, Tensor> padded(const std::map<std::string, Tensor>& feeds) const;
    /// Outputs of the padded feeds, cut to what the sizes of the feeds ask for.
    void cut(std::vector<Tensor>& outputs, const std::map<std::string, Tensor>& feeds) const;

private:
    tensor::Bindings sizes_of(const std::map<std::string, Tensor>& feeds) const;

    std::map<Name, int64_t> multiples_;
    std::vector<PortInfo> inputs_, outputs_;
};

/// output_ports of a graph, with sizes as functions of the inputs' where inference finds them.
std::vector<PortInfo> inferred_output_ports(const model::Graph&);

/// The box of `shape` at the tensor's beginning; zeros where the tensor has no such element.
Tensor resized(const Tensor&, const std::vector<int64_t>& shape);

/// "NAME=MULTIPLE", "INPUT:AXIS=MULTIPLE" of a command line. UserError for other text.
std::map<std::string, int64_t> parse_buckets(const std::vector<std::string>&);

}  // namespace smeaton::driver
