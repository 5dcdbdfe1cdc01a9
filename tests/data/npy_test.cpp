#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "data/byte_strings.hpp"
#include "data/npy_reader.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

using Strings = std::vector<std::string>;

const std::filesystem::path types =
    std::filesystem::path(RAVEN_TEST_DATA) / "data/fixtures/types.npz";

struct Imported {
  Manifest manifest;
  Bytes rows;
  Strings said{};

  template <class T>
  [[nodiscard]] T at(std::size_t row, std::size_t byte) const {
    T value{};
    std::memcpy(&value, rows.data() + row * manifest.schema.row_bytes() + byte, sizeof value);
    return value;
  }
  [[nodiscard]] std::int32_t target(std::size_t row) const {
    return at<std::int32_t>(row, manifest.schema.feature_bytes());
  }
};

Imported read_back(const ImportReport& report, Strings said = {}) {
  Imported result{read_manifest(report.train), {}, std::move(said)};
  const Dataset data(result.manifest);
  std::vector<std::int64_t> all(static_cast<std::size_t>(data.size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  result.rows.resize(all.size() * data.schema().row_bytes());
  data.gather_raw(all, result.rows);
  return result;
}

/// Two arrays of types.npz, which NumPy wrote.
Imported imported(const std::string& features, const std::string& targets,
                  const ArrayOptions& arrays = {}) {
  const TemporaryFolder folder;
  Strings said;
  const ImportOptions options{.folder = folder / "out",
                              .valid_fraction = 0,
                              .say = [&](const std::string& line) { said.push_back(line); }};
  const auto report =
      import_npz(types, {.features = features, .targets = targets, .arrays = arrays}, options);
  return read_back(report, std::move(said));
}

std::string refused(const std::string& features, const std::string& targets,
                    const ArrayOptions& arrays = {}) {
  return complaint([&] { (void)imported(features, targets, arrays); });
}

TEST(ImportNpy, reads_half_and_big_endian_numbers_as_numpy_wrote_them) {
  for (const char* name : {"f2", "f2_big", "f4_big", "f8_big"}) {
    const Imported made = imported(name, "names");
    EXPECT_EQ(made.manifest.schema.feature_shape, Shape{4});
    for (std::size_t row = 0; row < 20; ++row) {
      for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(made.at<float>(row, 4 * i), static_cast<float>(4 * row + i) / 2) << name;
      }
    }
  }
  const Imported tokens = imported("i2_big", "names");
  EXPECT_EQ(tokens.manifest.schema.vocabulary, 80);
  EXPECT_EQ(tokens.at<std::int32_t>(7, 8), 30);
  const Imported values = imported("u8_big", "names", {.integers = ArrayOptions::Integers::values});
  EXPECT_EQ(values.manifest.schema.feature_type, FeatureType::f32);
  EXPECT_EQ(values.at<float>(7, 8), 30);
}

TEST(ImportNpy, reads_the_ends_of_half_precision) {
  const Imported made = imported("half_extremes", "five");
  const float expected[] = {65504, 0x1p-14F, 0x1p-24F, -0x1p-24F * 1023, -0.0F};
  for (std::size_t row = 0; row < 5; ++row) EXPECT_EQ(made.at<float>(row, 0), expected[row]);
  EXPECT_NE(refused("half_infinite", "two").find("row 1: it holds a number that is not finite"),
            std::string::npos)
      << refused("half_infinite", "two");
}

TEST(ImportNpy, strings_are_names_of_classes) {
  for (const char* name : {"names", "names_big"}) {
    const Imported made = imported("f2", name);
    EXPECT_EQ(made.manifest.class_names, (Strings{"ant", "b\u00eate", "dog", "\u732b"})) << name;
    const std::int32_t numbers[] = {0, 1, 3, 2};
    for (std::size_t row = 0; row < 20; ++row) EXPECT_EQ(made.target(row), numbers[row % 4]);
    ASSERT_FALSE(made.said.empty());
    EXPECT_EQ(made.said.back(), "targets: 4 classes ('ant', 'b\u00eate', 'dog', '\u732b')");
  }
  const Imported bytes = imported("f2", "bytes");
  EXPECT_EQ(bytes.manifest.class_names, (Strings{"cat", "mouse", "ox"}));
  EXPECT_EQ(bytes.target(2), 1);
  EXPECT_NE(refused("names", "names").find("the features are strings"), std::string::npos);
  EXPECT_NE(refused("f2", "names", {.target_kind = TargetKind::real})
                .find("the target 'ant' is no number"),
            std::string::npos);
}

TEST(ImportNpy, truth_values_and_signs_are_named_classes) {
  const Imported yes = imported("truth", "yes");
  EXPECT_EQ(yes.manifest.schema.feature_type, FeatureType::u8);
  EXPECT_EQ(yes.at<std::uint8_t>(0, 3), 1);
  EXPECT_EQ(yes.at<std::uint8_t>(0, 2), 0);
  EXPECT_EQ(yes.manifest.class_names, (Strings{"False", "True"}));
  EXPECT_EQ(yes.target(3), 1);
  EXPECT_EQ(yes.target(4), 0);
  const Imported signs = imported("f2", "signs");
  EXPECT_EQ(signs.manifest.class_names, (Strings{"-1", "1"}));
  EXPECT_EQ(signs.target(0), 0);
  EXPECT_EQ(signs.target(1), 1);
  const Imported many = imported("f2", "truth", {.target_kind = TargetKind::real});
  EXPECT_EQ(many.manifest.schema.target_width, 4);
  EXPECT_EQ(many.at<float>(0, 16 + 12), 1);
  EXPECT_EQ(many.at<float>(0, 16 + 8), 0);
  EXPECT_NE(refused("f2", "truth").find("--kind real"), std::string::npos);
}

/// An npy file of little-endian numbers.
template <class T>
std::string array_of(const std::string& type, const std::string& shape,
                     const std::vector<T>& values, const std::string& order = "False") {
  std::string data(values.size() * sizeof(T), '\0');
  std::memcpy(data.data(), values.data(), data.size());
  return npy_file("{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape +
                  ", }\n") +
         data;
}

/// Imports two arrays of bytes made here.
struct Made {
  TemporaryFolder folder{};
  Strings said{};

  Imported import(const std::string& features, const std::string& targets,
                  const ArrayOptions& arrays = {}) {
    const ImportOptions options{.folder = folder / "out",
                                .valid_fraction = 0,
                                .say = [&](const std::string& line) { said.push_back(line); }};
    return read_back(
        import_npy(folder.put("x.npy", features), folder.put("y.npy", targets), options, arrays));
  }
  std::string refused(const std::string& features, const std::string& targets,
                      const ArrayOptions& arrays = {}) {
    return complaint([&] { (void)import(features, targets, arrays); });
  }
};

const std::string two_classes = array_of<std::int64_t>("<i8", "(4,)", {0, 1, 1, 0});

TEST(ImportNpy, reads_headers_of_python_2_and_orders_that_are_the_same) {
  Made made;
  const std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7};
  const Imported wide = made.import(array_of("<f4", "(4L, 2L)", values), two_classes);
  EXPECT_EQ(wide.at<float>(3, 4), 7);
  const std::vector<float> four{5, 6, 7, 8};
  for (const char* shape : {"(4,)", "(4, 1)", "(4L,)", "(4, 1, 1)"}) {
    const Imported list = made.import(array_of("<f4", shape, four, "True"), two_classes);
    EXPECT_EQ(list.at<float>(2, 0), 7) << shape;
  }
  EXPECT_NE(made.refused(array_of("<f4", "(4, 2)", values, "True"), two_classes).find("Fortran"),
            std::string::npos);
}

