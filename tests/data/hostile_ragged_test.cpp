#include <gtest/gtest.h>

#include <limits>

#include "data/ragged_maker.hpp"
#include "data/shard_maker.hpp"

namespace raven {
namespace {

using Numbers = std::vector<std::int32_t>;
using Offsets = std::vector<std::int64_t>;

/// What a shard of two trees may hold. The defaults are sound: ((1 2) 3) and (4 5).
struct TreeFile {
  Numbers tokens{1, 2, 3, 4, 5};
  Offsets offsets{0, 3, 5};
  Numbers parents{2, 2, 4, 4, -1, 2, 2, -1};
  Offsets node_offsets{0, 5, 8};
  Numbers targets{0, 1, 2, 3, -100, 0, 1, 2};
  std::function<void(hid_t file)> more = [](hid_t) {};

  static void put(hid_t file, const char* name, hid_t type, hsize_t count, const void* values) {
    Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    Hdf5Handle data(H5Dcreate2(file, name, type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                    H5Dclose);
    H5Dwrite(data.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  }

  void make(const std::filesystem::path& path) const {
    ShardMaker maker;
    maker.dims.clear();
    maker.with_targets = false;
    maker.add = [this](hid_t file) {
      put(file, "tokens", H5T_STD_I32LE, tokens.size(), tokens.data());
      put(file, "offsets", H5T_STD_I64LE, offsets.size(), offsets.data());
      put(file, "parents", H5T_STD_I32LE, parents.size(), parents.data());
      put(file, "node_offsets", H5T_STD_I64LE, node_offsets.size(), node_offsets.data());
      put(file, "targets", H5T_STD_I32LE, targets.size(), targets.data());
      more(file);
    };
    maker.make(path);
  }
};

ShardExpectation two_trees() {
  return {.schema = ragged_schema(SampleForm::tree, TargetKind::tags),
          .rows = 2,
          .tokens = 5,
          .nodes = 8};
}

struct Attack {
  const char* name;
  std::function<void(TreeFile&)> prepare;
  std::string problem;
};

class HostileRagged : public testing::TestWithParam<Attack> {};

TEST_P(HostileRagged, is_refused) {
  const TemporaryFolder folder;
  TreeFile file;
  file.make(folder / "good.h5");
  EXPECT_EQ(complaint([&] { (void)load_shard(folder / "good.h5", two_trees()); }), "");
  GetParam().prepare(file);
  file.make(folder / "bad.h5");
  const std::string said = complaint([&] { (void)load_shard(folder / "bad.h5", two_trees()); });
  EXPECT_NE(said.find((folder / "bad.h5").string()), std::string::npos) << said;
  EXPECT_NE(said.find(GetParam().problem), std::string::npos) << said;
}

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

INSTANTIATE_TEST_SUITE_P(
    Shards, HostileRagged,
    testing::Values(
        Attack{"begins_late",
               [](auto& f) {
                 f.offsets = {1, 3, 5};
               },
               "does not begin at token 0"},
        Attack{"beyond_the_end",
               [](auto& f) {
                 f.offsets = {0, most, 5};
               },
               "is not one or more"},
        Attack{"backwards",
               [](auto& f) {
                 f.offsets = {0, 5, 3};
               },
               "is not one or more"},
        Attack{"least_number",
               [](auto& f) {
                 f.offsets = {0, least, 5};
               },
               "is not one or more"},
        Attack{"of_no_token",
               [](auto& f) {
                 f.offsets = {0, 0, 5};
               },
               "is not one or more"},
        Attack{"stops_early",
               [](auto& f) {
                 f.offsets = {0, 3, 4};
               },
               "end at token 4 of 5"},
        Attack{"nodes_begin_late",
               [](auto& f) {
                 f.node_offsets = {2, 5, 8};
               },
               "begin at node 0"},
        Attack{"nodes_beyond",
               [](auto& f) {
                 f.node_offsets = {0, most, 8};
               },
               "is not one or more"},
        Attack{"nodes_stop_early",
               [](auto& f) {
                 f.node_offsets = {0, 5, 7};
               },
               "end at node 7 of 8"},
        Attack{"nodes_of_the_other_tree",
               [](auto& f) {
                 f.node_offsets = {0, 3, 8};
               },
               "no tree in postorder"},
        Attack{"no_root", [](auto& f) { f.parents[4] = 4; }, "no tree in postorder"},
        Attack{"two_roots", [](auto& f) { f.parents[2] = -1; }, "no tree in postorder"},
        Attack{"a_parent_before_its_child", [](auto& f) { f.parents[3] = 2; },
               "no tree in postorder"},
        Attack{"its_own_parent", [](auto& f) { f.parents[3] = 3; }, "no tree in postorder"},
        Attack{"a_parent_outside", [](auto& f) { f.parents[3] = 5; }, "no tree in postorder"},
        Attack{"the_furthest_parent",
               [](auto& f) { f.parents[3] = std::numeric_limits<std::int32_t>::max(); },
               "no tree in postorder"},
        Attack{"the_least_parent",
               [](auto& f) { f.parents[3] = std::numeric_limits<std::int32_t>::min(); },
               "no tree in postorder"},
        Attack{"crossing_branches", [](auto& f) { f.parents = {3, 2, 4, 4, -1, 2, 2, -1}; },
               "no tree in postorder"},
        Attack{"fewer_leaves_than_tokens", [](auto& f) { f.parents = {1, 2, 4, 4, -1, 2, 2, -1}; },
               "for each of its 3 tokens"},
        Attack{"unknown_token", [](auto& f) { f.tokens[4] = 20; }, "token 20 is outside"},
        Attack{"negative_token", [](auto& f) { f.tokens[0] = -1; }, "token -1 is outside"},
        Attack{"unknown_tag", [](auto& f) { f.targets[7] = 4; }, "tag 4 is outside"},
        Attack{"negative_tag", [](auto& f) { f.targets[0] = -99; }, "tag -99 is outside"},
        Attack{"fewer_tokens", [](auto& f) { f.tokens.pop_back(); }, "its shape is [4]"},
        Attack{"fewer_offsets", [](auto& f) { f.offsets.pop_back(); }, "its shape is [2]"},
        Attack{"fewer_parents", [](auto& f) { f.parents.pop_back(); }, "its shape is [7]"},
        Attack{"fewer_node_offsets", [](auto& f) { f.node_offsets.pop_back(); },
               "its shape is [2]"},
        Attack{"targets_of_samples", [](auto& f) { f.targets.resize(2); }, "its shape is [2]"},
        Attack{"parents_behind_a_link",
               [](auto& f) {
                 f.more = [](hid_t file) {
                   H5Ldelete(file, "parents", H5P_DEFAULT);
                   H5Lcreate_external("/etc/other.h5", "/parents", file, "parents", H5P_DEFAULT,
                                      H5P_DEFAULT);
                 };
               },
               "external link"},
        Attack{"no_offsets_of_nodes",
               [](auto& f) {
                 f.more = [](hid_t file) { H5Ldelete(file, "node_offsets", H5P_DEFAULT); };
               },
               "no dataset 'node_offsets'"},
        Attack{"a_sixth_object",
               [](auto& f) {
                 f.more = [](hid_t file) {
                   const std::int32_t one = 1;
                   TreeFile::put(file, "more", H5T_STD_I32LE, 1, &one);
                 };
               },
               "6 objects"}),
    [](const auto& attack) { return std::string(attack.param.name); });

TEST(HostileRaggedFile, counts_that_can_not_be_are_refused_before_the_file_is_read) {
  const TemporaryFolder folder;
  const auto said = [&](SampleForm form, std::int64_t rows, std::int64_t tokens,
                        std::int64_t nodes) {
    return complaint([&] {
      (void)load_shard(folder / "none.h5", {.schema = ragged_schema(form, TargetKind::tags),
                                            .rows = rows,
                                            .tokens = tokens,
                                            .nodes = nodes});
    });
  };
  EXPECT_NE(said(SampleForm::sequence, 3, 2, 0).find("can't have"), std::string::npos);
  EXPECT_NE(said(SampleForm::tree, 2, 5, 4).find("can't have"), std::string::npos);
  for (const std::int64_t huge : {std::int64_t{1} << 31, std::int64_t{1} << 61, most}) {
    EXPECT_NE(said(SampleForm::sequence, 2, huge, 0).find("limit"), std::string::npos);
    EXPECT_NE(said(SampleForm::tree, 2, 5, huge).find("limit"), std::string::npos);
    EXPECT_NE(said(SampleForm::tree, huge, huge, huge).find("limit"), std::string::npos);
  }
  for (const std::int64_t negative : {std::int64_t{-1}, least}) {
    EXPECT_NE(said(SampleForm::sequence, 2, negative, 0), "");
    EXPECT_NE(said(SampleForm::tree, 2, 5, negative), "");
    EXPECT_NE(said(SampleForm::sequence, negative, 5, 0), "");
  }
}

TEST(HostileRaggedFile, a_sample_larger_than_a_row_may_be_is_refused) {
  const TemporaryFolder folder;
  SampleSchema schema = ragged_schema(SampleForm::sequence, TargetKind::classes);
  schema.feature_type = FeatureType::u8;
  schema.vocabulary = 0;
  schema.feature_shape = {1 << 20};
  const std::vector<std::uint8_t> features((std::size_t{1} << 28) + (1 << 20));
  const Offsets offsets{0, 257};
  const Numbers targets{0};
  write_ragged_shard(folder / "big.h5", schema,
                     {.features = std::as_bytes(std::span(features)),
                      .token_offsets = offsets,
                      .targets = std::as_bytes(std::span(targets))});
  const std::string said = complaint(
      [&] { (void)load_shard(folder / "big.h5", {.schema = schema, .rows = 1, .tokens = 257}); });
  EXPECT_NE(said.find("more than 256 MiB"), std::string::npos) << said;
}

}  // namespace
}  // namespace raven
