#include "raven/cluster/checkpoint.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <sstream>

#include "cluster/checkpoint_files.hpp"
#include "cluster/checkpoint_format.hpp"
#include "raven/core/error.hpp"
#include "raven/core/folder.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

TEST_F(CheckpointTest, everything_that_was_written_is_read_back) {
  write_checkpoint(folder, sample(42), 3);
  expect_same(read_checkpoint(file("step-0000000042.h5")), sample(42));
  write_checkpoint(folder, Checkpoint{}, 3);
  expect_same(read_checkpoint(file("step-0000000000.h5")), Checkpoint{});
}

TEST_F(CheckpointTest, tensors_that_are_written_in_several_stretches_are_whole) {
  Checkpoint made = sample(1);
  for (const std::int64_t count : {5'000'001, 2'097'152, 4'194'304}) {  // 8 MiB are 2 097 152
    Tensor large(ValueType{DType::f32, {count}});
    const auto values = large.values();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) + 0.5F;
    made.tensors.push_back({"large." + std::to_string(count), large, 1, {large.clone()}});
  }
  write_checkpoint(folder, made, 3);
  expect_same(read_checkpoint(file("step-0000000001.h5")), made);
}

TEST_F(CheckpointTest, the_same_checkpoint_gives_the_same_file) {
  write_checkpoint(folder / "a", sample(42), 3);
  write_checkpoint(folder / "b", sample(42), 3);
  EXPECT_EQ(content(folder / "a" / "step-0000000042.h5"),
            content(folder / "b" / "step-0000000042.h5"));
}

TEST_F(CheckpointTest, a_state_that_goes_on_makes_it_version_5_and_is_read_back) {
  write_checkpoint(folder, with_state(42), 3);
  const fs::path path = file("step-0000000042.h5");
  expect_same(read_checkpoint(path), with_state(42));
  const auto read = ask_peer(path);
  EXPECT_EQ(read["version"], 5);
  EXPECT_EQ(read["carried"].dump(), "[[1.0,-0.0],[0.25,8.0]]");
  write_checkpoint(folder, sample(43), 3);
  EXPECT_EQ(ask_peer(file("step-0000000043.h5"))["version"], 4);
  const std::string whole = content(path);
  for (std::size_t i = 0; i < whole.size(); i += 31) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    put(path, flipped);
    EXPECT_THROW((void)read_checkpoint(path), InputError) << i;
  }
}

TEST_F(CheckpointTest, h5py_reads_it_as_the_format_page_says) {
  write_checkpoint(folder, sample(42), 3);
  const auto read = ask_peer(file("step-0000000042.h5"));
  EXPECT_EQ(read["step"], 42);
  EXPECT_EQ(read["seed"], 0xfedcba9876543210U);
  EXPECT_EQ(read["wall_seconds"], 12.345678901234567);
  EXPECT_EQ(read["training_digest"], to_hex(sample(42).training_digest));
  EXPECT_EQ(read["fingerprint"], to_hex(sample(42).numerics.fingerprint));
  EXPECT_EQ(read["history"][0]["loss"], 2.25);
  EXPECT_EQ(read["contributors"][0]["node"], "n1");
  EXPECT_EQ(read["names"], (std::vector<std::string>{"1.linear.weight", "1.linear.bias",
                                                     "0.norm.mean", "count", "nobody"}));
  EXPECT_EQ(read["shapes"].dump(), "[[2,3],[3],[3],[],[0,4]]");
  EXPECT_EQ(read["types"].dump(), R"(["float32","float32","float32","int32","float32"])");
  EXPECT_EQ(read["sums"].dump(), "[16.5,0.875,0.875,-7.0,0.0]");
  EXPECT_EQ(read["states"].dump(), R"({"1.linear.bias":[0.875],"1.linear.weight":[16.5,16.5]})");
}

TEST_F(CheckpointTest, a_flip_of_any_byte_is_found) {
  write_checkpoint(folder, sample(42), 3);
  const fs::path path = file("step-0000000042.h5");
  const std::string whole = content(path);
  ASSERT_GT(whole.size(), 512U);
  std::fstream bytes(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto set = [&](std::size_t at, int value) {
    bytes.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(value)).flush();
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    set(at, whole[at] ^ (1 << (at % 8)));
    EXPECT_THROW((void)read_checkpoint(path), InputError) << "byte " << at;
    set(at, whole[at]);
  }
  expect_same(read_checkpoint(path), sample(42));
}

