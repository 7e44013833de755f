#include "export/pytorch/print_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "export/pytorch/python_file.h"
#include "model/shape/known.h"

namespace smeaton::pytorch {

namespace {

constexpr const char* kReader = R"(def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file: eight bytes of length, a header in JSON, the data."""
    data = torch.from_file(str(path), dtype=torch.uint8, size=path.stat().st_size)
    length = int.from_bytes(bytes(data[:8].tolist()), "little")
    header = json.loads(bytes(data[8 : 8 + length].tolist()))
    dtypes = {
        "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16,
        "I32": torch.int32, "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16,
        "F32": torch.float32, "F64": torch.float64,
    }  # fmt: skip
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            flat = data[begin:end].view(dtypes[entry["dtype"]])
            tensors[name] = flat.reshape(entry["shape"])
    return tensors)";

constexpr const char* kClusters = R"(@cache
def clusters() -> ModuleType:
    """clusters.py beside this file, wherever the folder lies."""
    spec = spec_from_file_location("clusters", Path(__file__).with_name("clusters.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module)";

constexpr const char* kTie = R"PY(def tie(model: nn.Module) -> None:
    """Makes parameters that the model file has once one."""
    for name, same_as in TIED.items():
        owner, _, own = name.rpartition(".")
        setattr(model.get_submodule(owner), own, model.get_parameter(same_as)))PY";

// Module.to has no overload for a format alone that type checkers would know.
constexpr const char* kChannelsLast = R"PY(def channels_last(model: nn.Module) -> None:
    """Images pixel by pixel, as CPUs like them: they take the format of the weights they meet."""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            weight = module.weight.data
            module.weight.data = weight.contiguous(memory_format=torch.channels_last))PY";

constexpr const char* kLoad = R"(@classmethod
def load(cls, folder: str | Path = Path(__file__).parent) -> Model:
    """The model with the weights of weights.safetensors in `folder`, ready for inference."""
    model = cls()
    model.load_state_dict(read_weights(Path(folder) / "weights.safetensors"))
    return model.eval())";

constexpr int kMostLines = 76;

class ModelPrinter {
public:
    ModelPrinter(const Source& source, const Tree& tree, const Classes& classes,
                 const std::vector<TiedPair>& tied, const EmitOptions& options)
        : source_(source), tree_(tree), classes_(classes), tied_(tied), options_(options) {}

    ModelFile print() {
        PythonFile body;
        std::swap(body, file_);
        for (size_t c = 0; c < classes_.classes.size(); ++c) print_class(classes_.classes[c]);
        std::swap(body, file_);
        head(body.text().find("F.") != std::string::npos);
        for (auto& lines : lines_)
            for (int& line : lines) line += file_.lines();
        file_.append(body);
        tail();
        return {file_.text(), lines_};
    }

private:
    const Unit& unit(int u) const { return tree_.units[static_cast<size_t>(u)]; }

    void head(bool functional) {
        const Unit& root = unit(tree_.root);
        const Class& model = classes_.classes.back();
        file_.add(0, fmt::format(
                         "\"\"\"{}: {}.\n\nEmitted from {}; README.md says how to use it.\n\"\"\"",
                         plain_text(options_.title), shapes_text(source_, root, model.arguments),
                         plain_text(options_.source)));
        file_.blank();
        file_.add(0,
                  "from __future__ import annotations\n\nimport json\nfrom functools import cache\n"
                  "from importlib.util import module_from_spec, spec_from_file_location\n"
                  "from pathlib import Path\nfrom types import ModuleType\n\nimport torch");
        if (functional) file_.add(0, "import torch.nn.functional as F");
        file_.add(0, "from torch import Tensor, nn");
    }

    /// What is no part of the network.
    void tail() {
        if (convolves_images()) {
            file_.blank(2);
            file_.add(0, kChannelsLast);
        }
        if (!tied_.empty()) print_tied();
        file_.blank(2);
        file_.add(0, kReader);
        file_.blank(2);
        file_.add(0, kClusters);
    }

