// Graphs for tests: written node by node, with weights of their own.
#pragma once

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "model/text/text.h"
#include "tensor/tensor.h"

namespace smeaton::model {

class Written {
public:
    explicit Written(const std::string& input)
        : head_("graph g\n  opset \"\" 17\n  input " + input + "\n") {}

    /// The name of a new weight.
    std::string weight(const std::vector<int64_t>& shape) {
        tensor::Tensor w(tensor::DType::kF32, shape);
        for (int64_t k = 0; k < w.elements(); ++k)
            w.set_from_double(k, static_cast<double>((k * 7 + count_) % 13) / 13);
        const uint64_t hash = tensor::content_hash(w);
        table_.emplace(hash, w);
        head_ += fmt::format("  const w{}: f32[{}] hash 0x{:016x}\n", count_, fmt::join(shape, ","),
                             hash);
        return fmt::format("w{}", count_++);
    }
    /// The name of what the node makes; `what` as "Add(a, b) {} since 14".
    std::string node(const std::string& what) {
        nodes_ += fmt::format("  v{0} = {1} as n{0}\n", made_, what);
        return fmt::format("v{}", made_++);
    }
    Graph graph(const std::string& output) const {
        return parse(head_ + nodes_ + "  output " + output + "\n", "test", table_);
    }

private:
    std::string head_, nodes_;
    ConstantTable table_;
    int count_ = 0, made_ = 0;
};

}  // namespace smeaton::model
