#include "model/onnx/replace.h"

#include "base/error.h"
#include "base/mapped_file.h"
#include "model/onnx/external_data.h"
#include "model/onnx/schema.pb.h"
#include "model/onnx/types.h"
#include "model/shape/elementwise.h"

namespace smeaton::model::onnx {

namespace {

constexpr int32_t kExternal = 1;
constexpr size_t kMostBytes = (size_t{1} << 31) - 1;

void clear_data(onnx_format::Tensor& to) {
    to.clear_float_data();
    to.clear_int32_data();
    to.clear_int64_data();
    to.clear_double_data();
    to.clear_uint64_data();
    to.clear_raw_data();
    to.clear_external_data();
    to.clear_data_location();
}

void set_data(onnx_format::Tensor& to, const tensor::Tensor& from) {
    clear_data(to);
    to.set_raw_data(from.data(), static_cast<size_t>(from.bytes()));
}

void check_same_form(const onnx_format::Tensor& old, const tensor::Tensor& now) {
    const std::vector<int64_t> shape(old.dims().begin(), old.dims().end());
    if (dtype_of(old.data_type()) != now.dtype() || shape != now.shape())
        throw UserError("initializer '{}' has another element type or shape than its new value",
                        old.name());
}

/// Bytes of external data by its dims and element type.
int64_t bytes_of(const onnx_format::Tensor& t) {
    int64_t count = 1;
    for (int64_t d : t.dims()) count *= d;
    const auto dtype = dtype_of(t.data_type());
    if (!dtype) throw UserError("initializer '{}' is {}", t.name(), dtype_words(t.data_type()));
    return tensor::byte_count(*dtype, count);
}

void bring_inside(onnx_format::Tensor& t, ExternalFiles& files) {
    if (t.data_location() != kExternal) return;
    const DataView view = external_bytes(t, bytes_of(t), files);
    clear_data(t);
    t.set_raw_data(view.bytes.data(), view.bytes.size());
}

/// Of a graph or function: the tensors of its nodes and of their subgraphs.
template <class Holder>
void bring_nodes_inside(Holder& holder, ExternalFiles& files) {
    for (onnx_format::Node& node : *holder.mutable_node())
        for (onnx_format::Attribute& attribute : *node.mutable_attribute()) {
            if (attribute.has_t()) bring_inside(*attribute.mutable_t(), files);
            if (!attribute.has_g()) continue;
            onnx_format::Graph& body = *attribute.mutable_g();
            for (onnx_format::Tensor& t : *body.mutable_initializer()) bring_inside(t, files);
            bring_nodes_inside(body, files);
        }
}

/// The Identity that makes `name` becomes an initializer.
void replace_identity(onnx_format::Graph& graph, const std::string& name,
                      const tensor::Tensor& value) {
    auto& nodes = *graph.mutable_node();
    for (int n = 0; n < nodes.size(); ++n) {
        if (nodes[n].op_type() != "Identity" || nodes[n].output_size() != 1 ||
            nodes[n].output(0) != name)
            continue;
        nodes.DeleteSubrange(n, 1);
        onnx_format::Tensor& made = *graph.add_initializer();
        made.set_name(name);
        made.set_data_type(static_cast<int32_t>(onnx_number(value.dtype())));
        for (int64_t d : value.shape()) made.add_dims(d);
        set_data(made, value);
        return;
    }
    throw UserError("there is no initializer '{}'", name);
}

}  // namespace

std::string with_initializers(const std::filesystem::path& path,
                              const std::map<std::string, tensor::Tensor>& values) {
    const MappedFile file = map_file(path);
    onnx_format::Model model;
    if (file.bytes.size() > kMostBytes ||
        !model.ParseFromArray(file.bytes.data(), static_cast<int>(file.bytes.size())))
        throw UserError("{}: cannot be read whole", path.string());
    onnx_format::Graph& graph = *model.mutable_graph();
    ExternalFiles files{path.has_parent_path() ? path.parent_path() : ".", {}};
    std::map<std::string, tensor::Tensor> left = values;
    for (onnx_format::Tensor& initializer : *graph.mutable_initializer()) {
        const auto found = left.find(initializer.name());
        if (found != left.end()) {
            check_same_form(initializer, found->second);
            set_data(initializer, found->second);
            left.erase(found);
        } else {
            bring_inside(initializer, files);
        }
    }
    bring_nodes_inside(graph, files);
    for (onnx_format::Function& function : *model.mutable_functions())
        bring_nodes_inside(function, files);
    for (const auto& [name, value] : left) replace_identity(graph, name, value);
    std::string out;
    if (model.ByteSizeLong() > kMostBytes || !model.SerializeToString(&out))
        throw UserError("{}: with its weights in one file it would exceed 2 GB", path.string());
    return out;
}

}  // namespace smeaton::model::onnx
