#include "raven/data/digits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "data/exact_random.hpp"
#include "data/temporary_folder.hpp"
#include "raven/core/digest.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/table.hpp"

namespace raven {
namespace {

using Pixels = std::array<std::uint8_t, digit_bytes>;

TEST(DrawDigit, is_a_pure_function_of_seed_and_index) {
  Pixels a{};
  Pixels b{};
  EXPECT_EQ(draw_digit(1, 5, a), draw_digit(1, 5, b));
  EXPECT_EQ(a, b);
  draw_digit(1, 6, b);
  EXPECT_NE(a, b);
  draw_digit(2, 5, b);
  EXPECT_NE(a, b);
  draw_digit(1, 5 + (std::uint64_t{1} << 40), b);
  EXPECT_NE(a, b);
}

TEST(DrawDigit, makes_every_class_about_equally_often_and_never_an_empty_picture) {
  std::array<int, 10> seen{};
  Pixels pixels{};
  for (std::uint64_t i = 0; i < 2000; ++i) {
    ++seen.at(static_cast<std::size_t>(draw_digit(3, i, pixels)));
    int bright = 0;
    for (const std::uint8_t pixel : pixels) bright += pixel > 100;
    EXPECT_GT(bright, 12) << i;
    EXPECT_LT(bright, 400) << i;
  }
  for (const int count : seen) EXPECT_NEAR(count, 200, 60);
}

// The generators use only exactly rounded operations, so every machine must make these very bytes.
// Measured here once; the value changes only with the drawing itself, and then every published
// accuracy has to be measured again.
TEST(DrawDigit, makes_the_same_bytes_on_every_machine) {
  Hasher hasher;
  Pixels pixels{};
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::int32_t digit = draw_digit(1, i, pixels);
    hasher.add(std::as_bytes(std::span(&digit, 1)));
    hasher.add(std::as_bytes(std::span(pixels)));
  }
  EXPECT_EQ(to_hex(hasher.finish()),
            "e25bf0603a65cfef65f0a1f7112fa970e9c6095b1c86c9a5563f96db82bf9c6a");
}

TEST(MakeDigits, a_larger_count_begins_with_the_smaller_one) {
  const TemporaryFolder folder;
  const auto few = make_digits(
      30, {.folder = folder / "few", .rows_per_shard = 7, .valid_fraction = 0.2, .seed = 4});
  const auto many = make_digits(50, {.folder = folder / "many", .valid_fraction = 0.2, .seed = 4});
  EXPECT_EQ(few.train_rows, 30);
  EXPECT_EQ(few.valid_rows, 6);
  EXPECT_EQ(many.valid_rows, 10);
  const Dataset small(read_manifest(few.train));
  const Dataset large(read_manifest(many.train));
  EXPECT_EQ(small.manifest().shards.size(), 5U);
  std::vector<std::int64_t> all(30);
  for (std::size_t i = 0; i < 30; ++i) all[i] = static_cast<std::int64_t>(i);
  Bytes a(30 * small.schema().row_bytes());
  Bytes b(a.size());
  small.gather_raw(all, a);
  large.gather_raw(all, b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(small.schema().feature_shape, (Shape{28, 28, 1}));
}

TEST(MakeDigits, normalised_pixels_have_mean_0_and_deviation_1) {
  const TemporaryFolder folder;
  const auto made = make_digits(40, {.folder = folder.path(), .valid_fraction = 0});
  EXPECT_FALSE(made.valid.has_value());
  const Dataset data(read_manifest(made.train));
  std::vector<std::int64_t> all(40);
  for (std::size_t i = 0; i < 40; ++i) all[i] = static_cast<std::int64_t>(i);
  std::vector<float> features(40 * digit_bytes);
  std::vector<std::int32_t> targets(40);
  data.read(all, {{features.data(), data.schema().features(40)},
                  {targets.data(), data.schema().targets(40)}});
  double sum = 0;
  double squares = 0;
  for (const float x : features) {
    sum += x;
    squares += static_cast<double>(x) * x;
  }
  EXPECT_NEAR(sum / static_cast<double>(features.size()), 0, 1e-5);
  EXPECT_NEAR(squares / static_cast<double>(features.size()), 1, 1e-4);
}

TEST(MakeDigits, counts_that_make_no_sense_are_refused) {
  const TemporaryFolder folder;
  EXPECT_NE(complaint([&] { make_digits(0, {.folder = folder.path()}); }), "");
  EXPECT_NE(complaint([&] { make_digits(5, {.folder = folder.path(), .valid_fraction = 1}); }), "");
  EXPECT_NE(complaint([&] { make_digits(5, {.folder = folder.path(), .rows_per_shard = -1}); }),
            "");
}

TEST(ExactRandom, its_sine_is_the_sine) {
  for (int i = -400; i <= 400; ++i) {
    const float turns = static_cast<float>(i) / 100;
    EXPECT_NEAR(sine_of_turns(turns), std::sin(6.283185307179586 * static_cast<double>(turns)),
                2e-6)
        << turns;
  }
}

TEST(MakeTable, writes_the_same_rows_whatever_the_count) {
  const TemporaryFolder folder;
  make_table(200, 7, folder / "a.csv");
  make_table(300, 7, folder / "b.csv");
  const std::string a = content_of(folder / "a.csv");
  EXPECT_EQ(content_of(folder / "b.csv").substr(0, a.size()), a);
  EXPECT_EQ(std::count(a.begin(), a.end(), '\n'), 201);
  EXPECT_EQ(to_hex(digest_of_file(folder / "a.csv")),
            "fbef41f08ad294299332d778ea42ae49690390f3d96fb1d5e5cbc913ab40af7d");
  EXPECT_NE(complaint([&] { make_table(0, 7, folder / "c.csv"); }), "");
  EXPECT_NE(complaint([&] { make_table(5, 7, "/proc/nowhere/c.csv"); }), "");
}

}  // namespace
}  // namespace raven
