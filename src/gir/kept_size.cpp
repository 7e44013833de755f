#include "gir/kept_size.h"

#include "gir/walk.h"

namespace smeaton::gir {

void KeptSize::add(const std::vector<std::string>& texts) {
    constexpr size_t kHere = 15;  // characters that a string holds in itself
    add_all(texts);
    for (const std::string& text : texts)
        if (text.capacity() > kHere) add(text.capacity());
}

void KeptSize::add(const Slice& slice) {
    add_all(slice.at);
    for (const Coord& c : slice.at)
        if (c.index && is_new(c.index.get())) {
            add(sizeof(Slice) + kNode);
            add(*c.index);
        }
    if (slice.within) add_all(slice.within->bounds);
}

void KeptSize::add(const Op& op) {
    add_all(op.dims);
    add_all(op.srcs);
    add(op.dst);
    for (const Operand& o : op.srcs)
        if (auto* slice = std::get_if<Slice>(&o)) add(*slice);
    if (op.payload) add(*op.payload);
    if (op.spelling) {
        add_all(op.spelling->unrolled);
        add_all(op.spelling->loops);
        add_all(op.spelling->scratch);
        add_all(op.spelling->gathered);
        add_all(op.spelling->strided);
    }
    add(op.origins);
}

void KeptSize::add_statement(const Stmt& s) {
    add(sizeof(Stmt) + kNode);
    if (const Block* body = body_of(s)) add(*body);
    if (auto* op = std::get_if<Op>(&s.node)) add(*op);
    if (auto* let = std::get_if<Let>(&s.node)) {
        add_all(let->tile.dims);
        if (let->source) add(*let->source);
    }
}

void KeptSize::add(const Block& block) {
    add_all(block);
    for (const StmtPtr& s : block)
        if (is_new(s.get())) add_statement(*s);
}

void KeptSize::add(const KernelPtr& kernel) {
    if (!kernel || !is_new(kernel.get())) return;
    add(sizeof(Kernel) + kNode);
    add_all(kernel->reads);
    add_all(kernel->writes);
    add(kernel->origins);
    add(kernel->body);
}

// Data of weights is the model's.
void KeptSize::add(const Buffer& buffer) {
    add(sizeof(Buffer));
    add_all(buffer.dims);
    add_all(buffer.layout.dims);
}

void KeptSize::add(const Program& program) {
    for (const Buffer& buffer : program.buffers) add(buffer);
    add_all(program.steps);
    for (const KernelPtr& kernel : kernels(program)) add(kernel);
}

void KeptSize::add(const KernelForm& form) {
    add(sizeof(KernelForm) + kNode);
    add(form.body);
    for (const Buffer& port : form.ports) add(port);
    for (const auto* names : {&form.vars, &form.tiles, &form.buffers}) add_all(*names);
    add(form.origins);
}

void KeptSize::add(const Twin& twin) {
    add(twin.first);
    add_all(twin.buffers_of_first);
    add_all(twin.buffers);
    add_all(twin.names.targets);
    add_all(twin.names.vars);
    add_all(twin.names.origins);
}

}  // namespace smeaton::gir
