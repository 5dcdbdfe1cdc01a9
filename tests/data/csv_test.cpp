#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

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
  EXPECT_EQ(records_of(folder, "a,b\r1,2\r\r\"x\r\ny\",4\r"),
            (Records{{"a", "b"}, {"1", "2"}, {"x\ny", "4"}}))
      << "line ends of old Macintoshes";
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

/// Features as a model gets them, sample by sample.
std::vector<float> features_of(const Manifest& manifest) {
  const Dataset data(manifest);
  std::vector<std::int64_t> all(static_cast<std::size_t>(data.size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const ValueType features = data.schema().features(data.size());
  const ValueType targets = data.schema().targets(data.size());
  std::vector<float> values(static_cast<std::size_t>(features.shape.count()));
  std::vector<std::int32_t> unused(static_cast<std::size_t>(targets.shape.count()));
  data.read(all, {{values.data(), features}, {unused.data(), targets}});
  return values;
}

/// Stored rows: features, then the target (float or class number).
std::vector<float> stored_floats(const Manifest& manifest) {
  const Dataset data(manifest);
  std::vector<std::int64_t> all(static_cast<std::size_t>(data.size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  std::vector<float> values(all.size() * data.schema().row_bytes() / 4);
  data.gather_raw(all, std::as_writable_bytes(std::span(values)));
  return values;
}

TEST(ImportCsv, tells_values_from_classes) {
  const TemporaryFolder folder;
  EXPECT_EQ(imported(folder, "x,y\n1,0.5\n2,1\n").schema.target_kind, TargetKind::real);
  EXPECT_EQ(imported(folder, "x,y\n1,2\n2,1\n").class_names, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(
      imported(folder, "x,y\n1,10\n2,9\n", {.target_kind = TargetKind::real}).schema.target_kind,
      TargetKind::real);
  EXPECT_EQ(imported(folder, "x,y\n1,10\n2,9\n", {.target_kind = TargetKind::classes}).class_names,
            (std::vector<std::string>{"9", "10"}));
  std::string few = "x,y\n";
  for (int i = 0; i < 100; ++i) few += "1," + std::to_string(10 * (i % 10)) + "\n";
  EXPECT_EQ(imported(folder, few).class_names,
            (std::vector<std::string>{"0", "10", "20", "30", "40", "50", "60", "70", "80", "90"}));
}

TEST(ImportCsv, asks_whether_many_whole_numbers_are_classes) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text, const CsvOptions& csv = {}) {
    return complaint([&] { (void)imported(folder, text, csv); });
  };
  const std::string said = refused("x,y\n1,10\n2,20\n3,30\n4,40\n");
  EXPECT_NE(said.find("4 rows are 4 different whole numbers from 10 to 40"), std::string::npos)
      << said;
  EXPECT_NE(said.find("--kind classes or --kind real"), std::string::npos) << said;
  std::string many = "x,y\n";
  for (int i = 0; i < 901; ++i) many += "1," + std::to_string(5 * i % 994) + "\n";
  EXPECT_NE(refused(many).find("901 rows are 901 different whole numbers from 0 to 993"),
            std::string::npos)
      << refused(many);
  const Manifest classes = imported(folder, many, {.target_kind = TargetKind::classes});
  EXPECT_EQ(classes.class_names.size(), 901U);
  EXPECT_EQ(imported(folder, many, {.target_kind = TargetKind::real}).schema.target_kind,
            TargetKind::real);
  std::string names = "x,y\n";
  for (int i = 0; i < 30; ++i)
    names += "1,Sir " + std::string(1, static_cast<char>('A' + i)) + "\n";
  EXPECT_NE(refused(names).find("they look like names of rows"), std::string::npos);
  EXPECT_EQ(refused(names, {.target_kind = TargetKind::classes}), "");
}

TEST(ImportCsv, one_odd_target_never_makes_classes_of_numbers) {
  const TemporaryFolder folder;
  for (const char* odd : {"NA", "?", "-", "null", "\"1,5\"", "+-4", "nan", "inf", "0x10"}) {
    std::string text = "x,y\n";
    for (int i = 0; i < 20; ++i) {
      text += "1," + (i == 17 ? odd : std::to_string(i) + ".5") + "\n";
    }
    const std::string said = complaint([&] { (void)imported(folder, text); });
    const std::string word = odd[0] == '"' ? "1,5" : odd;
    EXPECT_NE(said.find("t.csv:19: the target '" + word + "' is no number, while 19 of 20 are"),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("--missing"), std::string::npos) << said;
  }
  const std::string large = complaint([&] { (void)imported(folder, "x,y\n1,0.5\n2,1e39\n3,2\n"); });
  EXPECT_NE(large.find(":3: the target '1e39' is beyond what float32 can hold"), std::string::npos)
      << large;
  EXPECT_NE(large.find("2 of 3"), std::string::npos) << large;
  EXPECT_EQ(imported(folder, "x,y\n1,0.5\n2,b\n3,0.50\n", {.target_kind = TargetKind::classes})
                .class_names,
            (std::vector<std::string>{"0.5", "b"}));
  const std::string number = complaint([&] { (void)imported(folder, "x,y\n1,a\n2,b\n3,7\n"); });
  EXPECT_NE(number.find(":4: the target '7' is a number, while 2 of 3 are words"),
            std::string::npos)
      << number;
}

TEST(ImportCsv, equal_numbers_are_one_class) {
  const TemporaryFolder folder;
  const Manifest manifest = imported(folder, "x,y\n1,1\n2,1.0\n3,01\n4,2\n5,+2\n6,0.2e1\n", {});
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"1", "2"}));
  const std::vector<float> rows = stored_floats(manifest);
  for (std::size_t row = 0; row < 6; ++row) {
    EXPECT_EQ(std::bit_cast<std::int32_t>(rows[2 * row + 1]), row < 3 ? 0 : 1) << row;
  }
}

