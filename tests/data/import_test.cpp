#include "raven/data/import.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <set>

#include "data/byte_strings.hpp"
#include "data/split_writer.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/verify.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

const std::filesystem::path fixtures = std::filesystem::path(RAVEN_TEST_DATA) / "data/fixtures";

/// All rows of the training side as raw bytes.
Bytes raw_rows(const std::filesystem::path& manifest) {
  const Dataset data(read_manifest(manifest));
  std::vector<std::int64_t> all(static_cast<std::size_t>(data.size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  Bytes rows(all.size() * data.schema().row_bytes());
  data.gather_raw(all, rows);
  return rows;
}

ImportOptions all_for_training(const TemporaryFolder& folder, const char* name = "out") {
  return {.folder = folder / name, .valid_fraction = 0};
}

TEST(ImportIdx, reads_images_and_labels_plain_and_gzipped) {
  const TemporaryFolder folder;
  std::string images = idx_head({5, 2, 3});
  for (int i = 0; i < 30; ++i) images += static_cast<char>(8 * i);
  const std::string labels = idx_head({5}) + std::string("\x03\x00\x01\x03\x02", 5);
  const auto plain =
      import_idx(folder.put("i", images), folder.put("l", labels), all_for_training(folder));
  const auto zipped =
      import_idx(folder.put("i.gz", gzipped(images)), folder.put("l.gz", gzipped(labels)),
                 all_for_training(folder, "z"));
  const Manifest manifest = read_manifest(plain.train);
  EXPECT_EQ(manifest.schema.feature_shape, (Shape{2, 3, 1}));
  EXPECT_EQ(manifest.schema.target_width, 4);
  EXPECT_EQ(plain.train_rows, 5);
  const Bytes rows = raw_rows(plain.train);
  EXPECT_EQ(std::to_integer<int>(rows[10 + 5]), 8 * 11);
  EXPECT_EQ(std::to_integer<int>(rows[6]), 3);
  EXPECT_EQ(raw_rows(zipped.train), rows);
  // 0, 8, .., 232: mean 116, deviation 8 sqrt((30^2 - 1) / 12)
  EXPECT_NEAR(manifest.schema.normalisation.mean[0], 116.0 / 255, 1e-12);
  EXPECT_NEAR(manifest.schema.normalisation.std[0], 8 * std::sqrt(899.0 / 12) / 255, 1e-12);
}

TEST(ImportIdx, broken_files_are_refused_with_their_byte) {
  const TemporaryFolder folder;
  const std::string images = idx_head({2, 1, 2}) + "abcd";
  const std::string labels = idx_head({2}) + "01";
  const auto refused = [&](const std::string& i, const std::string& l) {
    return complaint(
        [&] { import_idx(folder.put("i", i), folder.put("l", l), all_for_training(folder)); });
  };
  EXPECT_EQ(refused(images, labels), "");
  EXPECT_NE(refused("", labels).find("i: at byte 0: the header is cut short"), std::string::npos);
  EXPECT_NE(refused(images.substr(0, 9), labels).find("the header is cut short"),
            std::string::npos);
  EXPECT_NE(refused("hello world, this is text", labels).find("no IDX file"), std::string::npos);
  EXPECT_NE(refused(labels, images).find("1 dimensions"), std::string::npos);
  EXPECT_NE(
      refused(std::string("\0\0\x0d\x03", 4) + images.substr(4), labels).find("not unsigned bytes"),
      std::string::npos);
  EXPECT_NE(refused(images.substr(0, images.size() - 1), labels)
                .find("at byte 19: the image data is cut short: 1 bytes"),
            std::string::npos)
      << refused(images.substr(0, images.size() - 1), labels);
  EXPECT_NE(refused(images + "e", labels).find("more bytes than the header says"),
            std::string::npos);
  EXPECT_NE(refused(images, idx_head({3}) + "012").find("3 labels for 2 images"),
            std::string::npos);
  EXPECT_NE(refused(images, idx_head({2}) + "0").find("the label data is cut short"),
            std::string::npos);
  EXPECT_NE(refused(idx_head({2, 0, 2}), labels).find("a dimension is 0"), std::string::npos);
  EXPECT_NE(refused(idx_head({2, 0x7FFFFFFF, 0x7FFFFFFF}), labels).find("256 MiB"),
            std::string::npos);
  const std::string zipped = gzipped(images);
  EXPECT_NE(refused(zipped.substr(0, zipped.size() - 9), labels).find("gzip data is damaged"),
            std::string::npos);
  EXPECT_NE(complaint([&] {
              import_idx(folder / "none", folder / "l", all_for_training(folder));
            }).find("can't be opened"),
            std::string::npos);
  EXPECT_NE(complaint([&] {
              import_idx(folder.path(), folder / "l", all_for_training(folder));
            }).find("is a folder"),
            std::string::npos);
}

TEST(ImportNpz, reads_what_numpy_wrote_stored_and_deflated) {
  const TemporaryFolder folder;
  const auto plain = import_npz(fixtures / "plain.npz", {}, all_for_training(folder, "a"));
  const Manifest manifest = read_manifest(plain.train);
  EXPECT_EQ(manifest.schema.feature_type, FeatureType::u8);
  EXPECT_EQ(manifest.schema.feature_shape, (Shape{3, 2, 1}));
  EXPECT_EQ(manifest.schema.target_width, 4);
  const Bytes rows = raw_rows(plain.train);
  ASSERT_EQ(rows.size(), 20U * 10);
  for (std::size_t row = 0; row < 20; ++row) {
    for (std::size_t i = 0; i < 6; ++i)
      EXPECT_EQ(std::to_integer<std::size_t>(rows[row * 10 + i]), row * 6 + i);
    EXPECT_EQ(std::to_integer<std::size_t>(rows[row * 10 + 6]), row % 4);
  }
  const auto packed = import_npz(fixtures / "packed.npz", {}, all_for_training(folder, "b"));
  const DatasetSummary summary = describe(read_manifest(packed.train));
  EXPECT_EQ(read_manifest(packed.train).schema.target_kind, TargetKind::real);
  EXPECT_EQ(summary.features.max, 59.5);
  EXPECT_DOUBLE_EQ(summary.features.mean, 29.75);
  EXPECT_DOUBLE_EQ(summary.targets.at(0).mean, 1.5);
}

TEST(ImportNpz, damaged_archives_are_refused) {
  const TemporaryFolder folder;
  for (const char* name : {"plain.npz", "packed.npz"}) {
    const std::string sound = content_of(fixtures / name);
    const auto refused = [&](const std::string& bytes) {
      const auto file = folder.put("bad.npz", bytes);
      return complaint([&] { import_npz(file, {}, all_for_training(folder)); });
    };
    ASSERT_EQ(refused(sound), "");
    for (std::size_t length = 0; length < sound.size(); length += 13) {
      ASSERT_NE(refused(sound.substr(0, length)), "") << length;
    }
    // A flipped bit is refused, or it sits in one of the fields that nobody reads (times, versions,
    // local copies).
    int noticed = 0;
    int tried = 0;
    for (std::size_t at = 0; at < sound.size(); at += 3, ++tried) {
      std::string flipped = sound;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x20);
      noticed += !refused(flipped).empty();
    }
    EXPECT_GT(noticed, tried / 2) << name;
  }
  EXPECT_NE(complaint([&] {
              import_npz(fixtures / "plain.npz", {.features = "z"}, all_for_training(folder));
            }).find("no 'z.npy' in the archive, only x.npy, y.npy"),
            std::string::npos);
  EXPECT_NE(complaint([&] {
              import_npz(folder.put("t.npz", "words"), {}, all_for_training(folder));
            }).find("no ZIP archive"),
            std::string::npos);
}

TEST(ImportNpy, integers_are_tokens) {
  const TemporaryFolder folder;
  const auto made =
      import_npy(fixtures / "tokens.npy", fixtures / "classes.npy", all_for_training(folder));
  const Manifest manifest = read_manifest(made.train);
  EXPECT_EQ(manifest.schema.feature_type, FeatureType::i32);
  EXPECT_EQ(manifest.schema.vocabulary, 11);
  EXPECT_EQ(manifest.schema.feature_shape, Shape{5});
  const Dataset data(manifest);
  std::vector<std::int32_t> tokens(5);
  std::int32_t target = 0;
  const std::vector<std::int64_t> samples{7};
  data.read(samples,
            {{tokens.data(), data.schema().features(1)}, {&target, data.schema().targets(1)}});
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{2, 3, 4, 5, 6}));
  EXPECT_EQ(target, 3);
}

