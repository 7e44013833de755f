#include "gir/random/random_program.h"

#include "base/error.h"
#include "gir/random/kernel_maker.h"
#include "gir/verify/verify.h"
#include "gir/walk.h"

namespace smeaton::gir {

namespace random {

uint64_t Chooser::next() {
    // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

int64_t Chooser::pick(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(next() % static_cast<uint64_t>(hi - lo + 1));
}

Buffer& Draft::add_buffer(const std::string& base, DType dtype, const std::vector<int64_t>& extents,
                          Lifetime lifetime) {
    Buffer b;
    b.name = fresh(base);
    b.level = options.memory;
    b.dtype = dtype;
    b.lifetime = lifetime;
    for (size_t d = 0; d < extents.size(); ++d)
        b.dims.push_back({Name("d" + std::to_string(d)), Dim(extents[d])});
    made.program.buffers.push_back(std::move(b));
    return made.program.buffers.back();
}

// Values at which functions behave: floats on a grid of 1/16 (sums of few are exact), small
// integers.
static Tensor random_tensor(Chooser& choose, DType dtype, const std::vector<int64_t>& extents,
                            int64_t below) {
    Tensor t(dtype, extents);
    for (int64_t i = 0; i < t.elements(); ++i) {
        if (tensor::is_float(dtype))
            t.set_from_double(i, static_cast<double>(choose.pick(-40, 40)) / 16.0);
        else if (dtype == DType::kBool)
            t.set_from_int(i, choose.pick(0, 1));
        else
            t.set_from_int(i, below > 0 ? choose.pick(0, below - 1) : choose.pick(-9, 9));
    }
    return t;
}

Layout Draft::random_layout(const std::vector<int64_t>& extents, DType dtype, bool border) {
    Layout layout;
    if (!options.layouts || extents.empty() || choose.chance(40)) return layout;
    std::vector<PhysicalDim> outer, inner;
    for (size_t d = 0; d < extents.size(); ++d) {
        int dim = static_cast<int>(d);
        if (extents[d] > 3 && inner.empty() && choose.chance(35)) {
            int64_t block = choose.of(std::vector<int64_t>{2, 4, 8, 16});
            outer.push_back({dim, block, 0, 0, 0});
            inner.push_back({dim, 1, block, 0, 0});
        } else if (border && choose.chance(30)) {
            outer.push_back({dim, 1, 0, choose.pick(0, 2), choose.pick(0, 2)});
        } else {
            outer.push_back({dim, 1, 0, 0, 0});
        }
    }
    if (choose.chance(40)) choose.shuffle(outer);
    layout.dims = outer;
    layout.dims.insert(layout.dims.end(), inner.begin(), inner.end());
    if (tensor::is_float(dtype))
        layout.border = Literal::of(choose.chance(80) ? 0.0 : 0.5);
    else
        layout.border = Literal::of_int(0);
    return layout;
}

Buffer& Draft::add_input(DType dtype, const std::vector<int64_t>& extents, int64_t below) {
    bool weight = below == 0 && choose.chance(40);
    Buffer& b =
        add_buffer(weight ? "w" : "x", dtype, extents, weight ? Lifetime::Weight : Lifetime::Input);
    Tensor t = random_tensor(choose, dtype, extents, below);
    if (weight) {
        b.data = t;
        b.layout = random_layout(extents, dtype, true);
    } else {
        made.inputs[b.name] = t;
    }
    exact[b.name] = true;
    return b;
}

bool Draft::is_exact(Name buffer) const {
    auto found = exact.find(buffer);
    return found == exact.end() || found->second;
}

static std::vector<int64_t> random_extents(Draft& d) {
    static const std::vector<int64_t> kAwkward{1,  2,  3,  4,  5,  7,  8,  9,
                                               13, 16, 17, 31, 32, 33, 50, 64};
    std::vector<int64_t> extents;
    int64_t points = 1;
    for (int64_t rank = d.choose.pick(1, 4); rank > 0; --rank) {
        int64_t e = d.choose.of(kAwkward);
        if (points * e > d.options.max_points) e = d.choose.pick(1, 3);
        points *= e;
        extents.push_back(e);
    }
    d.choose.shuffle(extents);
    return extents;
}

}  // namespace random

RandomCase random_attempt(uint64_t seed, const RandomOptions& options) {
    random::Draft d(seed, options);
    d.made.program.name = "random";
    int64_t count = d.choose.pick(1, options.max_kernels);
    for (int64_t k = 0; k < count; ++k) {
        bool last = k + 1 == count;
        DType dtype = d.choose.chance(80) || options.integers.empty()
                          ? d.choose.of(options.floats)
                          : d.choose.of(options.integers);
        std::vector<int64_t> extents = random::random_extents(d);
        // Often the shape of the temp before, so that kernels can be merged.
        if (!d.readable.empty() && d.choose.chance(60)) {
            extents.clear();
            for (const NamedDim& nd : d.made.program.buffer(d.readable.back()).dims)
                extents.push_back(nd.extent.value());
        }
        Buffer& out = d.add_buffer(last ? "y" : "t", dtype, extents,
                                   last ? Lifetime::Output : Lifetime::Temp);
        if (!last) out.layout = d.random_layout(extents, dtype, true);
        Name name = out.name;
        random::add_kernel(d, name);
        if (!last) d.readable.push_back(name);
        if (last) d.made.exact = d.is_exact(name);
    }
    return std::move(d.made);
}

RandomCase random_case(uint64_t seed, const RandomOptions& options) {
    constexpr int kAttempts = 100;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        RandomCase made =
            random_attempt(seed * kAttempts + static_cast<uint64_t>(attempt), options);
        if (find_faults(made.program).empty()) return made;
    }
    SMEATON_CHECK(false, "no sound random program from seed {}", seed);
}

}  // namespace smeaton::gir
