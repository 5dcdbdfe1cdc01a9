#include "raven/core/new_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fstream>
#include <iterator>

#include "raven/core/error.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct NewFileTest : ::testing::Test {
  fs::path folder = fs::path(::testing::TempDir()) /
                    ("new_file_" + std::to_string(::getpid()) + "_" +
                     std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  void SetUp() override { fs::remove_all(folder); }
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(NewFileTest, text_arrives_whole_in_a_folder_that_did_not_exist) {
  const fs::path place = folder / "a" / "b.txt";
  write_whole_file(place, "first");
  write_whole_file(place, "second");
  EXPECT_EQ(content(place), "second");
  EXPECT_EQ(std::distance(fs::directory_iterator(place.parent_path()), {}), 1);
}

TEST_F(NewFileTest, without_commit_the_old_file_stays_and_nothing_else_does) {
  const fs::path place = folder / "kept.txt";
  write_whole_file(place, "old");
  {
    const NewFile file(place);
    std::ofstream(file.temporary()) << "half";
    EXPECT_TRUE(is_leftover(file.temporary()));
    EXPECT_EQ(content(place), "old");
  }
  EXPECT_EQ(content(place), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
}

int refuse_to_sync_folders(int handle, int error) {
  struct stat status {};
  if (::fstat(handle, &status) == 0 && S_ISDIR(status.st_mode)) {
    errno = error;
    return -1;
  }
  return sync_to_disk(handle);
}

// Network file systems, and such as are made of programs, may know no fsync of a folder.
TEST_F(NewFileTest, a_file_system_that_can_not_sync_folders_is_good_enough) {
  const fs::path place = folder / "x.txt";
  const auto written = [&](SyncCall call) {
    NewFile file(place, call);
    std::ofstream(file.temporary()) << "new";
    file.commit();
    return content(place);
  };
  EXPECT_EQ(written([](int handle) { return refuse_to_sync_folders(handle, EINVAL); }), "new");
  EXPECT_EQ(written([](int handle) { return refuse_to_sync_folders(handle, ENOSYS); }), "new");
  EXPECT_EQ(written([](int handle) { return refuse_to_sync_folders(handle, EOPNOTSUPP); }), "new");
  EXPECT_THROW(written([](int handle) { return refuse_to_sync_folders(handle, EIO); }), InputError);
}

TEST_F(NewFileTest, only_its_own_temporary_names_are_leftovers) {
  EXPECT_TRUE(is_leftover("x/step-1.h5.part-4711"));
  EXPECT_FALSE(is_leftover("step-1.h5"));
  EXPECT_FALSE(is_leftover("step-1.h5.part-"));
  EXPECT_FALSE(is_leftover("step-1.h5.part-4711.h5"));
  EXPECT_FALSE(is_leftover(".part-4711"));
}

TEST_F(NewFileTest, a_place_that_can_not_be_written_is_an_input_error_naming_it) {
  write_whole_file(folder / "file", "in the way");
  EXPECT_THROW(write_whole_file(folder / "file" / "below", "x"), InputError);
  fs::create_directories(folder / "taken" / "child");
  try {
    write_whole_file(folder / "taken", "x");
    FAIL() << "a folder was replaced by a file";
  } catch (const InputError& error) {
    EXPECT_EQ(error.place().file, (folder / "taken").string());
  }
}

}  // namespace
}  // namespace raven
