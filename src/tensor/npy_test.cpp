#include "tensor/npy.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "base/error.h"

namespace smeaton::tensor {
namespace {

std::string write(const std::string& bytes) {
    std::string path = testing::TempDir() + "npy_test.npy";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
}

std::string with_header(std::string header, const std::string& data) {
    header.append(63 - (10 + header.size()) % 64, ' ');
    header += '\n';
    std::string out = "\x93NUMPY\x01";
    out += '\0';
    out += static_cast<char>(header.size());
    out += '\0';
    return out + header + data;
}

std::string refusal(const std::string& bytes) {
    try {
        read_npy(write(bytes));
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

TEST(Npy, EveryTypeAndRankComesBack) {
    for (DType dtype :
         {DType::kBool, DType::kI8, DType::kI16, DType::kI32, DType::kI64, DType::kU8, DType::kU16,
          DType::kU32, DType::kU64, DType::kF16, DType::kF32, DType::kF64})
        for (std::vector<int64_t> shape :
             {std::vector<int64_t>{}, {5}, {2, 3}, {0, 4}, {2, 1, 3, 2}}) {
            Tensor t(dtype, shape);
            for (int64_t i = 0; i < t.elements(); ++i) t.set_from_int(i, i % 2);
            EXPECT_TRUE(same(read_npy(write(npy_bytes(t))), t)) << name(dtype);
        }
}

TEST(Npy, AnArrayInFortranOrderIsTransposed) {
    std::string data = {0, 3, 1, 4, 2, 5};
    Tensor t = read_npy(
        write(with_header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", data)));
    for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(t.at_as_int(i), i);
}

TEST(Npy, Bf16IsWrittenAsF32) {
    Tensor t(DType::kBF16, {1});
    t.set_from_double(0, 1.5);
    Tensor back = read_npy(write(npy_bytes(t)));
    EXPECT_EQ(back.dtype(), DType::kF32);
    EXPECT_EQ(back.at_as_double(0), 1.5);
}

TEST(Npy, WhatIsNotAnArrayIsRefusedByName) {
    EXPECT_NE(refusal("hello, this is text").find("not a .npy file"), std::string::npos);
    EXPECT_NE(
        refusal(with_header("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "abcd"))
            .find("big-endian"),
        std::string::npos);
    EXPECT_NE(
        refusal(with_header("{'descr': '|V2', 'fortran_order': False, 'shape': (1,), }", "ab"))
            .find("bf16"),
        std::string::npos);
    EXPECT_NE(refusal(with_header("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
                                  "abcdefgh"))
                  .find("'<c8'"),
              std::string::npos);
    EXPECT_NE(
        refusal(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "abcd"))
            .find("asks for 8"),
        std::string::npos);
    EXPECT_NE(
        refusal(with_header(
                    "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
                    "abcd"))
            .find("more elements"),
        std::string::npos);
    EXPECT_NE(refusal(with_header("{'descr': '<f4', 'shape': (1,), }", "abcd")).find("lacks"),
              std::string::npos);
    EXPECT_NE(refusal(with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", ""))
                  .find("a size expected"),
              std::string::npos);
}

}  // namespace
}  // namespace smeaton::tensor
