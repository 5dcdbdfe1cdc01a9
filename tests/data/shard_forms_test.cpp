#include <gtest/gtest.h>

#include <cstring>

#include "data/shard_maker.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/shard.hpp"

// Whatever HDF5's library writes, and docs/formats/shard.md allows, is read to the same rows.

namespace raven {
namespace {

struct Form {
  const char* name;
  std::function<void(ShardMaker&)> prepare;
};

class ShardForm : public testing::TestWithParam<Form> {};

/// 48 rows of 5 x 3, so that some chunks reach beyond the end.
ShardMaker many_rows() {
  ShardMaker maker;
  maker.dims = {48, 5, 3};
  maker.target_dims = {48};
  maker.targets.clear();
  for (std::int32_t i = 0; i < 48; ++i) maker.targets.push_back(i % 3);
  return maker;
}

TEST_P(ShardForm, gives_the_rows_that_were_written) {
  const TemporaryFolder folder;
  ShardMaker maker = many_rows();
  GetParam().prepare(maker);
  maker.make(folder / "a.h5");
  SampleSchema schema = small_pixels();
  schema.feature_shape = {5, 3};
  const ShardRows read = load_shard(folder / "a.h5", {.schema = schema, .rows = 48});
  const auto expected = ShardMaker::bytes(48 * 15);
  EXPECT_EQ(std::memcmp(read.features.get(), expected.data(), expected.size()), 0);
  EXPECT_EQ(std::memcmp(read.targets.get(), maker.targets.data(), 48 * 4), 0);
}

void early(hid_t how) {
  chunks(how, 7, 2, 2);
  H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
}

void all_filters(hid_t how) {
  chunks(how, 7, 2, 2);
  H5Pset_shuffle(how);
  H5Pset_deflate(how, 6);
  H5Pset_fletcher32(how);
}

void unfiltered_edges(hid_t how) {
  chunks(how, 7, 2, 2);
  H5Pset_deflate(how, 6);
  H5Pset_chunk_opts(how, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
}

void add_attributes(hid_t file) {
  Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  for (const char* name : {"a", "b", "c", "made by"}) {
    Hdf5Handle attribute(
        H5Acreate2(file, name, H5T_IEEE_F64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ShardForm,
    testing::Values(
        Form{"contiguous", [](ShardMaker&) {}},
        Form{"compact",
             [](auto& m) { m.features_as = [](hid_t how) { H5Pset_layout(how, H5D_COMPACT); }; }},
        Form{"one_chunk",
             [](auto& m) { m.features_as = [](hid_t how) { chunks(how, 48, 5, 3); }; }},
        Form{"edges", [](auto& m) { m.features_as = [](hid_t how) { chunks(how, 7, 2, 2); }; }},
        // 240 chunks make a tree of two levels.
        Form{"deep_tree", [](auto& m) { m.features_as = [](hid_t how) { chunks(how, 1, 1, 3); }; }},
        Form{"filters", [](auto& m) { m.features_as = all_filters; }},
        Form{"attributes", [](auto& m) { m.add = add_attributes; }},
        Form{"user_block", [](auto& m) { m.user_block = 2048; }},
        Form{"latest", [](auto& m) { m.latest = true; }},
        Form{"latest_attributes",
             [](auto& m) {
               m.latest = true;
               m.add = add_attributes;
             }},
        Form{"latest_one_chunk",
             [](auto& m) {
               m.latest = true;
               m.features_as = [](hid_t how) { chunks(how, 48, 5, 3); };
             }},
        Form{"latest_one_filtered_chunk",
             [](auto& m) {
               m.latest = true;
               m.features_as = [](hid_t how) {
                 chunks(how, 48, 5, 3);
                 H5Pset_deflate(how, 6);
               };
             }},
        Form{"latest_implicit",
             [](auto& m) {
               m.latest = true;
               m.features_as = early;
             }},
        Form{"latest_array",
             [](auto& m) {
               m.latest = true;
               m.features_as = [](hid_t how) { chunks(how, 7, 2, 2); };
             }},
        Form{"latest_filtered_array",
             [](auto& m) {
               m.latest = true;
               m.features_as = all_filters;
             }},
        Form{"latest_unfiltered_edges",
             [](auto& m) {
               m.latest = true;
               m.features_as = unfiltered_edges;
             }}),
    [](const auto& test) { return std::string(test.param.name); });

// From 1025 chunks on a fixed array is cut into pages.
TEST(ShardForms, a_paged_array_of_chunks_is_read) {
  const TemporaryFolder folder;
  ShardMaker maker;
  maker.latest = true;
  maker.dims = {1300, 4, 3};
  maker.target_dims = {1300};
  maker.targets.assign(1300, 2);
  maker.features_as = [](hid_t how) { chunks(how, 1, 4, 2); };
  maker.make(folder / "a.h5");
  const ShardRows read = load_shard(folder / "a.h5", {.schema = small_pixels(), .rows = 1300});
  const auto expected = ShardMaker::bytes(1300 * 12);
  EXPECT_EQ(std::memcmp(read.features.get(), expected.data(), expected.size()), 0);
}

TEST(ShardForms, the_index_of_resizable_datasets_in_new_files_is_refused_with_a_way_out) {
  const TemporaryFolder folder;
  ShardMaker maker;
  maker.latest = true;
  maker.dims.clear();
  maker.add = [](hid_t file) {
    const hsize_t dims[] = {6, 4, 3};
    const hsize_t most[] = {H5S_UNLIMITED, 4, 3};
    Hdf5Handle space(H5Screate_simple(3, dims, most), H5Sclose);
    Hdf5Handle how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    chunks(how.id(), 2, 4, 3);
    Hdf5Handle(
        H5Dcreate2(file, "features", H5T_STD_U8LE, space.id(), H5P_DEFAULT, how.id(), H5P_DEFAULT),
        H5Dclose);
  };
  maker.make(folder / "a.h5");
  const std::string said =
      complaint([&] { (void)load_shard(folder / "a.h5", {.schema = small_pixels(), .rows = 6}); });
  EXPECT_NE(said.find("only resizable datasets"), std::string::npos) << said;
  EXPECT_NE(said.find("libver='earliest'"), std::string::npos) << said;
}

}  // namespace
}  // namespace raven