TEST(ImportNpy, asks_whether_integers_are_classes_or_values) {
  Made made;
  const std::string x = array_of<float>("<f4", "(4,)", {1, 2, 3, 4});
  const std::string y = array_of<std::int64_t>("<i8", "(4,)", {10, 20, 30, 40});
  const std::string said = made.refused(x, y);
  EXPECT_NE(said.find("4 rows are 4 different whole numbers from 10 to 40"), std::string::npos)
      << said;
  EXPECT_NE(said.find("--kind classes or --kind real"), std::string::npos);
  const Imported values = made.import(x, y, {.target_kind = TargetKind::real});
  EXPECT_EQ(values.manifest.schema.target_kind, TargetKind::real);
  EXPECT_EQ(values.at<float>(2, 4), 30);
  const Imported classes = made.import(x, y, {.target_kind = TargetKind::classes});
  EXPECT_EQ(classes.manifest.schema.target_width, 41);
  EXPECT_EQ(classes.target(2), 30);
  EXPECT_NE(made.said.back().find("41 classes by their numbers from 0, of which 4 occur"),
            std::string::npos)
      << made.said.back();
}

TEST(ImportNpy, asks_whether_integers_are_tokens_or_measurements) {
  Made made;
  const std::string x =
      array_of<std::int64_t>("<i8", "(4, 2)", {25, 50000, 30, 60000, 35, 70000, 40, 80000});
  const std::string said = made.refused(x, two_classes);
  EXPECT_NE(said.find("--integers tokens or --integers values"), std::string::npos) << said;
  const Imported values = made.import(x, two_classes, {.integers = ArrayOptions::Integers::values});
  EXPECT_EQ(values.at<float>(1, 4), 60000);
  EXPECT_DOUBLE_EQ(values.manifest.schema.normalisation.mean[1], 65000);
  const Imported tokens = made.import(x, two_classes, {.integers = ArrayOptions::Integers::tokens});
  EXPECT_EQ(tokens.manifest.schema.vocabulary, 80001);
  EXPECT_NE(made.refused(array_of<std::int64_t>("<i8", "(4,)", {1, -2, 3, 4}), two_classes)
                .find("row 1: -2 can't be a token id"),
            std::string::npos);
}

