#include "tensor/open.h"

#include <fmt/ranges.h>
#include <sys/mman.h>

#include <atomic>

#include "base/error.h"

namespace smeaton::tensor {

namespace {

std::atomic<const std::byte*> nowhere = nullptr;

/// Addresses that fault for whoever reads there: as many as no weight has bytes.
const std::byte* reserved() {
    static const std::byte* const start = [] {
        constexpr size_t kBytes = size_t{1} << 42;
        constexpr int kHow = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void* at = mmap(nullptr, kBytes, PROT_NONE, kHow, -1, 0);
        SMEATON_CHECK(at != MAP_FAILED, "no addresses for weights without data");
        nowhere = static_cast<const std::byte*>(at);
        return nowhere.load();
    }();
    return start;
}

}  // namespace

Tensor open_tensor(DType dtype, std::vector<int64_t> shape) {
    return {dtype, std::move(shape), reserved(), nullptr};
}

bool is_open(const Tensor& t) {
    return t.data() != nullptr && t.data() == nowhere.load(std::memory_order_relaxed);
}

void require_data(const Tensor& t) {
    if (!is_open(t)) return;
    throw UserError(
        "the values of a weight of shape [{}] are needed, and the model gives shapes alone; take a "
        "model file that holds its weights (ONNX)",
        fmt::join(t.shape(), ","));
}

}  // namespace smeaton::tensor
