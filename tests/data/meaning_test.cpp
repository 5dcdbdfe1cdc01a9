#include "raven/data/meaning.hpp"

#include <gtest/gtest.h>

#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

using Verdict = MeaningMatch::Verdict;

/// A table of x and y with the classes apple and pear.
Manifest table() {
  Manifest manifest;
  manifest.name = "fruit";
  manifest.schema.feature_shape = {2};
  manifest.schema.normalisation = {.scale = 1, .mean = {1, 20}, .std = {2, 5}};
  manifest.schema.target_width = 2;
  manifest.class_names = {"apple", "pear"};
  manifest.column_names = {"x", "y"};
  manifest.target_name = "kind";
  manifest.shards = {{.file = "train-00000.h5", .rows = 3, .sha256 = digest_of({})}};
  manifest.file = "given.yaml";
  return manifest;
}

Manifest sentences() {
  Manifest manifest;
  manifest.name = "sentences";
  manifest.schema.form = SampleForm::sequence;
  manifest.schema.feature_type = FeatureType::i32;
  manifest.schema.vocabulary = 3;
  manifest.schema.target_kind = TargetKind::tags;
  manifest.schema.target_width = 2;
  manifest.class_names = {"N", "V"};
  manifest.vocabulary = Vocabulary::of_texts(TokenUnit::word, {"<unk>", "cat", "sat"});
  manifest.shards = {{.file = "a.h5", .rows = 1, .sha256 = digest_of({}), .tokens = 2}};
  manifest.file = "given.yaml";
  return manifest;
}

struct Case {
  const char* name;
  Manifest (*wanted)();
  void (*change)(Manifest&);
  Verdict verdict;
  const char* said;  ///< a part of the error or of the notes
};

class OneDifference : public testing::TestWithParam<Case> {};