    /// Names of parameters that are one with another.
    void print_tied() {
        file_.blank(2);
        file_.add(0, "# One parameter each: the first name is the second one's.");
        file_.add(0, "TIED = {");
        for (const TiedPair& pair : tied_)
            file_.add(1, fmt::format("{}: {},", string_text(pair.name), string_text(pair.same_as)));
        file_.add(0, "}");
        file_.blank(2);
        file_.add(0, kTie);
    }

    // ---- classes -------------------------------------------------------------------------------

    void print_class(const Class& c) {
        const bool root = &c == &classes_.classes.back();
        file_.blank(2);
        file_.add(0, fmt::format("class {}(nn.Module):", c.name));
        file_.add(1, "\"\"\"" + about(c, root) + "\"\"\"");
        file_.blank();
        declare_buffers(c);
        within_limit([&] { print_init(c, root); });
        file_.blank();
        within_limit([&] { print_forward(c); });
        if (!root) return;
        file_.blank();
        print_parallel(c);
        file_.blank();
        file_.add(1, kLoad);
    }

    /// A function whose lines are too many where they are wrapped gets long lines.
    void within_limit(const std::function<void()>& print) {
        PythonFile above;
        std::swap(above, file_);
        const auto lines = lines_;
        print();
        if (file_.lines() > kMostLines) {
            file_ = PythonFile(true);
            lines_ = lines;
            print();
        }
        std::swap(above, file_);
        for (size_t c = lines.size(); c < lines_.size(); ++c)
            for (int& line : lines_[c]) line += file_.lines();
        file_.append(above);
    }

    std::string about(const Class& c, bool root) const {
        if (root) return plain_text(options_.title) + ".";
        const Unit& first = unit(c.units[0]);
        std::string where = model::scope_text(first.scope);
        if (where.empty()) where = "A part of the model";
        if (c.units.size() > 1) where += fmt::format(" and {} more like it", c.units.size() - 1);
        return plain_text(where) + ".";
    }

    const Attributes& attributes(const Class& c) const {
        return classes_.attributes[static_cast<size_t>(c.units[0])];
    }

    void declare_buffers(const Class& c) {
        bool any = false;
        for (const Attributes::Made& m : attributes(c).made) {
            if (m.module->kind != Module::Kind::Buffer) continue;
            file_.add(1, m.name + ": Tensor");
            any = true;
        }
        if (any) file_.blank();
    }

    void print_init(const Class& c, bool root) {
        std::vector<std::string> parameters = {"self"};
        for (const std::string& p : c.parameters) parameters.push_back(p + ": int");
        file_.call(1, "def __init__", parameters, " -> None:");
        file_.add(2, "super().__init__()");
        size_t number = 0;
        for (const Attributes::Made& m : attributes(c).made) print_made(c, m, number);
        print_children(c, number);
        if (root && !tied_.empty()) file_.add(2, "tie(self)");
        if (root && convolves_images()) file_.add(2, "channels_last(self)");
        if (root)
            file_.add(2, "self.eval()  # as the model file computes; train() before training");
    }

    bool convolves_images() const {
        for (const Class& c : classes_.classes)
            for (const Attributes::Made& m : attributes(c).made)
                if (m.module->type == "nn.Conv2d" || m.module->type == "nn.ConvTranspose2d")
                    return true;
        return false;
    }

    std::string number(const Class& c, const std::string& text, size_t& place) const {
        const int p = c.parameter_of[place++];
        return p < 0 ? text : c.parameters[static_cast<size_t>(p)];
    }

    static bool is_number(const std::string& text) {
        return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    }

    std::vector<std::string> arguments(const Class& c, const Module& m, size_t& place) const {
        std::vector<std::string> out;
        for (const Argument& a : m.arguments) {
            const bool counts = is_number(a.text);
            const bool varies = counts && c.parameter_of[place] >= 0;
            const std::string text = counts ? number(c, a.text, place) : a.text;
            if (a.is_default && !varies) continue;
            out.push_back(a.by_position ? text : a.key + "=" + text);
        }
        return out;
    }

