#include "tensor/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace smeaton::tensor {
namespace {

std::string write(const std::string& bytes) {
    std::string path = testing::TempDir() + "npz_test.npz";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
}

std::string refusal(const std::string& bytes) {
    try {
        read_npz(write(bytes));
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

std::map<std::string, Tensor> arrays() {
    Tensor x(DType::kF32, {2, 3});
    for (int64_t i = 0; i < 6; ++i) x.set_from_double(i, static_cast<double>(i) / 2);
    Tensor step(DType::kI64, {});
    step.set_from_int(0, 7);
    return {{"layer/x", x}, {"step", step}, {"none", Tensor(DType::kF64, {0, 2})}};
}

TEST(Npz, what_is_written_comes_back) {
    const auto back = read_npz(write(npz_bytes(arrays())));
    ASSERT_EQ(back.size(), 3u);
    for (const auto& [name, tensor] : arrays()) EXPECT_TRUE(same(back.at(name), tensor)) << name;
    EXPECT_TRUE(read_npz(write(npz_bytes({}))).empty());
}

TEST(Npz, damage_is_refused_by_name) {
    const std::string good = npz_bytes(arrays());
    EXPECT_THAT(refusal("PK"), testing::HasSubstr("it is no zip archive"));
    EXPECT_THAT(refusal(good.substr(40)), testing::HasSubstr("the directory is damaged"));
    std::string compressed = good;
    const size_t entry = good.find("PK\x01\x02");
    compressed[entry + 10] = 8;
    EXPECT_THAT(refusal(compressed), testing::HasSubstr("write it with numpy.savez"));
    for (size_t at = 0; at < good.size(); ++at) {  // never more than an error
        std::string bent = good;
        bent[at] = static_cast<char>(bent[at] ^ 0x41);
        refusal(bent);
    }
}

}  // namespace
}  // namespace smeaton::tensor
