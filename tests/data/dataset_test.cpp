#include "raven/data/dataset.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

#include "data/allocation_count.hpp"
#include "data/temporary_folder.hpp"
#include "raven/core/error.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

/// `shards` shards of `rows` rows: sample s is the five numbers s + i / 8, its class s % 7.
Manifest make_data(const TemporaryFolder& folder, std::int64_t shards, std::int64_t rows) {
  Manifest manifest;
  manifest.file = folder / "train.yaml";
  manifest.schema.feature_shape = {5};
  manifest.schema.target_width = 7;
  for (std::int64_t shard = 0; shard < shards; ++shard) {
    std::vector<float> features;
    std::vector<std::int32_t> targets;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t sample = shard * rows + row;
      for (int i = 0; i < 5; ++i)
        features.push_back(static_cast<float>(sample) + static_cast<float>(i) / 8);
      targets.push_back(static_cast<std::int32_t>(sample % 7));
    }
    const std::string name = "s" + std::to_string(shard) + ".h5";
    const Digest digest =
        write_shard(folder / name, manifest.schema, std::as_bytes(std::span(features)),
                    std::as_bytes(std::span(targets)));
    manifest.shards.push_back({.file = name, .rows = rows, .sha256 = digest});
  }
  return manifest;
}

struct Batch {
  std::vector<float> features;
  std::vector<std::int32_t> targets;
};

Batch read(const Dataset& data, const std::vector<std::int64_t>& samples) {
  const auto count = static_cast<std::int64_t>(samples.size());
  Batch batch{std::vector<float>(samples.size() * 5), std::vector<std::int32_t>(samples.size())};
  data.read(samples, {{batch.features.data(), data.schema().features(count)},
                      {batch.targets.data(), data.schema().targets(count)}});
  return batch;
}

void expect_samples(const Batch& batch, const std::vector<std::int64_t>& samples) {
  for (std::size_t s = 0; s < samples.size(); ++s) {
    ASSERT_EQ(batch.targets[s], samples[s] % 7);
    for (std::size_t i = 0; i < 5; ++i) {
      ASSERT_EQ(batch.features[5 * s + i],
                static_cast<float>(samples[s]) + static_cast<float>(i) / 8);
    }
  }
}

TEST(Dataset, yields_the_samples_asked_for_in_their_order_across_shards) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 7, 13));
  ASSERT_EQ(data.size(), 91);
  std::vector<std::int64_t> samples(91);
  for (std::int64_t i = 0; i < 91; ++i) samples[static_cast<std::size_t>(i)] = i * 37 % 91;
  expect_samples(read(data, samples), samples);
  const std::vector<std::int64_t> repeated{90, 0, 90, 13, 12, 13};
  expect_samples(read(data, repeated), repeated);
  expect_samples(read(data, {}), {});
}

TEST(Dataset, reads_batches_larger_than_its_blocks) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 3, 700));
  std::vector<std::int64_t> samples(2100);
  for (std::int64_t i = 0; i < 2100; ++i) samples[static_cast<std::size_t>(i)] = i * 11 % 2100;
  expect_samples(read(data, samples), samples);
}

TEST(Dataset, keeps_to_its_budget_and_still_yields_every_sample) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 6, 10), {.cache_bytes = 2 * 10 * 24});
  for (int round = 0; round < 3; ++round) {
    for (std::int64_t s = 0; s < 60; s += 7) {
      expect_samples(read(data, {s, (s + 31) % 60}), {s, (s + 31) % 60});
      EXPECT_LE(data.cached_bytes(), 2U * 10 * 24);
    }
  }
}

TEST(Dataset, gives_way_to_the_shard_used_longest_ago) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 3, 10), {.cache_bytes = 2 * 10 * 24});
  read(data, {0});
  read(data, {10});
  read(data, {0});
  read(data, {20});  // shard 1 must go
  std::filesystem::remove(folder / "s0.h5");
  std::filesystem::remove(folder / "s1.h5");
  expect_samples(read(data, {5, 25}), {5, 25});
  EXPECT_NE(complaint([&] { read(data, {10}); }), "");
}

TEST(Dataset, a_budget_of_nothing_works) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 3, 4), {.cache_bytes = 0});
  expect_samples(read(data, {11, 0, 5, 1}), {11, 0, 5, 1});
}

TEST(Dataset, allocates_nothing_once_its_shards_are_in_memory) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 3, 400));
  std::vector<std::int64_t> samples(1200);
  for (std::int64_t i = 0; i < 1200; ++i) samples[static_cast<std::size_t>(i)] = i * 7 % 1200;
  read(data, samples);
  std::vector<float> features(6000);
  std::vector<std::int32_t> targets(1200);
  std::vector<std::byte> raw(1200 * data.schema().row_bytes());
  const std::size_t before = allocation_count();
  data.read(samples, {{features.data(), data.schema().features(1200)},
                      {targets.data(), data.schema().targets(1200)}});
  data.gather_raw(samples, raw);
  EXPECT_EQ(allocation_count(), before);
}