    void print_made(const Class& c, const Attributes::Made& made, size_t& place) {
        const Module& m = *made.module;
        if (m.kind == Module::Kind::Module) {
            std::vector<std::string> all = arguments(c, m, place);
            if (c.in_place.count(made.name) > 0) all.emplace_back("inplace=True");
            file_.call(2, fmt::format("self.{} = {}", made.name, m.type), all);
            return;
        }
        std::string shape = numbers_text(m.shape);
        if (shape.empty()) shape = "()";
        std::string zeros = "torch.zeros(" + shape;
        if (m.dtype != DType::kF32) zeros += ", dtype=" + dtype_text(m.dtype);
        zeros += ")";
        if (m.kind == Module::Kind::Parameter)
            file_.add(2, fmt::format("self.{} = nn.Parameter({})", made.name, zeros));
        else
            file_.add(2, fmt::format("self.register_buffer(\"{}\", {})", made.name, zeros));
    }

    struct Call {
        std::string name;
        std::vector<std::string> arguments;
        friend bool operator==(const Call&, const Call&) = default;
        std::string text() const { return fmt::format("{}({})", name, fmt::join(arguments, ", ")); }
    };

    /// Channels stand first, without their names.
    Call constructor(const Class& c, int child, size_t& place) const {
        const Class& made =
            classes_.classes[static_cast<size_t>(classes_.class_of[static_cast<size_t>(child)])];
        Call call{made.name, {}};
        bool named = false;
        for (size_t p = 0; p < made.parameters.size(); ++p) {
            const std::string& key = made.parameters[p];
            const std::string value =
                number(c, classes_.values[static_cast<size_t>(child)][p], place);
            named |= !counts_channels(key);
            call.arguments.push_back(named ? key + "=" + value : value);
        }
        return call;
    }

    void print_children(const Class& c, size_t& place) {
        const auto& children = attributes(c).children;
        for (size_t k = 0; k < children.size();) {
            const std::string& list = unit(children[k].unit).list;
            if (list.empty()) {
                const Call call = constructor(c, children[k].unit, place);
                file_.call(2, fmt::format("self.{} = {}", children[k].name, call.name),
                           call.arguments);
                ++k;
                continue;
            }
            std::vector<Call> made;
            const std::string name = children[k].name.substr(0, children[k].name.find('['));
            for (; k < children.size() && unit(children[k].unit).list == list; ++k)
                made.push_back(constructor(c, children[k].unit, place));
            print_list(name, made);
        }
    }

    static std::string repeated(const Call& call, size_t times) {
        return fmt::format("[{} for _ in range({})]", call.text(), times);
    }

    void print_list(const std::string& name, const std::vector<Call>& made) {
        const std::string head = fmt::format("self.{} = nn.ModuleList", name);
        const bool same =
            std::all_of(made.begin(), made.end(), [&](const Call& m) { return m == made[0]; });
        if (same) {
            file_.call(2, head, {repeated(made[0], made.size())});
            return;
        }
        file_.add(2, head + "(");
        file_.add(3, "[");
        for (size_t k = 0; k < made.size();) {
            size_t end = k + 1;
            while (end < made.size() && made[end] == made[k]) ++end;
            if (end - k > 2)
                file_.add(4, "*" + repeated(made[k], end - k) + ",");
            else
                for (size_t i = k; i < end; ++i)
                    file_.call(4, made[i].name, made[i].arguments, ",");
            k = end;
        }
        file_.add(3, "]");
        file_.add(2, ")");
    }

    // ---- functions -----------------------------------------------------------------------------

    std::vector<std::string> signature(const Class& c) const {
        std::vector<std::string> all = {"self"};
        for (const std::string& a : c.arguments) all.push_back(a + ": Tensor");
        for (const std::string& s : c.sizes) all.push_back(size_name(s) + ": int");
        return all;
    }