TEST_F(CheckpointTest, a_file_that_is_cut_short_or_grew_is_found) {
  write_checkpoint(folder, sample(42), 3);
  const fs::path path = file("step-0000000042.h5");
  const std::string whole = content(path);
  for (std::size_t size = 0; size < whole.size(); size += size < 600 ? 1 : 97) {
    put(path, whole.substr(0, size));
    EXPECT_THROW((void)read_checkpoint(path), InputError) << size << " bytes";
  }
  put(path, whole + '\0');
  EXPECT_THROW((void)read_checkpoint(path), InputError);
  EXPECT_THROW((void)read_checkpoint(folder), InputError);
  EXPECT_THROW((void)read_checkpoint(file("missing.h5")), InputError);
}

/// What an index says of its only tensor, before anybody tampers with it.
struct Entry {
  std::string name = "w";
  std::uint8_t dtype = 1;
  std::vector<std::int64_t> dims{2, 3};
  std::uint64_t offset = 512;
  std::vector<std::uint64_t> states{512};
};

/// A sealed file without any HDF5 in it: content, then an index of these tensors.
/// @param carried the entry of a state that goes on, of which type and offset count
/// @param is_old of a version that knew nothing of contributors
void put_sealed(const fs::path& path, const std::vector<Entry>& entries, std::uint32_t count,
                std::size_t cut = 0, const std::optional<Entry>& carried = std::nullopt,
                bool is_old = false) {
  ByteWriter index;
  for (int i = 0; i < 3; ++i) index.put(std::uint64_t{1});
  index.put(0.5);
  index.put_raw(Bytes(32));
  index.put_raw(Bytes(32));
  index.put_string("Zen");
  if (!is_old) {
    index.put_string("lib");
    index.put_string("AVX2");
  }
  index.put(std::int64_t{0});
  index.put(0.0);
  index.put(0.0);
  index.put(std::uint32_t{0});
  index.put_string("[]");
  if (!is_old) index.put_string(R"([{"node":"n1"}])");
  index.put(count);
  for (const Entry& entry : entries) {
    index.put_string(entry.name);
    index.put(std::uint64_t{1});
    index.put(entry.dtype);
    index.put(static_cast<std::uint8_t>(entry.dims.size()));
    for (const std::int64_t dim : entry.dims) index.put(dim);
    index.put(entry.offset);
    index.put(static_cast<std::uint8_t>(entry.states.size()));
    for (const std::uint64_t state : entry.states) index.put(state);
  }
  if (carried) {
    index.put(carried->dtype);
    index.put(static_cast<std::uint8_t>(carried->dims.size()));
    for (const std::int64_t dim : carried->dims) index.put(dim);
    index.put(carried->offset);
  }
  const auto* begin = reinterpret_cast<const char*>(index.bytes().data());
  const std::size_t size = index.bytes().size() - cut;
  put(path, std::string(512 + 64, '\0') + std::string(begin, size));
  const std::int32_t version = is_old ? checkpoint_format::old_version : checkpoint_format::version;
  seal_at(path, {{512 + 64, size}, {}, carried ? version + 1 : version});
}

TEST_F(CheckpointTest, the_formats_before_libraries_and_contributors_were_noted_are_still_read) {
  fs::create_directories(folder);
  for (const bool has_state : {false, true}) {
    const std::optional<Entry> state =
        has_state ? std::optional(Entry{.dims = {2, 2}, .states = {}}) : std::nullopt;
    put_sealed(file("x.h5"), {Entry{}}, 1, 0, state, true);
    EXPECT_TRUE(content(file("x.h5"))
                    .starts_with(has_state ? "raven checkpoint 3\n" : "raven checkpoint 2\n"));
    const Checkpoint read = read_checkpoint(file("x.h5"));
    EXPECT_EQ(read.numerics, (NumericsClass{.core = "Zen"}));
    EXPECT_EQ(read.tensors.at(0).value.shape(), (Shape{2, 3}));
    EXPECT_EQ(read.carried.empty(), !has_state);
  }
}

