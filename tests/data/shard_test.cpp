#include "raven/data/shard.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "data/chunk_codec.hpp"
#include "data/shard_maker.hpp"
#include "data/temporary_folder.hpp"

namespace raven {
namespace {

void expect_the_made_rows(const ShardRows& shard) {
  ASSERT_EQ(shard.bytes, 6U * 16);
  const auto wanted = ShardMaker::bytes();
  EXPECT_EQ(std::memcmp(shard.features.get(), wanted.data(), 72), 0);
  for (std::int64_t row = 0; row < 6; ++row) {
    std::int32_t target = -1;
    std::memcpy(&target, shard.targets_of(row), 4);
    EXPECT_EQ(target, row % 3);
    EXPECT_EQ(std::to_integer<std::int64_t>(shard.features_of(row)[1]), row * 12 + 1);
  }
}

TEST(Shard, comes_back_as_written_and_has_the_same_digest_on_any_day) {
  const TemporaryFolder folder;
  SampleSchema schema;
  schema.feature_shape = {2};
  schema.target_kind = TargetKind::real;
  schema.target_width = 1;
  const float features[] = {1, 2, -3, 0.5F};
  const float targets[] = {9, -9};
  const auto write = [&](const char* name) {
    return write_shard(folder / name, schema, std::as_bytes(std::span(features)),
                       std::as_bytes(std::span(targets)));
  };
  const Digest digest = write("a.h5");
  EXPECT_EQ(write("b.h5"), digest);
  EXPECT_EQ(digest_of_file(folder / "a.h5"), digest);
  const ShardRows shard =
      load_shard(folder / "a.h5", {.schema = schema, .rows = 2, .sha256 = digest});
  EXPECT_EQ(std::memcmp(shard.features.get(), features, sizeof features), 0);
  EXPECT_EQ(std::memcmp(shard.targets.get(), targets, sizeof targets), 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2)
      << "a temporary file stayed";
}

TEST(Shard, is_not_written_where_nobody_may_write) {
  const auto schema = small_pixels();
  const Bytes features(12);
  const Bytes targets(4);
  EXPECT_NE(complaint([&] { write_shard("/proc/nowhere/a.h5", schema, features, targets); }), "");
}

struct Layout {
  const char* name;
  void (*as)(hid_t);
};

class ShardLayout : public testing::TestWithParam<Layout> {};

TEST_P(ShardLayout, is_read) {
  const TemporaryFolder folder;
  ShardMaker maker;
  maker.features_as = GetParam().as;
  maker.make(folder / "a.h5");
  expect_the_made_rows(load_shard(folder / "a.h5", {.schema = small_pixels(), .rows = 6}));
}

// The library itself writes these, so that our own undoing of its filters meets an independent
// reference.
INSTANTIATE_TEST_SUITE_P(
    All, ShardLayout,
    testing::Values(Layout{"contiguous", [](hid_t) {}},
                    Layout{"compact", [](hid_t how) { H5Pset_layout(how, H5D_COMPACT); }},
                    Layout{"chunked", [](hid_t how) { chunks(how, 2, 4, 3); }},
                    Layout{"uneven_chunks", [](hid_t how) { chunks(how, 4, 3, 2); }},
                    Layout{"one_chunk_larger_than_all", [](hid_t how) { chunks(how, 6, 4, 3); }},
                    Layout{"deflate",
                           [](hid_t how) {
                             chunks(how, 4, 3, 2);
                             H5Pset_deflate(how, 6);
                           }},
                    Layout{"shuffle_deflate_fletcher",
                           [](hid_t how) {
                             chunks(how, 4, 3, 2);
                             H5Pset_shuffle(how);
                             H5Pset_deflate(how, 9);
                             H5Pset_fletcher32(how);
                           }},
                    Layout{"fletcher_below_deflate",
                           [](hid_t how) {
                             chunks(how, 5, 2, 3);
                             H5Pset_fletcher32(how);
                             H5Pset_deflate(how, 1);
                           }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Shard, shuffled_and_compressed_numbers_are_read) {
  const TemporaryFolder folder;
  SampleSchema schema;
  schema.feature_shape = {5};
  schema.target_width = 3;
  {
    ShardMaker maker;
    maker.dims = {6, 5};
    maker.features_type = H5T_IEEE_F32LE;
    maker.features_as = [](hid_t how) {
      const hsize_t sides[] = {4, 3};
      H5Pset_chunk(how, 2, sides);
      H5Pset_shuffle(how);
      H5Pset_deflate(how, 6);
      H5Pset_fletcher32(how);
    };
    maker.make(folder / "a.h5");
  }
  const ShardRows shard = load_shard(folder / "a.h5", {.schema = schema, .rows = 6});
  for (std::size_t i = 0; i < 30; ++i) {
    float value = -1;
    std::memcpy(&value, shard.features.get() + 4 * i, 4);
    EXPECT_EQ(value, static_cast<float>(i));
  }
}

// Published check values of Fletcher-32 are for little-endian words; HDF5 sums big-endian ones,
// so "abcde" gives the value below by hand: words 0x6162, 0x6364, 0x6500.
TEST(Fletcher32, sums_big_endian_words_modulo_65535) {
  const char text[] = "abcde";
  const std::uint32_t a = 0x6162;
  const std::uint32_t b = a + 0x6364;
  const std::uint32_t c = (b + 0x6500) % 65535;
  const std::uint32_t second = (a + b % 65535 + c) % 65535;
  EXPECT_EQ(fletcher32(std::as_bytes(std::span(text, 5))), second << 16 | c);
  EXPECT_EQ(fletcher32({}), 0U);
}

}  // namespace
}  // namespace raven
