#include "driver/compiled.h"

namespace smeaton::driver {

namespace {

// Somewhere to point at for tensors without elements.
std::byte nothing_here[64];

}  // namespace

void* bytes_of(const Tensor& t) {
    const std::byte* data = t.elements() == 0 ? nothing_here : t.data();
    return const_cast<std::byte*>(data);
}

Bound bind_buffers(const Compiled& c, const std::map<std::string, Tensor>& feeds) {
    Bound b;
    b.externals.reserve(c.fed.size() + c.output_shapes.size());
    for (const std::string& input : c.fed) b.externals.push_back(bytes_of(feeds.at(input)));
    for (size_t i = 0; i < c.output_shapes.size(); ++i) {
        b.outputs.emplace_back(c.output_dtypes[i], c.output_shapes[i]);
        bool empty = b.outputs.back().elements() == 0;
        b.externals.push_back(empty ? nothing_here : b.outputs.back().mutable_data());
    }
    return b;
}

}  // namespace smeaton::driver
