#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/core/new_file.hpp"
#include "raven/tensor/numerics.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

/// One tensor of the model with what the optimizer keeps for it.
struct CheckpointTensor {
  std::string name;
  Tensor value;
  std::uint64_t version = 0;
  std::vector<Tensor> state;  ///< 0 to 2, same shape
};

/// Sums of the epoch that a step stands in, so that resuming in mid-epoch reports the same means.
struct EpochSums {
  std::int64_t samples = 0;
  double loss = 0;
  double weight = 0;
  std::vector<std::pair<std::string, double>> metrics;
};

/// Everything that a master needs to go on: a value, taken between two steps.
/// The sampler's and the generators' states follow from seed and step, so these two numbers are
/// their state.
struct Checkpoint {
  std::uint64_t step = 0;  ///< optimizer steps done
  std::uint64_t seed = 0;
  std::uint64_t store_version = 0;
  double wall_seconds = 0;  ///< training time so far, over all restarts
  Digest training_digest;   ///< of what decides the bits: model, data digests, TrainSpec
  /// That made it. Formats 2 and 3 hold neither library nor vectors, and earlier_fingerprint().
  NumericsClass numerics;
  EpochSums epoch;
  std::string history_json;  ///< finished epochs, History::to_json(); a list of all if it is old
  std::string credits_json = "[]";  ///< who has done what so far, credits_to_json()
  std::vector<CheckpointTensor> tensors;
  /// What the rows of the next step go on from, f32 [rows, numbers], in the middle of an epoch of a
  /// model that carries a state; else empty.
  Tensor carried;
};

/// What went wrong with a file that was passed over.
struct SkippedCheckpoint {
  std::filesystem::path file;
  std::string reason;
};

struct LoadedCheckpoint {
  Checkpoint checkpoint;
  std::filesystem::path file;
  std::vector<SkippedCheckpoint> skipped;  ///< newer ones that are damaged
};

/// Writes `folder`/step-NNNNNNNNNN.h5 whole or not at all (temporary file, digest, fsync, rename,
/// fsync of the folder) and then deletes all but the newest `keep`. Neither the folder nor a file
/// in it may be a link. Format in docs/formats/checkpoint.md.
/// @throws InputError when the disk refuses; earlier checkpoints are untouched then
void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint, int keep,
                      SyncCall sync = sync_to_disk);

/// The newest readable checkpoint of a folder; none when the folder has none at all.
/// @throws InputError when there are checkpoints and not one is readable
[[nodiscard]] std::optional<LoadedCheckpoint> newest_checkpoint(
    const std::filesystem::path& folder);

/// @throws InputError saying what is wrong with the file
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& file);

/// The step of the newest checkpoint by name, whole or not; none when there is none.
[[nodiscard]] std::optional<std::uint64_t> newest_checkpoint_step(
    const std::filesystem::path& folder);

/// Deletes all checkpoints of a folder and what a killed writer left, and nothing else.
/// @throws InputError when one of them is no plain file; then all are still there
void remove_checkpoints(const std::filesystem::path& folder);

}  // namespace raven
