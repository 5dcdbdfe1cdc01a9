#include "raven/data/dataset.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <shared_mutex>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

/// Samples handled together: their places are sorted by shard on the stack, so that no read
/// allocates and each shard is looked up once per block.
constexpr std::size_t block = 512;

struct RowPlace {
  std::uint32_t shard;
  std::uint32_t index;  ///< among the samples of the block
  std::int64_t row;     ///< in the shard
};

/// Tells whether a file is still the one whose digest was checked.
struct FileStamp {
  std::uintmax_t inode = 0;
  std::int64_t size = -1;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

struct Slot {
  std::shared_ptr<const ShardRows> rows;  // guarded by Impl::mutex
  std::atomic<std::uint64_t> last_use{0};
  std::mutex loading;  // held by the one thread that loads this shard
  FileStamp verified;  // guarded by loading
};

}  // namespace

struct Dataset::Impl {
  Impl(Manifest given, DatasetOptions given_options)
      : manifest(std::move(given)),
        options(given_options),
        unpacker(manifest.schema),
        slots(std::make_unique<Slot[]>(manifest.shards.size())) {
    for (const ShardEntry& shard : manifest.shards)
      ends.push_back((ends.empty() ? 0 : ends.back()) + shard.rows);
  }

  std::shared_ptr<const ShardRows> shard(std::size_t number) {
    Slot& slot = slots[number];
    slot.last_use.store(clock.fetch_add(1, std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
    if (auto rows = in_memory(slot)) return rows;
    const std::scoped_lock only_loader(slot.loading);
    if (auto rows = in_memory(slot)) return rows;
    return load(number, slot);
  }

  std::shared_ptr<const ShardRows> in_memory(const Slot& slot) {
    const std::shared_lock lock(mutex);
    return slot.rows;
  }

  std::shared_ptr<const ShardRows> load(std::size_t number, Slot& slot) {
    const ShardEntry& entry = manifest.shards[number];
    const std::filesystem::path file = manifest.path_of(entry);
    ShardExpectation expected{.schema = manifest.schema,
                              .rows = entry.rows,
                              .sequences = entry.sequences,
                              .tokens = entry.tokens};
    const FileStamp stamp = stamp_of(file);
    if (!(stamp == slot.verified) || stamp.size < 0) expected.sha256 = entry.sha256;
    make_room(static_cast<std::size_t>(entry.rows) * manifest.schema.row_bytes());
    auto rows = std::make_shared<const ShardRows>(load_shard(file, expected));
    slot.verified = stamp;
    const std::unique_lock lock(mutex);
    slot.rows = rows;
    bytes += rows->bytes();
    return rows;
  }

  /// Lets go of the least recently used shards until `wanted` more bytes fit the budget or nothing
  /// is left.
  void make_room(std::size_t wanted) {
    const std::unique_lock lock(mutex);
    while (bytes > 0 && bytes + wanted > options.cache_bytes) {
      Slot* oldest = nullptr;
      for (std::size_t i = 0; i < manifest.shards.size(); ++i) {
        Slot& slot = slots[i];
        if (slot.rows && (oldest == nullptr || slot.last_use < oldest->last_use)) oldest = &slot;
      }
      if (oldest == nullptr) return;
      bytes -= oldest->rows->bytes();
      oldest->rows.reset();
    }
  }

  /// Calls visit(index among samples, stored features, stored target) for every sample.
  template <class Visit>
  void visit(std::span<const std::int64_t> samples, Visit visit_row) {
    std::array<RowPlace, block> places;
    for (std::size_t first = 0; first < samples.size(); first += block) {
      const std::size_t count = std::min(block, samples.size() - first);
      for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t sample = samples[first + i];
        expects(sample >= 0 && sample < ends.back(), "a sample lies within its data set");
        const auto shard_end = std::upper_bound(ends.begin(), ends.end(), sample);
        const auto number = static_cast<std::uint32_t>(shard_end - ends.begin());
        places[i] = {number, static_cast<std::uint32_t>(i),
                     sample - (number == 0 ? 0 : ends[number - 1])};
      }
      std::sort(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count),
                [](const RowPlace& a, const RowPlace& b) {
                  return a.shard != b.shard ? a.shard < b.shard : a.index < b.index;
                });
      std::shared_ptr<const ShardRows> rows;
      for (std::size_t i = 0; i < count; ++i) {
        if (i == 0 || places[i].shard != places[i - 1].shard) {
          rows.reset();
          rows = shard(places[i].shard);
        }
        visit_row(first + places[i].index, rows->features_of(places[i].row),
                  rows->targets_of(places[i].row));
      }
    }
  }

  Manifest manifest;
  DatasetOptions options;
  Unpacker unpacker;
  std::vector<std::int64_t> ends;  // of the shards, in samples
  std::unique_ptr<Slot[]> slots;
  std::shared_mutex mutex;
  std::size_t bytes = 0;  // guarded by mutex
  std::atomic<std::uint64_t> clock{0};
};

Dataset::Dataset(Manifest manifest, DatasetOptions options) {
  expects(manifest.schema.flaw().empty() && !manifest.shards.empty(),
          "a data set has a sound manifest");
  impl_ = std::make_unique<Impl>(std::move(manifest), options);
}
Dataset::~Dataset() = default;
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;

void Dataset::read(std::span<const std::int64_t> samples, const RowViews& to) const {
  const auto count = static_cast<std::int64_t>(samples.size());
  expects(
      to.features.type == schema().features(count) && to.targets.type == schema().targets(count),
      "the views have the schema's types");
  const std::size_t feature_bytes =
      static_cast<std::size_t>(schema().feature_shape.count()) * element_bytes;
  const std::size_t target_bytes = schema().targets(1).bytes();
  auto* const to_features = static_cast<std::byte*>(to.features.data);
  auto* const to_targets = static_cast<std::byte*>(to.targets.data);
  impl_->visit(samples, [&](std::size_t i, const std::byte* stored, const std::byte* target) {
    impl_->unpacker.unpack_features(stored, to_features + i * feature_bytes);
    impl_->unpacker.unpack_target(stored, target, to_targets + i * target_bytes);
  });
}

void Dataset::gather_raw(std::span<const std::int64_t> samples, std::span<std::byte> rows) const {
  const std::size_t feature_bytes = schema().feature_bytes();
  const std::size_t target_bytes = schema().target_bytes();
  expects(rows.size() == raw_bytes(samples), "the rows fit the samples");
  impl_->visit(samples, [&](std::size_t i, const std::byte* stored, const std::byte* target) {
    std::byte* row = rows.data() + i * (feature_bytes + target_bytes);
    std::memcpy(row, stored, feature_bytes);
    if (target_bytes > 0) std::memcpy(row + feature_bytes, target, target_bytes);
  });
}

std::size_t Dataset::raw_bytes(std::span<const std::int64_t> samples) const {
  return samples.size() * schema().row_bytes();
}

SampleExtent Dataset::extent(std::int64_t sample) const {
  expects(sample >= 0 && sample < size(), "a sample lies within its data set");
  return {};
}

std::int64_t Dataset::size() const { return impl_->ends.back(); }
const Manifest& Dataset::manifest() const { return impl_->manifest; }
std::size_t Dataset::cached_bytes() const {
  const std::shared_lock lock(impl_->mutex);
  return impl_->bytes;
}

}  // namespace raven