TEST(ImportCsv, reads_numbers_as_they_are_written) {
  const TemporaryFolder folder;
  const Manifest manifest =
      imported(folder, "x,y\n1e-400,0.5\n3.40282350e38,1.5\n+4,1e-400\n-4,3.40282350e38\n");
  EXPECT_EQ(stored_floats(manifest),
            (std::vector<float>{0, 0.5F, std::numeric_limits<float>::max(), 1.5F, 4, 0, -4,
                                std::numeric_limits<float>::max()}));
  EXPECT_NE(complaint([&] { (void)imported(folder, "x,y\n+-4,0.5\n"); }).find("'+-4'"),
            std::string::npos);
}

TEST(ImportCsv, asks_whether_a_line_of_numbers_is_a_header) {
  const TemporaryFolder folder;
  const std::string numbers = "1,2,3\n4,5,6\n7,8,9\n10,11,12\n";
  const CsvOptions real{.target_kind = TargetKind::real};
  const std::string said = complaint([&] { (void)imported(folder, numbers, real); });
  EXPECT_NE(said.find("t.csv:1: the first line may be a header or data ('1', '2', '3')"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("--header yes or --header no"), std::string::npos) << said;
  CsvOptions without = real;
  without.header = CsvOptions::Header::no;
  const Manifest all = imported(folder, numbers, without);
  EXPECT_EQ(stored_floats(all), (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(all.column_names, (std::vector<std::string>{"x1", "x2"}));
  EXPECT_EQ(all.target_name, "x3");
  CsvOptions with = real;
  with.header = CsvOptions::Header::yes;
  const Manifest below = imported(folder, numbers, with);
  EXPECT_EQ(stored_floats(below), (std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(below.column_names, (std::vector<std::string>{"1", "2"}));
}

TEST(ImportCsv, asks_about_a_first_line_that_could_be_data) {
  const TemporaryFolder folder;
  const auto asked = [&](const std::string& text, const CsvOptions& csv = {}) {
    return complaint([&] { (void)imported(folder, text, csv); }).find("--header yes or") !=
           std::string::npos;
  };
  EXPECT_TRUE(asked("5.1,3.5,setosa\n4.9,3.0,setosa\n")) << "the target may be a word";
  EXPECT_TRUE(asked("5.1,?,setosa\n4.9,3.0,setosa\n")) << "a missing value";
  EXPECT_TRUE(asked("5.1,,setosa\n4.9,3.0,setosa\n"));
  EXPECT_TRUE(asked("setosa,5.1,3.5\nsetosa,4.9,3.0\n", {.target = "1"}));
  EXPECT_FALSE(asked("a,3.5,setosa,b,y\n4.9,3.0,1,2,u\n"));
  EXPECT_FALSE(asked("2019,2020,kind\n4.9,3.0,u\n", {.target = "kind"})) << "it names a column";
  EXPECT_FALSE(asked("id,2019,2020,kind\n1,4.9,3.0,u\n", {.ignore = {"id"}}));
  EXPECT_FALSE(asked("x,y\n4.9,u\n"));
  EXPECT_FALSE(asked(",a,y\n0,4.9,u\n")) << "an index that pandas wrote";
  EXPECT_TRUE(asked(",5.1,y\n,4.9,u\n"));
}

TEST(ImportCsv, columns_without_names_have_numbers) {
  const TemporaryFolder folder;
  const Manifest manifest =
      imported(folder, "7,u,1.5\n8,v,2.5\n",
               {.target = "2", .ignore = {"x1"}, .header = CsvOptions::Header::no});
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"u", "v"}));
  EXPECT_EQ(manifest.column_names, std::vector<std::string>{"x3"});
  EXPECT_EQ(manifest.target_name, "x2");
  EXPECT_EQ(imported(folder, ",a,y\n0,1,u\n1,2,v\n").column_names,
            (std::vector<std::string>{"x1", "a"}))
      << "an index that pandas wrote";
}

TEST(ImportCsv, rows_that_lack_a_value_are_refused_or_left_out_and_counted) {
  const TemporaryFolder folder;
  const std::string text = "a,b,y\n1,2,u\nNA,3,v\n4,?,u\n5,6,\n7,8,v\n-999.0,9,u\n";
  const CsvOptions named{.missing = {"NA", "?", "-999"}};
  const std::string said = complaint([&] { (void)imported(folder, text, named); });
  EXPECT_NE(said.find(":3: the value of column 'a' is missing ('NA'); 4 of 6 rows lack a value"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("--drop-missing"), std::string::npos) << said;
  const std::string unnamed = complaint([&] { (void)imported(folder, text); });
  EXPECT_NE(unnamed.find(":3: column 'a' has 'NA', which is no finite number"), std::string::npos);
  EXPECT_NE(unnamed.find("--missing 'NA'"), std::string::npos) << unnamed;

  CsvOptions dropped = named;
  dropped.drop_missing = true;
  std::vector<std::string> lines;
  const ImportOptions options{.folder = folder / "kept",
                              .valid_fraction = 0,
                              .say = [&](const std::string& line) { lines.push_back(line); }};
  const Manifest manifest =
      read_manifest(import_csv(folder.put("t.csv", text), dropped, options).train);
  const std::vector<float> rows = stored_floats(manifest);
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0], 1);
  EXPECT_EQ(rows[1], 2);
  EXPECT_EQ(rows[3], 7);
  EXPECT_EQ(rows[4], 8);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "4 of 6 rows lack a value and are left out");
  EXPECT_EQ(lines[1], "target 'y': 2 classes ('u', 'v')");
  EXPECT_NE(complaint([&] {
              (void)imported(folder, "a,y\n,u\n", {.drop_missing = true});
            }).find("each row lacks a value"),
            std::string::npos);
}

