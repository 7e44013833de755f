#include "gir/program.h"

#include <array>
#include <cmath>

#include "base/error.h"

namespace smeaton::gir {

bool operator==(const Literal& a, const Literal& b) {
    if (a.is_int != b.is_int) return false;
    if (a.is_int) return a.i == b.i;
    return a.f == b.f ? std::signbit(a.f) == std::signbit(b.f) : std::isnan(a.f) && std::isnan(b.f);
}

Coord::Coord(Affine a, Slice i)
    : affine(std::move(a)), index(std::make_shared<const Slice>(std::move(i))) {}

bool operator==(const Coord& a, const Coord& b) {
    if (!(a.affine == b.affine) || !a.index != !b.index) return false;
    return !a.index || a.index == b.index || *a.index == *b.index;
}

bool operator==(const Bound& a, const Bound& b) {
    return a.expr == b.expr && a.lo == b.lo && a.hi == b.hi;
}

namespace {

struct SameNode {
    bool operator()(const Parallel& a, const Parallel& b) const {
        return a.axis == b.axis && a.extent == b.extent && a.scope == b.scope &&
               same(a.body, b.body);
    }
    bool operator()(const For& a, const For& b) const {
        return a.axis == b.axis && a.extent == b.extent && a.from == b.from && a.to == b.to &&
               a.unroll == b.unroll && same(a.body, b.body);
    }
    bool operator()(const Let& a, const Let& b) const {
        if (a.constant.has_value() != b.constant.has_value()) return false;
        if (a.constant && !tensor::same(*a.constant, *b.constant)) return false;
        return a.tile == b.tile && a.source == b.source && a.resident == b.resident &&
               a.ring == b.ring && a.depth == b.depth;
    }
    bool operator()(const Op& a, const Op& b) const { return a == b; }
    bool operator()(const Check& a, const Check& b) const {
        return a.dims == b.dims && a.condition == b.condition && a.message == b.message;
    }
    bool operator()(const Prefetch& a, const Prefetch& b) const { return a == b; }
    template <class A, class B>
    bool operator()(const A&, const B&) const {
        return false;
    }
};

}  // namespace

bool same(const Block& a, const Block& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && !std::visit(SameNode{}, a[i]->node, b[i]->node)) return false;
    return true;
}

// Rewrites ask for the same buffers over and over: where a name was found last is where it is
// looked for first. A hint that is out of date costs a search, never a wrong answer.
const Buffer* Program::find_buffer(Name name) const {
    constexpr size_t kHints = 4096;
    thread_local std::array<size_t, kHints> hints{};
    size_t& hint = hints[(std::hash<Name>()(name) >> 4) % kHints];
    if (hint < buffers.size() && buffers[hint].name == name) return &buffers[hint];
    for (size_t i = 0; i < buffers.size(); ++i)
        if (buffers[i].name == name) {
            hint = i;
            return &buffers[i];
        }
    return nullptr;
}

const Buffer& Program::buffer(Name name) const {
    const Buffer* found = find_buffer(name);
    SMEATON_CHECK(found, "no buffer named {}", name);
    return *found;
}

Buffer& Program::buffer(Name name) {
    return const_cast<Buffer&>(static_cast<const Program&>(*this).buffer(name));
}

std::string_view name(OpKind kind) {
    static constexpr std::string_view kNames[] = {"move",   "fill",   "iota", "unary",   "binary",
                                                  "select", "reduce", "mma",  "scatter", "sort"};
    return kNames[static_cast<size_t>(kind)];
}

std::string_view name(Lifetime lifetime) {
    static constexpr std::string_view kNames[] = {"input", "output", "weight", "state", "temp"};
    return kNames[static_cast<size_t>(lifetime)];
}

}  // namespace smeaton::gir
