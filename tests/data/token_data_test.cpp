#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "data/allocation_count.hpp"
#include "data/shard_maker.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/sampler.hpp"
#include "raven/data/shard.hpp"
#include "raven/data/story.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

using Tokens = std::vector<std::int32_t>;
using Offsets = std::vector<std::int64_t>;

SampleSchema windows(std::int64_t context, std::int32_t vocabulary) {
  SampleSchema schema;
  schema.feature_type = FeatureType::i32;
  schema.feature_shape = {context};
  schema.vocabulary = vocabulary;
  schema.target_kind = TargetKind::next;
  schema.target_width = vocabulary;
  return schema;
}

struct Window {
  Tokens features;
  Tokens targets;
};

std::vector<Window> read(const Dataset& data, const std::vector<std::int64_t>& samples) {
  const auto count = static_cast<std::int64_t>(samples.size());
  const auto context = static_cast<std::size_t>(data.schema().context());
  Tokens features(samples.size() * context);
  Tokens targets(samples.size() * context);
  data.read(samples, {{features.data(), data.schema().features(count)},
                      {targets.data(), data.schema().targets(count)}});
  std::vector<Window> read;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const auto at = static_cast<std::ptrdiff_t>(s * context);
    const auto length = static_cast<std::ptrdiff_t>(context);
    read.push_back({{features.begin() + at, features.begin() + at + length},
                    {targets.begin() + at, targets.begin() + at + length}});
  }
  return read;
}

Manifest two_sequences(const TemporaryFolder& folder) {
  Manifest manifest;
  manifest.file = folder / "train.yaml";
  manifest.name = "two";
  manifest.schema = windows(3, 20);
  const Digest digest = write_token_shard(
      folder / "a.h5", manifest.schema, Tokens{0, 1, 2, 3, 4, 5, 6, 7, 10, 11}, Offsets{0, 8, 10});
  manifest.shards.push_back(
      {.file = "a.h5", .rows = 4, .sha256 = digest, .sequences = 2, .tokens = 10});
  return manifest;
}

TEST(TokenData, windows_overlap_by_the_token_that_is_target_and_then_input) {
  const TemporaryFolder folder;
  const Dataset data(two_sequences(folder));
  ASSERT_EQ(data.size(), 4);
  const auto rows = read(data, {0, 1, 2, 3});
  EXPECT_EQ(rows[0].features, (Tokens{0, 1, 2}));
  EXPECT_EQ(rows[0].targets, (Tokens{1, 2, 3}));
  EXPECT_EQ(rows[1].features, (Tokens{3, 4, 5}));
  EXPECT_EQ(rows[1].targets, (Tokens{4, 5, 6}));
  EXPECT_EQ(rows[2].targets, (Tokens{7, -100, -100}));
  EXPECT_EQ(rows[2].features[0], 6);
  EXPECT_EQ(rows[3].features[0], 10);
  EXPECT_EQ(rows[3].targets, (Tokens{11, -100, -100}));
}

TEST(TokenData, it_tells_which_windows_begin_a_sequence) {
  const TemporaryFolder folder;
  Manifest manifest = two_sequences(folder);
  // A sequence ends with its window's last target, and the next one begins with the same token.
  const Digest digest = write_token_shard(folder / "b.h5", manifest.schema,
                                          Tokens{1, 2, 3, 4, 4, 5, 6, 7, 8}, Offsets{0, 4, 9});
  manifest.shards.push_back(
      {.file = "b.h5", .rows = 3, .sha256 = digest, .sequences = 2, .tokens = 9});
  const Digest one = write_token_shard(folder / "c.h5", manifest.schema,
                                       Tokens{1, 2, 3, 4, 5, 6, 7}, Offsets{0, 7});
  manifest.shards.push_back(
      {.file = "c.h5", .rows = 2, .sha256 = one, .sequences = 1, .tokens = 7});
  // A cache for nothing: what is told must not depend on what is in memory.
  const Dataset data(manifest, {.cache_bytes = 0});
  std::vector<bool> begins;
  for (const std::int64_t i : {0, 1, 2, 3, 4, 5, 6, 7, 8})
    begins.push_back(data.begins_sequence(i));
  EXPECT_EQ(begins, (std::vector<bool>{true, false, false, true, true, true, false, true, false}));
}