TEST_F(CheckpointTest, a_sealed_file_whose_index_lies_is_refused_without_taking_memory) {
  fs::create_directories(folder);
  const fs::path path = file("x.h5");
  put_sealed(path, {Entry{}}, 1);
  EXPECT_EQ(read_checkpoint(path).tensors.at(0).value.shape(), (Shape{2, 3}));
  const std::int64_t huge = std::int64_t{1} << 31;
  const std::vector<std::pair<const char*, Entry>> lies{
      {"no name", {.name = ""}},
      {"a name of 2000 bytes", {.name = std::string(2000, 'x')}},
      {"a path upwards", {.name = "../../home/x"}},
      {"an absolute path", {.name = "/etc/x"}},
      {"the folder above", {.name = ".."}},
      {"a zero byte", {.name = std::string("a\0b", 3)}},
      {"no such type", {.dtype = 9}},
      {"seven dimensions", {.dims = {1, 1, 1, 1, 1, 1, 1}}},
      {"32 GiB", {.dims = {std::int64_t{1} << 33}}},
      {"a product that overflows to 0", {.dims = {huge, huge, 4}}},
      {"an overflow hidden behind a 0", {.dims = {0, huge, huge, 4}}},
      {"a negative size", {.dims = {-2, -3}}},
      {"values behind the end", {.offset = 900}},
      {"values that end behind the end", {.dims = {160}}},
      {"an offset that overflows", {.offset = ~std::uint64_t{0} - 8}},
      {"state behind the end", {.states = {512, 900}}},
      {"three states", {.states = {512, 512, 512}}},
      {"the same bytes more often than there are bytes", {.dims = {100}, .states = {512, 512}}},
  };
  for (const auto& [what, entry] : lies) {
    put_sealed(path, {entry}, 1);
    EXPECT_THROW((void)read_checkpoint(path), InputError) << what;
  }
  for (const auto& [what, entries, count, cut] :
       {std::tuple("a name twice", std::vector<Entry>(2), 2U, 0),
        std::tuple("too many", std::vector<Entry>(1), 2U, 0),
        std::tuple("too few", std::vector<Entry>(1), 0U, 0),
        std::tuple("endless", std::vector<Entry>(1), ~0U, 0),
        std::tuple("cut", std::vector<Entry>(1), 1U, 3),
        std::tuple("cut early", std::vector<Entry>(1), 1U, 120)}) {
    put_sealed(path, entries, count, cut);
    EXPECT_THROW((void)read_checkpoint(path), InputError) << what;
  }
  put_sealed(path, {Entry{}}, 1);
  for (const checkpoint_format::IndexPlace place : {checkpoint_format::IndexPlace{0, 0},
                                                    {600, ~std::uint64_t{0}},
                                                    {~std::uint64_t{0}, 100},
                                                    {10000, 1}}) {
    seal_at(path, {place, {}});
    EXPECT_THROW((void)read_checkpoint(path), InputError) << place.offset << " " << place.bytes;
  }
}

TEST_F(CheckpointTest, versions_2_and_3_are_read) {
  fs::create_directories(folder);
  const fs::path path = file("x.h5");
  put_sealed(path, {Entry{}}, 1, 0, std::nullopt, true);
  EXPECT_TRUE(content(path).starts_with("raven checkpoint 2\n"));
  EXPECT_EQ(read_checkpoint(path).tensors.at(0).value.shape(), (Shape{2, 3}));
  EXPECT_EQ(read_checkpoint(path).credits_json, "[]");
  put_sealed(path, {Entry{}}, 1, 0, Entry{.dims = {1, 4}}, true);
  EXPECT_TRUE(content(path).starts_with("raven checkpoint 3\n"));
  EXPECT_EQ(read_checkpoint(path).carried.shape(), (Shape{1, 4}));
  put_sealed(path, {Entry{}}, 1);
  EXPECT_TRUE(content(path).starts_with("raven checkpoint 4\n"));
  EXPECT_EQ(read_checkpoint(path).credits_json, R"([{"node":"n1"}])");
}

