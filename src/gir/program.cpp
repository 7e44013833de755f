#include "gir/program.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

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
        return a.tile == b.tile && a.source == b.source && a.kind == b.kind && a.ring == b.ring &&
               a.depth == b.depth;
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

namespace {

// Where a name was found last, whatever program it was in.
struct Hints {
    static constexpr size_t kFirst = 4096;
    std::array<size_t, kFirst> first{};  // by hash; names may share an entry
    std::unordered_map<Name, size_t> all;
    std::ptrdiff_t shift = 0;  // by how much the last stale hint was off
};

size_t index_near(const std::vector<Buffer>& buffers, Name name, std::ptrdiff_t at) {
    constexpr std::ptrdiff_t kReach = 64;
    const auto count = static_cast<std::ptrdiff_t>(buffers.size());
    const std::ptrdiff_t end = std::min(count, at + kReach);
    for (std::ptrdiff_t i = std::max<std::ptrdiff_t>(0, at - kReach); i < end; ++i)
        if (buffers[static_cast<size_t>(i)].name == name) return static_cast<size_t>(i);
    return buffers.size();
}

size_t index_from(const std::vector<Buffer>& buffers, Name name) {
    size_t i = 0;
    while (i < buffers.size() && buffers[i].name != name) ++i;
    return i;
}

}  // namespace

// Rewrites ask for the same buffers over and over: where a name was found last is where it is
// looked for first. A hint that is out of date costs a search, never a wrong answer; where buffers
// were erased, all behind them are off by about the same.
const Buffer* Program::find_buffer(Name name) const {
    thread_local Hints hints;
    size_t& hint = hints.first[(std::hash<Name>()(name) >> 4) % Hints::kFirst];
    if (hint < buffers.size() && buffers[hint].name == name) return &buffers[hint];
    auto [known, is_new] = hints.all.try_emplace(name, buffers.size());
    size_t at = known->second;
    if (at >= buffers.size() || buffers[at].name != name) {
        const auto guess = static_cast<std::ptrdiff_t>(at) + hints.shift;
        at = is_new ? buffers.size() : index_near(buffers, name, guess);
        if (at == buffers.size()) at = index_from(buffers, name);
        if (at == buffers.size()) {
            if (is_new) hints.all.erase(known);
            return nullptr;
        }
        if (!is_new)
            hints.shift =
                static_cast<std::ptrdiff_t>(at) - static_cast<std::ptrdiff_t>(known->second);
        known->second = at;
    }
    hint = at;
    return &buffers[at];
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
