#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>

#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

std::shared_ptr<const Manifest> read(const std::filesystem::path& file) {
  return std::make_shared<const Manifest>(read_manifest(file));
}

/// All rows of the data set's first shard.
ShardRows rows_of(const Manifest& manifest) {
  const ShardEntry& shard = manifest.shards.at(0);
  return load_shard(manifest.path_of(shard), {.schema = manifest.schema,
                                              .rows = shard.rows,
                                              .sequences = shard.sequences,
                                              .tokens = shard.tokens,
                                              .nodes = shard.nodes,
                                              .sha256 = shard.sha256});
}

template <class T>
std::vector<T> values(const std::unique_ptr<std::byte[]>& from, std::size_t count) {
  std::vector<T> out(count);
  std::memcpy(out.data(), from.get(), count * sizeof(T));
  return out;
}

using Floats = std::vector<float>;
using Classes = std::vector<std::int32_t>;

constexpr char fruit[] = "x,y,kind\n1.5,10,apple\n2.5,20,pear\n3.5,30,apple\n";

class TableParts : public testing::Test {
 protected:
  ImportReport import(const std::string& name, const std::string& text, ImportOptions options,
                      const CsvOptions& csv = {}) {
    options.folder = folder / name;
    options.valid_fraction = 0;
    return import_csv(folder.put(name + ".csv", text), csv, options);
  }
  TemporaryFolder folder;
};

