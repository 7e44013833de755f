// Every f32 function of the closed list against the C library's long double, over the whole range.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "emit/cpp/emit.h"
#include "emit/cpp/prelude.h"
#include "gir/scalar_list.h"
#include "run/compile.h"
#include "run/cpu.h"
#include "run_emitted.h"

namespace smeaton::emitted {
namespace {

using Reference = std::function<long double(long double)>;

struct Function {
    gir::ScalarFn fn;
    Reference reference;
    double lo, hi;  ///< besides all exponents, dense samples in between
};

std::vector<Function> functions() {
    using gir::ScalarFn;
    auto of = [](long double (*f)(long double)) { return Reference(f); };
    return {
        {ScalarFn::exp, of(std::exp), -110, 100},
        {ScalarFn::log, of(std::log), 0, 10},
        {ScalarFn::log1p, of(std::log1p), -1, 10},
        {ScalarFn::erf, of(std::erf), -5, 5},
        {ScalarFn::tanh, of(std::tanh), -12, 12},
        {ScalarFn::sigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); }, -110, 30},
        {ScalarFn::sin, of(std::sin), -1000, 1000},
        {ScalarFn::cos, of(std::cos), -1000, 1000},
        {ScalarFn::sqrt, of(std::sqrt), 0, 100},
        {ScalarFn::floor, of(std::floor), -100, 100},
        {ScalarFn::ceil, of(std::ceil), -100, 100},
        {ScalarFn::round, of(std::rint), -100, 100},
        {ScalarFn::trunc, of(std::trunc), -100, 100},
        {ScalarFn::reciprocal, [](long double x) { return 1 / x; }, -10, 10},
    };
}

std::vector<float> samples(double lo, double hi) {
    std::vector<float> out;
    float inf = std::numeric_limits<float>::infinity();
    for (float v : {0.0f,   -0.0f,  inf,        -inf,   std::nanf(""), 1.0f,       -1.0f,
                    0.5f,   1e-45f, -1e-45f,    1e-40f, 3.4e38f,       -3.4e38f,   0.93f,
                    0.625f, 4.0f,   1048576.0f, 1e9f,   16777216.5f,   8388607.5f, 2.5f,
                    3.5f,   -2.5f,  88.7f,      88.8f,  -87.4f,        -103.5f,    -104.5f})
        out.push_back(v);
    for (uint64_t i = 0; i < 60000; ++i) {
        uint32_t bits = static_cast<uint32_t>(i * 71583 + i);
        float v;
        std::memcpy(&v, &bits, 4);
        out.push_back(v);
    }
    for (int i = 0; i < 60000; ++i) out.push_back(static_cast<float>(lo + (hi - lo) * i / 60000.0));
    while (out.size() % 16 != 0) out.push_back(0.25f);
    return out;
}

double ulps(float got, long double want) {
    float rounded = static_cast<float>(want);
    if (std::isnan(rounded) || std::isnan(got))
        return std::isnan(rounded) && std::isnan(got) ? 0 : 1e9;
    if (std::isinf(rounded) || std::isinf(got)) {
        if (rounded == got) return 0;
        float most = std::numeric_limits<float>::max();
        // Overflow may set in one rounding away.
        return std::abs(std::isinf(got) ? rounded : got) == most ? 1 : 1e9;
    }
    long double ulp =
        std::ldexp(1.0L, std::max(std::ilogb(rounded == 0 ? 1e-45f : rounded), -126) - 23);
    return static_cast<double>(std::abs(static_cast<long double>(got) - want) / ulp);
}

std::string vector_loop(const std::string& name, bool two) {
    return fmt::format(
        "extern \"C\" int run_{0}(void* const* b, char*, i64 begin, i64 end) {{\n"
        "    for (i64 i = begin; i < end; i += kLanes)\n"
        "        *(uf32*)((f32*)b[1] + i) = {0}_vf32(*(const uf32*)((f32*)b[0] + i){1});\n    "
        "return 0;\n}}\n",
        name, two ? ", *(const uf32*)((f32*)b[2] + i)" : "");
}

