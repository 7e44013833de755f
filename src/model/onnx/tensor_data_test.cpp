#include "model/onnx/tensor_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "model/onnx/test_models.h"
#include "model/onnx/types.h"

namespace smeaton::model::onnx::testing {

namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A folder of this test, removed at its end.
struct Folder {
    fs::path path;
    Folder() {
        path = fs::temp_directory_path() /
               fmt::format("smeaton_{}_{}", ::getpid(),
                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
        fs::create_directories(path / "in");
    }
    ~Folder() { fs::remove_all(path); }
    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path / name, std::ios::binary) << bytes;
    }
};

onnx_format::Model with_initializer(const onnx_format::Tensor& tensor) {
    onnx_format::Model model = relu_model();
    *model.mutable_graph()->add_initializer() = tensor;
    model.mutable_graph()->mutable_initializer(0)->set_name("w");
    return model;
}

Tensor initializer(const onnx_format::Tensor& tensor) {
    return *find_value(read(with_initializer(tensor)), "w")->constant;
}

std::vector<double> numbers(const Tensor& tensor) {
    std::vector<double> result;
    for (int64_t i = 0; i < tensor.elements(); ++i) result.push_back(tensor.at_as_double(i));
    return result;
}

onnx_format::Tensor typed(int type, const std::vector<int64_t>& shape) {
    onnx_format::Tensor tensor;
    tensor.set_data_type(type);
    for (const int64_t size : shape) tensor.add_dims(size);
    return tensor;
}

onnx_format::Tensor external(const std::string& location, const std::string& offset = "",
                             const std::string& length = "") {
    onnx_format::Tensor tensor = typed(kFloat, {2});
    tensor.set_data_location(1);
    for (const auto& [key, value] : {std::pair<std::string, std::string>{"location", location},
                                     {"offset", offset},
                                     {"length", length}}) {
        if (value.empty()) continue;
        auto* entry = tensor.add_external_data();
        entry->set_key(key);
        entry->set_value(value);
    }
    return tensor;
}

std::string external_refusal(const Folder& folder, const onnx_format::Tensor& tensor) {
    return refusal(with_initializer(tensor), {folder.path / "in"});
}

const std::string kTwoFloats("\0\0\x80\x3f\0\0\0\x40", 8);  // 1, 2

TEST(TensorData, raw_data_is_read) {
    onnx_format::Tensor tensor;
    set_raw<float>(&tensor, "", kFloat, {2, 2}, {1, 2, 3, 4});
    const Tensor read = initializer(tensor);
    EXPECT_THAT(read.shape(), ElementsAre(2, 2));
    EXPECT_THAT(numbers(read), ElementsAre(1, 2, 3, 4));
}

TEST(TensorData, every_typed_array_is_read) {
    onnx_format::Tensor floats = typed(kFloat, {2});
    floats.add_float_data(0.5f);
    floats.add_float_data(-1);
    EXPECT_THAT(numbers(initializer(floats)), ElementsAre(0.5, -1));
    onnx_format::Tensor ints = typed(kInt8, {2});
    ints.add_int32_data(-5);
    ints.add_int32_data(7);
    EXPECT_THAT(numbers(initializer(ints)), ElementsAre(-5, 7));
    onnx_format::Tensor longs = typed(kInt64, {1});
    longs.add_int64_data(int64_t{1} << 40);
    EXPECT_THAT(numbers(initializer(longs)), ElementsAre(1099511627776.0));
    onnx_format::Tensor doubles = typed(11, {1});
    doubles.add_double_data(0.25);
    EXPECT_THAT(numbers(initializer(doubles)), ElementsAre(0.25));
    onnx_format::Tensor unsigned_ints = typed(12, {1});
    unsigned_ints.add_uint64_data(4000000000u);
    EXPECT_THAT(numbers(initializer(unsigned_ints)), ElementsAre(4000000000.0));
    onnx_format::Tensor halves = typed(10, {1});
    halves.add_int32_data(0x3c00);
    EXPECT_THAT(numbers(initializer(halves)), ElementsAre(1));
    onnx_format::Tensor nibbles = typed(22, {3});
    nibbles.add_int32_data(0x2f);  // two elements, low bits first
    nibbles.add_int32_data(0x03);
    EXPECT_THAT(numbers(initializer(nibbles)), ElementsAre(-1, 2, 3));
    onnx_format::Tensor bools = typed(kBool, {2});
    bools.add_int32_data(0);
    bools.add_int32_data(256);
    EXPECT_THAT(numbers(initializer(bools)), ElementsAre(0, 1));
    onnx_format::Tensor texts = typed(kString, {1});
    texts.add_string_data("ab");
    EXPECT_THAT(initializer(texts).strings(), ElementsAre("ab"));
}

