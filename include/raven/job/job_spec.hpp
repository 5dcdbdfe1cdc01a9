#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "raven/cluster/train_spec.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/autobatch.hpp"
#include "raven/nn/model.hpp"

namespace raven {

/// A job as its YAML file says it, with every default visible. Knows nothing of YAML, MPI or Slurm.
struct JobSpec {
  std::string text;            ///< of the job file, as it was read: a pipe can't be read again
  std::filesystem::path file;  ///< the job file; relative paths in it are relative to its folder
  std::string name;
  std::filesystem::path train_manifest;
  std::optional<std::filesystem::path> valid_manifest;
  /// Commands that make the data, for whoever has none yet. `{folder}` in them is the train
  /// manifest's folder.
  std::vector<std::string> data_made_by;
  /// A small set of the same kind, to try the job on before there is any data.
  std::optional<std::filesystem::path> samples_folder;
  Place data_place;  ///< of `data` in the file
  std::uint64_t data_cache_bytes = std::uint64_t{4} << 30;
  ModelSpec model;
  Autobatch autobatch = Autobatch::on;  ///< for models that record a graph for each sample
  TrainSpec train;
  ContributorSpec contributors;
  /// Processes that gateways start, each once `at_step` steps are done (at once when a resumed run
  /// has done them already), or `at_time` after this process began.
  struct Spawn {
    std::optional<std::int64_t> at_step;
    std::chrono::milliseconds at_time{0};
    int count = 1;
    std::string host;  ///< empty: where there is room
  };
  struct Newcomers {
    std::vector<Spawn> spawn;
    std::chrono::milliseconds let_in{10000};  ///< time to come in before a gateway counts as wedged
  } newcomers;
  /// Whether rank 0 computes too: unset means "if it has spare cores".
  std::optional<bool> master_computes;
  int threads = 0;  ///< compute threads per process; 0 means all cores it may use
  struct CheckpointPolicy {
    std::chrono::milliseconds every{30000};
    int keep = 3;
  } checkpoint;
};

/// The models that this executable has beside what layers make: rows that `model: {program: NAME}`
/// finds.
using Programs = std::span<const ProgramDef* const>;

/// Puts the job's sample set in the place of its data, as `data.use_samples` does: the run is then
/// another one, NAME_samples. @pre job.samples_folder
void use_samples(JobSpec& job);

/// Reads and checks a job file.
/// @param programs that it may name
/// @param overrides "train.batch=128": as if the file said so; reported as `--set ...` in errors
/// @param errors every mistake found, in file order; the result is none when there is any
[[nodiscard]] std::optional<JobSpec> read_job(const std::filesystem::path& file,
                                              const std::vector<std::string>& overrides,
                                              std::vector<InputError>& errors,
                                              Programs programs = {});

}  // namespace raven