TEST(ImportNpy, doubles_and_integers_that_float32_can_not_tell_apart_are_centred) {
  for (const bool real : {true, false}) {
    Made made;
    const std::string x =
        real ? array_of<double>("<f8", "(4, 1)", {1700000001, 1700000002, 1700000003, 1700000004})
             : array_of<std::int64_t>("<i8", "(4, 1)",
                                      {1700000001, 1700000002, 1700000003, 1700000004});
    const Imported times =
        made.import(x, two_classes, {.integers = ArrayOptions::Integers::values});
    ASSERT_EQ(times.manifest.origin.size(), 1U);
    EXPECT_DOUBLE_EQ(times.manifest.origin[0].offset, 1700000002.5);
    for (std::size_t row = 0; row < 4; ++row) {
      EXPECT_NEAR(times.at<float>(row, 0), (static_cast<double>(row) - 1.5) / std::sqrt(1.25),
                  1e-6);
    }
    EXPECT_NE(made.refused(array_of<float>("<f4", "(4,)", {1, 2, 3, 4}), x,
                           {.target_kind = TargetKind::real})
                  .find("can't be told apart in float32"),
              std::string::npos);
  }
}

TEST(ImportNpy, integers_beyond_float64_are_counted_where_they_fall_together) {
  Made made;
  const std::int64_t large = std::int64_t{1} << 60;
  const Imported ids =
      made.import(array_of<std::int64_t>("<i8", "(4, 1)", {large, large + 1, large + 2, -large}),
                  two_classes, {.integers = ArrayOptions::Integers::values});
  EXPECT_NE(made.said.back().find("column 1 (2 of 4 different values)"), std::string::npos)
      << made.said.back();
}