TEST(TensorData, every_element_type_of_the_format_but_complex_is_known) {
    for (int32_t type = 1; type <= 26; ++type)
        EXPECT_EQ(dtype_of(type).has_value(), type != 14 && type != 15) << type;
    EXPECT_FALSE(dtype_of(0) || dtype_of(27) || dtype_of(-1));
    EXPECT_EQ(dtype_words(15), "complex128");
    EXPECT_EQ(dtype_words(99), "element type 99");
}

TEST(TensorData, raw_booleans_become_zero_or_one) {
    onnx_format::Tensor tensor;
    set_raw<uint8_t>(&tensor, "", kBool, {3}, {0, 1, 7});
    const Tensor read = initializer(tensor);
    EXPECT_EQ(std::to_integer<int>(read.data()[2]), 1);
}

TEST(TensorData, scalars_and_empty_tensors_are_read) {
    onnx_format::Tensor scalar;
    set_raw<float>(&scalar, "", kFloat, {}, {3});
    EXPECT_THAT(numbers(initializer(scalar)), ElementsAre(3));
    EXPECT_EQ(initializer(typed(kFloat, {2, 0})).elements(), 0);
}

TEST(TensorData, too_few_and_too_many_bytes_are_refused) {
    onnx_format::Tensor tensor;
    set_raw<uint8_t>(&tensor, "", kFloat, {2, 2}, {1, 2, 3});
    EXPECT_EQ(refusal(with_initializer(tensor)),
              "m.onnx: initializer 'w': holds 3 bytes of data, but f32[2,2] takes 16");
    onnx_format::Tensor numbers = typed(kFloat, {1});
    numbers.add_float_data(1);
    numbers.add_float_data(2);
    EXPECT_EQ(refusal(with_initializer(numbers)),
              "m.onnx: initializer 'w': holds 2 numbers of data, but f32[1] takes 1");
    EXPECT_THAT(refusal(with_initializer(typed(kFloat, {1}))), HasSubstr("holds 0 numbers"));
}

TEST(TensorData, negative_and_absurd_sizes_are_refused) {
    EXPECT_EQ(refusal(with_initializer(typed(kFloat, {2, -3}))),
              "m.onnx: initializer 'w': has the negative size -3");
    EXPECT_THAT(refusal(with_initializer(typed(kFloat, {int64_t{1} << 60}))),
                HasSubstr("claims the shape [1152921504606846976]"));
    EXPECT_THAT(refusal(with_initializer(typed(kFloat, {1 << 30, 1 << 30}))),
                HasSubstr("more elements than any file can hold"));
    EXPECT_THAT(refusal(with_initializer(typed(kFloat, {0, int64_t{1} << 60}))),
                HasSubstr("claims the shape"));
    EXPECT_THAT(refusal(with_initializer(typed(kFloat, {1 << 30}))), HasSubstr("takes 1073741824"));
    EXPECT_THAT(refusal(with_initializer(typed(kFloat, std::vector<int64_t>(65, 1)))),
                HasSubstr("65 dimensions"));
}

TEST(TensorData, unreadable_element_types_are_refused) {
    EXPECT_THAT(refusal(with_initializer(typed(14, {0}))), HasSubstr("has complex64"));
    EXPECT_THAT(refusal(with_initializer(typed(0, {0}))), HasSubstr("undefined element type"));
    EXPECT_THAT(refusal(with_initializer(typed(77, {0}))), HasSubstr("element type 77"));
}

TEST(TensorData, data_in_two_encodings_are_refused) {
    onnx_format::Tensor tensor;
    set_raw<float>(&tensor, "", kFloat, {1}, {1});
    tensor.add_float_data(1);
    EXPECT_THAT(refusal(with_initializer(tensor)), HasSubstr("more than one way"));
}

TEST(TensorData, sparse_initializers_are_refused) {
    onnx_format::Model model = relu_model();
    model.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("s");
    EXPECT_THAT(refusal(model), HasSubstr("initializer 's' is sparse"));
}

TEST(TensorData, aligned_raw_data_is_a_view_of_the_file) {
    Folder folder;
    onnx_format::Tensor tensor;
    set_raw<uint8_t>(&tensor, "", 2, {4}, {1, 2, 3, 4});
    auto bytes = std::make_shared<const std::string>(with_initializer(tensor).SerializeAsString());
    const Graph graph = read_onnx_bytes(std::as_bytes(std::span(*bytes)), bytes, "m");
    const auto* data = reinterpret_cast<const char*>(find_value(graph, "w")->constant->data());
    EXPECT_TRUE(data >= bytes->data() && data < bytes->data() + bytes->size());
}

