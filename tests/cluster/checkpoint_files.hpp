#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cluster/checkpoint_format.hpp"
#include "raven/cluster/checkpoint.hpp"
#include "raven/core/folder.hpp"
#include "source_tree.hpp"

namespace raven {

namespace fs = std::filesystem;

inline Checkpoint sample(std::uint64_t step) {
  Checkpoint made;
  made.step = step;
  made.seed = 0xfedcba9876543210U;
  made.store_version = step + 7;
  made.wall_seconds = 12.345678901234567;
  made.training_digest = digest_of(std::as_bytes(std::span("job", 3)));
  made.numerics = {digest_of(std::as_bytes(std::span("kernels", 7))), "Zen", "OpenBLAS 0.3.21",
                   "AVX2"};
  made.epoch = {640,
                std::nan(""),
                1e-300,
                {{"wer", 0.25}, {"accuracy", std::numeric_limits<double>::infinity()}}};
  made.history_json = R"([{"epoch":1,"loss":2.25}])";
  made.credits_json = R"([{"node":"n1"}])";
  const Tensor weight = Tensor::of({2, 3}, std::array{1.5F, -0.0F, 3e-45F, 4.0F, 5.0F, 6.0F});
  const Tensor bias = Tensor::of({3}, std::array{0.5F, 0.25F, 0.125F});
  made.tensors.push_back({"1.linear.weight", weight, step, {weight.clone(), weight.clone()}});
  made.tensors.push_back({"1.linear.bias", bias, step, {bias}});
  made.tensors.push_back({"0.norm.mean", bias, 3, {}});
  made.tensors.push_back({"count", Tensor::of({}, std::array{std::int32_t{-7}}), 0, {}});
  made.tensors.push_back({"nobody", Tensor(ValueType{DType::f32, {0, 4}}), 0, {}});
  return made;
}

inline Checkpoint with_state(std::uint64_t step) {
  Checkpoint made = sample(step);
  made.carried = Tensor::of({2, 2}, std::array{1.0F, -0.0F, 0.25F, 8.0F});
  return made;
}

inline void expect_same(const Checkpoint& a, const Checkpoint& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.store_version, b.store_version);
  EXPECT_EQ(a.wall_seconds, b.wall_seconds);
  EXPECT_EQ(a.training_digest, b.training_digest);
  EXPECT_EQ(a.numerics, b.numerics);
  EXPECT_EQ(a.epoch.samples, b.epoch.samples);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.epoch.loss), std::bit_cast<std::uint64_t>(b.epoch.loss));
  EXPECT_EQ(a.epoch.weight, b.epoch.weight);
  EXPECT_EQ(a.epoch.metrics, b.epoch.metrics);
  EXPECT_EQ(a.history_json, b.history_json);
  EXPECT_EQ(a.credits_json, b.credits_json);
  const auto same = [](const Tensor& x, const Tensor& y) {
    return x.type() == y.type() && std::ranges::equal(x.bytes(), y.bytes());
  };
  EXPECT_TRUE(same(a.carried, b.carried));
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].name, b.tensors[i].name);
    EXPECT_EQ(a.tensors[i].version, b.tensors[i].version);
    EXPECT_TRUE(same(a.tensors[i].value, b.tensors[i].value)) << a.tensors[i].name;
    ASSERT_EQ(a.tensors[i].state.size(), b.tensors[i].state.size());
    for (std::size_t s = 0; s < a.tensors[i].state.size(); ++s) {
      EXPECT_TRUE(same(a.tensors[i].state[s], b.tensors[i].state[s])) << a.tensors[i].name;
    }
  }
}

inline std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void put(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

inline checkpoint_format::Layout lay_out_at(const fs::path& file, const Checkpoint& checkpoint) {
  const Descriptor open(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  return checkpoint_format::lay_out(open.number(), file, checkpoint);
}

inline void seal_at(const fs::path& file, checkpoint_format::Layout layout) {
  const Descriptor open(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  checkpoint_format::seal(open.number(), file, std::move(layout));
}

inline nlohmann::json ask_peer(const fs::path& checkpoint) {
  const std::string command = "/usr/bin/python3 " RAVEN_TEST_DATA "/cluster/checkpoint_peer.py '" +
                              checkpoint.string() + "'";
  std::string output;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  for (int c = 0; pipe != nullptr && (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  EXPECT_EQ(pipe == nullptr ? -1 : ::pclose(pipe), 0) << command;
  return nlohmann::json::parse(output, nullptr, false);
}

struct CheckpointTest : ::testing::Test {
  fs::path folder = fs::path(::testing::TempDir()) /
                    ("checkpoint_" + std::to_string(::getpid()) + "_" +
                     std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  void SetUp() override { fs::remove_all(folder); }
  void TearDown() override { fs::remove_all(folder); }

  [[nodiscard]] fs::path file(const char* name) const { return folder / name; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder))
      found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }
};

}  // namespace raven