TEST(ImportNpy, hostile_headers_are_refused) {
  const TemporaryFolder folder;
  const auto targets = fixtures / "classes.npy";
  const auto refused = [&](const std::string& bytes) {
    const auto file = folder.put("bad.npy", bytes);
    return complaint([&] { import_npy(file, targets, all_for_training(folder)); });
  };
  const auto header = [](const std::string& type, const std::string& order,
                         const std::string& shape) {
    return npy_file("{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape +
                    ", }\n");
  };
  EXPECT_NE(refused("").find("the header is cut short"), std::string::npos);
  EXPECT_NE(refused("words and words").find("no npy file"), std::string::npos);
  EXPECT_NE(refused(npy_file("{", 9)).find("version is unknown"), std::string::npos);
  EXPECT_NE(refused(npy_file("{}")).find("not what NumPy writes"), std::string::npos);
  EXPECT_NE(refused(npy_file("{'descr': ")).find("element type"), std::string::npos);
  EXPECT_NE(refused(npy_file("{'shape': (1, 2")).find("not what NumPy writes"), std::string::npos);
  EXPECT_NE(refused(npy_file("{'exec': 'rm'}")).find("not what NumPy writes"), std::string::npos);
  EXPECT_NE(refused(header("|O", "False", "(20,)")).find("'|O' can't be imported"),
            std::string::npos);
  EXPECT_NE(refused(header("<c8", "False", "(20,)")).find("'<c8'"), std::string::npos);
  EXPECT_NE(refused(header("|f4", "False", "(20,)")).find("'|f4'"), std::string::npos);
  EXPECT_NE(refused(header("<U0", "False", "(20,)")).find("'<U0'"), std::string::npos);
  EXPECT_NE(refused(header("<U99999999", "False", "(20,)")).find("'<U99999999'"),
            std::string::npos);
  EXPECT_NE(refused(header("<U3", "False", "(20,)")).find("the features are strings"),
            std::string::npos);
  EXPECT_NE(refused(header("<f4", "True", "(20, 2)")).find("Fortran"), std::string::npos);
  EXPECT_NE(refused(content_of(fixtures / "fortran.npy")).find("Fortran"), std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "()")).find("single number"), std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(0, 3)")).find("not positive"), std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(-20, 3)")).find("not positive"), std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(9999999999999999999999,)")).find("not what NumPy"),
            std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(4611686018427387904, 4)")).find("2^40"),
            std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(20, 1000000, 1000000)")).find("256 MiB"),
            std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(20, 1, 1, 1, 1, 1)")).find(""), std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(20, 1, 1, 1, 1, 1, 1)")).find("not what NumPy"),
            std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(20, 2)") + "1234").find("the array data is cut short"),
            std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(19, 2)")).find("20 targets for 19 rows"),
            std::string::npos);
  EXPECT_NE(refused(header("|u1", "False", "(20, 1)") + std::string(21, 'a')).find("more bytes"),
            std::string::npos);
  EXPECT_NE(refused(header("<i4", "False", "(20,)") + std::string(80, '\xFF'))
                .find("-1 can't be a token id"),
            std::string::npos);
  EXPECT_NE(refused(header("<f4", "False", "(20,)") + std::string(80, '\xFF')).find("not finite"),
            std::string::npos);
}

