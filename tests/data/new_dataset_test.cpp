#include <gtest/gtest.h>

#include <algorithm>

#include "data/new_dataset.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

std::vector<std::string> files_in(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

using Names = std::vector<std::string>;

std::string rows_of(int count, const std::string& last = "") {
  std::string text = "x,y\n";
  for (int i = 0; i < count; ++i) {
    text += std::to_string(i) + "." + std::to_string(i % 10) + (i % 2 == 0 ? ",a\n" : ",b\n");
  }
  return text + last;
}

ImportReport import_table(const TemporaryFolder& folder, const std::string& text, double valid) {
  const TemporaryFolder elsewhere;
  return import_csv(elsewhere.put("table.csv", text), {},
                    {.folder = folder.path(), .rows_per_shard = 20, .valid_fraction = valid});
}

/// Every shard of both manifests is there and sound.
std::int64_t sound_rows(const TemporaryFolder& folder) {
  std::int64_t rows = 0;
  for (const char* name : {"train.yaml", "valid.yaml"}) {
    if (!std::filesystem::exists(folder / name)) continue;
    const Manifest manifest = read_manifest(folder / name);
    for (const ShardEntry& shard : manifest.shards) {
      rows += load_shard(manifest.path_of(shard),
                         {.schema = manifest.schema, .rows = shard.rows, .sha256 = shard.sha256})
                  .rows;
    }
  }
  return rows;
}

TEST(NewDataset, takes_the_place_of_the_old_one_with_all_its_shards) {
  const TemporaryFolder folder;
  import_table(folder, rows_of(60), 0.3);
  EXPECT_EQ(sound_rows(folder), 60);
  import_table(folder, rows_of(25), 0);
  EXPECT_EQ(files_in(folder), (Names{"train-g2-00000.h5", "train-g2-00001.h5", "train.yaml"}));
  EXPECT_EQ(sound_rows(folder), 25);
  import_table(folder, rows_of(10), 0);
  EXPECT_EQ(files_in(folder), (Names{"train-g3-00000.h5", "train.yaml"}));
}

TEST(NewDataset, leaves_the_old_one_as_it_was_when_the_new_one_fails) {
  const TemporaryFolder folder;
  import_table(folder, rows_of(60), 0.3);
  const Names before = files_in(folder);
  const std::string manifest = content_of(folder / "train.yaml");
  // A value that is no number in the last row, after whole shards were written.
  EXPECT_NE(complaint([&] { import_table(folder, rows_of(60, "nan,a\n"), 0); }), "");
  // Nothing left to train on.
  EXPECT_NE(complaint([&] { import_table(folder, "x,y\n1.5,a\n", 0.9999999); }), "");
  EXPECT_EQ(files_in(folder), before);
  EXPECT_EQ(content_of(folder / "train.yaml"), manifest);
  EXPECT_EQ(sound_rows(folder), 60);
}

TEST(NewDataset, that_fails_in_an_empty_folder_leaves_nothing) {
  const TemporaryFolder folder;
  EXPECT_NE(complaint([&] { import_table(folder, rows_of(60, "nan,a\n"), 0.3); }), "");
  EXPECT_EQ(files_in(folder), Names{});
}

TEST(NewDataset, removes_what_a_killed_import_left_but_no_shard_of_another_manifest) {
  const TemporaryFolder folder;
  import_table(folder, rows_of(10), 0);
  std::filesystem::rename(folder / "train.yaml", folder / "test.yaml");
  folder.put("train-g2-00000.h5", "half");
  folder.put("valid-g2-00000.h5.part-123", "half");
  folder.put("notes.h5", "mine");
  import_table(folder, rows_of(12), 0);
  EXPECT_EQ(files_in(folder),
            (Names{"notes.h5", "test.yaml", "train-00000.h5", "train-g3-00000.h5", "train.yaml"}));
  EXPECT_EQ(sound_rows(folder), 12);
  EXPECT_EQ(read_manifest(folder / "test.yaml").rows(), 10);
}

/// A folder as a process leaves it that ends between the renames of the two manifests.
TEST(NewDataset, tells_of_manifests_of_two_data_sets) {
  const TemporaryFolder folder;
  const TemporaryFolder next;
  import_table(folder, rows_of(60), 0.3);
  import_table(next, rows_of(50), 0.3);
  const std::string train = to_hex(digest_of_file(next / "train.yaml"));
  const std::string valid = to_hex(digest_of_file(next / "valid.yaml"));
  folder.put("import.pending", "replacing\n" + train + "\n" + valid + "\n");
  EXPECT_EQ(read_manifest(folder / "train.yaml").name,
            "imported-train");  // nothing was renamed yet
  std::filesystem::copy_file(next / "valid.yaml", folder / "valid.yaml",
                             std::filesystem::copy_options::overwrite_existing);
  for (const char* name : {"train.yaml", "valid.yaml"}) {
    const std::string said = complaint([&] { (void)read_manifest(folder / name); });
    EXPECT_NE(said.find("may be of two data sets"), std::string::npos) << said;
    EXPECT_NE(said.find("--replace"), std::string::npos) << said;
  }
  std::filesystem::copy_file(next / "train.yaml", folder / "train.yaml",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(complaint([&] { (void)read_manifest(folder / "train.yaml"); }), "");
  std::filesystem::copy_file(next / "valid.yaml", folder / "train.yaml",
                             std::filesystem::copy_options::overwrite_existing);
  import_table(folder, rows_of(30), 0);
  EXPECT_EQ(files_in(folder), (Names{"train-g2-00000.h5", "train-g2-00001.h5", "train.yaml"}));
}

}  // namespace
}  // namespace raven
