#include <gtest/gtest.h>
#include <unistd.h>

#include <numeric>

#include "data/allocation_count.hpp"
#include "data/mutation.hpp"
#include "data/ragged_maker.hpp"
#include "data/shard_maker.hpp"
#include "raven/data/shard.hpp"

// Sound shards of all kinds with some bytes changed, as somebody would who gives their SHA-256 in a
// manifest of theirs. Each must be read, or be refused with a reason.

namespace raven {
namespace {

constexpr unsigned patience_s = 10;  // for one of them
constexpr std::size_t most_memory = std::size_t{512} << 20;

struct Seed {
  std::string bytes;
  ShardExpectation expected;
};

/// Takes what was written as a seed.
Seed seed_of(const TemporaryFolder& folder, ShardExpectation expected) {
  Seed seed{content_of(folder / "seed.h5"), std::move(expected)};
  std::filesystem::remove(folder / "seed.h5");
  return seed;
}

void add_made_seeds(const TemporaryFolder& folder, std::vector<Seed>& seeds) {
  const auto add = [&](bool latest, std::function<void(hid_t)> how) {
    ShardMaker maker;
    maker.latest = latest;
    maker.features_as = std::move(how);
    maker.make(folder / "seed.h5");
    seeds.push_back(seed_of(folder, {.schema = small_pixels(), .rows = 6}));
  };
  const auto cut = [](hid_t how) { chunks(how, 2, 3, 3); };
  const auto filtered = [](hid_t how) {
    chunks(how, 2, 3, 3);
    H5Pset_shuffle(how);
    H5Pset_deflate(how, 6);
    H5Pset_fletcher32(how);
  };
  const auto whole = [](hid_t how) {
    chunks(how, 6, 4, 3);
    H5Pset_deflate(how, 6);
  };
  add(false, cut);
  add(false, filtered);
  add(false, [](hid_t how) { H5Pset_layout(how, H5D_COMPACT); });
  add(false, [](hid_t how) { chunks(how, 1, 1, 1); });
  add(true, [](hid_t) {});
  add(true, cut);
  add(true, filtered);
  add(true, whole);
}

void add_written_seeds(const TemporaryFolder& folder, std::vector<Seed>& seeds) {
  SampleSchema table;
  table.feature_shape = {3};
  table.target_kind = TargetKind::real;
  table.target_width = 2;
  const std::vector<float> numbers(60, 0.5F);
  write_shard(folder / "seed.h5", table, std::as_bytes(std::span(numbers).first(36)),
              std::as_bytes(std::span(numbers).first(24)));
  seeds.push_back(seed_of(folder, {.schema = table, .rows = 12}));

  SampleSchema text;
  text.feature_type = FeatureType::i32;
  text.feature_shape = {4};
  text.vocabulary = 50;
  text.target_kind = TargetKind::next;
  text.target_width = 50;
  std::vector<std::int32_t> tokens(50);
  std::iota(tokens.begin(), tokens.end(), 0);
  write_token_shard(folder / "seed.h5", text, tokens, std::vector<std::int64_t>{0, 20, 50});
  seeds.push_back(seed_of(folder, {.schema = text, .rows = 13, .sequences = 2, .tokens = 50}));

  for (const SampleForm form : {SampleForm::sequence, SampleForm::tree}) {
    Manifest manifest;
    manifest.schema = ragged_schema(form, TargetKind::tags);
    const bool tree = form == SampleForm::tree;
    add_shard(manifest, folder,
              {{.tokens = {1, 2, 3},
                .parents = tree ? std::vector{2, 2, 4, 4, -1} : std::vector<std::int32_t>{},
                .targets = tree ? std::vector{0, 1, 2, 3, -100} : std::vector{0, 1, -100}},
               {.tokens = {4},
                .parents = tree ? std::vector{-1} : std::vector<std::int32_t>{},
                .targets = {3}}});
    std::filesystem::rename(folder / "r0.h5", folder / "seed.h5");
    seeds.push_back(seed_of(
        folder,
        {.schema = manifest.schema, .rows = 2, .tokens = 4, .nodes = manifest.shards[0].nodes}));
  }
}

/// Reads every byte of every row, so that one outside of the rows is noticed.
std::size_t sum_of(const ShardRows& shard) {
  std::size_t sum = 0;
  for (std::int64_t row = 0; row < shard.rows; ++row) {
    const SampleExtent extent = shard.extent_of(row);
    const auto tokens = static_cast<std::size_t>(shard.token_offsets.empty() ? 1 : extent.tokens);
    for (std::size_t i = 0; i < tokens * shard.feature_bytes; ++i) {
      sum += std::to_integer<std::size_t>(shard.features_of(row)[i]);
    }
    for (std::size_t i = 0; i < shard.target_bytes; ++i) {
      sum += std::to_integer<std::size_t>(shard.targets_of(row)[i]);
    }
  }
  return sum;
}

/// Puts the mutant there, now and then by a link.
std::filesystem::path put(const TemporaryFolder& folder, const std::string& bytes, bool linked) {
  std::filesystem::remove(folder / "data/shard.h5");
  if (!linked) return folder.put("data/shard.h5", bytes);
  folder.put("elsewhere.h5", bytes);
  std::filesystem::create_symlink("../elsewhere.h5", folder / "data/shard.h5");
  return folder / "data/shard.h5";
}

TEST(ShardFuzz, a_mutated_shard_is_read_or_refused) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "data");
  std::vector<Seed> seeds;
  add_made_seeds(folder, seeds);
  add_written_seeds(folder, seeds);
  const std::uint64_t mutants = mutants_wanted();
  std::uint64_t refused = 0;
  std::size_t sum = 0;
  std::size_t most = 0;
  for (std::uint64_t number = 0; number < mutants; ++number) {
    Mutation mutation(number);
    const Seed& seed = seeds[number % seeds.size()];
    const std::string bytes =
        mutation.applied_to(seed.bytes, seeds[mutation.below(seeds.size())].bytes);
    const bool linked = mutation.below(16) == 0;
    const auto file = put(folder, bytes, linked);
    ShardExpectation expected = seed.expected;
    expected.within = folder / "data";
    watch_allocations();
    ::alarm(patience_s);  // a mutant that takes longer ends the test
    try {
      const ShardRows shard = load_shard(file, expected);
      EXPECT_FALSE(linked) << "mutant " << number;
      sum += sum_of(shard);
    } catch (const InputError& error) {
      ++refused;
      EXPECT_NE(std::string(error.what()).find(file.string()), std::string::npos) << error.what();
      EXPECT_FALSE(error.remedy().empty()) << error.what();
    }
    ::alarm(0);
    most = std::max(most, most_allocated());
    ASSERT_LT(most, most_memory) << "mutant " << number;
    ASSERT_EQ(content_of(file), bytes) << "mutant " << number << " was changed";
  }
  // Links out of the folder alone are one in sixteen.
  EXPECT_GT(refused, mutants / 16);
  EXPECT_LT(refused, mutants);
  EXPECT_NE(sum, 0U);
  std::printf("%llu mutants: %llu refused, %llu read; at most %zu KiB held for one\n",
              static_cast<unsigned long long>(mutants), static_cast<unsigned long long>(refused),
              static_cast<unsigned long long>(mutants - refused), most / 1024);
}

}  // namespace
}  // namespace raven