TEST(TensorData, a_field_that_only_the_scan_writes_is_not_believed) {
    onnx_format::Tensor tensor = typed(kFloat, {2});
    tensor.set_raw_offset(0);
    tensor.set_raw_bytes(8);
    EXPECT_THAT(refusal(with_initializer(tensor)), HasSubstr("holds 0 numbers"));
}

TEST(ExternalData, is_read_by_offset_and_length) {
    Folder folder;
    folder.write("in/data.bin", "abcd" + kTwoFloats);
    fs::create_directories(folder.path / "in/sub");
    folder.write("in/sub/more.bin", kTwoFloats);
    onnx_format::Model model = with_initializer(external("data.bin", "4", "8"));
    *model.mutable_graph()->add_initializer() = external("sub/more.bin");
    model.mutable_graph()->mutable_initializer(1)->set_name("v");
    folder.write("in/m.onnx", model.SerializeAsString());
    const Graph graph = read_onnx(folder.path / "in/m.onnx");
    EXPECT_THAT(numbers(*find_value(graph, "w")->constant), ElementsAre(1, 2));
    EXPECT_THAT(numbers(*find_value(graph, "v")->constant), ElementsAre(1, 2));
}

TEST(ExternalData, unaligned_data_is_copied) {
    Folder folder;
    folder.write("in/data.bin", "a" + kTwoFloats);
    const Graph graph = read(with_initializer(external("data.bin", "1")), {folder.path / "in"});
    const Tensor& tensor = *find_value(graph, "w")->constant;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 4, 0u);
    EXPECT_THAT(numbers(tensor), ElementsAre(1, 2));
}

TEST(ExternalData, outside_of_the_folder_is_refused) {
    Folder folder;
    folder.write("secret.bin", kTwoFloats);
    fs::create_symlink(folder.path / "secret.bin", folder.path / "in/link.bin");
    fs::create_directory_symlink(folder.path, folder.path / "in/up");
    EXPECT_THAT(external_refusal(folder, external("../secret.bin")), HasSubstr("'..' are refused"));
    EXPECT_THAT(external_refusal(folder, external("a/../../secret.bin")),
                HasSubstr("'..' are refused"));
    EXPECT_THAT(external_refusal(folder, external((folder.path / "secret.bin").string())),
                HasSubstr("absolute paths are refused"));
    EXPECT_THAT(external_refusal(folder, external("link.bin")),
                HasSubstr("symbolic link leads out of the model's folder"));
    EXPECT_THAT(external_refusal(folder, external("up/secret.bin")), HasSubstr("symbolic link"));
    EXPECT_THAT(external_refusal(folder, external("link.bin")),
                HasSubstr("m.onnx: initializer 'w': "));
}

TEST(ExternalData, a_link_within_the_folder_is_followed) {
    Folder folder;
    folder.write("in/data.bin", kTwoFloats);
    fs::create_symlink("data.bin", folder.path / "in/link.bin");
    EXPECT_EQ(external_refusal(folder, external("link.bin")), "");
}

TEST(ExternalData, missing_short_and_odd_files_are_refused) {
    Folder folder;
    folder.write("in/data.bin", kTwoFloats);
    fs::create_directory(folder.path / "in/folder");
    EXPECT_THAT(external_refusal(folder, external("none.bin")), HasSubstr("No such file"));
    EXPECT_THAT(external_refusal(folder, external("folder")), HasSubstr("is a folder"));
    EXPECT_THAT(external_refusal(folder, external("")), HasSubstr("without a location"));
    EXPECT_THAT(external_refusal(folder, external("data.bin", "4")),
                HasSubstr("8 bytes from offset 4 on, but the file has 8 bytes"));
    EXPECT_THAT(external_refusal(folder, external("data.bin", "18446744073709551615")),
                HasSubstr("8 bytes from offset 18446744073709551615"));
    EXPECT_THAT(external_refusal(folder, external("data.bin", "-4")),
                HasSubstr("offset '-4', which is not a whole number"));
    EXPECT_THAT(external_refusal(folder, external("data.bin", "", "4")),
                HasSubstr("length 4, but the tensor takes 8"));
    EXPECT_THAT(refusal(with_initializer(external("data.bin"))), HasSubstr("given as bytes"));
}

TEST(ReadTensorFile, reads_a_tensor) {
    Folder folder;
    onnx_format::Tensor tensor;
    set_raw<float>(&tensor, "x", kFloat, {2}, {1, 2});
    folder.write("in/x.pb", tensor.SerializeAsString());
    EXPECT_THAT(numbers(read_tensor_file(folder.path / "in/x.pb")), ElementsAre(1, 2));
    folder.write("in/x.pb", "\x0a\xff");
    EXPECT_THROW(read_tensor_file(folder.path / "in/x.pb"), UserError);
}

}  // namespace

}  // namespace smeaton::model::onnx::testing
