#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "raven/cluster/checkpoint.hpp"
#include "raven/core/function_ref.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/meaning.hpp"
#include "raven/job/job_spec.hpp"
#include "raven/nn/model.hpp"
#include "raven/snippet/snippet.hpp"

namespace raven {

/// The newest good checkpoint of a run, or `file` when that is not empty.
/// @throws InputError when it is no run directory, or has no readable checkpoint yet
[[nodiscard]] LoadedCheckpoint checkpoint_of(const std::filesystem::path& run,
                                             const std::filesystem::path& file);

/// A trained model beside data to use it on.
struct TrainedModel {
  JobSpec job;
  std::shared_ptr<const Model> model;
  Manifest trained_on;  ///< its shards need not be there
  std::filesystem::path checkpoint;
  std::uint64_t step = 0;
  std::shared_ptr<const Dataset> data;  ///< null when none was named
  ParameterStore parameters;
  /// How the data were mapped to what the model was trained on, and what could not be compared.
  std::vector<std::string> notes;
};

/// @param manifest of samples that mean what those mean that the model was trained on
/// (meaning.hpp), or empty for no data
/// @throws InputError when run, checkpoint and data do not fit together
[[nodiscard]] TrainedModel open_trained(const std::filesystem::path& run,
                                        const std::filesystem::path& checkpoint,
                                        const std::filesystem::path& manifest, Targets targets,
                                        Programs programs);

/// A graph of the model as it is used: of one sample, the first one of the data if it is by sample.
[[nodiscard]] Graph graph_of_one(const TrainedModel& trained);

/// Runs the model over all samples, in pieces, and gives what comes out to `take`, piece by piece
/// in order, on the calling thread. Holds only some pieces at a time.
///
/// Samples come in the data set's order. Of a model that carries a state from window to window:
/// each goes on where the one before it left; to evaluate, in the lanes of the run's own
/// validation.
/// @param batch rows of a piece; 0: as the run itself cuts its validation data
/// @throws InputError when the data can't be read
void run_over_data(const TrainedModel& trained, Purpose purpose, std::int64_t batch, int threads,
                   FunctionRef<void(const Snippet&, const SnippetStats&)> take);

}  // namespace raven
