#include "raven/core/folder.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <functional>
#include <iterator>

#include "raven/core/error.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

std::string problem_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "nothing";
}

struct FolderTest : ::testing::Test {
  fs::path base = fs::path(::testing::TempDir()) /
                  ("folder_" + std::to_string(::getpid()) + "_" +
                   std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  fs::path inside = base / "inside";
  fs::path outside = base / "outside.txt";
  void SetUp() override {
    fs::remove_all(base);
    fs::create_directories(inside);
    put(outside, "precious");
  }
  void TearDown() override { fs::remove_all(base); }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found = Folder(inside).names();
    std::ranges::sort(found);
    return found;
  }

  /// Something in the way of a file, of each kind. @return the word for it
  std::string put_in_the_way(int kind, const fs::path& file) const {
    fs::remove_all(file);
    switch (kind) {
      case 0:
        fs::create_symlink(outside, file);
        return "a symbolic link";
      case 1:
        EXPECT_EQ(::mkfifo(file.c_str(), 0600), 0);
        return "a FIFO";
      case 2: {
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        std::ranges::copy(file.string(), address.sun_path);
        const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
        EXPECT_EQ(::bind(socket.number(), reinterpret_cast<sockaddr*>(&address), sizeof address),
                  0);
        return "a socket";
      }
      case 3:
        fs::create_directory(file);
        return "a folder";
      default:
        fs::create_symlink("nowhere", file);
        return "a symbolic link";
    }
  }
};

TEST_F(FolderTest, a_file_is_replaced_whole_and_read_back) {
  const Folder folder(inside);
  EXPECT_EQ(folder.text("a.txt", 100), std::nullopt);
  EXPECT_FALSE(folder.has("a.txt"));
  folder.replace("a.txt", "first");
  folder.replace("a.txt", "second", nullptr);
  EXPECT_EQ(folder.text("a.txt", 6), "second");
  EXPECT_TRUE(folder.has("a.txt"));
  EXPECT_EQ(names(), std::vector<std::string>{"a.txt"});
  folder.remove("a.txt");
  folder.remove("a.txt");
  EXPECT_TRUE(names().empty());
}

TEST_F(FolderTest, a_text_of_any_size_is_read_and_one_that_is_too_long_refused) {
  const Folder folder(inside);
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 20480U, 1000000U}) {
    std::string text(size, 'x');
    if (size > 0) text.back() = 'y';
    folder.replace("t", text);
    EXPECT_EQ(folder.text("t", size), text);
    EXPECT_EQ(folder.text("t", size + 1000), text);
    if (size == 0) continue;
    EXPECT_NE(problem_of([&] {
                (void)folder.text("t", size - 1);
              }).find("more than " + std::to_string(size - 1) + " bytes"),
              std::string::npos);
  }
}

TEST_F(FolderTest, what_is_no_plain_file_is_refused_at_once_and_stays_as_it_is) {
  const Folder folder(inside);
  for (int kind = 0; kind < 5; ++kind) {
    const std::string word = put_in_the_way(kind, inside / "x");
    const auto expect_refused = [&](const std::function<void()>& call) {
      const std::string said = problem_of(call);
      EXPECT_TRUE(said.starts_with((inside / "x").string() + ": is " + word)) << said;
    };
    expect_refused([&] { (void)folder.has("x"); });
    expect_refused([&] { (void)folder.text("x", 100); });
    expect_refused([&] { (void)folder.open("x", O_RDONLY); });
    expect_refused([&] { (void)folder.open("x", O_RDWR | O_CREAT | O_APPEND); });
    expect_refused([&] { folder.replace("x", "new"); });
    expect_refused([&] { folder.remove("x"); });
    EXPECT_EQ(names(), std::vector<std::string>{"x"}) << word;
    EXPECT_EQ(content(outside), "precious");
  }
}

TEST_F(FolderTest, a_temporary_file_is_never_written_through_a_link) {
  const std::string temporary = "x.part-" + std::to_string(::getpid());
  fs::create_symlink(outside, inside / temporary);
  EXPECT_NE(problem_of([&] { Folder(inside).replace("x", "new"); }).find("is a symbolic link"),
            std::string::npos);
  EXPECT_EQ(content(outside), "precious");
  fs::remove(inside / temporary);
  put(inside / temporary, "left by a process of the same number, and longer");
  Folder(inside).replace("x", "new");
  EXPECT_EQ(content(inside / "x"), "new");
  EXPECT_EQ(names(), std::vector<std::string>{"x"});
}

TEST_F(FolderTest, a_file_that_has_another_name_is_not_changed_in_place) {
  fs::create_hard_link(outside, inside / "x");
  const Folder folder(inside);
  EXPECT_NE(problem_of([&] {
              (void)folder.open("x", O_RDWR | O_APPEND, Folder::OtherNames::refused);
            }).find("hard link"),
            std::string::npos);
  EXPECT_EQ(folder.text("x", 100), "precious");
  folder.replace("x", "new");
  EXPECT_EQ(content(outside), "precious");
}

TEST_F(FolderTest, the_folder_itself_may_be_a_link_only_where_that_is_allowed) {
  const fs::path link = base / "link";
  fs::create_directory_symlink(inside, link);
  Folder(link).replace("x", "new");
  EXPECT_EQ(content(inside / "x"), "new");
  EXPECT_NE(problem_of([&] {
              (void)Folder::find(link, Folder::Links::refuse);
            }).find("is a symbolic link"),
            std::string::npos);
  EXPECT_NE(problem_of([&] {
              (void)Folder::made(link, Folder::Links::refuse);
            }).find("is a symbolic link"),
            std::string::npos);
  EXPECT_FALSE(Folder::find(base / "nowhere", Folder::Links::refuse));
  EXPECT_NE(problem_of([&] { (void)Folder::find(outside); }), "nothing");
}

TEST_F(FolderTest, a_name_that_is_a_path_is_a_bug) {
  const Folder folder(inside);
  for (const char* name : {"../outside.txt", "a/b", "..", ".", ""}) {
    EXPECT_DEATH((void)folder.text(name, 100), "plain one") << name;
  }
}

// Network file systems, and such as are made of programs, may know no fsync of a folder.
TEST_F(FolderTest, a_file_system_that_can_not_sync_folders_is_good_enough) {
  Folder folder(inside);
  folder.replace("x", "new", [](int handle) {
    struct stat status {};
    if (::fstat(handle, &status) != 0 || !S_ISDIR(status.st_mode)) return sync_to_disk(handle);
    errno = EINVAL;
    return -1;
  });
  EXPECT_EQ(content(inside / "x"), "new");
}

TEST_F(FolderTest, what_the_disk_refuses_leaves_the_old_file_and_nothing_else) {
  Folder folder(inside);
  folder.replace("x", "old");
  const auto failing_sync = [](int) {
    errno = ENOSPC;
    return -1;
  };
  EXPECT_NE(problem_of([&] { folder.replace("x", "new", failing_sync); }).find("No space left"),
            std::string::npos);
  EXPECT_EQ(content(inside / "x"), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"x"});
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(write_all(full.number(), "x"), ENOSPC);
}

}  // namespace
}  // namespace raven
