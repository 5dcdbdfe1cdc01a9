#include <gtest/gtest.h>
#include <unistd.h>

#include "data/allocation_count.hpp"
#include "data/mutation.hpp"
#include "data/temporary_folder.hpp"
#include "data/yaml_value.hpp"
#include "raven/data/manifest.hpp"

namespace raven {
namespace {

constexpr std::size_t most_memory = std::size_t{512} << 20;
const std::string digest_text(64, 'a');

Manifest of_words(std::size_t count) {
  std::vector<std::string> words;
  words.reserve(count);
  for (std::size_t i = 0; i < count; ++i) words.push_back("word-" + std::to_string(i));
  Manifest manifest;
  manifest.name = "words";
  manifest.schema.feature_type = FeatureType::i32;
  manifest.schema.feature_shape = {8};
  manifest.schema.vocabulary = static_cast<std::int32_t>(count);
  manifest.schema.target_kind = TargetKind::next;
  manifest.schema.target_width = static_cast<std::int32_t>(count);
  manifest.vocabulary = Vocabulary::of_texts(TokenUnit::word, std::move(words));
  manifest.shards = {
      {.file = "a.h5", .rows = 3, .sha256 = digest_of({}), .sequences = 1, .tokens = 20}};
  return manifest;
}

TEST(ManifestLimits, a_large_vocabulary_that_is_written_is_read) {
  const TemporaryFolder folder;
  const Manifest manifest = of_words(1'500'000);
  write_manifest(manifest, folder / "m.yaml");
  EXPECT_GT(std::filesystem::file_size(folder / "m.yaml"), 22U * 1000 * 1000);
  watch_allocations();
  const Manifest back = read_manifest(folder / "m.yaml");
  EXPECT_LT(most_allocated(), most_memory);
  EXPECT_EQ(back.vocabulary->texts(), manifest.vocabulary->texts());
}

TEST(ManifestLimits, what_could_not_be_read_back_is_not_written) {
  const TemporaryFolder folder;
  const auto refused = [&](const Manifest& manifest, const char* why) {
    const std::string said = complaint([&] { write_manifest(manifest, folder / "m.yaml"); });
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_FALSE(std::filesystem::exists(folder / "m.yaml"));
  };
  refused(of_words(ManifestLimits::texts + 1), "more than 2097152 tokens");
  Manifest classes;
  classes.name = "classes";
  classes.schema.target_width = 2;
  classes.shards = {{.file = "a.h5", .rows = 3, .sha256 = digest_of({})}};
  classes.class_names = {"a", std::string(5000, 'b')};
  refused(classes, "the name of a class has 5000 bytes");
  classes.class_names = {"a", ""};
  refused(classes, "the name of a class has 0 bytes");
}

std::string repeated(const std::string& part, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + part.size());
  while (text.size() < bytes) text += part;
  return text;
}

struct Bomb {
  const char* name;
  std::string begin;
  std::string part;
};

class ManifestBomb : public testing::TestWithParam<Bomb> {};

TEST_P(ManifestBomb, is_refused_within_512_mib) {
  const TemporaryFolder folder;
  const auto file = folder.put(
      "m.yaml",
      GetParam().begin + repeated(GetParam().part, ManifestLimits::bytes - GetParam().begin.size() -
                                                       GetParam().part.size()));
  ::alarm(60);  // ten seconds, on a machine that has other work and looks at each access
  watch_allocations();
  EXPECT_NE(complaint([&] { (void)read_manifest(file); }), "");
  EXPECT_LT(most_allocated(), most_memory);
  ::alarm(0);
}

INSTANTIATE_TEST_SUITE_P(
    All, ManifestBomb,
    testing::Values(Bomb{"brackets", "", "["}, Bomb{"braces", "a: ", "{"}, Bomb{"commas", "[", ","},
                    Bomb{"equal_keys", "", "a: 1\n"}, Bomb{"equal_flow_keys", "{", "a: 1, "},
                    Bomb{"items", "a:\n", "- x\n"}, Bomb{"dashes", "", "- "},
                    Bomb{"empty_lists", "a: [", "[],"}, Bomb{"one_word", "a: ", "x"},
                    Bomb{"folded_words", "a: x\n", " x\n"}, Bomb{"quotes", "[", "'',"},
                    Bomb{"open_quote", "a: \"", "x\n"}, Bomb{"escapes", "a: \"", "\\L"},
                    Bomb{"zeros", "", std::string(1, '\0')}, Bomb{"comments", "", "#\n"},
                    Bomb{"words", "vocabulary: {unit: word, texts: [", "a, "},
                    Bomb{"classes", "targets: {kind: class, classes: [", "a, "},
                    Bomb{"merges", "vocabulary: {unit: byte_pair, merges: [", "[1,2],"},
                    Bomb{"shards", "shards: [", "{},"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ManifestLimits, a_larger_file_is_refused_for_its_size) {
  const TemporaryFolder folder;
  const auto file = folder.put("m.yaml", "");
  std::filesystem::resize_file(file, std::uintmax_t{1} << 40);  // a hole
  watch_allocations();
  EXPECT_NE(complaint([&] { (void)read_manifest(file); }).find("more than 64 MiB"),
            std::string::npos);
  EXPECT_LT(most_allocated(), most_memory);
}

/// The same data set in several hands.
TEST(ManifestYaml, blocks_brackets_and_quotes_say_the_same) {
  const TemporaryFolder folder;
  const std::string plain =
      "format_version: 1\nname: two words\nfeatures: {shape: [2, 3], type: u8}\n"
      "targets:\n  kind: class\n  classes: [\"a, b\", it's, 3]\n"
      "normalisation: {scale: 0.5, mean: [1, 2, 3], std: 2}\nshards:\n"
      "  - {file: a.h5, rows: 5, sha256: " +
      digest_text + "}\n  - {file: b.h5, rows: 6, sha256: " + digest_text + "}\n";
  const std::string others[] = {
      "---\n# by hand\nformat_version: 1   # comment\nname:\n  two\n  words\n\nfeatures:\n"
      "  shape:\n  - 2\n  - 3\n  type: u8\ntargets:\n  kind: class\n  classes:\n"
      "    - 'a, b'\n    - it's\n    - \"3\"\nnormalisation:\n  scale: 0.5\n"
      "  mean: [1,\n    2, 3,]\n  std: 2\nshards:\n- file: a.h5\n  rows: 5\n  sha256: " +
          digest_text + "\n-   file: \"b.h5\"\n    rows: 6\n    sha256: '" + digest_text + "'\n",
      "\xEF\xBB\xBF{\"format_version\":1,\"name\":\"two\\x20words\",\"features\":{\"shape\":[2,3],"
      "\"type\":\"u8\"},\"targets\":{\"kind\":\"class\",\"classes\":[\"a, b\",\"it's\",\"3\"]},"
      "\"normalisation\":{\"scale\":0.5,\"mean\":[1,2,3],\"std\":2},\"shards\":["
      "{\"file\":\"a.h5\",\"rows\":5,\"sha256\":\"" +
          digest_text + "\"},{\"file\":\"b.h5\",\"rows\":6,\"sha256\":\"" + digest_text + "\"}]}",
      "format_version: 1\r\nname: \"two\r\n   words\"\r\nfeatures: {shape: [2, 3], type: u8}\r\n"
      "targets: {kind: class, classes: ['a, b', 'it''s', 3]}\r\n"
      "normalisation: {scale: 0.5, mean: [1, 2, 3], std: 2}\r\nshards:\r\n  - {file: a.h5, rows: 5,"
      " sha256: " +
          digest_text + "}\r\n  - {file: b.h5, rows: 6, sha256: " + digest_text + "}\r\n",
  };
  const Manifest wanted = read_manifest(folder.put("m.yaml", plain));
  EXPECT_EQ(wanted.class_names, (std::vector<std::string>{"a, b", "it's", "3"}));
  for (const std::string& text : others) {
    const Manifest other = read_manifest(folder.put("m.yaml", text));
    EXPECT_EQ(other.name, "two words") << text;
    EXPECT_EQ(other.schema, wanted.schema) << text;
    EXPECT_EQ(other.class_names, wanted.class_names) << text;
    EXPECT_EQ(other.identity(), wanted.identity()) << text;
  }
}

TEST(ManifestYaml, escapes_are_the_characters_that_they_stand_for) {
  const YamlDocument document = parse_yaml_document(
      "[\"\\0\\a\\t\\n\\e\\\"\\/\\\\\\N\\_\\L\\P\\x41\\u00e9\\U0001F426\", \"a \\\n  b\", 'c\n\n "
      "d']",
      "m.yaml");
  std::vector<std::string> read;
  for (const YamlValue& value : YamlValue(document)) read.emplace_back(value.scalar());
  ASSERT_EQ(read.size(), 3U);
  // U+0085, U+00A0, U+2028, U+2029, A, e acute, a bird.
  EXPECT_EQ(read[0], std::string("\0\a\t\n\x1B\"/\\\xC2\x85\xC2\xA0\xE2\x80\xA8\xE2\x80\xA9"
                                 "A\xC3\xA9\xF0\x9F\x90\xA6",
                                 25));
  EXPECT_EQ(read[1], "a b");
  EXPECT_EQ(read[2], "c\nd");
}

TEST(ManifestYaml, what_a_manifest_does_not_need_is_refused) {
  for (const char* text :
       {"a: &x 1",   "a: *x",       "a: !!str 1", "a: |\n  x",   "a: >\n  x",  "a: 1\n---\nb: 2",
        "%YAML 1.2", "a: 1\n...\n", "a:\n\t- 1",  "a: 1\n b: 2", "a: b: c",    "[a, b",
        "{a: b",     "{[a]: b}",    "a: [1]]",    "a: 'x",       "a: \"\\q\"", "a: \"\\ud800\"",
        "- a\nb: c", "a",           "a: 1\nb",    "[a b: c]",    "@a"}) {
    const std::string said = complaint([&] {
      const YamlDocument document = parse_yaml_document(text, "m.yaml");
      if (!YamlValue(document).is_map()) throw InputError({"m.yaml", 1, 1}, "no map", "try one");
    });
    EXPECT_NE(said.find("m.yaml:"), std::string::npos) << text << ": " << said;
  }
}

TEST(ManifestFuzz, a_mutated_manifest_is_read_or_refused) {
  const TemporaryFolder folder;
  write_manifest(of_words(20), folder / "words.yaml");
  const std::string words = content_of(folder / "words.yaml");
  const std::string block =
      "format_version: 1\nname: x\nfeatures:\n  shape:\n  - 2\n  type: u8\n"
      "targets: {kind: class, classes: ['a', \"b\\x41\", c d]}\nshards:\n"
      "- file: a.h5\n  rows: 5\n  sha256: " +
      digest_text + "\n";
  const std::uint64_t mutants = mutants_wanted();
  std::uint64_t read = 0;
  for (std::uint64_t number = 0; number < mutants; ++number) {
    Mutation mutation(number);
    const auto file = folder.put("m.yaml", mutation.applied_to(number % 2 == 0 ? words : block,
                                                               number % 2 == 0 ? block : words));
    ::alarm(10);
    try {
      const Manifest manifest = read_manifest(file);
      ++read;
      // What was understood is understood again.
      write_manifest(manifest, folder / "again.yaml");
      const Manifest again = read_manifest(folder / "again.yaml");
      EXPECT_EQ(again.class_names, manifest.class_names) << number;
      EXPECT_EQ(again.identity(), manifest.identity()) << number;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(".yaml"), std::string::npos) << error.what();
    }
    ::alarm(0);
  }
  EXPECT_GT(read, 0U);
  EXPECT_LT(read, mutants);
}

}  // namespace
}  // namespace raven