TEST(TokenData, rows_sent_to_others_become_the_same_samples) {
  const TemporaryFolder folder;
  const Dataset data(two_sequences(folder));
  const std::vector<std::int64_t> samples{2, 0, 3};
  Bytes raw(samples.size() * data.schema().row_bytes());
  data.gather_raw(samples, raw);
  Tokens features(9);
  Tokens targets(9);
  ASSERT_TRUE(unpack(
      data.schema(), raw,
      {{features.data(), data.schema().features(3)}, {targets.data(), data.schema().targets(3)}}));
  const auto rows = read(data, samples);
  for (std::size_t s = 0; s < 3; ++s) {
    const auto at = static_cast<std::ptrdiff_t>(3 * s);
    EXPECT_TRUE(
        std::equal(rows[s].features.begin(), rows[s].features.end(), features.begin() + at));
    EXPECT_TRUE(std::equal(rows[s].targets.begin(), rows[s].targets.end(), targets.begin() + at));
  }
}

TEST(TokenData, hostile_rows_from_a_peer_are_refused) {
  const SampleSchema schema = windows(3, 20);
  const auto sound = [&](Tokens row) {
    Tokens features(3);
    Tokens targets(3);
    return unpack(schema, std::as_bytes(std::span(row)),
                  {{features.data(), schema.features(1)}, {targets.data(), schema.targets(1)}});
  };
  EXPECT_TRUE(sound({0, 19, 2, 3}));
  EXPECT_TRUE(sound({0, 19, -1, -1}));
  EXPECT_FALSE(sound({0, 20, 2, 3}));           // not in the vocabulary
  EXPECT_FALSE(sound({0, -2, -1, -1}));         // neither a token nor none
  EXPECT_FALSE(sound({0, 1, -1, 3}));           // a hole
  EXPECT_FALSE(sound({0, -1, -1, -1}));         // nothing to ask for
  EXPECT_FALSE(sound({-1, -1, -1, -1}));        // nothing at all
  EXPECT_FALSE(sound({0, 1, 2}));               // too short
  EXPECT_FALSE(sound({0, 1, 2, 3, 4}));         // too long
  EXPECT_FALSE(sound({0, 1, 2, -2147483647}));  // far out
}

TEST(TokenData, reading_allocates_nothing_once_the_shard_is_there) {
  const TemporaryFolder folder;
  const Dataset data(two_sequences(folder));
  const std::vector<std::int64_t> samples{3, 1};
  Tokens features(6);
  Tokens targets(6);
  const View to_features{features.data(), data.schema().features(2)};
  const View to_targets{targets.data(), data.schema().targets(2)};
  data.read(samples, {to_features, to_targets});
  const std::size_t before = allocation_count();
  data.read(samples, {to_features, to_targets});
  EXPECT_EQ(allocation_count(), before);
}

TEST(TokenData, a_manifest_of_tokens_reads_back) {
  const TemporaryFolder folder;
  Manifest manifest = two_sequences(folder);
  std::vector<std::string> texts{"\n", "\"", "\\", "\x7F", " ", ": ", "\xC3\xA4"};
  for (int i = static_cast<int>(texts.size()); i < 20; ++i)
    texts.push_back("w" + std::to_string(i));
  manifest.vocabulary = Vocabulary::of_texts(TokenUnit::word, texts);
  write_manifest(manifest, manifest.file);
  const Manifest back = read_manifest(manifest.file);
  EXPECT_EQ(back.schema, manifest.schema);
  EXPECT_EQ(back.shards[0].sequences, 2);
  EXPECT_EQ(back.shards[0].tokens, 10);
  ASSERT_TRUE(back.vocabulary);
  EXPECT_EQ(back.vocabulary->texts(), texts);
  EXPECT_EQ(back.identity(), manifest.identity());
  EXPECT_TRUE(verify(back).problems.empty());
  const DatasetSummary summary = describe(back);
  EXPECT_EQ(summary.class_counts[7], 1);
  EXPECT_EQ(summary.class_counts[0], 0);  // a first token is never asked for
}