TEST_F(CheckpointTest, a_sealed_state_that_lies_is_refused) {
  fs::create_directories(folder);
  const fs::path path = file("x.h5");
  put_sealed(path, {Entry{}}, 1, 0, Entry{.dims = {1, 4}});
  EXPECT_EQ(read_checkpoint(path).carried.shape(), (Shape{1, 4}));
  const std::int64_t huge = std::int64_t{1} << 31;
  for (const Entry& state : {Entry{.dtype = 9}, Entry{.dims = {huge, huge, 4}},
                             Entry{.dims = {-2, -3}}, Entry{.dims = {160}}, Entry{.offset = 900}}) {
    put_sealed(path, {Entry{}}, 1, 0, state);
    EXPECT_THROW((void)read_checkpoint(path), InputError);
  }
  put_sealed(path, {Entry{}}, 1, 1, Entry{});
  EXPECT_THROW((void)read_checkpoint(path), InputError) << "cut";
}

TEST_F(CheckpointTest, sealed_garbage_is_read_or_refused_but_never_crashes) {
  fs::create_directories(folder);
  const fs::path path = file("x.h5");
  const Checkpoint checkpoint = sample(42);
  const checkpoint_format::Layout layout = lay_out_at(path, checkpoint);
  seal_at(path, layout);
  const checkpoint_format::IndexPlace place = layout.index;
  const std::string whole = content(path);
  std::mt19937 random(20240607);
  int refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = whole;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = place.offset + random() % place.bytes;
      damaged[at] = static_cast<char>(
          round % 2 == 0 ? random() : static_cast<unsigned>(damaged[at]) ^ (1U << (random() % 8)));
    }
    if (round % 10 == 9) damaged.resize(512 + random() % (whole.size() - 512));
    put(path, damaged);
    seal_at(path, {place, {}});
    try {
      (void)read_checkpoint(path);
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 250);
}

TEST_F(CheckpointTest, the_newest_keep_stay_and_other_files_are_left_alone) {
  fs::create_directories(folder);
  put(file("notes.txt"), "mine");
  put(file("step-7.h5"), "not a name that raven gives");
  for (const std::uint64_t step : {8U, 9U, 10U, 11U}) write_checkpoint(folder, sample(step), 2);
  EXPECT_EQ(names(), (std::vector<std::string>{"notes.txt", "step-0000000010.h5",
                                               "step-0000000011.h5", "step-7.h5"}));
}

TEST_F(CheckpointTest, leftovers_of_a_killed_writer_go_with_the_next_write) {
  fs::create_directories(folder);
  put(file("step-0000000001.h5.part-99999999"), "half");
  EXPECT_FALSE(newest_checkpoint(folder));
  write_checkpoint(folder, sample(2), 1);
  EXPECT_EQ(names(), std::vector<std::string>{"step-0000000002.h5"});
}

TEST_F(CheckpointTest, a_folder_of_checkpoints_that_is_a_link_is_left_alone) {
  const fs::path elsewhere = folder.string() + ".elsewhere";
  write_checkpoint(elsewhere, sample(7), 1);
  fs::create_directory_symlink(elsewhere, folder);
  EXPECT_THROW(write_checkpoint(folder, sample(8), 1), InputError);
  EXPECT_THROW((void)newest_checkpoint(folder), InputError);
  EXPECT_THROW(remove_checkpoints(folder), InputError);
  fs::remove(folder);
  fs::rename(elsewhere, folder);
  EXPECT_EQ(names(), std::vector<std::string>{"step-0000000007.h5"});
}

TEST_F(CheckpointTest, a_link_or_fifo_under_the_name_of_a_checkpoint_is_passed_over_and_stays) {
  write_checkpoint(folder, sample(1), 3);
  fs::create_symlink(file("step-0000000001.h5"), file("step-0000000002.h5"));
  ASSERT_EQ(::mkfifo(file("step-0000000003.h5").c_str(), 0600), 0);
  const auto loaded = newest_checkpoint(folder);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->checkpoint.step, 1U);
  ASSERT_EQ(loaded->skipped.size(), 2U);
  EXPECT_NE(loaded->skipped[0].reason.find("a FIFO"), std::string::npos);
  EXPECT_NE(loaded->skipped[1].reason.find("a symbolic link"), std::string::npos);
  EXPECT_THROW(write_checkpoint(folder, sample(2), 3), InputError);
  EXPECT_THROW(remove_checkpoints(folder), InputError);
  EXPECT_EQ(names().size(), 3U);
  EXPECT_EQ(read_checkpoint(file("step-0000000002.h5")).step, 1U) << "named by a person";
}

