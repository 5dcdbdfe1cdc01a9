#include "raven/data/manifest.hpp"

#include <gtest/gtest.h>

#include "data/temporary_folder.hpp"

namespace raven {
namespace {

const std::string digest_text(64, 'a');

std::string manifest_text(const std::string& features = "{shape: [28, 28, 1], type: u8}",
                          const std::string& targets = "{kind: class, classes: 10}",
                          const std::string& shards = "", const std::string& more = "") {
  return "format_version: 1\nname: digits\nfeatures: " + features + "\ntargets: " + targets +
         "\nshards:\n  - {file: a.h5, rows: 5, sha256: " + digest_text + "}\n" + shards + more;
}

TEST(Manifest, reads_a_plain_one) {
  const TemporaryFolder folder;
  const auto file = folder.put("train.yaml", manifest_text());
  const Manifest manifest = read_manifest(file);
  EXPECT_EQ(manifest.name, "digits");
  EXPECT_EQ(manifest.rows(), 5);
  EXPECT_EQ(manifest.schema.feature_shape, (Shape{28, 28, 1}));
  EXPECT_EQ(manifest.schema.target_width, 10);
  EXPECT_EQ(manifest.path_of(manifest.shards[0]), folder / "a.h5");
  EXPECT_EQ(manifest.shards[0].line, 6);
}

TEST(Manifest, comes_back_from_its_file_whatever_the_names) {
  const TemporaryFolder folder;
  Manifest manifest;
  manifest.name = "odd: \"name\"\n\t\\ #x \x01";
  manifest.schema.feature_shape = {3};
  manifest.schema.normalisation = {
      .scale = 0.1, .mean = {1e-300, -0.1, 1.0 / 3}, .std = {1, 2, 3e10}};
  manifest.schema.target_width = 2;
  manifest.class_names = {"yes, \"really\"", "no"};
  manifest.shards = {{.file = "sub/a b.h5", .rows = 3, .sha256 = digest_of({})}};
  write_manifest(manifest, folder / "m.yaml");
  const Manifest back = read_manifest(folder / "m.yaml");
  EXPECT_EQ(back.name, manifest.name);
  EXPECT_EQ(back.schema, manifest.schema);
  EXPECT_EQ(back.class_names, manifest.class_names);
  EXPECT_EQ(back.shards[0].file, manifest.shards[0].file);
  EXPECT_EQ(back.identity(), manifest.identity());
}

TEST(Manifest, its_identity_follows_the_data_and_not_the_name) {
  const TemporaryFolder folder;
  const Manifest one = read_manifest(folder.put("one.yaml", manifest_text()));
  Manifest two = one;
  two.name = "other";
  EXPECT_EQ(one.identity(), two.identity());
  two.shards[0].sha256.bytes[3] ^= std::byte{1};
  EXPECT_NE(one.identity(), two.identity());
}

struct Broken {
  const char* name;
  std::string text;
  std::string place;    ///< ":line:column" that the message must hold
  std::string problem;  ///< a part of the message
};

class BrokenManifest : public testing::TestWithParam<Broken> {};

TEST_P(BrokenManifest, is_refused_with_its_place) {
  const TemporaryFolder folder;
  const auto file = folder.put("bad.yaml", GetParam().text);
  const std::string said = complaint([&] { (void)read_manifest(file); });
  EXPECT_NE(said.find(file.string() + GetParam().place), std::string::npos) << said;
  EXPECT_NE(said.find(GetParam().problem), std::string::npos) << said;
}

std::string shard_line(const std::string& content) { return "  - {" + content + "}\n"; }

INSTANTIATE_TEST_SUITE_P(
    All, BrokenManifest,
    testing::Values(
        Broken{"empty", "", "", "must be a map"},
        Broken{"not_yaml", "a: [1, 2\nb: }", ":2", "no valid YAML"},
        Broken{
            "doubled_key",
            manifest_text("{shape: [1], type: u8}", "{kind: real, width: 1}", "", "name: again\n"),
            ":7:1", "'name' stands twice"},
        Broken{"doubled_inner_key", manifest_text("{shape: [1], type: u8, type: f32}"), ":3:34",
               "stands twice"},
        Broken{"unknown_key", manifest_text() + "colour: red\n", ":7:1", "unknown key 'colour'"},
        Broken{"list_as_key", manifest_text() + "? [a, b]\n: c\n", ":7", "keys are words"},
        Broken{"missing_name", "format_version: 1\n", ":1:1", "'name' is missing"},
        Broken{"future_version", "format_version: 3\n", ":1:17", "from 1 to 2, not '3'"},
        Broken{"six_dimensions", manifest_text("{shape: [1, 1, 1, 1, 1, 1], type: u8}"), ":3:19",
               "at most five"},
        Broken{"negative_dimension", manifest_text("{shape: [28, -1], type: u8}"), ":3:24",
               "a dimension"},
        Broken{"huge_dimension", manifest_text("{shape: [99999999999999999999], type: u8}"),
               ":3:20", "a dimension"},
        Broken{"huge_product", manifest_text("{shape: [200000, 200000], type: u8}"), ":3:11",
               "256 MiB"},
        Broken{"unknown_type", manifest_text("{shape: [1], type: f64}"), ":3:30",
               "choose u8, f32 or i32"},
        Broken{"tokens_without_vocabulary", manifest_text("{shape: [1], type: i32}"), ":3:11",
               "'vocabulary' is missing"},
        Broken{"vocabulary_of_pixels", manifest_text("{shape: [1], type: u8, vocabulary: 3}"),
               ":3:11", "tokens only"},
        Broken{"unknown_kind", manifest_text("{shape: [1], type: u8}", "{kind: words}"), ":4:17",
               "class, tags, real, next or none"},
        Broken{"width_of_classes",
               manifest_text("{shape: [1], type: u8}", "{kind: class, classes: 2, width: 1}"),
               ":4:43", "no width"},
        Broken{"no_classes", manifest_text("{shape: [1], type: u8}", "{kind: class, classes: []}"),
               ":4:33", "no classes"},
        Broken{"same_class_twice",
               manifest_text("{shape: [1], type: u8}", "{kind: class, classes: [a, b, a]}"),
               ":4:40", "same name"},
        Broken{"nan_scale", manifest_text() + "normalisation: {scale: nan}\n", ":7:24",
               "scale must be"},
        Broken{"words_as_scale", manifest_text() + "normalisation: {scale: much}\n", ":7:24",
               "must be a number"},
        Broken{"two_means",
               manifest_text("{shape: [3], type: f32}") + "normalisation: {mean: [1, 2]}\n",
               ":3:11", "one per channel"},
        Broken{"zero_std", manifest_text() + "normalisation: {std: 0}\n", ":3:11",
               "std must be positive"},
        Broken{
            "path_upwards",
            manifest_text("{shape: [1], type: u8}", "{kind: class, classes: 2}",
                          shard_line("file: x/../../secret.h5, rows: 1, sha256: " + digest_text)),
            ":7:12", "stay inside"},
        Broken{"absolute_path",
               manifest_text("{shape: [1], type: u8}", "{kind: class, classes: 2}",
                             shard_line("file: /etc/passwd, rows: 1, sha256: " + digest_text)),
               ":7:12", "stay inside"},
        Broken{"zero_in_path",
               manifest_text("{shape: [1], type: u8}", "{kind: class, classes: 2}",
                             shard_line("file: \"a\\0b\", rows: 1, sha256: " + digest_text)),
               ":7:12", "stay inside"},
        Broken{"negative_rows",
               manifest_text("{shape: [1], type: u8}", "{kind: class, classes: 2}",
                             shard_line("file: a, rows: -1, sha256: " + digest_text)),
               ":7:21", "rows must be"},
        Broken{"too_many_rows",
               manifest_text("{shape: [1], type: u8}", "{kind: class, classes: 2}",
                             shard_line("file: a, rows: 1099511627776, sha256: " + digest_text)),
               ":6:3", "more than 2^40"},
        Broken{"short_digest",
               manifest_text("{shape: [1], type: u8}", "{kind: class, classes: 2}",
                             shard_line("file: a, rows: 1, sha256: abc")),
               ":7:32", "64 hexadecimal"},
        Broken{"wrong_sum", manifest_text() + "rows: 6\n", ":7:7", "the shards have 5"},
        Broken{"shards_as_word",
               "format_version: 1\nname: x\nfeatures: {shape: [1], type: u8}\ntargets: {kind: "
               "real, width: 1}\nshards: none\n",
               ":5:9", "list of at least one"},
        Broken{"deeply_nested", std::string(100000, '['), ":1", "no valid YAML"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Manifest, tells_all_mistakes_at_once) {
  const TemporaryFolder folder;
  const auto file = folder.put(
      "bad.yaml", manifest_text("{shape: [0], type: f64}", "{kind: words}") + "colour: red\n");
  const std::string said = complaint([&] { (void)read_manifest(file); });
  for (const char* place : {":7:1:", ":3:20:", ":3:30:", ":4:17:"}) {
    EXPECT_NE(said.find(place), std::string::npos) << place << "\n" << said;
  }
}

TEST(Manifest, a_missing_file_and_a_folder_are_refused) {
  const TemporaryFolder folder;
  EXPECT_NE(complaint([&] { (void)read_manifest(folder / "none.yaml"); }).find("no such manifest"),
            std::string::npos);
  EXPECT_NE(complaint([&] { (void)read_manifest(folder.path()); }).find("no such manifest"),
            std::string::npos);
}

TEST(Manifest, is_not_written_where_nobody_may_write) {
  Manifest manifest;
  manifest.name = "x";
  manifest.schema.target_width = 1;
  manifest.shards = {{.file = "a.h5", .rows = 3, .sha256 = digest_of({})}};
  EXPECT_NE(complaint([&] {
              write_manifest(manifest, "/proc/nowhere/train.yaml");
            }).find("/proc/nowhere"),
            std::string::npos);
}

}  // namespace
}  // namespace raven