TEST_F(TableParts, like_another_takes_columns_by_name_classes_and_normalisation) {
  const auto first = read(import("first", fruit, {}).train);
  EXPECT_EQ(first->column_names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(first->target_name, "kind");
  const Manifest second = read_manifest(
      import("second", "y,kind,x\n40,pear,4.5\n50,pear,5.5\n", {.like = first}).train);
  EXPECT_EQ(second.schema, first->schema);
  EXPECT_EQ(second.class_names, first->class_names);
  EXPECT_EQ(second.column_names, first->column_names);
  const ShardRows rows = rows_of(second);
  EXPECT_EQ(values<float>(rows.features, 4), (Floats{4.5, 40, 5.5, 50}));
  EXPECT_EQ(values<std::int32_t>(rows.targets, 2), (Classes{1, 1}));
}

TEST_F(TableParts, like_another_refuses_what_that_has_no_number_for) {
  const auto first = read(import("first", fruit, {}).train);
  std::string said =
      complaint([&] { import("a", "x,y,kind\n1,2,apple\n1,2,zebra\n", {.like = first}); });
  EXPECT_NE(said.find("a.csv:3: the target 'zebra' is none of the classes of"), std::string::npos)
      << said;
  said = complaint([&] { import("b", "x,z,kind\n1,2,apple\n", {.like = first}); });
  EXPECT_NE(said.find("there is no column 'y'"), std::string::npos) << said;
  said = complaint([&] { import("c", "x,y,z,kind\n1,2,3,apple\n", {.like = first}); });
  EXPECT_NE(said.find("the column 'z' is none of those"), std::string::npos) << said;
}

TEST_F(TableParts, without_targets_leaves_their_column_out) {
  const auto first = read(import("first", fruit, {}).train);
  for (const char* text : {"y,x\n40,4.5\n", "y,kind,x\n40,,4.5\n"}) {
    const Manifest second =
        read_manifest(import("second", text, {.like = first, .targets = false}).train);
    EXPECT_FALSE(second.schema.has_targets());
    EXPECT_EQ(values<float>(rows_of(second).features, 2), (Floats{4.5, 40}));
  }
}

TEST_F(TableParts, an_empty_line_in_a_single_column_is_never_skipped_in_silence) {
  const std::string said = complaint([&] { import("gap", "x\n1\n\n3\n", {.targets = false}); });
  EXPECT_NE(said.find("gap.csv:3: an empty line among the rows"), std::string::npos) << said;
  const Manifest whole = read_manifest(import("end", "x\n1\n3\n\n", {.targets = false}).train);
  EXPECT_EQ(values<float>(rows_of(whole).features, 2), (Floats{1, 3}));
}

TEST_F(TableParts, like_another_stores_from_the_origin_of_that) {
  const auto first = read(
      import("first", "t,y\n1700000001,a\n1700000002,b\n1700000003,a\n1700000004,b\n", {}).train);
  // Mean 1700000002.5, variance 1.25; of the second table's own rows it would be 1700000010.5.
  const Manifest second = read_manifest(
      import("second", "t\n1700000010\n1700000011\n", {.like = first, .targets = false}).train);
  EXPECT_EQ(second.origin, first->origin);
  EXPECT_EQ(values<float>(rows_of(second).features, 2),
            (Floats{static_cast<float>(7.5 / std::sqrt(1.25)),
                    static_cast<float>(8.5 / std::sqrt(1.25))}));
}

TEST_F(TableParts, a_file_to_validate_with_is_read_like_the_first) {
  const auto test = folder.put("test.csv", "kind,y,x\nplum,70,7.5\napple,80,8.5\n");
  const ImportReport report = import("both", fruit, {.valid_files = {test}});
  ASSERT_TRUE(report.valid);
  const Manifest train = read_manifest(report.train);
  const Manifest valid = read_manifest(*report.valid);
  EXPECT_EQ(train.class_names, (std::vector<std::string>{"apple", "pear", "plum"}));
  EXPECT_EQ(valid.class_names, train.class_names);
  EXPECT_EQ(train.rows(), 3);
  // Mean and deviation of 1.5, 2.5, 3.5 and 10, 20, 30 alone.
  EXPECT_DOUBLE_EQ(valid.schema.normalisation.mean.at(0), 2.5);
  EXPECT_DOUBLE_EQ(valid.schema.normalisation.mean.at(1), 20);
  const ShardRows rows = rows_of(valid);
  EXPECT_EQ(values<float>(rows.features, 4), (Floats{7.5, 70, 8.5, 80}));
  EXPECT_EQ(values<std::int32_t>(rows.targets, 2), (Classes{2, 0}));
}

/// An array in NumPy's format: `values` as rows of `width`.
template <class T>
std::string npy(const char* type, const std::vector<T>& values, std::size_t width) {
  std::string head = "{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': (" +
                     std::to_string(values.size() / width) +
                     (width == 1 ? ",)" : ", " + std::to_string(width) + ")") + ", }";
  head.resize(117, ' ');
  head += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(head.size());
  text += '\0';
  text += head;
  text.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return text;
}

TEST(ArrayParts, like_another_takes_classes_and_normalisation_and_refuses_new_classes) {
  const TemporaryFolder folder;
  const auto x = folder.put("x.npy", npy<float>("<f4", {1, 2, 3, 4, 5, 6}, 2));
  const auto y = folder.put("y.npy", npy<std::int32_t>("<i4", {0, 2, 1}, 1));
  const ArrayOptions classes{.target_kind = TargetKind::classes};
  const auto first =
      read(import_npy(x, y, {.folder = folder / "first", .valid_fraction = 0}, classes).train);
  const auto few = folder.put("few.npy", npy<std::int32_t>("<i4", {1, 0, 0}, 1));
  const Manifest second = read_manifest(
      import_npy(x, few, {.folder = folder / "b", .valid_fraction = 0, .like = first}).train);
  EXPECT_EQ(second.schema, first->schema);
  const auto many = folder.put("many.npy", npy<std::int32_t>("<i4", {1, 3, 0}, 1));
  const std::string said = complaint(
      [&] { import_npy(x, many, {.folder = folder / "c", .valid_fraction = 0, .like = first}); });
  EXPECT_NE(said.find("row 1: the target '3' is none of the classes of"), std::string::npos)
      << said;
  const auto wide = folder.put("wide.npy", npy<float>("<f4", {1, 2, 3, 4, 5, 6, 7, 8, 9}, 3));
  const std::string shape = complaint(
      [&] { import_npy(wide, few, {.folder = folder / "d", .valid_fraction = 0, .like = first}); });
  EXPECT_NE(shape.find("its features are f32 [3] per sample"), std::string::npos) << shape;
}

TEST(ArrayParts, like_another_stores_from_the_origin_of_that) {
  const TemporaryFolder folder;
  const auto x = folder.put("x.npy", npy<double>("<f8", {1700000001, 1700000003}, 1));
  const auto y = folder.put("y.npy", npy<std::int32_t>("<i4", {0, 1}, 1));
  const auto first = read(import_npy(x, y, {.folder = folder / "a", .valid_fraction = 0}).train);
  ASSERT_EQ(first->origin.size(), 1U);
  // Mean 1700000002 and deviation 1, whatever the later numbers are.
  const auto later = folder.put("later.npy", npy<double>("<f8", {1700000012, 1700000022}, 1));
  const Manifest second = read_manifest(
      import_npy(later, {},
                 {.folder = folder / "b", .valid_fraction = 0, .like = first, .targets = false})
          .train);
  EXPECT_EQ(second.origin, first->origin);
  EXPECT_EQ(values<float>(rows_of(second).features, 2), (Floats{10, 20}));
}

TEST(ArrayParts, validate_with_files_of_their_own_and_predict_without_targets) {
  const TemporaryFolder folder;
  const auto x = folder.put("x.npy", npy<float>("<f4", {1, 2, 3, 4}, 2));
  const auto y = folder.put("y.npy", npy<float>("<f4", {0.5, 1.5}, 1));
  const auto xv = folder.put("xv.npy", npy<float>("<f4", {7, 8}, 2));
  const auto yv = folder.put("yv.npy", npy<float>("<f4", {2.5}, 1));
  const ImportReport both = import_npy(x, y, {.folder = folder / "both", .valid_files = {xv, yv}});
  ASSERT_TRUE(both.valid);
  const Manifest valid = read_manifest(*both.valid);
  EXPECT_EQ(valid.schema, read_manifest(both.train).schema);
  EXPECT_DOUBLE_EQ(valid.schema.normalisation.mean.at(0), 2);
  EXPECT_EQ(values<float>(rows_of(valid).features, 2), (Floats{7, 8}));
  EXPECT_EQ(values<float>(rows_of(valid).targets, 1), (Floats{2.5}));
  const Manifest bare = read_manifest(import_npy(xv, {},
                                                 {.folder = folder / "bare",
                                                  .valid_fraction = 0,
                                                  .like = read(both.train),
                                                  .targets = false})
                                          .train);
  EXPECT_FALSE(bare.schema.has_targets());
  EXPECT_EQ(bare.schema.normalisation, valid.schema.normalisation);
}

/// A file as MNIST has them: two zero bytes, type 8, the sizes big-endian, the bytes.
std::string idx(const std::vector<int>& dims, const std::string& bytes) {
  std::string text{'\0', '\0', '\x08', static_cast<char>(dims.size())};
  for (const int dim : dims) text += std::string(3, '\0') + static_cast<char>(dim);
  return text + bytes;
}

TEST(ImageParts, take_classes_and_normalisation_of_another_and_refuse_new_classes) {
  const TemporaryFolder folder;
  const auto images =
      folder.put("i", idx({2, 2, 2}, std::string("\x01\x02\x03\x04\x05\x06\x07\x08")));
  const auto labels = folder.put("l", idx({2}, std::string("\x00\x02", 2)));
  const auto first =
      read(import_idx(images, labels, {.folder = folder / "a", .valid_fraction = 0}).train);
  EXPECT_EQ(first->schema.target_width, 3);
  const auto few = folder.put("f", idx({2}, std::string("\x00\x01", 2)));
  const auto second = read_manifest(
      import_idx(images, few, {.folder = folder / "b", .valid_fraction = 0, .like = first}).train);
  EXPECT_EQ(second.schema, first->schema);
  const auto many = folder.put("m", idx({2}, std::string("\x00\x03", 2)));
  const std::string said = complaint([&] {
    import_idx(images, many, {.folder = folder / "c", .valid_fraction = 0, .like = first});
  });
  EXPECT_NE(said.find("row 1: the label 3 is none of the classes of"), std::string::npos) << said;
  const ImportReport both =
      import_idx(images, labels, {.folder = folder / "d", .valid_files = {images, many}});
  EXPECT_EQ(both.train_rows, 2);
  EXPECT_EQ(both.valid_rows, 2);
  EXPECT_EQ(read_manifest(both.train).schema.target_width, 4);
  const auto bare = read_manifest(
      import_idx(images, {},
                 {.folder = folder / "e", .valid_fraction = 0, .like = first, .targets = false})
          .train);
  EXPECT_FALSE(bare.schema.has_targets());
}

TEST(ImportText, nothing_to_learn_from_is_told_as_that) {
  const TemporaryFolder folder;
  for (const std::string text : {"", "\xEF\xBB\xBF"}) {
    const std::string said = complaint(
        [&] { import_text(folder.put("a.txt", text), {}, {.folder = folder.path() / "out"}); });
    EXPECT_NE(said.find("a.txt: there is no text to learn from"), std::string::npos) << said;
  }
}

TEST(TextParts, take_the_vocabulary_of_another_and_refuse_new_characters) {
  const TemporaryFolder folder;
  const auto first = read(import_text(folder.put("a.txt", "abcab\nabc\n"), {.context = 4},
                                      {.folder = folder / "a", .valid_fraction = 0})
                              .train);
  const Manifest second =
      read_manifest(import_text(folder.put("b.txt", "cab"), {.context = 9},
                                {.folder = folder / "b", .valid_fraction = 0, .like = first})
                        .train);
  EXPECT_EQ(second.schema, first->schema);
  EXPECT_EQ(second.vocabulary->digest(), first->vocabulary->digest());
  const std::string said = complaint([&] {
    import_text(folder.put("c.txt", "ab\ncad\n"), {},
                {.folder = folder / "c", .valid_fraction = 0, .like = first});
  });
  EXPECT_NE(said.find("c.txt:2: the character 'd' is none of the 4 of"), std::string::npos) << said;
}

TEST(TextParts, count_words_that_another_does_not_have) {
  const TemporaryFolder folder;
  const auto first = read(import_text(folder.put("a.txt", "the cat sat"), {.unit = TokenUnit::word},
                                      {.folder = folder / "a", .valid_fraction = 0})
                              .train);
  const ImportReport report =
      import_text(folder.put("b.txt", "the dog sat there"), {},
                  {.folder = folder / "b", .valid_fraction = 0, .like = first});
  ASSERT_EQ(report.remarks.size(), 1U);
  EXPECT_TRUE(report.remarks[0].starts_with("2 of 4 words are not in the vocabulary of"))
      << report.remarks[0];
}

TEST(TextParts, validate_with_a_file_of_its_own) {
  const TemporaryFolder folder;
  const ImportReport report =
      import_text(folder.put("a.txt", "abcabc"), {.context = 2},
                  {.folder = folder / "a", .valid_files = {folder.put("b.txt", "xbc")}});
  ASSERT_TRUE(report.valid);
  EXPECT_EQ(report.train_rows, 3);  // five tokens to ask for, two a window
  EXPECT_EQ(report.valid_rows, 1);
  const Manifest valid = read_manifest(*report.valid);
  EXPECT_EQ(valid.vocabulary->texts(), (std::vector<std::string>{"a", "b", "c", "x"}));
}

TEST(SentenceParts, validate_with_a_file_of_its_own_and_predict_without_tags) {
  const TemporaryFolder folder;
  const auto train = folder.put("train.txt", "the D\ncat N\n\nthe D\ndog N\n");
  const auto test = folder.put("test.txt", "the D\nbird N\nflew V\n");
  const ImportReport report =
      import_conll(train, {}, {.folder = folder / "both", .valid_files = {test}});
  ASSERT_TRUE(report.valid);
  const Manifest first = read_manifest(report.train);
  const Manifest valid = read_manifest(*report.valid);
  EXPECT_EQ(first.class_names, (std::vector<std::string>{"D", "N", "V"}));
  EXPECT_EQ(first.vocabulary->texts(), (std::vector<std::string>{"<unk>", "the", "cat", "dog"}));
  EXPECT_EQ(valid.class_names, first.class_names);
  EXPECT_EQ(values<std::int32_t>(rows_of(valid).features, 3), (Classes{1, 0, 0}));
  EXPECT_EQ(values<std::int32_t>(rows_of(valid).targets, 3), (Classes{0, 1, 2}));
  // A column of words alone.
  const Manifest bare = read_manifest(import_conll(folder.put("new.txt", "the\ndog\n"), {},
                                                   {.folder = folder / "bare",
                                                    .valid_fraction = 0,
                                                    .like = read(report.train),
                                                    .targets = false})
                                          .train);
  EXPECT_FALSE(bare.schema.has_targets());
  EXPECT_EQ(values<std::int32_t>(rows_of(bare).features, 2), (Classes{1, 3}));
}

TEST(TreeParts, validate_with_a_file_of_its_own_and_predict_without_labels) {
  const TemporaryFolder folder;
  const auto train = folder.put("train.txt", "(1 (0 dull) (1 film))");
  const auto test = folder.put("test.txt", "(2 (2 great) (1 film))");
  const ImportReport report =
      import_tree(train, {}, {.folder = folder / "both", .valid_files = {test}});
  ASSERT_TRUE(report.valid);
  const Manifest valid = read_manifest(*report.valid);
  EXPECT_EQ(valid.class_names, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(values<std::int32_t>(rows_of(valid).targets, 3), (Classes{2, 1, 2}));
  const Manifest bare = read_manifest(import_tree(test, {},
                                                  {.folder = folder / "bare",
                                                   .valid_fraction = 0,
                                                   .like = read(report.train),
                                                   .targets = false})
                                          .train);
  EXPECT_FALSE(bare.schema.has_targets());
  EXPECT_EQ(bare.schema.form, SampleForm::tree);
  EXPECT_EQ(rows_of(bare).rows, 1);
}

}  // namespace
}  // namespace raven