TEST(ImportNpy, images_with_channels_first_are_asked_about_and_turned) {
  Made made;
  std::vector<std::uint8_t> pixels(4 * 3 * 5 * 6);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i % 251);
  const std::string x = array_of("|u1", "(4, 3, 5, 6)", pixels);
  const std::string said = made.refused(x, two_classes);
  EXPECT_NE(said.find("[3, 5, 6], which looks like images with their channels first"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("--channels first turns them"), std::string::npos);
  const Imported turned = made.import(x, two_classes, {.channels = Channels::first});
  EXPECT_EQ(turned.manifest.schema.feature_shape, (Shape{5, 6, 3}));
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t p = 0; p < 30; ++p) {
        EXPECT_EQ(turned.at<std::uint8_t>(row, 3 * p + c), pixels[90 * row + 30 * c + p]);
      }
    }
  }
  EXPECT_EQ(turned.manifest.schema.normalisation.mean.size(), 3U);
  const Imported kept = made.import(x, two_classes, {.channels = Channels::last});
  EXPECT_EQ(kept.manifest.schema.feature_shape, (Shape{3, 5, 6}));
  EXPECT_EQ(kept.at<std::uint8_t>(1, 7), pixels[97]);
  std::vector<float> floats(pixels.begin(), pixels.end());
  const Imported real = made.import(array_of("<f4", "(4, 3, 5, 6)", floats), two_classes,
                                    {.channels = Channels::first});
  EXPECT_EQ(real.at<float>(1, 4 * (3 * 7 + 2)), floats[90 + 60 + 7]);
  EXPECT_NE(made.refused(array_of<float>("<f4", "(4,)", {1, 2, 3, 4}), two_classes,
                         {.channels = Channels::first})
                .find("none of channels, height and width"),
            std::string::npos);
}

TEST(ImportIdx, images_with_channels_first_are_asked_about_and_turned) {
  const TemporaryFolder folder;
  std::string images = idx_head({2, 3, 5, 6});
  for (int i = 0; i < 180; ++i) images += static_cast<char>(i);
  const auto x = folder.put("i", images);
  const auto y = folder.put("l", idx_head({2}) + std::string("\x00\x01", 2));
  const ImportOptions options{.folder = folder / "out", .valid_fraction = 0};
  EXPECT_NE(complaint([&] { import_idx(x, y, options); }).find("channels first"),
            std::string::npos);
  const Imported turned = read_back(import_idx(x, y, options, Channels::first));
  EXPECT_EQ(turned.manifest.schema.feature_shape, (Shape{5, 6, 3}));
  EXPECT_EQ(turned.at<std::uint8_t>(1, 3 * 7 + 2), 90 + 60 + 7);
}

TEST(ImportNpy, hostile_strings_and_truth_values_are_refused) {
  Made made;
  const std::string x = array_of<float>("<f4", "(4,)", {1, 2, 3, 4});
  EXPECT_NE(made.refused(x, array_of<std::uint32_t>("<U1", "(4,)", {'a', 0x110000, 'b', 'c'}))
                .find("row 1: a string holds what is no Unicode"),
            std::string::npos);
  EXPECT_NE(made.refused(x, array_of<std::uint32_t>("<U1", "(4,)", {'a', 0xD800, 'b', 'c'}))
                .find("no Unicode"),
            std::string::npos);
  EXPECT_NE(made.refused(x, array_of<std::uint32_t>("<U1", "(4,)", {'a', 0, 'b', 'c'}))
                .find("row 1: the target is an empty string"),
            std::string::npos);
  EXPECT_NE(
      made.refused(x, array_of<char>("|S2", "(4,)", {'a', 'b', '\xFF', 'c', 'd', 'e', 'f', 0})),
      "");
  EXPECT_NE(
      made.refused(x, array_of<std::uint8_t>("|b1", "(4,)", {0, 1, 2, 1})).find("neither 0 nor 1"),
      std::string::npos);
  EXPECT_NE(made.refused(x, array_of<float>("<f4", "(4,)", {1, 2, 3, NAN}),
                         {.target_kind = TargetKind::classes})
                .find("not finite"),
            std::string::npos);
}

}  // namespace
}  // namespace raven
