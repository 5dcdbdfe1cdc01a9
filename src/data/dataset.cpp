#include "raven/data/dataset.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <shared_mutex>

#include "data/ragged_rows.hpp"
#include "data/row_mapping.hpp"
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
  std::size_t index;  ///< among the samples asked for
  std::int64_t row;   ///< in the shard
  RaggedCursor at;    ///< ragged data: where it goes
};

/// How long the samples of a shard of ragged data are, and which windows of one of sequences begin
/// a sequence. Kept when its rows are not.
struct ShardLayout {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> nodes;   ///< trees
  std::vector<std::int64_t> starts;  ///< of sequences: rows, rising

  explicit ShardLayout(const ShardRows& shard) : starts(shard.starts) {
    if (shard.token_offsets.empty()) return;
    for (std::int64_t row = 0; row < shard.rows; ++row) {
      // A sample is at most 256 MiB, so both fit.
      const SampleExtent extent = shard.extent_of(row);
      tokens.push_back(static_cast<std::int32_t>(extent.tokens));
      if (!shard.node_offsets.empty()) nodes.push_back(static_cast<std::int32_t>(extent.nodes));
    }
  }
  [[nodiscard]] SampleExtent operator[](std::int64_t row) const {
    const auto i = static_cast<std::size_t>(row);
    return {tokens[i], nodes.empty() ? 0 : nodes[i]};
  }
};

struct Slot {
  std::shared_ptr<const ShardRows> rows;  // guarded by Impl::mutex
  std::atomic<std::uint64_t> last_use{0};
  std::mutex loading;                       // held by the one thread that loads this shard
  FileStamp hashed;                         // guarded by loading
  std::unique_ptr<const ShardLayout> made;  // guarded by loading
  /// `made` once it is whole, so that asking for it takes no lock.
  std::atomic<const ShardLayout*> layout{nullptr};
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
    const ShardExpectation expected{.schema = manifest.stored_schema(),
                                    .rows = entry.rows,
                                    .sequences = entry.sequences,
                                    .tokens = entry.tokens,
                                    .nodes = entry.nodes,
                                    .sha256 = entry.sha256,
                                    .hashed = slot.hashed,
                                    .within = manifest.file.parent_path()};
    make_room(expected.bytes());
    ShardRows loaded = load_shard(manifest.path_of(entry), expected);
    if (manifest.mapping) {
      map_rows(*manifest.mapping, manifest.schema, {entry.tokens, entry.nodes}, loaded);
    }
    auto rows = std::make_shared<const ShardRows>(std::move(loaded));
    slot.hashed = rows->stamp;
    if ((manifest.schema.ragged() || manifest.schema.of_sequences()) && !slot.made) {
      slot.made = std::make_unique<const ShardLayout>(*rows);
      slot.layout.store(slot.made.get(), std::memory_order_release);
    }
    const std::unique_lock lock(mutex);
    slot.rows = rows;
    bytes += rows->bytes;
    return rows;
  }

  /// Lets go of the least recently used shards until `wanted` more bytes fit the budget or nothing
  /// is left.
  void make_room(std::size_t wanted) {
    const std::unique_lock lock(mutex);
    while (bytes > 0 && (wanted > options.cache_bytes || bytes > options.cache_bytes - wanted)) {
      Slot* oldest = nullptr;
      for (std::size_t i = 0; i < manifest.shards.size(); ++i) {
        Slot& slot = slots[i];
        if (slot.rows && (oldest == nullptr || slot.last_use < oldest->last_use)) oldest = &slot;
      }
      if (oldest == nullptr) return;
      bytes -= oldest->rows->bytes;
      oldest->rows.reset();
    }
  }

  /// The shard that holds a sample, and where in it.
  RowPlace place_of(std::int64_t sample) const {
    expects(sample >= 0 && sample < ends.back(), "a sample lies within its data set");
    const auto shard_end = std::upper_bound(ends.begin(), ends.end(), sample);
    const auto number = static_cast<std::uint32_t>(shard_end - ends.begin());
    return {.shard = number,
            .index = 0,
            .row = sample - (number == 0 ? 0 : ends[number - 1]),
            .at = {}};
  }

  const ShardLayout& layout_of(std::size_t number) {
    const std::atomic<const ShardLayout*>& known = slots[number].layout;
    if (known.load(std::memory_order_acquire) == nullptr) (void)shard(number);
    return *known.load(std::memory_order_acquire);
  }

  SampleExtent extent(const RowPlace& place) {
    if (!manifest.schema.ragged()) return {};
    return layout_of(place.shard)[place.row];
  }

  bool begins_sequence(const RowPlace& place) {
    if (!manifest.schema.of_sequences() || place.row == 0) return true;
    if (manifest.shards[place.shard].sequences == 1) return false;  // no need to open it
    const std::vector<std::int64_t>& starts = layout_of(place.shard).starts;
    return std::binary_search(starts.begin(), starts.end(), place.row);
  }

  SampleExtent extent_of_all(std::span<const std::int64_t> samples) {
    SampleExtent all{0, 0};
    for (const std::int64_t sample : samples) all += extent(place_of(sample));
    return all;
  }

  /// Calls visit(place, its shard) for every sample; place.index is that among all samples.
  template <class Visit>
  void visit(std::span<const std::int64_t> samples, Visit visit_row) {
    std::array<RowPlace, block> places;
    RaggedCursor at;
    for (std::size_t first = 0; first < samples.size(); first += block) {
      const std::size_t count = std::min(block, samples.size() - first);
      for (std::size_t i = 0; i < count; ++i) {
        places[i] = place_of(samples[first + i]);
        places[i].index = first + i;
        if (!manifest.schema.ragged()) continue;
        places[i].at = at;
        at.pass(manifest.schema, extent(places[i]));
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
        visit_row(places[i], *rows);
      }
    }
  }

  [[nodiscard]] RaggedRow ragged_row(const RowPlace& place, const ShardRows& shard) const {
    const SampleExtent extent = shard.extent_of(place.row);
    return {.extent = extent,
            .features = shard.features_of(place.row),
            .parents = shard.parents ? shard.parents_of(place.row) : nullptr,
            .targets = shard.targets_of(place.row),
            .bytes = manifest.schema.row_bytes(extent)};
  }

  void read_ragged(std::span<const std::int64_t> samples, const RowViews& to) {
    // Before a byte is written: a graph says how large the views are, and it may be another's.
    const SampleExtent all = extent_of_all(samples);
    if (!views_fit(manifest.schema, static_cast<std::int64_t>(samples.size()), all, to)) {
      throw InputError({manifest.file.string()},
                       "the " + std::to_string(samples.size()) + " samples asked for have " +
                           std::to_string(all.tokens) + " tokens and " + std::to_string(all.nodes) +
                           " nodes, and the graph was recorded for others",
                       "give every process the same data set");
    }
    visit(samples, [&](const RowPlace& place, const ShardRows& shard) {
      put_ragged_row(unpacker, ragged_row(place, shard), place.at, to);
    });
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
  if (schema().ragged()) return impl_->read_ragged(samples, to);
  const auto count = static_cast<std::int64_t>(samples.size());
  if (!views_fit(schema(), count, {.tokens = count}, to)) {
    throw InputError({manifest().file.string()},
                     "the samples are of another kind than the graph was recorded for",
                     "give every process the same data set");
  }
  const std::size_t feature_bytes =
      static_cast<std::size_t>(schema().feature_shape.count()) * element_bytes;
  const std::size_t target_bytes = schema().targets(1).bytes();
  auto* const to_features = static_cast<std::byte*>(to.features.data);
  auto* const to_targets = static_cast<std::byte*>(to.targets.data);
  impl_->visit(samples, [&](const RowPlace& place, const ShardRows& shard) {
    const std::byte* stored = shard.features_of(place.row);
    if (to.features) {
      impl_->unpacker.unpack_features(stored, to_features + place.index * feature_bytes);
    }
    if (to.targets) {
      impl_->unpacker.unpack_target(stored, shard.targets_of(place.row),
                                    to_targets + place.index * target_bytes);
    }
  });
}

