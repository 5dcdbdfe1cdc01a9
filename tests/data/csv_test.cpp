#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "data/byte_strings.hpp"
#include "data/csv_reader.hpp"
#include "data/moments.hpp"
#include "data/split_writer.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

using Records = std::vector<std::vector<std::string>>;

Records records_of(const TemporaryFolder& folder, const std::string& text) {
  const InputFile file(folder.put("t.csv", text));
  CsvReader reader(open_file_source(file), ',');
  Records records;
  std::vector<std::string> fields;
  while (reader.next(fields)) records.push_back(fields);
  return records;
}

TEST(CsvReader, splits_quoted_fields_line_breaks_and_empty_lines) {
  const TemporaryFolder folder;
  EXPECT_EQ(records_of(folder, "a,b\r\n\"x, \"\"y\"\"\",\"two\nlines\"\n\n,\nlast,"),
            (Records{{"a", "b"}, {"x, \"y\"", "two\nlines"}, {"", ""}, {"last", ""}}));
  EXPECT_EQ(records_of(folder, "\xEF\xBB\xBFname\n1"), (Records{{"name"}, {"1"}}));
  EXPECT_EQ(records_of(folder, ""), Records{});
  EXPECT_EQ(records_of(folder, "\"q\"\r\n\"r\""), (Records{{"q"}, {"r"}}));
}

TEST(CsvReader, refuses_what_is_no_csv_with_its_line) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text) {
    return complaint([&] { (void)records_of(folder, text); });
  };
  EXPECT_NE(refused("a\nb\n\"never\nclosed").find("t.csv:3: a quote is opened here"),
            std::string::npos);
  EXPECT_NE(refused("a\nx\"y\n").find(":2: a quote stands inside"), std::string::npos);
  EXPECT_NE(refused("\"a\"b\n").find(":1: text follows"), std::string::npos);
  EXPECT_NE(refused(std::string("a\0b", 3)).find("zero byte"), std::string::npos);
  EXPECT_NE(refused("\"" + std::string(5 << 20, 'x') + "\"").find("longer than 4 MiB"),
            std::string::npos);
  EXPECT_NE(refused(std::string(70000, ',')).find("more than 65536 fields"), std::string::npos);
  EXPECT_NE(refused("\xEFzz").find("byte order mark"), std::string::npos);
}

Manifest imported(const TemporaryFolder& folder, const std::string& text,
                  const CsvOptions& csv = {}) {
  return read_manifest(
      import_csv(folder.put("t.csv", text), csv, {.folder = folder / "out", .valid_fraction = 0})
          .train);
}

TEST(ImportCsv, names_classes_in_order_and_standardises_columns) {
  const TemporaryFolder folder;
  const Manifest manifest = imported(folder, "id,kind,a,b\n7,cat,1, 10\n8,ant,2,10\n9,cat,6,+10\n",
                                     {.target = "kind", .ignore = {"id"}});
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"ant", "cat"}));
  EXPECT_EQ(manifest.schema.feature_shape, Shape{2});
  EXPECT_DOUBLE_EQ(manifest.schema.normalisation.mean[0], 3);
  EXPECT_DOUBLE_EQ(manifest.schema.normalisation.std[0], std::sqrt(14.0 / 3));
  EXPECT_DOUBLE_EQ(manifest.schema.normalisation.mean[1], 10);
  EXPECT_DOUBLE_EQ(manifest.schema.normalisation.std[1], 1) << "a column that never varies";
  const Dataset data(manifest);
  std::vector<float> features(6);
  std::vector<std::int32_t> targets(3);
  const std::vector<std::int64_t> all{0, 1, 2};
  data.read(all, {{features.data(), data.schema().features(3)},
                  {targets.data(), data.schema().targets(3)}});
  EXPECT_EQ(targets, (std::vector<std::int32_t>{1, 0, 1}));
  EXPECT_NEAR(features[4], 3 / std::sqrt(14.0 / 3), 1e-6);
  EXPECT_EQ(features[5], 0);
}

