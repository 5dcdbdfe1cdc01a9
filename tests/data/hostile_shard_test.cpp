#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cstring>
#include <limits>

#include "data/chunk_codec.hpp"
#include "data/shard_maker.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

struct Attack {
  const char* name;
  std::function<void(ShardMaker&)> prepare;
  std::string problem;
};

class HostileShard : public testing::TestWithParam<Attack> {};

TEST_P(HostileShard, is_refused) {
  const TemporaryFolder folder;
  ShardMaker maker;
  GetParam().prepare(maker);
  maker.make(folder / "bad.h5");
  const std::string said = complaint(
      [&] { (void)load_shard(folder / "bad.h5", {.schema = small_pixels(), .rows = 6}); });
  EXPECT_NE(said.find((folder / "bad.h5").string()), std::string::npos) << said;
  EXPECT_NE(said.find(GetParam().problem), std::string::npos) << said;
}

void copy_link(hid_t file, const char* name, bool external) {
  H5Ldelete(file, name, H5P_DEFAULT);
  if (external) {
    H5Lcreate_external("/etc/other.h5", "/features", file, name, H5P_DEFAULT, H5P_DEFAULT);
  } else {
    H5Lcreate_soft("/targets", file, name, H5P_DEFAULT, H5P_DEFAULT);
  }
}

void replace_features_by_virtual(hid_t file) {
  H5Ldelete(file, "features", H5P_DEFAULT);
  const hsize_t dims[] = {6, 4, 3};
  Hdf5Handle space(H5Screate_simple(3, dims, nullptr), H5Sclose);
  Hdf5Handle how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_virtual(how.id(), space.id(), "/tmp/source.h5", "data", space.id());
  Hdf5Handle(
      H5Dcreate2(file, "features", H5T_STD_U8LE, space.id(), H5P_DEFAULT, how.id(), H5P_DEFAULT),
      H5Dclose);
}