TEST(TokenData, an_imported_text_comes_back_with_every_token_asked_for_once_per_epoch) {
  for (const TokenUnit unit : {TokenUnit::character, TokenUnit::word, TokenUnit::byte_pair}) {
    const TemporaryFolder folder;
    make_story(20000, 3, folder / "story.txt");
    const std::string story = content_of(folder / "story.txt");
    const ImportReport report =
        import_text(folder / "story.txt", {.unit = unit, .vocabulary = 400, .context = 24},
                    {.folder = folder.path(), .name = "story", .rows_per_shard = 37});
    const Manifest manifest = read_manifest(report.train);
    ASSERT_TRUE(manifest.vocabulary);
    const Tokens stream = manifest.vocabulary->encode(story);
    const auto kept = static_cast<std::size_t>(0.9 * static_cast<double>(stream.size()));
    EXPECT_GT(manifest.shards.size(), 1U);
    const Dataset data(manifest);
    const Sampler sampler{.seed = 9, .size = data.size(), .batch = 16};
    std::map<std::int32_t, std::int64_t> asked;
    for (std::int64_t step = 0; step < sampler.steps_per_epoch(); ++step) {
      for (const Window& window : read(data, sampler.batch_at(step))) {
        for (const std::int32_t target : window.targets) ++asked[target];
      }
    }
    asked.erase(SampleSchema::no_target);
    std::map<std::int32_t, std::int64_t> wanted;
    for (std::size_t i = 1; i < kept; ++i) ++wanted[stream[i]];
    EXPECT_EQ(asked, wanted) << to_string(unit);
    // In order the windows are the stream.
    Tokens in_order{stream[0]};
    for (std::int64_t s = 0; s < data.size(); ++s) {
      const Window window = read(data, {s})[0];
      for (const std::int32_t target : window.targets) {
        if (target >= 0) in_order.push_back(target);
      }
    }
    EXPECT_TRUE(std::equal(in_order.begin(), in_order.end(), stream.begin()));
    EXPECT_EQ(in_order.size(), kept);
  }
}

TEST(TokenData, lines_are_sequences_of_their_own) {
  const TemporaryFolder folder;
  folder.put("lines.txt", "abc\n\nab\nc");
  const ImportReport report =
      import_text(folder / "lines.txt", {.context = 2, .sequences = TextOptions::Sequences::lines},
                  {.folder = folder.path(), .name = "lines", .valid_fraction = 0});
  const Manifest manifest = read_manifest(report.train);
  EXPECT_EQ(manifest.shards[0].sequences, 2);  // a line of one token asks for nothing
  EXPECT_EQ(manifest.rows(), 3);
  const Dataset data(manifest);
  const auto rows = read(data, {0, 1, 2});
  EXPECT_EQ(rows[1].targets, (Tokens{0, -100}));
  EXPECT_EQ(rows[2].features, (Tokens{1, 2}));
}

TEST(TokenData, the_story_is_the_same_everywhere_and_begins_alike) {
  EXPECT_EQ(story_sentence(1, 0), story_sentence(1, 0));
  EXPECT_NE(story_sentence(1, 0), story_sentence(2, 0));
  const TemporaryFolder folder;
  make_story(500, 1, folder / "short.txt");
  make_story(5000, 1, folder / "long.txt");
  const std::string shorter = content_of(folder / "short.txt");
  EXPECT_EQ(shorter.substr(0, 490), content_of(folder / "long.txt").substr(0, 490));
}

// What a file from elsewhere may try. Offsets are the new thing: they must not lead outside.

struct TokenAttack {
  const char* name;
  Tokens tokens;
  Offsets offsets;
  std::string problem;
};

class HostileTokens : public testing::TestWithParam<TokenAttack> {};

