#include "cli/line_file.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "raven/core/error.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

struct LineFileTest : ::testing::Test {
  fs::path folder = fs::path(::testing::TempDir()) /
                    ("line_file_" + std::to_string(::getpid()) + "_" +
                     std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  void SetUp() override {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  [[nodiscard]] LineFile opened() const { return {Folder(folder), "lines"}; }
  void put(const std::string& text) const { std::ofstream(folder / "lines") << text; }
  [[nodiscard]] std::string content() const {
    std::ifstream in(folder / "lines", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(LineFileTest, lines_are_appended_to_what_is_there) {
  EXPECT_TRUE(opened().append("first"));
  LineFile file = opened();
  EXPECT_TRUE(file.append("second"));
  EXPECT_TRUE(file.append(""));
  EXPECT_EQ(content(), "first\nsecond\n\n");
}

TEST_F(LineFileTest, a_torn_line_is_cut_off) {
  for (const auto& [text, left] :
       {std::pair("", ""), std::pair("torn", ""), std::pair("a\nb\n", "a\nb\n"),
        std::pair("a\nb\ntorn", "a\nb\n"), std::pair("\n\nx", "\n\n"), std::pair("\n", "\n")}) {
    put(text);
    (void)opened();
    EXPECT_EQ(content(), left) << text;
  }
  put("kept\n" + std::string(200000, 'x'));
  (void)opened();
  EXPECT_EQ(content(), "kept\n");
}

TEST_F(LineFileTest, lines_are_cut_back_to_one_that_is_kept) {
  const std::string text = "1\n2\n3\n" + std::string(70000, '4') + "\n5\n";
  for (int kept = 5; kept >= 0; --kept) {
    put(text);
    LineFile file = opened();
    int shown = 0;
    const auto line = file.cut_back([&](const std::string& one) {
      ++shown;
      return !one.empty() && one[0] - '0' <= kept;
    });
    EXPECT_EQ(shown, std::min(6 - kept, 5));
    EXPECT_EQ(line.has_value(), kept > 0);
    EXPECT_EQ(content(), kept == 5   ? text
                         : kept == 4 ? text.substr(0, 70007)
                                     : text.substr(0, static_cast<std::size_t>(kept) * 2));
    EXPECT_TRUE(file.append("next"));
    EXPECT_TRUE(content().ends_with(kept == 0 ? "next\n" : "\nnext\n"));
  }
}

TEST_F(LineFileTest, a_line_that_is_no_line_of_ours_is_shown_empty) {
  put("good\n" + std::string(LineFile::longest_line + 1, 'x') + "\n");
  std::vector<std::size_t> sizes;
  const auto found = opened().find_back([&](const std::string& line) {
    sizes.push_back(line.size());
    return line == "good";
  });
  EXPECT_EQ(found, "good");
  EXPECT_EQ(sizes, (std::vector<std::size_t>{0, 4}));
}

/// Files of this process can't grow past some bytes, as on a disk that is full.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_limit_);
    const rlimit small{bytes, old_limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit old_limit_{};
  void (*old_handler_)(int);
};

TEST_F(LineFileTest, what_a_full_disk_refuses_waits_and_comes_in_order) {
  LineFile file = opened();
  EXPECT_TRUE(file.append("before"));
  {
    const SmallDisk disk(10);
    EXPECT_FALSE(file.append("too long for it"));
    EXPECT_FALSE(file.append("x"));
    EXPECT_FALSE(file.flush());
    EXPECT_NE(file.refusal().find("File too large"), std::string::npos) << file.refusal();
    EXPECT_EQ(content(), "before\n") << "no piece of a line";
  }
  EXPECT_TRUE(file.flush());
  EXPECT_EQ(file.refusal(), "");
  EXPECT_TRUE(file.append("after"));
  EXPECT_EQ(content(), "before\ntoo long for it\nx\nafter\n");
  EXPECT_EQ(file.take_lost(), 0U);
}

TEST_F(LineFileTest, what_waits_takes_no_more_memory_than_it_may) {
  LineFile file = opened();
  const std::string line(1023, 'x');
  {
    const SmallDisk disk(0);
    for (int i = 0; i < 2000; ++i) EXPECT_FALSE(file.append(line));
  }
  EXPECT_TRUE(file.flush());
  EXPECT_EQ(content().size(), LineFile::most_waiting);
  EXPECT_EQ(file.take_lost(), 2000U - 1024U);
  EXPECT_EQ(file.take_lost(), 0U);
}

}  // namespace
}  // namespace raven
