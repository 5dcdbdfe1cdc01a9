#include "data/input_file.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>

#include "data/byte_source.hpp"
#include "data/byte_strings.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

const std::filesystem::path fixtures = std::filesystem::path(RAVEN_TEST_DATA) / "data/fixtures";

/// A FIFO into which a thread of its own writes `content` once.
class Fifo {
 public:
  Fifo(const TemporaryFolder& folder, const std::string& name, std::string content)
      : path_(folder / name) {
    // A reader that gives up early is part of some tests.
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    writer_ = std::thread([path = path_, bytes = std::move(content)] {
      std::ofstream(path, std::ios::binary) << bytes;
    });
  }
  ~Fifo() { writer_.join(); }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::thread writer_;
};

std::string all_of(const InputFile& file) {
  const auto source = open_file_source(file);
  std::string text(1U << 20, '\0');
  text.resize(source->read(std::as_writable_bytes(std::span(text))));
  return text;
}

TEST(InputFile, a_file_is_read_where_it_lies) {
  const TemporaryFolder folder;
  const InputFile file(folder.put("plain", "words"));
  EXPECT_EQ(file.path(), folder / "plain");
  EXPECT_EQ(file.bytes(), 5U);
  EXPECT_EQ(all_of(file), "words");
}

TEST(InputFile, a_fifo_is_read_as_often_as_wanted_under_its_own_name) {
  const TemporaryFolder folder;
  std::string long_text;
  for (int i = 0; i < 100000; ++i) long_text += static_cast<char>('a' + i % 26);
  const Fifo fifo(folder, "fifo", long_text);
  const InputFile file(fifo.path());
  EXPECT_EQ(file.name(), fifo.path().string());
  EXPECT_EQ(file.bytes(), long_text.size());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(all_of(file), long_text);
  EXPECT_EQ(open_file_source(file)->name(), fifo.path().string());
}

TEST(InputFile, a_pipe_is_read_by_its_descriptor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const std::string packed = gzipped("through a pipe");
  ASSERT_EQ(::write(ends[1], packed.data(), packed.size()), static_cast<ssize_t>(packed.size()));
  ::close(ends[1]);
  const InputFile file("/dev/fd/" + std::to_string(ends[0]));
  ::close(ends[0]);
  EXPECT_EQ(all_of(file), "through a pipe");
  EXPECT_EQ(all_of(file), "through a pipe");
}

TEST(InputFile, what_can_not_be_read_is_refused_at_once) {
  const TemporaryFolder folder;
  const auto refused = [](const std::filesystem::path& file) {
    return complaint([&] { const InputFile input(file); });
  };
  EXPECT_NE(refused("/dev/null").find("is a terminal or another device"), std::string::npos);
  EXPECT_NE(refused("/dev/zero").find("is a terminal or another device"), std::string::npos);
  EXPECT_NE(refused(folder.path()).find("is a folder"), std::string::npos);
  EXPECT_NE(refused(folder / "none").find("can't be opened for reading (No such file"),
            std::string::npos);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string place = (folder / "socket").string();
  ASSERT_LT(place.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, place.c_str(), place.size() + 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_NE(refused(place).find("is a socket"), std::string::npos);
  ::close(socket);
}

TEST(InputFile, a_pipe_that_brings_too_much_is_refused) {
  const TemporaryFolder folder;
  const Fifo fifo(folder, "fifo", std::string(1000, 'x'));
  EXPECT_NE(
      complaint([&] { const InputFile file(fifo.path(), 999); }).find("longer than 999 bytes"),
      std::string::npos);
}

TEST(InputFile, a_temporary_folder_that_is_missing_is_named) {
  const TemporaryFolder folder;
  const Fifo fifo(folder, "fifo", "x");
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TMPDIR", "/nowhere/at/all", 1);
  const std::string said = complaint([&] { const InputFile file(fifo.path()); });
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
  EXPECT_NE(said.find("copying it to a temporary file failed"), std::string::npos) << said;
  EXPECT_NE(said.find("set TMPDIR"), std::string::npos) << said;
}

/// Imports the same bytes from files and through FIFOs: equal data sets.
void expect_same_through_fifos(
    const std::vector<std::string>& inputs,
    const std::function<ImportReport(const std::vector<std::filesystem::path>&,
                                     const ImportOptions&)>& import) {
  const TemporaryFolder folder;
  std::vector<std::filesystem::path> files;
  std::vector<std::filesystem::path> fifos;
  std::vector<std::unique_ptr<Fifo>> writers;
  for (const std::string& bytes : inputs) {
    const std::string number = std::to_string(files.size());
    files.push_back(folder.put("file" + number, bytes));
    writers.push_back(std::make_unique<Fifo>(folder, "fifo" + number, bytes));
    fifos.push_back(writers.back()->path());
  }
  const auto identity = [&](const auto& paths, const char* name) {
    const ImportOptions options{.folder = folder / name, .valid_fraction = 0};
    return read_manifest(import(paths, options).train).identity();
  };
  EXPECT_EQ(identity(files, "a"), identity(fifos, "b"));
}

using Paths = std::vector<std::filesystem::path>;

TEST(Import, every_importer_reads_fifos) {
  expect_same_through_fifos({"x,y\n1,a\n2,b\n3,a\n"},
                            [](const Paths& files, const ImportOptions& options) {
                              return import_csv(files[0], {}, options);
                            });
  expect_same_through_fifos({idx_head({3, 1, 2}) + "abcdef", idx_head({3}) + "\x01\x02\x01"},
                            [](const Paths& files, const ImportOptions& options) {
                              return import_idx(files[0], files[1], options);
                            });
  expect_same_through_fifos(
      {content_of(fixtures / "tokens.npy"), content_of(fixtures / "classes.npy")},
      [](const Paths& files, const ImportOptions& options) {
        return import_npy(files[0], files[1], options);
      });
  expect_same_through_fifos({content_of(fixtures / "packed.npz")},
                            [](const Paths& files, const ImportOptions& options) {
                              return import_npz(files[0], {}, options);
                            });
  expect_same_through_fifos({"a short text, a short text"},
                            [](const Paths& files, const ImportOptions& options) {
                              return import_text(files[0], {.context = 4}, options);
                            });
  expect_same_through_fifos({"the D\ncat N\n\nsat V\n"},
                            [](const Paths& files, const ImportOptions& options) {
                              return import_conll(files[0], {}, options);
                            });
  expect_same_through_fifos({"(3 (2 It) (4 works))\n(1 (0 no) (2 way))\n"},
                            [](const Paths& files, const ImportOptions& options) {
                              return import_tree(files[0], {}, options);
                            });
}

}  // namespace
}  // namespace raven