    /// How long a start all nodes of the unit share, up to a slash.
    size_t shared_prefix(const Class& c) const {
        std::string common;
        bool first = true;
        for (const CodeLine& line : c.forward)
            for (NodeId n : line.nodes) {
                const std::string& name = source_.graph.at(n).name;
                if (first) common = name;
                first = false;
                size_t k = 0;
                while (k < common.size() && k < name.size() && common[k] == name[k]) ++k;
                common.resize(k);
            }
        const size_t slash = common.find_last_of('/');
        return slash == std::string::npos ? 0 : slash + 1;
    }

    void print_forward(const Class& c) {
        const Unit& first = unit(c.units[0]);
        file_.call(1, "def forward", signature(c),
                   " -> " + return_type(first.outputs.size()) + ":");
        const std::string example = c.units.size() > 1 ? "For example " : "";
        file_.add(2, "\"\"\"" + example + shapes_text(source_, first, c.arguments) + ".\"\"\"");
        const size_t prefix = shared_prefix(c);
        lines_.emplace_back();
        for (const CodeLine& line : c.forward)
            lines_.back().push_back(
                file_.code(2 + line.depth, line.text, nodes_text(source_, line.nodes, prefix)));
        file_.add(2, "return " + c.result);
    }

    void print_parallel(const Class& c) {
        const Unit& root = unit(tree_.root);
        file_.call(1, "def forward_parallel", signature(c),
                   " -> " + return_type(root.outputs.size()) + ":");
        file_.add(
            2, options_.processes
                   ? "\"\"\"As forward, bit for bit, in one long-lived process per cluster; no "
                     "gradients.\"\"\""
                   : "\"\"\"As forward, bit for bit, on one long-lived thread per cluster.\"\"\"");
        std::string all;
        for (const std::string& a : c.arguments) all += ", " + a;
        file_.code(2, fmt::format("results: tuple[Tensor, ...] = clusters().run(self{})", all));
        file_.add(2, root.outputs.size() == 1 ? "return results[0]" : "return results");
    }

    const Source& source_;
    const Tree& tree_;
    const Classes& classes_;
    const std::vector<TiedPair>& tied_;
    const EmitOptions& options_;
    PythonFile file_;
    std::vector<std::vector<int>> lines_;
};

}  // namespace

std::string return_type(size_t outputs) {
    return outputs == 1 ? "Tensor" : "tuple[Tensor, ...]";
}

std::string nodes_text(const Source& source, const std::vector<NodeId>& nodes, size_t prefix) {
    std::string all, scope;
    for (NodeId n : nodes) {
        std::string name = source.graph.at(n).name.substr(prefix);
        const std::string own = name.substr(0, name.find_last_of('/') + 1);
        if (!all.empty() && own == scope) name.erase(0, scope.size());
        scope = own;
        all += (all.empty() ? "" : ", ") + plain_text(name);
    }
    return all;
}

std::string shapes_text(const Source& source, const Unit& unit,
                        const std::vector<std::string>& arguments) {
    std::string text;
    auto spaced = [](const model::Shape& shape) {
        std::string dims;
        for (const Dim& d : shape) dims += (dims.empty() ? "" : ", ") + d.str();
        return "[" + dims + "]";
    };
    for (size_t k = 0; k < unit.inputs.size(); ++k)
        text += (k > 0 ? ", " : "") + arguments[k] + " " +
                spaced(*source.graph.at(unit.inputs[k]).shape);
    text += text.empty() ? "-> " : " -> ";
    for (size_t k = 0; k < unit.outputs.size(); ++k)
        text += (k > 0 ? ", " : "") + spaced(*source.graph.at(unit.outputs[k]).shape);
    return plain_text(text);
}

ModelFile print_model(const Source& source, const Tree& tree, const Classes& classes,
                      const std::vector<TiedPair>& tied, const EmitOptions& options) {
    return ModelPrinter(source, tree, classes, tied, options).print();
}

}  // namespace smeaton::pytorch