class Scalars : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        std::string host = run::host_isa();
        if (GetParam() == "avx512" && host.rfind("avx512", 0) != 0)
            GTEST_SKIP() << "[SKIP] no AVX-512 here";
        if (GetParam() == "avx2" && host == "plain") GTEST_SKIP() << "[SKIP] no AVX2 here";
        emit::Isa isa = emit::isa_named(GetParam());
        std::string code;
        for (const Function& f : functions())
            code += vector_loop(std::string(gir::name(f.fn)), false);
        code += vector_loop("pow", true) + vector_loop("max", true) + vector_loop("min", true);
        run::CompileOptions options;
        options.flags = emit::compile_flags(isa);
        options.cache_folder = cache_folder();
        library_ = run::compile_cached({emit::prelude_for(code, isa) + code}, options);
    }
    std::shared_ptr<run::Library> library_;
};

TEST_P(Scalars, keep_their_error_bounds) {
    for (const Function& f : functions()) {
        std::vector<float> x = samples(f.lo, f.hi), y(x.size());
        void* buffers[] = {x.data(), y.data()};
        library_->function(fmt::format("run_{}", gir::name(f.fn)))(buffers, nullptr, 0,
                                                                   static_cast<int64_t>(x.size()));
        double worst = 0;
        float at = 0;
        for (size_t i = 0; i < x.size(); ++i)
            if (double u = ulps(y[i], f.reference(x[i])); u > worst) worst = u, at = x[i];
        // Half an ulp is the correctly rounded result itself.
        EXPECT_LE(worst, gir::error_ulp(f.fn) + 0.5001) << gir::name(f.fn) << " at " << at;
    }
}

TEST_P(Scalars, pow_keeps_its_error_bound) {
    std::vector<float> x, y;
    float inf = std::numeric_limits<float>::infinity();
    std::vector<float> special = {0.0f, -0.0f, 1.0f, -1.0f, 2.0f,          -2.0f,  0.5f,  -0.5f,
                                  3.0f, -3.0f, inf,  -inf,  std::nanf(""), 1e-40f, 1e30f, 2.5f};
    for (float a : special)
        for (float b : special) x.push_back(a), y.push_back(b);
    for (int i = 0; i < 40000; ++i) {
        x.push_back(std::exp2(static_cast<float>(i % 200 - 100) * 0.37f));
        y.push_back(static_cast<float>(i / 200 - 100) * 0.21f);
    }
    while (x.size() % 16 != 0) x.push_back(1), y.push_back(1);
    std::vector<float> z(x.size());
    void* buffers[] = {x.data(), z.data(), y.data()};
    library_->function("run_pow")(buffers, nullptr, 0, static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i)
        ASSERT_LE(
            ulps(z[i], std::pow(static_cast<long double>(x[i]), static_cast<long double>(y[i]))),
            gir::error_ulp(gir::ScalarFn::pow) + 0.5)
            << x[i] << " to the " << y[i];
}

TEST_P(Scalars, max_and_min_keep_nan) {
    float nan = std::nanf("");
    std::vector<float> x(16, 1.0f), y(16, 2.0f), z(16);
    x[3] = nan;
    y[5] = nan;
    x[7] = y[7] = nan;
    void* buffers[] = {x.data(), z.data(), y.data()};
    library_->function("run_max")(buffers, nullptr, 0, 16);
    for (size_t i : {3u, 5u, 7u}) EXPECT_TRUE(std::isnan(z[i])) << i;
    EXPECT_EQ(z[0], 2.0f);
    library_->function("run_min")(buffers, nullptr, 0, 16);
    for (size_t i : {3u, 5u, 7u}) EXPECT_TRUE(std::isnan(z[i])) << i;
    EXPECT_EQ(z[0], 1.0f);
}

INSTANTIATE_TEST_SUITE_P(Isas, Scalars, testing::Values("avx512", "avx2", "plain"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace smeaton::emitted