void put_dataset(hid_t file, const char* name, hid_t type, hsize_t count, const void* values) {
  Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  Hdf5Handle data(H5Dcreate2(file, name, type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                  H5Dclose);
  H5Dwrite(data.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

ShardMaker empty_file() {
  ShardMaker maker;
  maker.dims.clear();
  maker.with_targets = false;
  return maker;
}

TEST_P(HostileTokens, are_refused) {
  const TemporaryFolder folder;
  ShardMaker maker = empty_file();
  maker.add = [](hid_t file) {
    const auto& [name, tokens, offsets, problem] = GetParam();
    put_dataset(file, "tokens", H5T_STD_I32LE, tokens.size(), tokens.data());
    put_dataset(file, "offsets", H5T_STD_I64LE, offsets.size(), offsets.data());
  };
  maker.make(folder / "bad.h5");
  const std::string said = complaint([&] {
    (void)load_shard(folder / "bad.h5",
                     {.schema = windows(3, 20), .rows = 3, .sequences = 2, .tokens = 9});
  });
  EXPECT_NE(said.find(GetParam().problem), std::string::npos) << said;
}

const Tokens nine{0, 1, 2, 3, 4, 5, 6, 7, 8};

INSTANTIATE_TEST_SUITE_P(
    Shards, HostileTokens,
    testing::Values(
        TokenAttack{"begins_late", nine, {1, 6, 9}, "does not begin at token 0"},
        TokenAttack{"beyond_the_end", nine, {0, 6, std::int64_t{1} << 62}, "which is not two"},
        TokenAttack{"backwards", nine, {0, 9, 6}, "which is not two"},
        TokenAttack{"before_the_start", nine, {0, -5, 9}, "which is not two"},
        TokenAttack{"least_number",
                    nine,
                    {0, std::numeric_limits<std::int64_t>::min(), 9},
                    "which is not two"},
        TokenAttack{"of_one_token", nine, {0, 8, 9}, "which is not two"},
        TokenAttack{"stops_early", nine, {0, 4, 8}, "end at token 8"},
        TokenAttack{"unknown_token", {0, 1, 2, 3, 4, 5, 6, 7, 20}, {0, 6, 9}, "token 8 is 20"},
        TokenAttack{"negative_token", {0, 1, -1, 3, 4, 5, 6, 7, 8}, {0, 6, 9}, "token 2 is -1"},
        TokenAttack{"fewer_tokens", {0, 1, 2, 3, 4, 5, 6, 7}, {0, 6, 8}, "its shape is [8]"},
        TokenAttack{"fewer_offsets", nine, {0, 9}, "its shape is [2]"}),
    [](const auto& attack) { return std::string(attack.param.name); });

TEST(TokenData, counts_that_can_not_be_are_refused_before_the_file_is_read) {
  const TemporaryFolder folder;
  const auto said = [&](std::int64_t rows, std::int64_t sequences, std::int64_t tokens) {
    return complaint([&] {
      (void)load_shard(
          folder / "none.h5",
          {.schema = windows(3, 20), .rows = rows, .sequences = sequences, .tokens = tokens});
    });
  };
  constexpr std::int64_t huge = std::int64_t{1} << 40;
  for (const auto& [rows, sequences, tokens] : std::vector<std::array<std::int64_t, 3>>{
           {3, 4, 9}, {3, 0, 9}, {3, 2, huge}, {3, 2, 12}, {3, 2, 3}, {3, -1, 9}, {3, 2, -9}}) {
    EXPECT_NE(said(rows, sequences, tokens).find("can't make"), std::string::npos);
  }
  EXPECT_NE(said(huge, 2, huge).find("limit"), std::string::npos);
}

TEST(TokenData, windows_that_are_not_the_manifests_rows_are_refused) {
  const TemporaryFolder folder;
  const Manifest manifest = two_sequences(folder);
  const std::string said = complaint([&] {
    (void)load_shard(manifest.path_of(manifest.shards[0]),
                     {.schema = manifest.schema, .rows = 5, .sequences = 2, .tokens = 10});
  });
  EXPECT_NE(said.find("make 4 windows"), std::string::npos) << said;
}

TEST(TokenData, tokens_of_another_type_or_behind_a_link_are_refused) {
  const TemporaryFolder folder;
  const ShardExpectation expected{.schema = windows(3, 20), .rows = 3, .sequences = 2, .tokens = 9};
  const Offsets offsets{0, 6, 9};
  ShardMaker maker = empty_file();
  maker.add = [&](hid_t file) {
    put_dataset(file, "tokens", H5T_STD_I32LE, nine.size(), nine.data());
    put_dataset(file, "offsets", H5T_STD_I64BE, offsets.size(), offsets.data());
  };
  maker.make(folder / "type.h5");
  EXPECT_NE(complaint([&] { (void)load_shard(folder / "type.h5", expected); }).find("64-bit"),
            std::string::npos);
  maker.add = [&](hid_t file) {
    put_dataset(file, "tokens", H5T_STD_I32LE, nine.size(), nine.data());
    H5Lcreate_external("/etc/other.h5", "/offsets", file, "offsets", H5P_DEFAULT, H5P_DEFAULT);
  };
  maker.make(folder / "link.h5");
  EXPECT_NE(
      complaint([&] { (void)load_shard(folder / "link.h5", expected); }).find("external link"),
      std::string::npos);
}

}  // namespace
}  // namespace raven