TEST(ImportCsv, says_what_the_target_is_before_it_writes) {
  const TemporaryFolder folder;
  std::vector<std::string> lines;
  const auto say = [&](const std::string& line) {
    EXPECT_FALSE(std::filesystem::exists(folder / "said"));
    lines.push_back(line);
  };
  const ImportOptions options{.folder = folder / "said", .valid_fraction = 0, .say = say};
  import_csv(folder.put("t.csv", "x,y\n1,0\n2,1\n"), {}, options);
  std::filesystem::remove_all(folder / "said");
  import_csv(folder.put("t.csv", "x,y\n1,0.5\n2,-1\n"), {}, options);
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                "target 'y': 2 classes ('0', '1'); --kind real takes these numbers as values",
                "target 'y': real numbers from -1 to 0.5; --kind classes makes a class of "
                "each"}));
}

TEST(ImportCsv, numbers_that_float32_can_not_tell_apart_are_centred_first) {
  const TemporaryFolder folder;
  const Manifest manifest = imported(folder,
                                     "t,small,y\n1700000001,1,u\n1700000002,2,v\n1700000003,3,u\n"
                                     "1700000004,4,v\n");
  // mean 1700000002.5 and deviation sqrt(5)/2
  ASSERT_EQ(manifest.origin.size(), 2U);
  EXPECT_DOUBLE_EQ(manifest.origin[0].offset, 1700000002.5);
  EXPECT_NEAR(manifest.origin[0].scale, std::sqrt(1.25), 1e-9);
  EXPECT_EQ(manifest.origin[1], ColumnOrigin{});
  const std::vector<float> features = features_of(manifest);
  for (std::size_t row = 0; row < 4; ++row) {
    const double expected = (static_cast<double>(row) - 1.5) / std::sqrt(1.25);
    EXPECT_NEAR(features[2 * row], expected, 1e-6);
    EXPECT_NEAR(features[2 * row + 1], expected, 1e-6);
  }
  // The stored numbers are the original ones again, by what the manifest says.
  const std::vector<float> stored = stored_floats(manifest);
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_NEAR(
        manifest.origin[0].offset + manifest.origin[0].scale * static_cast<double>(stored[3 * row]),
        1700000001.0 + static_cast<double>(row), 1e-6);
  }
  EXPECT_EQ(imported(folder, "t,y\n0.1,u\n0.2,v\n16777216,u\n").origin.size(), 0U)
      << "nothing to be won";
}