TEST_P(OneDifference, is_refused_or_mapped_and_never_silent) {
  const Case& c = GetParam();
  const Manifest wanted = c.wanted();
  Manifest given = wanted;
  c.change(given);
  const MeaningMatch match = compare_meanings(given, wanted);
  ASSERT_EQ(match.verdict, c.verdict);
  std::string said;
  for (const std::string& note : match.notes) said += note + "\n";
  if (match.verdict != Verdict::equal) said += as_error(match, given, "the model has").what();
  EXPECT_NE(said.find(c.said), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(
    All, OneDifference,
    testing::Values(
        Case{"nothing", table, [](Manifest&) {}, Verdict::equal, ""},
        Case{"another_class", table,
             [](Manifest& m) {
               m.class_names = {"pear", "zebra"};
             },
             Verdict::refused, "its classes are pear, zebra, but the model has apple, pear"},
        Case{"order_of_classes", table,
             [](Manifest& m) {
               m.class_names = {"pear", "apple"};
             },
             Verdict::mapped, "its classes are in the order pear, apple, not apple, pear; mapped"},
        Case{"fewer_classes", table,
             [](Manifest& m) {
               m.class_names = {"apple"};
               m.schema.target_width = 1;
             },
             Verdict::refused, "its classes are apple, but the model has apple, pear"},
        Case{"number_of_unnamed_classes", table,
             [](Manifest& m) {
               m.class_names = {};
               m.schema.target_width = 3;
             },
             Verdict::refused, "its targets are 3 classes, but the model has 2 classes"},
        Case{"unnamed_classes", table, [](Manifest& m) { m.class_names = {}; }, Verdict::equal,
             "it does not say what its classes are called, so only their number was compared"},
        Case{"another_column", table,
             [](Manifest& m) {
               m.column_names = {"x", "z"};
             },
             Verdict::refused, "its columns are x, z, but the model has x, y"},
        Case{"one_more_column", table,
             [](Manifest& m) {
               m.column_names = {"x", "y", "z"};
               m.schema.feature_shape = {3};
               m.schema.normalisation = {};
             },
             Verdict::refused, "its columns are x, y, z, but the model has x, y"},
        Case{"order_of_columns", table,
             [](Manifest& m) {
               m.column_names = {"y", "x"};
               m.schema.normalisation = {.scale = 1, .mean = {20, 1}, .std = {5, 2}};
             },
             Verdict::mapped, "its columns are in the order y, x, not x, y; mapped by name"},
        Case{"unnamed_columns", table, [](Manifest& m) { m.column_names = {}; }, Verdict::equal,
             "it does not say what its columns are called"},
        Case{"scale", table,
             [](Manifest& m) {
               m.schema.normalisation.mean = {2, 20};
             },
             Verdict::mapped,
             "it is normalised by mean 2, 20 and standard deviation 2, 5, not mean 1, 20"},
        Case{"target", table, [](Manifest& m) { m.target_name = "colour"; }, Verdict::refused,
             "its target is colour, but the model has kind"},
        Case{"kind_of_target", table,
             [](Manifest& m) {
               m.schema.target_kind = TargetKind::real;
               m.class_names = {};
             },
             Verdict::refused, "its targets are 2 real numbers, but the model has 2 classes"},
        Case{"no_target", table,
             [](Manifest& m) {
               m.schema.target_kind = TargetKind::none;
               m.schema.target_width = 0;
               m.class_names = {};
               m.target_name = "";
             },
             Verdict::refused, "its targets are none, but the model has 2 classes"},
        Case{"type", table, [](Manifest& m) { m.schema.feature_type = FeatureType::u8; },
             Verdict::refused, "its features are u8 [2] per sample, but the model has f32 [2]"},
        Case{"another_word", sentences,
             [](Manifest& m) {
               m.vocabulary = Vocabulary::of_texts(TokenUnit::word, {"<unk>", "cat", "ran"});
             },
             Verdict::refused, "'sat' as token 2"},
        Case{"order_of_words", sentences,
             [](Manifest& m) {
               m.vocabulary = Vocabulary::of_texts(TokenUnit::word, {"<unk>", "sat", "cat"});
             },
             Verdict::refused, "its vocabulary is 3 tokens of the unit word with sat as token 1"},
        Case{"unit_of_tokens", sentences,
             [](Manifest& m) {
               m.vocabulary = Vocabulary::of_texts(TokenUnit::character, {"a", "b", "c"});
             },
             Verdict::refused, "unit char"},
        Case{"unknown_words", sentences, [](Manifest& m) { m.vocabulary = std::nullopt; },
             Verdict::equal, "it does not say what its tokens mean"},
        Case{"another_tag", sentences,
             [](Manifest& m) {
               m.class_names = {"N", "X"};
             },
             Verdict::refused, "its classes are N, X, but the model has N, V"},
        Case{"order_of_tags", sentences,
             [](Manifest& m) {
               m.class_names = {"V", "N"};
             },
             Verdict::mapped, "its classes are in the order V, N, not N, V"},
        Case{"form", sentences, [](Manifest& m) { m.schema.form = SampleForm::tree; },
             Verdict::refused, "its samples are trees, but the model has sentences"}),
    [](const auto& info) { return info.param.name; });

TEST(Meaning, a_data_set_without_targets_will_do_where_none_are_used) {
  Manifest given = table();
  given.schema.target_kind = TargetKind::none;
  given.schema.target_width = 0;
  given.class_names = {};
  given.target_name = "";
  const MeaningMatch match = compare_meanings(given, table(), Targets::unused);
  EXPECT_EQ(match.verdict, Verdict::mapped);
  EXPECT_EQ(mapped_to(given, table(), match).schema, table().schema);
}

TEST(Meaning, names_what_differs_among_many_names) {
  Manifest wanted = table();
  wanted.schema.feature_shape = {20};
  wanted.schema.normalisation = {};
  wanted.column_names.clear();
  for (int i = 0; i < 20; ++i) wanted.column_names.push_back("c" + std::to_string(i));
  Manifest given = wanted;
  given.column_names[13] = "d";
  const std::string said = as_error(compare_meanings(given, wanted), given, "the model has").what();
  EXPECT_NE(said.find("its columns are 20, among them d, but the model has 20, among them c13"),
            std::string::npos)
      << said;
}

TEST(Meaning, never_prints_what_a_terminal_would_obey) {
  Manifest given = table();
  given.class_names = {"\x1b[2J", "pear"};
  const MeaningMatch match = compare_meanings(given, table());
  EXPECT_EQ(match.difference.given.find('\x1b'), std::string::npos);
}

/// What `manifest`, with its one shard in a folder, reads as when taken for `wanted`.
struct Read {
  std::vector<float> features;
  std::vector<std::int32_t> classes;
};
Read read_as(const Manifest& manifest, const Manifest& wanted, Targets targets) {
  std::vector<std::string> notes;
  const Dataset data(taken_for(manifest, wanted, targets, "the model has", notes));
  const std::vector<std::int64_t> samples{2, 0};
  Tensor features(data.schema().features(2));
  Tensor classes(data.schema().targets(2));
  data.read(samples, {.features = features.view(), .targets = classes.view()});
  const float* x = std::as_const(features).view().f32();
  const std::int32_t* c = std::as_const(classes).view().i32();
  return {{x, x + features.count()}, {c, c + classes.count()}};
}

TEST(Meaning, permutes_columns_and_classes_as_a_shard_is_read) {
  const TemporaryFolder folder;
  Manifest given = table();
  given.column_names = {"y", "x"};
  given.class_names = {"pear", "apple"};
  given.schema.normalisation = {.scale = 1, .mean = {7, 7}, .std = {3, 3}};
  // y, x of each row.
  const std::vector<float> stored{10, 3, 20, 5, 30, 7};
  const std::vector<std::int32_t> classes{0, 1, 1};
  given.shards[0].sha256 =
      write_shard(folder / "train-00000.h5", given.schema, std::as_bytes(std::span(stored)),
                  std::as_bytes(std::span(classes)));
  given.file = folder / "train.yaml";
  const Read read = read_as(given, table(), Targets::needed);
  // (x - 1) / 2 and (y - 20) / 5 of rows 2 and 0: the wanted order, by the wanted normalisation.
  EXPECT_EQ(read.features, (std::vector<float>{3, 2, 1, -2}));
  EXPECT_EQ(read.classes, (std::vector<std::int32_t>{0, 1}));

  // The same rows as they are sent to a process that can't open the shard.
  std::vector<std::string> notes;
  const Dataset data(taken_for(given, table(), Targets::needed, "", notes));
  const std::vector<std::int64_t> samples{1};
  Bytes raw(data.raw_bytes(samples));
  data.gather_raw(samples, raw);
  ByteWriter row;
  row.put(5.0F);
  row.put(20.0F);
  row.put(std::int32_t{0});
  EXPECT_EQ(raw, row.bytes());
  EXPECT_NE(data.manifest().identity(), given.identity());
}

TEST(Meaning, reads_rows_without_targets_as_zeros) {
  const TemporaryFolder folder;
  Manifest given = table();
  given.schema.target_kind = TargetKind::none;
  given.schema.target_width = 0;
  given.class_names = {};
  given.target_name = "";
  const std::vector<float> stored{1, 20, 3, 25, 5, 30};
  given.shards[0].sha256 =
      write_shard(folder / "train-00000.h5", given.schema, std::as_bytes(std::span(stored)), {});
  write_manifest(given, folder / "train.yaml");
  const Read read = read_as(read_manifest(folder / "train.yaml"), table(), Targets::unused);
  EXPECT_EQ(read.features, (std::vector<float>{2, 2, 0, 0}));
  EXPECT_EQ(read.classes, (std::vector<std::int32_t>{0, 0}));
}

TEST(Meaning, of_tags_renumbers_each_and_leaves_what_asks_for_nothing) {
  const TemporaryFolder folder;
  Manifest given = sentences();
  given.class_names = {"V", "N"};
  const std::vector<std::int32_t> tokens{1, 2};
  const std::vector<std::int64_t> offsets{0, 2};
  const std::vector<std::int32_t> tags{1, SampleSchema::no_target};
  given.shards[0].sha256 = write_ragged_shard(folder / "a.h5", given.schema,
                                              {.features = std::as_bytes(std::span(tokens)),
                                               .token_offsets = offsets,
                                               .targets = std::as_bytes(std::span(tags))});
  given.file = folder / "train.yaml";
  std::vector<std::string> notes;
  const Dataset data(taken_for(given, sentences(), Targets::needed, "", notes));
  Tensor read(data.schema().targets(2));
  const std::int64_t sample = 0;
  data.read(std::span(&sample, 1), {.targets = read.view()});
  EXPECT_EQ(std::as_const(read).view().i32()[0], 0);
  EXPECT_EQ(std::as_const(read).view().i32()[1], SampleSchema::no_target);
}

TEST(Meaning, stands_in_the_manifest_and_comes_back) {
  const TemporaryFolder folder;
  Manifest manifest = table();
  manifest.column_names = {"", "a \"b\", c"};
  write_manifest(manifest, folder / "m.yaml");
  const Manifest back = read_manifest(folder / "m.yaml");
  EXPECT_EQ(back.column_names, manifest.column_names);
  EXPECT_EQ(back.class_names, manifest.class_names);
  EXPECT_EQ(back.target_name, manifest.target_name);
  Manifest real = table();
  real.schema.target_kind = TargetKind::real;
  real.class_names = {};
  write_manifest(real, folder / "r.yaml");
  EXPECT_EQ(read_manifest(folder / "r.yaml").target_name, "kind");
}

TEST(Meaning, a_manifest_that_says_no_more_than_of_old_is_written_as_of_old) {
  const TemporaryFolder folder;
  Manifest manifest = table();
  manifest.column_names = {};
  manifest.target_name = "";
  write_manifest(manifest, folder / "m.yaml");
  std::ifstream in(folder / "m.yaml");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find("format_version: 1\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace raven