TEST(ImportCsv, standardises_by_the_training_rows_alone) {
  const TemporaryFolder folder;
  const ImportOptions options{.folder = folder / "out", .valid_fraction = 0.5, .seed = 9};
  std::string text = "x,y\n";
  Moments training;
  for (int i = 0; i < 100; ++i) {
    const bool valid = is_validation_row(options, i);
    text += (valid ? "1000000" : std::to_string(i)) + ",c" + std::to_string(i % 2) + "\n";
    if (!valid) training.add(i);
  }
  const Manifest manifest = read_manifest(import_csv(folder.put("t.csv", text), {}, options).train);
  EXPECT_DOUBLE_EQ(manifest.schema.normalisation.mean[0], training.mean());
  EXPECT_DOUBLE_EQ(manifest.schema.normalisation.std[0], training.std());
}

TEST(ImportCsv, guesses_what_the_target_is) {
  const TemporaryFolder folder;
  EXPECT_EQ(imported(folder, "x,y\n1,0.5\n2,1\n").schema.target_kind, TargetKind::real);
  EXPECT_EQ(imported(folder, "x,y\n1,10\n2,9\n").class_names,
            (std::vector<std::string>{"9", "10"}));
  EXPECT_EQ(
      imported(folder, "x,y\n1,10\n2,9\n", {.target_kind = TargetKind::real}).schema.target_kind,
      TargetKind::real);
  EXPECT_EQ(imported(folder, "x,y\n1,0.5\n2,b\n3,0.5\n").class_names,
            (std::vector<std::string>{"0.5", "b"}));
  std::string many = "x,y\n";
  for (int i = 0; i < 1001; ++i) many += "1," + std::to_string(i) + "\n";
  EXPECT_EQ(imported(folder, many).schema.target_kind, TargetKind::real);
  EXPECT_EQ(imported(folder, many, {.target_kind = TargetKind::classes}).class_names.size(), 1001U);
}

TEST(ImportCsv, reads_gzip_and_other_separators) {
  const TemporaryFolder folder;
  const auto file = folder.put("t.csv.gz", gzipped("a;b;c\n1;2;x\n3;4;y\n"));
  const auto made =
      import_csv(file, {.separator = ';'}, {.folder = folder / "out", .valid_fraction = 0});
  EXPECT_EQ(made.train_rows, 2);
}

TEST(ImportCsv, every_mistake_has_its_line) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text, const CsvOptions& csv = {}) {
    return complaint([&] { (void)imported(folder, text, csv); });
  };
  EXPECT_NE(refused("").find("t.csv:1: the file is empty"), std::string::npos);
  EXPECT_NE(refused("a,b\n").find("no rows below"), std::string::npos);
  EXPECT_NE(refused("a,b\n1,x\n\n,y\n").find(":4: the value of column 'a' is missing"),
            std::string::npos);
  EXPECT_NE(refused("a,b\n1,x\ntwo,y\n").find(":3: column 'a' has 'two'"), std::string::npos);
  EXPECT_NE(refused("a,b\nnan,x\n").find(":2: column 'a' has 'nan'"), std::string::npos);
  EXPECT_NE(refused("a,b\n1e99,x\n").find(":2: column 'a'"), std::string::npos);
  EXPECT_NE(refused("a,b\n1,x,3\n").find(":2: there are 3 fields, but the header has 2"),
            std::string::npos);
  EXPECT_NE(refused("a,b\n1\n").find(":2: there are 1 fields"), std::string::npos);
  EXPECT_NE(refused("a,b\n1,\n").find(":2: the target is missing"), std::string::npos);
  EXPECT_NE(refused("a,a\n1,2\n").find(":1: two columns are called 'a'"), std::string::npos);
  EXPECT_NE(refused("a,b\n1,2\n", {.target = "c"}).find("no column 'c' (the target)"),
            std::string::npos);
  EXPECT_NE(refused("a,b\n1,2\n", {.ignore = {"a"}}).find("no feature column is left"),
            std::string::npos);
  EXPECT_NE(refused("a,b\n1,x\n", {.target_kind = TargetKind::real})
                .find(":2: the target 'x' is no finite number"),
            std::string::npos);
  EXPECT_NE(refused("a,b\n1,2\n", {.separator = '"'}).find("the separator can't be"),
            std::string::npos);
}

}  // namespace
}  // namespace raven