TEST(ImportCsv, a_column_far_from_zero_that_varies_little_is_centred) {
  const TemporaryFolder folder;
  const Manifest manifest =
      imported(folder, "x,y\n1000000.01,u\n1000000.02,v\n1000000.03,u\n1000000.04,v\n");
  const std::vector<float> features = features_of(manifest);
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_NEAR(features[row], (static_cast<double>(row) - 1.5) / std::sqrt(1.25), 1e-4);
  }
}

TEST(ImportCsv, says_how_many_values_fall_together) {
  const TemporaryFolder folder;
  std::vector<std::string> lines;
  const ImportOptions options{.folder = folder / "out",
                              .valid_fraction = 0,
                              .say = [&](const std::string& line) { lines.push_back(line); }};
  // The mean is 0, so nothing can be subtracted.
  import_csv(folder.put("t.csv", "x,y\n-16777217,u\n-16777216,v\n16777216,u\n16777217,v\n"), {},
             options);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_NE(lines[1].find("column 'x' (2 of 4 different values)"), std::string::npos) << lines[1];
}

TEST(ImportCsv, targets_that_float32_can_not_tell_apart_are_refused) {
  const TemporaryFolder folder;
  const std::string said = complaint([&] {
    (void)imported(folder, "x,y\n1,1700000001\n2,1700000002\n3,1700000003.5\n4,1700000004\n");
  });
  EXPECT_NE(said.find("can't be told apart in float32"), std::string::npos) << said;
  EXPECT_NE(said.find("subtract a number near their mean"), std::string::npos) << said;
}

TEST(ImportCsv, text_that_is_not_utf8_is_refused) {
  const TemporaryFolder folder;
  EXPECT_NE(complaint([&] {
              (void)imported(folder,
                             "gr\xF6\xDF"
                             "e,y\n1,u\n");
            }),
            "");
  EXPECT_NE(complaint([&] { (void)imported(folder, "x,y\n1,u\n2,\xFC\n"); }).find(":3"),
            std::string::npos);
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
                .find(":2: the target 'x' is no number"),
            std::string::npos);
  EXPECT_NE(refused("a,b\n1,2\n", {.separator = '"'}).find("the separator can't be"),
            std::string::npos);
}

}  // namespace
}  // namespace raven
