#include "raven/data/verify.hpp"

#include <gtest/gtest.h>

#include "data/temporary_folder.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

Manifest three_shards(const TemporaryFolder& folder) {
  Manifest manifest;
  manifest.file = folder / "train.yaml";
  manifest.schema.feature_type = FeatureType::u8;
  manifest.schema.feature_shape = {1, 2};
  manifest.schema.target_width = 3;
  const std::uint8_t pixels[] = {0, 10, 4, 30};
  const std::int32_t classes[] = {2, 0};
  for (const char* name : {"a.h5", "b.h5", "c.h5"}) {
    const Digest digest =
        write_shard(folder / name, manifest.schema, std::as_bytes(std::span(pixels)),
                    std::as_bytes(std::span(classes)));
    manifest.shards.push_back({.file = name, .rows = 2, .sha256 = digest});
  }
  return manifest;
}

TEST(Verify, finds_nothing_wrong_with_sound_data) {
  const TemporaryFolder folder;
  const VerifyReport report = verify(three_shards(folder));
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.rows, 6);
  EXPECT_EQ(report.bytes, 3 * std::filesystem::file_size(folder / "a.h5"));
}

TEST(Verify, gathers_every_problem) {
  const TemporaryFolder folder;
  Manifest manifest = three_shards(folder);
  std::filesystem::remove(folder / "a.h5");
  manifest.shards[2].rows = 3;
  const VerifyReport report = verify(manifest);
  ASSERT_EQ(report.problems.size(), 2U);
  EXPECT_EQ(report.problems[0].place().file, (folder / "a.h5").string());
  EXPECT_NE(report.problems[1].problem().find("[2, 1, 2], but the manifest says [3, 1, 2]"),
            std::string::npos)
      << report.problems[1].problem();
  EXPECT_EQ(report.rows, 2);
}

TEST(Describe, counts_classes_and_measures_channels) {
  const TemporaryFolder folder;
  const DatasetSummary summary = describe(three_shards(folder));
  EXPECT_EQ(summary.rows, 6);
  EXPECT_EQ(summary.bytes, 6U * (2 + 4));
  EXPECT_EQ(summary.class_counts, (std::vector<std::int64_t>{3, 0, 3}));
  EXPECT_DOUBLE_EQ(summary.features.mean, 11);
  EXPECT_EQ(summary.features.min, 0);
  EXPECT_EQ(summary.features.max, 30);
  ASSERT_EQ(summary.channels.size(), 2U);
  EXPECT_DOUBLE_EQ(summary.channels[0].mean, 2);
  EXPECT_DOUBLE_EQ(summary.channels[0].std, 2);
  EXPECT_DOUBLE_EQ(summary.channels[1].mean, 20);
  EXPECT_DOUBLE_EQ(summary.channels[1].std, 10);
  EXPECT_TRUE(summary.targets.empty());
}

TEST(Describe, measures_real_targets) {
  const TemporaryFolder folder;
  Manifest manifest;
  manifest.file = folder / "m.yaml";
  manifest.schema.feature_shape = {1};
  manifest.schema.target_kind = TargetKind::real;
  manifest.schema.target_width = 2;
  const float features[] = {1, 3};
  const float targets[] = {5, -1, 7, -3};
  const Digest digest =
      write_shard(folder / "a.h5", manifest.schema, std::as_bytes(std::span(features)),
                  std::as_bytes(std::span(targets)));
  manifest.shards = {{.file = "a.h5", .rows = 2, .sha256 = digest}};
  const DatasetSummary summary = describe(manifest);
  ASSERT_EQ(summary.targets.size(), 2U);
  EXPECT_DOUBLE_EQ(summary.targets[0].mean, 6);
  EXPECT_DOUBLE_EQ(summary.targets[1].min, -3);
  EXPECT_TRUE(summary.class_counts.empty());
}

}  // namespace
}  // namespace raven