TEST(Import, the_split_is_by_row_number_and_keeps_every_row_once) {
  const TemporaryFolder folder;
  std::string csv = "x,y\n";
  for (int i = 0; i < 500; ++i) csv += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  int calls = 0;
  const auto made = import_csv(folder.put("t.csv", csv), {},
                               {.folder = folder / "out",
                                .rows_per_shard = 60,
                                .valid_fraction = 0.25,
                                .seed = 3,
                                .progress = [&](const ImportProgress&) { ++calls; }});
  EXPECT_EQ(made.train_rows + made.valid_rows, 500);
  EXPECT_NEAR(static_cast<double>(made.valid_rows), 125, 35);
  std::set<int> seen;
  ASSERT_TRUE(made.valid.has_value());
  for (const auto& side : {made.train, *made.valid}) {
    const Manifest manifest = read_manifest(side);
    EXPECT_TRUE(verify(manifest).problems.empty());
    for (const ShardEntry& shard : manifest.shards) EXPECT_LE(shard.rows, 60);
    const Bytes rows = raw_rows(side);
    for (std::size_t at = 0; at < rows.size(); at += 8) {
      float x = 0;
      std::memcpy(&x, rows.data() + at, 4);
      EXPECT_TRUE(seen.insert(static_cast<int>(x)).second);
      const bool valid = side != made.train;
      EXPECT_EQ(
          is_validation_row({.valid_fraction = 0.25, .seed = 3}, static_cast<std::int64_t>(x)),
          valid);
    }
  }
  EXPECT_EQ(seen.size(), 500U);
}

TEST(Import, an_earlier_validation_side_does_not_stay_behind) {
  const TemporaryFolder folder;
  const auto file = folder.put("t.csv", "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n");
  ImportOptions options{.folder = folder / "out", .valid_fraction = 0.5};
  ASSERT_TRUE(import_csv(file, {}, options).valid.has_value());
  options.valid_fraction = 0;
  EXPECT_FALSE(import_csv(file, {}, options).valid.has_value());
  EXPECT_FALSE(std::filesystem::exists(folder / "out" / "valid.yaml"));
}

TEST(H5pyShard, is_read_with_all_its_filters) {
  const Manifest manifest = read_manifest(fixtures / "h5py.yaml");
  EXPECT_TRUE(verify(manifest).problems.empty());
  const Dataset data(manifest);
  std::vector<float> features(6);
  std::int32_t target = 0;
  const std::vector<std::int64_t> samples{13};
  data.read(samples,
            {{features.data(), data.schema().features(1)}, {&target, data.schema().targets(1)}});
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(features[i], ((78 + static_cast<float>(i)) * 0.5F - 1) / 2);
  EXPECT_EQ(manifest.class_names.at(static_cast<std::size_t>(target)), "east");
}

}  // namespace
}  // namespace raven
