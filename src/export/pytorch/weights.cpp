#include "export/pytorch/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/output_file.h"

namespace smeaton::pytorch {

namespace {

const char* stored_dtype(DType dtype) {
    switch (dtype) {
        case DType::kBool:
            return "BOOL";
        case DType::kU8:
            return "U8";
        case DType::kI8:
            return "I8";
        case DType::kI16:
            return "I16";
        case DType::kI32:
            return "I32";
        case DType::kI64:
            return "I64";
        case DType::kF16:
            return "F16";
        case DType::kBF16:
            return "BF16";
        case DType::kF32:
            return "F32";
        case DType::kF64:
            return "F64";
        default:
            throw InternalError(fmt::format("no tensor of {} is stored", name(dtype)));
    }
}

StoredTensor stored(const Source& source, const std::string& name, const Weight& w) {
    StoredTensor t{name, DType::kI64, {}, w, false};
    if (w.from == Weight::From::Zero) return t;
    const Tensor& value = *source.graph.at(w.constant).constant;
    t.dtype = value.dtype();
    t.shape = value.shape();
    if (w.from == Weight::From::Transposed) std::swap(t.shape.at(0), t.shape.at(1));
    if (w.from == Weight::From::Repeated) t.shape.at(0) *= w.repeat;
    return t;
}

// In blocks that stay in the first cache on both sides.
template <class T>
void transpose(const T* from, T* to, int64_t rows, int64_t columns) {
    constexpr int64_t kBlock = 32;
    for (int64_t r0 = 0; r0 < rows; r0 += kBlock)
        for (int64_t c0 = 0; c0 < columns; c0 += kBlock)
            for (int64_t r = r0; r < std::min(rows, r0 + kBlock); ++r)
                for (int64_t c = c0; c < std::min(columns, c0 + kBlock); ++c)
                    to[c * rows + r] = from[r * columns + c];
}

void transpose(const Tensor& t, char* to) {
    const int64_t rows = t.shape()[0], columns = t.shape()[1];
    switch (tensor::bits(t.dtype())) {
        case 16:
            return transpose(reinterpret_cast<const uint16_t*>(t.data()),
                             reinterpret_cast<uint16_t*>(to), rows, columns);
        case 32:
            return transpose(reinterpret_cast<const uint32_t*>(t.data()),
                             reinterpret_cast<uint32_t*>(to), rows, columns);
        default:
            SMEATON_CHECK(tensor::bits(t.dtype()) == 64, "no matrix of {} is turned",
                          name(t.dtype()));
            return transpose(reinterpret_cast<const uint64_t*>(t.data()),
                             reinterpret_cast<uint64_t*>(to), rows, columns);
    }
}

void copy_data(const model::Graph& graph, const StoredTensor& t, char* to) {
    if (t.weight.from == Weight::From::Zero) {
        std::memset(to, 0, 8);
        return;
    }
    const Tensor& value = *graph.at(t.weight.constant).constant;
    if (t.weight.from == Weight::From::Transposed) return transpose(value, to);
    if (t.weight.from == Weight::From::Constant) {
        if (value.bytes() > 0) std::memcpy(to, value.data(), static_cast<size_t>(value.bytes()));
        return;
    }
    const auto width = static_cast<size_t>(tensor::bits(value.dtype()) / 8);
    const char* from = reinterpret_cast<const char*>(value.data());
    for (int64_t i = 0; i < value.elements(); ++i)
        for (int64_t r = 0; r < t.weight.repeat; ++r, to += width)
            std::memcpy(to, from + static_cast<size_t>(i) * width, width);
}

int64_t bytes_of(const StoredTensor& t) {
    int64_t elements = 1;
    for (int64_t d : t.shape) elements *= d;
    return tensor::byte_count(t.dtype, elements);
}

}  // namespace

std::vector<StoredTensor> stored_tensors(const Source& source, const Tree& tree,
                                         const Classes& classes, const Paths& paths) {
    std::vector<StoredTensor> all;
    for (size_t u = 0; u < tree.units.size(); ++u) {
        const std::string& key = paths.keys[u];
        if (key.empty() && static_cast<int>(u) != tree.root) continue;
        for (const Attributes::Made& m : classes.attributes[u].made)
            for (const Weight& w : m.module->weights) {
                std::string name = key.empty() ? m.name : key + "." + m.name;
                if (!w.key.empty()) name += "." + w.key;
                all.push_back(stored(source, name, w));
                all.back().is_parameter = m.module->kind == Module::Kind::Parameter ||
                                          w.key == "weight" || w.key == "bias";
            }
    }
    std::stable_sort(all.begin(), all.end(), [](const StoredTensor& a, const StoredTensor& b) {
        return tensor::bits(a.dtype) > tensor::bits(b.dtype);
    });
    return all;
}

void write_weights(const std::string& path, const model::Graph& graph,
                   const std::vector<StoredTensor>& tensors) {
    nlohmann::ordered_json header;
    header["__metadata__"] = {{"format", "pt"}};
    int64_t end = 0;
    for (const StoredTensor& t : tensors) {
        const int64_t begin = end;
        end += bytes_of(t);
        header[t.name] = {
            {"dtype", stored_dtype(t.dtype)}, {"shape", t.shape}, {"data_offsets", {begin, end}}};
    }
    std::string text = header.dump(-1, ' ', true);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::string bytes(8 + text.size() + static_cast<size_t>(end), '\0');
    const uint64_t length = text.size();
    std::memcpy(bytes.data(), &length, 8);
    std::memcpy(bytes.data() + 8, text.data(), text.size());
    char* to = bytes.data() + 8 + text.size();
    for (const StoredTensor& t : tensors) {
        copy_data(graph, t, to);
        to += bytes_of(t);
    }
    write_file(path, bytes);
}

}  // namespace smeaton::pytorch