TEST(Dataset, raw_rows_unpacked_elsewhere_equal_a_read) {
  const TemporaryFolder folder;
  Manifest manifest = make_data(folder, 2, 9);
  manifest.schema.normalisation = {.scale = 0.5, .mean = {1, 2, 3, 4, 5}, .std = {3}};
  const Dataset data(manifest);
  const std::vector<std::int64_t> samples{17, 3, 8, 9};
  const Batch direct = read(data, samples);
  Bytes raw(4 * data.schema().row_bytes());
  data.gather_raw(samples, raw);
  Batch sent{std::vector<float>(20), std::vector<std::int32_t>(4)};
  ASSERT_TRUE(unpack(data.schema(), raw,
                     {{sent.features.data(), data.schema().features(4)},
                      {sent.targets.data(), data.schema().targets(4)}}));
  EXPECT_EQ(std::memcmp(sent.features.data(), direct.features.data(), 80), 0);
  EXPECT_EQ(sent.targets, direct.targets);
}

TEST(Dataset, what_a_graph_does_not_ask_for_is_left_out) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 1, 8));
  const std::vector<std::int64_t> samples{3, 1};
  std::vector<float> features(10);
  std::vector<std::int32_t> targets(2);
  data.read(samples, {.features = {features.data(), data.schema().features(2)}});
  data.read(samples, {.targets = {targets.data(), data.schema().targets(2)}});
  expect_samples({features, targets}, samples);
  data.read(samples, {});

  std::vector<std::byte> raw(data.raw_bytes(samples));
  data.gather_raw(samples, raw);
  features.assign(10, 0);
  targets.assign(2, 0);
  EXPECT_TRUE(
      unpack(data.schema(), raw, {.features = {features.data(), data.schema().features(2)}}));
  EXPECT_TRUE(unpack(data.schema(), raw, {.targets = {targets.data(), data.schema().targets(2)}}));
  expect_samples({features, targets}, samples);
  EXPECT_TRUE(unpack(data.schema(), raw, {}));
}

TEST(Dataset, views_of_another_kind_are_somebodys_mistake_and_no_bug) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 1, 8));
  const std::vector<std::int64_t> samples{3, 1};
  std::vector<std::byte> raw(data.raw_bytes(samples));
  data.gather_raw(samples, raw);
  std::vector<float> numbers(64);
  std::vector<std::int32_t> classes(64);
  const RowViews wrong[] = {
      {.features = {numbers.data(), data.schema().features(3)}},
      {.features = {numbers.data(), {DType::f32, {2, 4}}}},
      {.targets = {classes.data(), {DType::i32, {2, 2}}}},
      {.targets = {numbers.data(), {DType::f32, {2}}}},
      {.lengths = {classes.data(), {DType::i32, {2}}}},
  };
  for (const RowViews& views : wrong) {
    EXPECT_THROW(data.read(samples, views), InputError);
    EXPECT_FALSE(unpack(data.schema(), raw, views));
  }
}

TEST(Dataset, another_file_than_the_manifest_names_is_refused) {
  const TemporaryFolder folder;
  const Manifest manifest = make_data(folder, 2, 4);
  std::filesystem::copy_file(folder / "s0.h5", folder / "s1.h5",
                             std::filesystem::copy_options::overwrite_existing);
  const Dataset data(manifest);
  expect_samples(read(data, {0, 3}), {0, 3});
  const std::string said = complaint([&] { read(data, {4}); });
  EXPECT_NE(said.find("s1.h5"), std::string::npos) << said;
  EXPECT_NE(said.find("SHA-256"), std::string::npos) << said;
}

TEST(Dataset, a_file_that_changes_after_it_was_checked_is_checked_again) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 2, 4), {.cache_bytes = 0});
  read(data, {0});
  read(data, {4});
  std::filesystem::copy_file(folder / "s1.h5", folder / "s0.h5",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(complaint([&] { read(data, {0}); }).find("SHA-256"), std::string::npos);
}

TEST(Dataset, a_missing_shard_can_be_put_back) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 1, 4));
  std::filesystem::rename(folder / "s0.h5", folder / "away.h5");
  EXPECT_NE(complaint([&] { read(data, {0}); }).find("can't be opened"), std::string::npos);
  std::filesystem::rename(folder / "away.h5", folder / "s0.h5");
  expect_samples(read(data, {2}), {2});
}

TEST(Dataset, many_threads_read_while_shards_come_and_go) {
  const TemporaryFolder folder;
  const Dataset data(make_data(folder, 5, 20), {.cache_bytes = 2 * 20 * 24});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::int64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t round = 0; round < 50; ++round) {
        const std::vector<std::int64_t> samples{(t * 31 + round * 7) % 100,
                                                (t * 17 + round * 13) % 100};
        const Batch batch = read(data, samples);
        for (std::size_t s = 0; s < 2; ++s)
          wrong += batch.features[5 * s] != static_cast<float>(samples[s]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace raven
