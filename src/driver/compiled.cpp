#include "driver/compiled.h"

#include "driver/plan.h"
#include "driver/weights.h"

namespace smeaton::driver {

namespace {

// Somewhere to point at for tensors without elements.
std::byte nothing_here[64];

}  // namespace

void Compiled::link_code() {
    const run::Symbols linked = symbols_of(tuned->program, library);
    executor->relink(linked);
    if (batch) batch->relink(linked);
}

void Compiled::take(std::shared_ptr<run::Library> code) {
    library = std::move(code);
    link_code();
}

void Compiled::let_weights_go() {
    const std::shared_ptr<const Tuned> whole = tuned;
    tuned =
        std::make_shared<const Tuned>(without_weights(*whole, constants_of_runs(whole->program)));
    hold_whole(whole);
    is_light_ = true;
    link_code();
    forget_weights(whole->lowered);
}

std::shared_ptr<const Tuned> Compiled::whole() const {
    return is_light_ ? whole_.lock() : tuned;
}

void Compiled::hold_whole(const std::shared_ptr<const Tuned>& whole) {
    whole_ = whole;
}

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