void Dataset::gather_raw(std::span<const std::int64_t> samples, std::span<std::byte> rows) const {
  const SampleSchema& schema = impl_->manifest.schema;
  expects(rows.size() == raw_bytes(samples), "the rows fit the samples");
  if (schema.ragged()) {
    impl_->visit(samples, [&](const RowPlace& place, const ShardRows& shard) {
      // What stands before it are so many heads, tokens, nodes and targets.
      const std::size_t before = raw_bytes_of(schema, place.at.sample, place.at.before);
      write_ragged_row(schema, impl_->ragged_row(place, shard), rows.data() + before);
    });
    return;
  }
  const std::size_t feature_bytes = schema.feature_bytes();
  const std::size_t target_bytes = schema.target_bytes();
  impl_->visit(samples, [&](const RowPlace& place, const ShardRows& shard) {
    std::byte* row = rows.data() + place.index * (feature_bytes + target_bytes);
    std::memcpy(row, shard.features_of(place.row), feature_bytes);
    if (target_bytes > 0) {
      std::memcpy(row + feature_bytes, shard.targets_of(place.row), target_bytes);
    }
  });
}

std::size_t Dataset::raw_bytes(std::span<const std::int64_t> samples) const {
  if (!schema().ragged()) return samples.size() * schema().row_bytes();
  return raw_bytes_of(schema(), static_cast<std::int64_t>(samples.size()),
                      impl_->extent_of_all(samples));
}

SampleExtent Dataset::extent(std::int64_t sample) const {
  return impl_->extent(impl_->place_of(sample));
}

bool Dataset::begins_sequence(std::int64_t sample) const {
  return impl_->begins_sequence(impl_->place_of(sample));
}

std::int64_t Dataset::size() const { return impl_->ends.back(); }
const Manifest& Dataset::manifest() const { return impl_->manifest; }
std::size_t Dataset::cached_bytes() const {
  const std::shared_lock lock(impl_->mutex);
  return impl_->bytes;
}

}  // namespace raven