void replace_features_by_group(hid_t file) {
  H5Ldelete(file, "features", H5P_DEFAULT);
  Hdf5Handle(H5Gcreate2(file, "features", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
}

void replace_features_by_named_type(hid_t file) {
  H5Ldelete(file, "features", H5P_DEFAULT);
  Hdf5Handle type(H5Tcopy(H5T_STD_U8LE), H5Tclose);
  H5Tcommit_anon(file, type.id(), H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t dims[] = {6, 4, 3};
  Hdf5Handle space(H5Screate_simple(3, dims, nullptr), H5Sclose);
  Hdf5Handle data(
      H5Dcreate2(file, "features", type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Dclose);
  const auto values = ShardMaker::bytes();
  H5Dwrite(data.id(), H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
}

void put_version_list(hid_t file) {
  H5Adelete(file, "raven_shard");
  const hsize_t two = 2;
  const std::int32_t values[] = {1, 1};
  Hdf5Handle space(H5Screate_simple(1, &two, nullptr), H5Sclose);
  Hdf5Handle attribute(
      H5Acreate2(file, "raven_shard", H5T_STD_I32LE, space.id(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  H5Awrite(attribute.id(), H5T_NATIVE_INT32, values);
}

/// A chunk whose compressed bytes are not what the filter makes.
void put_raw_chunk(hid_t file, const Bytes& stored) {
  Hdf5Handle data(H5Dopen2(file, "features", H5P_DEFAULT), H5Dclose);
  const hsize_t at[] = {0, 0, 0};
  ASSERT_GE(H5Dwrite_chunk(data.id(), H5P_DEFAULT, 0, at, stored.size(), stored.data()), 0);
}

void deflate_chunks(hid_t how) {
  chunks(how, 6, 4, 3);
  H5Pset_deflate(how, 6);
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileShard,
    testing::Values(
        Attack{"no_version", [](auto& m) { m.with_version = false; },
               "'raven_shard' (the format version) is missing"},
        Attack{"future_version", [](auto& m) { m.version = 2; }, "the format version is 2"},
        Attack{"list_of_versions", [](auto& m) { m.add = put_version_list; }, "not one integer"},
        Attack{"no_targets", [](auto& m) { m.with_targets = false; }, "no dataset 'targets'"},
        Attack{"no_features", [](auto& m) { m.dims.clear(); }, "no dataset 'features'"},
        Attack{"soft_link",
               [](auto& m) { m.add = [](hid_t f) { copy_link(f, "features", false); }; },
               "soft or external"},
        Attack{"external_link",
               [](auto& m) { m.add = [](hid_t f) { copy_link(f, "features", true); }; },
               "soft or external"},
        Attack{"external_link_for_targets",
               [](auto& m) { m.add = [](hid_t f) { copy_link(f, "targets", true); }; },
               "soft or external"},
        Attack{"third_object",
               [](auto& m) {
                 m.add = [](hid_t f) {
                   Hdf5Handle(H5Gcreate2(f, "more", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                              H5Gclose);
                 };
               },
               "3 objects"},
        Attack{"group_for_features", [](auto& m) { m.add = replace_features_by_group; },
               "it is no dataset"},
        Attack{"virtual_layout", [](auto& m) { m.add = replace_features_by_virtual; }, "virtual"},
        Attack{"external_storage",
               [](auto& m) {
                 m.write_data = false;
                 m.features_as = [](hid_t how) { H5Pset_external(how, "/etc/hostname", 0, 72); };
               },
               "external file"},
        Attack{"named_type", [](auto& m) { m.add = replace_features_by_named_type; },
               "named (committed) type"},
        Attack{"signed_bytes", [](auto& m) { m.features_type = H5T_STD_I8LE; },
               "not unsigned 8-bit"},
        Attack{"wide_numbers", [](auto& m) { m.features_type = H5T_STD_U16LE; },
               "not unsigned 8-bit"},
        Attack{"other_shape",
               [](auto& m) {
                 m.dims = {6, 3, 4};
               },
               "[6, 3, 4], but the manifest says [6, 4, 3]"},
        Attack{"other_rank",
               [](auto& m) {
                 m.dims = {6, 12};
               },
               "[6, 12]"},
        Attack{"more_rows",
               [](auto& m) {
                 m.dims = {7, 4, 3};
               },
               "[7, 4, 3]"},
        Attack{"declared_giant",
               [](auto& m) {
                 m.dims = {hsize_t{1} << 35, 4, 3};
                 m.write_data = false;
                 m.features_as = [](hid_t how) { chunks(how, 64, 4, 3); };
               },
               "but the manifest says [6, 4, 3]"},
        Attack{"fewer_targets", [](auto& m) { m.target_dims = {5}; }, "[5], but"},
        Attack{"declared_and_never_written", [](auto& m) { m.write_data = false; },
               "not all in the file"},
        Attack{"chunks_never_written",
               [](auto& m) {
                 m.write_data = false;
                 m.features_as = [](hid_t how) { chunks(how, 2, 4, 3); };
               },
               "is missing"},
        Attack{"huge_chunk",
               [](auto& m) {
                 m.write_data = false;
                 m.features_as = [](hid_t how) { chunks(how, 6, 4, 3); };
                 m.add = [](hid_t f) {
                   H5Ldelete(f, "features", H5P_DEFAULT);
                   const hsize_t dims[] = {6, 4, 3};
                   const hsize_t most[] = {H5S_UNLIMITED, H5S_UNLIMITED, H5S_UNLIMITED};
                   Hdf5Handle space(H5Screate_simple(3, dims, most), H5Sclose);
                   Hdf5Handle how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
                   chunks(how.id(), 60000, 100, 500);
                   H5Pset_alloc_time(how.id(), H5D_ALLOC_TIME_INCR);
                   Hdf5Handle(H5Dcreate2(f, "features", H5T_STD_U8LE, space.id(), H5P_DEFAULT,
                                         how.id(), H5P_DEFAULT),
                              H5Dclose);
                 };
               },
               "larger than 64 MiB"},
        Attack{"unknown_filter",
               [](auto& m) {
                 m.write_data = false;
                 m.features_as = [](hid_t how) {
                   chunks(how, 6, 4, 3);
                   H5Pset_filter(how, 32015, H5Z_FLAG_OPTIONAL, 0, nullptr);
                 };
               },
               "filter 32015"},
        Attack{"nbit_filter",
               [](auto& m) {
                 m.features_as = [](hid_t how) {
                   chunks(how, 6, 4, 3);
                   H5Pset_nbit(how);
                 };
               },
               "filter 5"},
        Attack{"filter_twice",
               [](auto& m) {
                 m.features_as = [](hid_t how) {
                   chunks(how, 6, 4, 3);
                   H5Pset_deflate(how, 1);
                   H5Pset_deflate(how, 1);
                 };
               },
               "a filter twice"},
        Attack{"broken_deflate",
               [](auto& m) {
                 m.features_as = deflate_chunks;
                 m.add = [](hid_t f) { put_raw_chunk(f, Bytes(50, std::byte{0x5A})); };
               },
               "damaged or of the wrong length"},
        Attack{"deflate_of_too_little",
               [](auto& m) {
                 m.features_as = deflate_chunks;
                 // zlib's stream of one zero byte
                 m.add = [](hid_t f) {
                   Bytes one;
                   for (const int b : {0x78, 0x9c, 0x63, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01}) {
                     one.push_back(static_cast<std::byte>(b));
                   }
                   put_raw_chunk(f, one);
                 };
               },
               "damaged or of the wrong length"},
        Attack{"oversized_chunk",
               [](auto& m) {
                 m.features_as = deflate_chunks;
                 m.add = [](hid_t f) { put_raw_chunk(f, Bytes(60000)); };
               },
               "absurd size"},
        Attack{"wrong_checksum",
               [](auto& m) {
                 m.features_as = [](hid_t how) {
                   chunks(how, 6, 4, 3);
                   H5Pset_fletcher32(how);
                 };
                 m.add = [](hid_t f) { put_raw_chunk(f, Bytes(76, std::byte{1})); };
               },
               "checksum does not match"},
        Attack{"class_too_large", [](auto& m) { m.targets[4] = 3; },
               "row 4: class 3 is outside 0 .. 2"},
        Attack{"negative_class", [](auto& m) { m.targets[0] = -1; }, "row 0: class -1"}),
    [](const auto& test) { return std::string(test.param.name); });

/// A deflate bomb: the chunk says 72 bytes, its stream gives 256 MiB from a quarter of a megabyte.
TEST(HostileShardFile, a_deflate_bomb_never_grows_beyond_its_chunk) {
  Bytes bomb;
  {
    const std::vector<unsigned char> zeros(64 << 20);
    uLongf length = compressBound(zeros.size());
    bomb.resize(length);
    ASSERT_EQ(
        compress2(reinterpret_cast<Bytef*>(bomb.data()), &length, zeros.data(), zeros.size(), 9),
        Z_OK);
    bomb.resize(length);
  }
  Bytes out;
  EXPECT_NE(decode_chunk(bomb, {ChunkFilter::deflate}, 0, 1, 72, out), "");
  EXPECT_TRUE(out.empty());
}

/// Where the first chunk's key lies in the B-tree of a file's only chunked dataset.
std::size_t key_of_first_chunk(const std::string& file) {
  constexpr std::string_view node_of_chunks("TREE\x01", 5);
  const std::size_t node = file.find(node_of_chunks);
  EXPECT_NE(node, std::string::npos);
  return node + 24;
}

// HDF5's H5Dread_chunk writes as many bytes as the key says, whatever it told of the chunk's size:
// 1 MiB of the file behind a buffer of 24 bytes.
TEST(HostileShardFile, a_key_that_names_a_larger_chunk_is_refused) {
  const TemporaryFolder folder;
  ShardMaker maker;
  maker.features_as = [](hid_t how) { chunks(how, 2, 4, 3); };
  maker.make(folder / "a.h5");
  std::string bytes = content_of(folder / "a.h5") + std::string(std::size_t{2} << 20, 'x');
  for (const std::uint32_t size : {std::uint32_t{1} << 20, 25U, 23U, 0U}) {
    std::memcpy(bytes.data() + key_of_first_chunk(bytes), &size, sizeof size);
    const auto file = folder.put("b.h5", bytes);
    const std::string said =
        complaint([&] { (void)load_shard(file, {.schema = small_pixels(), .rows = 6}); });
    EXPECT_NE(said.find("the chunk at [0, 0, 0] is missing or of an absurd size"),
              std::string::npos)
        << size << ": " << said;
  }
}

TEST(HostileShardFile, a_link_out_of_its_folder_is_refused_and_one_within_is_read) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "data/inner");
  ShardMaker().make(folder / "outside.h5");
  ShardMaker().make(folder / "data/inner/real.h5");
  std::filesystem::create_symlink("../outside.h5", folder / "data/out.h5");
  std::filesystem::create_symlink("inner/real.h5", folder / "data/in.h5");
  std::filesystem::create_directory_symlink("..", folder / "data/up");
  const auto load = [&](const std::string& name) {
    return load_shard(folder / ("data/" + name),
                      {.schema = small_pixels(), .rows = 6, .within = folder / "data"});
  };
  EXPECT_EQ(load("in.h5").rows, 6);
  for (const char* name : {"out.h5", "up/outside.h5"}) {
    const std::string said = complaint([&] { (void)load(name); });
    EXPECT_NE(said.find("leads out of the manifest's folder"), std::string::npos) << said;
  }
}

TEST(HostileShardFile, a_fifo_is_refused_without_waiting_for_a_writer) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe.h5").c_str(), 0600), 0);
  const std::string said = complaint(
      [&] { (void)load_shard(folder / "pipe.h5", {.schema = small_pixels(), .rows = 6}); });
  EXPECT_NE(said.find("must be a plain file"), std::string::npos) << said;
}

TEST(HostileShardFile, too_many_rows_for_the_limit_are_refused_before_memory_is_taken) {
  const TemporaryFolder folder;
  ShardMaker().make(folder / "a.h5");
  const std::string said = complaint([&] {
    (void)load_shard(folder / "a.h5", {.schema = small_pixels(), .rows = std::int64_t{1} << 40});
  });
  EXPECT_NE(said.find("more than the limit"), std::string::npos) << said;
  EXPECT_NE(
      complaint([&] { (void)load_shard(folder / "a.h5", {.schema = small_pixels(), .rows = 0}); }),
      "");
}

TEST(HostileShardFile, padding_that_no_row_explains_is_refused) {
  const TemporaryFolder folder;
  ShardMaker().make(folder / "a.h5");
  std::filesystem::resize_file(folder / "a.h5", 64 << 20);
  const std::string said =
      complaint([&] { (void)load_shard(folder / "a.h5", {.schema = small_pixels(), .rows = 6}); });
  EXPECT_NE(said.find("its rows explain at most"), std::string::npos) << said;
}

TEST(HostileShardFile, what_is_no_hdf5_file_is_refused) {
  const TemporaryFolder folder;
  const ShardExpectation wanted{.schema = small_pixels(), .rows = 6};
  const auto refused = [&](const std::filesystem::path& file) {
    return complaint([&] { (void)load_shard(file, wanted); });
  };
  EXPECT_NE(refused(folder.put("text.h5", "hello")).find("no HDF5 file"), std::string::npos);
  EXPECT_NE(refused(folder.put("empty.h5", "")).find("no HDF5 file"), std::string::npos);
  EXPECT_NE(refused(folder / "none.h5").find("can't be opened"), std::string::npos);
  EXPECT_NE(refused(folder.path()).find("plain file"), std::string::npos);
  EXPECT_NE(refused("/dev/zero").find("plain file"), std::string::npos);
}

TEST(HostileShardFile, another_digest_is_refused_before_hdf5_sees_the_file) {
  const TemporaryFolder folder;
  ShardMaker().make(folder / "a.h5");
  const Digest sound = digest_of_file(folder / "a.h5");
  std::string bytes = content_of(folder / "a.h5");
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    const auto file = folder.put("b.h5", flipped);
    const std::string said = complaint(
        [&] { (void)load_shard(file, {.schema = small_pixels(), .rows = 6, .sha256 = sound}); });
    ASSERT_NE(said.find("SHA-256 differs"), std::string::npos) << at << ": " << said;
  }
}

// The library may still misread a truncated file, so every length is tried: refused, or the same
// rows.
TEST(HostileShardFile, no_truncation_gives_other_rows) {
  const TemporaryFolder folder;
  ShardMaker().make(folder / "a.h5");
  const std::string bytes = content_of(folder / "a.h5");
  for (std::size_t length = 0; length < bytes.size(); length += 61) {
    const auto file = folder.put("b.h5", bytes.substr(0, length));
    EXPECT_NE(complaint([&] { (void)load_shard(file, {.schema = small_pixels(), .rows = 6}); }), "")
        << length;
  }
}

TEST(HostileShardFile, not_a_number_and_tokens_out_of_range_are_refused) {
  const TemporaryFolder folder;
  SampleSchema schema;
  schema.feature_shape = {1};
  schema.target_kind = TargetKind::real;
  schema.target_width = 1;
  const float sound[] = {1, 2};
  const float spoilt[] = {1, std::numeric_limits<float>::quiet_NaN()};
  write_shard(folder / "f.h5", schema, std::as_bytes(std::span(spoilt)),
              std::as_bytes(std::span(sound)));
  EXPECT_NE(complaint([&] {
              (void)load_shard(folder / "f.h5", {.schema = schema, .rows = 2});
            }).find("row 1: a feature"),
            std::string::npos);
  write_shard(folder / "t.h5", schema, std::as_bytes(std::span(sound)),
              std::as_bytes(std::span(spoilt)));
  EXPECT_NE(complaint([&] {
              (void)load_shard(folder / "t.h5", {.schema = schema, .rows = 2});
            }).find("row 1: a target"),
            std::string::npos);
  schema.feature_type = FeatureType::i32;
  schema.vocabulary = 5;
  const std::int32_t ids[] = {4, 5};
  write_shard(folder / "i.h5", schema, std::as_bytes(std::span(ids)),
              std::as_bytes(std::span(sound)));
  EXPECT_NE(complaint([&] {
              (void)load_shard(folder / "i.h5", {.schema = schema, .rows = 2});
            }).find("row 1: token 5"),
            std::string::npos);
}

}  // namespace
}  // namespace raven