TEST_F(CheckpointTest, only_what_a_writer_made_is_removed) {
  write_checkpoint(folder, sample(1), 3);
  put(file("step-0000000002.h5.part-77"), "half");
  for (const char* name : {"notes.txt", "step-7.h5", "step-a.h5.part-7", "x.part-7"}) {
    put(file(name), "mine");
  }
  fs::create_directory(file("step-0000000003.h5.bak"));
  EXPECT_EQ(newest_checkpoint_step(folder), 1U) << "a piece of one is none";
  remove_checkpoints(folder);
  EXPECT_EQ(names(), (std::vector<std::string>{"notes.txt", "step-0000000003.h5.bak", "step-7.h5",
                                               "step-a.h5.part-7", "x.part-7"}));
  EXPECT_EQ(newest_checkpoint_step(folder), std::nullopt);
}

TEST_F(CheckpointTest, the_newest_is_found_by_number_not_by_name) {
  for (const std::uint64_t step : {std::uint64_t{9999999999}, std::uint64_t{10000000000}}) {
    write_checkpoint(folder, sample(step), 3);
  }
  EXPECT_EQ(newest_checkpoint(folder)->checkpoint.step, 10000000000U);
}

TEST_F(CheckpointTest, no_folder_or_an_empty_one_means_none) {
  EXPECT_FALSE(newest_checkpoint(folder));
  fs::create_directories(folder);
  EXPECT_FALSE(newest_checkpoint(folder));
}

TEST_F(CheckpointTest, a_damaged_newest_is_passed_over_and_reported) {
  for (const std::uint64_t step : {1U, 2U, 3U}) write_checkpoint(folder, sample(step), 3);
  std::string bytes = content(file("step-0000000003.h5"));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
  put(file("step-0000000003.h5"), bytes);
  put(file("step-0000000002.h5"), content(file("step-0000000001.h5")));
  const auto loaded = newest_checkpoint(folder);
  ASSERT_TRUE(loaded);
  expect_same(loaded->checkpoint, sample(1));
  EXPECT_EQ(loaded->file, file("step-0000000001.h5"));
  ASSERT_EQ(loaded->skipped.size(), 2U);
  EXPECT_EQ(loaded->skipped[0].file, file("step-0000000003.h5"));
  EXPECT_NE(loaded->skipped[0].reason.find("damaged"), std::string::npos)
      << loaded->skipped[0].reason;
  EXPECT_NE(loaded->skipped[1].reason.find("step 1"), std::string::npos)
      << loaded->skipped[1].reason;
}

TEST_F(CheckpointTest, a_damaged_later_one_does_not_push_good_ones_out) {
  write_checkpoint(folder, sample(5), 1);
  put(file("step-0000000009.h5"), "torn");
  write_checkpoint(folder, sample(6), 1);
  EXPECT_EQ(newest_checkpoint(folder)->checkpoint.step, 6U);
  EXPECT_EQ(names(), (std::vector<std::string>{"step-0000000006.h5", "step-0000000009.h5"}));
}

TEST_F(CheckpointTest, only_damaged_ones_are_an_error_rather_than_a_fresh_start) {
  fs::create_directories(folder);
  put(file("step-0000000009.h5"), "torn");
  try {
    (void)newest_checkpoint(folder);
    FAIL() << "a damaged checkpoint was taken for none";
  } catch (const InputError& error) {
    EXPECT_NE(error.problem().find("step-0000000009.h5"), std::string::npos) << error.what();
  }
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

TEST_F(CheckpointTest, a_full_disk_is_an_error_and_leaves_earlier_ones_alone) {
  write_checkpoint(folder, sample(1), 1);
  Checkpoint large = sample(2);
  large.tensors.push_back({"large", Tensor(ValueType{DType::f32, {1000, 1000}}), 0, {}});
  for (const rlim_t room : {100U, 600U, 2000U, 5000U, 20000U, 3999999U, 4000600U}) {
    const SmallDisk disk(room);
    EXPECT_THROW(write_checkpoint(folder, large, 1), InputError) << room;
    EXPECT_EQ(names(), std::vector<std::string>{"step-0000000001.h5"}) << room;
  }
  expect_same(newest_checkpoint(folder)->checkpoint, sample(1));
  write_checkpoint(folder, large, 1);
  EXPECT_EQ(names(), std::vector<std::string>{"step-0000000002.h5"});
  expect_same(newest_checkpoint(folder)->checkpoint, large);
}

}  // namespace
}  // namespace raven
