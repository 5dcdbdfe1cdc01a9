#include "raven/tensor/export.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

#include "raven/core/error.hpp"
#include "source_tree.hpp"
#include "tensor/zip_writer.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

std::string hex(ByteSpan bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", std::to_integer<unsigned>(byte));
    text += digits.data();
  }
  return text;
}

/// The line of JSON that export_peer.py prints for these tensors.
std::string expected(std::span<const NamedTensor> tensors) {
  std::string text = "{";
  for (const NamedTensor& tensor : tensors) {
    if (text.size() > 1) text += ", ";
    text += "\"" + tensor.name + "\": [\"" +
            (tensor.value.type().dtype == DType::f32 ? "<f4" : "<i4") + "\", " +
            to_string(tensor.value.shape()) + ", \"" + hex(tensor.value.bytes()) + "\"]";
  }
  return text + "}\n";
}

std::string ask_peer(const std::string& verb, const fs::path& file) {
  const std::string command = "/usr/bin/python3 " RAVEN_TEST_DATA "/tensor/export_peer.py " + verb +
                              " '" + file.string() + "'";
  std::string output;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  for (int c = 0; pipe != nullptr && (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  EXPECT_EQ(pipe == nullptr ? -1 : ::pclose(pipe), 0) << command;
  return output;
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct ExportTest : ::testing::Test {
  fs::path folder = fs::path(::testing::TempDir()) /
                    ("export_" + std::to_string(::getpid()) + "_" +
                     std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  std::vector<NamedTensor> tensors{
      {"0.linear.weight", Tensor::of({2, 3}, std::array{1.5F, -0.0F, 3e-45F, 4.0F, 5.0F, 6.0F})},
      {"0.linear.bias", Tensor::of({3}, std::array{0.5F, 0.25F, 0.125F})},
      {"count", Tensor::of({}, std::array{std::int32_t{-7}})},
      {"nothing", Tensor(ValueType{DType::f32, {0, 4}})},
      {"deep", Tensor(ValueType{DType::i32, {1, 2, 1, 2, 1, 2}})},
  };
  void SetUp() override { fs::remove_all(folder); }
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(ExportTest, numpy_loads_an_npy_of_any_rank_and_type) {
  for (NamedTensor tensor : tensors) {
    write_npy(folder / "x.npy", tensor.value);
    tensor.name.clear();
    EXPECT_EQ(ask_peer("npy", folder / "x.npy"), expected(std::span(&tensor, 1)));
    EXPECT_EQ((content(folder / "x.npy").size() - tensor.value.bytes().size()) % 64, 0U);
  }
}

TEST_F(ExportTest, numpy_loads_an_npz_by_name) {
  write_npz(folder / "x.npz", tensors);
  EXPECT_EQ(ask_peer("npz", folder / "x.npz"), expected(tensors));
  write_npz(folder / "x.npz", {});
  EXPECT_EQ(ask_peer("npz", folder / "x.npz"), "{}\n");
}

TEST_F(ExportTest, an_npz_of_more_tensors_than_zip_can_count_is_a_zip64) {
  std::vector<NamedTensor> many;
  for (int i = 0; i < 70000; ++i) many.push_back({std::to_string(i), tensors[2].value});
  write_npz(folder / "x.npz", many);
  const std::string listing = ask_peer("zip", folder / "x.npz");
  EXPECT_EQ(std::count(listing.begin(), listing.end(), ':'), 70000);
}

TEST_F(ExportTest, members_beyond_the_limit_of_32_bits_are_written_as_zip64) {
  fs::create_directories(folder);
  FileWriter out(folder / "x.zip");
  ZipWriter zip(out, 100);  // as if 100 were 2^32 - 1
  const Bytes small(10, std::byte{1});
  const Bytes large(300, std::byte{2});
  zip.add("small", std::array{ByteSpan(small)});
  zip.add("large", std::array{ByteSpan(small), ByteSpan(large)});
  zip.add("far", std::array{ByteSpan(small)});
  zip.finish();
  out.commit();
  const std::string ones = hex(small);
  EXPECT_EQ(ask_peer("zip", folder / "x.zip"),
            R"({"small": [20, 0, ")" + ones + R"("], "large": [45, 20, ")" + ones + hex(large) +
                R"("], "far": [45, 12, ")" + ones + "\"]}\n");
}

TEST_F(ExportTest, safetensors_are_read_by_a_parser_of_the_published_format) {
  tensors.push_back({"a \\\"quoted\\\" name", tensors[1].value});
  std::vector<NamedTensor> named = tensors;
  named.back().name = "a \"quoted\" name";
  write_safetensors(folder / "x.safetensors", named);
  EXPECT_EQ(ask_peer("safetensors", folder / "x.safetensors"), expected(tensors));
  write_safetensors(folder / "x.safetensors", {});
  EXPECT_EQ(ask_peer("safetensors", folder / "x.safetensors"), "{}\n");
}

TEST_F(ExportTest, the_same_tensors_give_the_same_bytes) {
  write_npz(folder / "a.npz", tensors);
  write_npz(folder / "b.npz", tensors);
  EXPECT_EQ(content(folder / "a.npz"), content(folder / "b.npz"));
}

TEST_F(ExportTest, a_place_that_can_not_be_written_is_an_input_error) {
  fs::create_directories(folder / "x.npy");
  EXPECT_THROW(write_npy(folder / "x.npy", tensors[0].value), InputError);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
}

TEST(Crc32, of_the_check_text_is_the_published_value) {
  const std::string text = "123456789";
  const ByteSpan bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(crc32_of(bytes), 0xcbf43926U);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_EQ(crc32_of(bytes.subspan(cut), crc32_of(bytes.first(cut))), 0xcbf43926U);
  }
}

}  // namespace
}  // namespace raven
