#include "cli/use_model.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <unordered_map>

#include "cli/console.hpp"
#include "cli/processes.hpp"
#include "cli/run_directory.hpp"
#include "raven/cluster/drive.hpp"
#include "raven/core/error.hpp"
#include "raven/data/sampler.hpp"
#include "raven/job/build.hpp"
#include "raven/job/recorder.hpp"
#include "raven/snippet/executor.hpp"
#include "raven/tensor/finite.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

JobSpec job_of(const fs::path& run, Programs programs) {
  std::vector<InputError> errors;
  std::optional<JobSpec> job = read_job(run / run_files::job, overrides_of(run), errors, programs);
  if (job) return std::move(*job);
  // All of them matter, the last one is printed by whoever catches it.
  print_mistakes(std::span(errors).first(errors.size() - 1));
  throw std::move(errors.back());
}

/// A model of which a weight is no number says nothing about any data.
void check_finite(const LoadedCheckpoint& loaded) {
  for (const CheckpointTensor& tensor : loaded.checkpoint.tensors) {
    if (is_finite(tensor.value)) continue;
    throw InputError({loaded.file.string()},
                     "\"" + tensor.name + "\" holds numbers that are infinite or none at step " +
                         std::to_string(loaded.checkpoint.step) + ", so the model is of no use",
                     "name an earlier one with --checkpoint, or train anew with a lower "
                     "optimizer.rate or with clip.norm");
  }
}

void take_parameters(TrainedModel& trained, const Checkpoint& checkpoint) {
  const auto mismatch = [&](const std::string& what) {
    return InputError({trained.checkpoint.string()}, "belongs to another run: " + what,
                      "name the run that wrote it, or leave --checkpoint out");
  };
  if (checkpoint.tensors.size() != trained.parameters.size()) {
    throw mismatch("it has " + std::to_string(checkpoint.tensors.size()) + " tensors, not " +
                   std::to_string(trained.parameters.size()));
  }
  for (std::uint32_t i = 0; i < trained.parameters.size(); ++i) {
    const CheckpointTensor& saved = checkpoint.tensors[i];
    const Parameter& wanted = trained.parameters[ParameterId{i}];
    if (saved.name != wanted.name || saved.value.type() != wanted.value.type()) {
      throw mismatch("it has \"" + saved.name + "\" " + to_string(saved.value.shape()) +
                     " where the model of this run has \"" + wanted.name + "\" " +
                     to_string(wanted.value.shape()));
    }
    (void)trained.parameters.take({i});
    trained.parameters.replace({i}, saved.value, saved.version);
  }
}

void check_origin(const TrainedModel& trained, const Checkpoint& checkpoint,
                  const Manifest& trained_on) {
  // The graph of a sample of data that need not be there any more can't be made again.
  if (trained.model->by_sample()) return;
  const std::int64_t rows = std::min(trained.job.train.batch, trained_on.rows());
  const Digest wanted = training_digest(
      trained.job, trained.parameters,
      trained.model->record(trained.parameters, rows, Tape::Mode::training), trained_on.identity());
  if (checkpoint.training_digest == wanted) return;
  throw InputError({trained.checkpoint.string()},
                   "belongs to another run: model, data or settings of its job are not those of " +
                       trained.job.file.string(),
                   "name the run that wrote it, or leave --checkpoint out");
}

/// Waits for batches of an executor, whose threads say when there is something new.
class Bell {
 public:
  void ring() {
    const std::scoped_lock lock(mutex_);
    rung_ = true;
    changed_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

/// The statistics of one batch, in snippet order.
std::map<std::uint32_t, SnippetStats> results_of(Executor& executor, Bell& bell) {
  std::map<std::uint32_t, SnippetStats> results;
  std::vector<ComputeEvent> events;
  for (;;) {
    bell.wait();
    events.clear();
    executor.drain(events);
    for (ComputeEvent& event : events) {
      if (auto* ready = std::get_if<SnippetStatsReady>(&event)) {
        results.emplace(ready->stats.index, std::move(ready->stats));
      } else if (auto* failed = std::get_if<BatchFailed>(&event)) {
        throw InputError(failed->reason, "'raven data verify' tells more about the data");
      } else if (std::holds_alternative<BatchDone>(event)) {
        return results;
      }
    }
  }
}

/// Plans of pieces of the data: one for so many rows, or joined from the graphs of samples.
class PlanStock {
 public:
  explicit PlanStock(const TrainedModel& trained)
      : trained_(trained), recorder_(trained.model, {trained.data}) {}

  PlanMaker of(const Snippet& piece) {
    if (!trained_.model->by_sample()) {
      auto& plan = by_rows_[piece.rows];
      if (!plan) {
        plan = std::make_shared<const Plan>(
            trained_.model->record(trained_.parameters, piece.rows, Tape::Mode::inference),
            Plan::Purpose::inference);
      }
      return [plan] { return plan; };
    }
    std::vector<std::shared_ptr<const SampleGraph>> graphs;
    if (by_digest_.size() > most_graphs) by_digest_.clear();
    for (std::int64_t i = piece.first; i < piece.first + piece.rows; ++i) {
      const auto recorded = recorder_(0, i, Tape::Mode::inference, trained_.parameters).graph;
      auto& graph = by_digest_[recorded->digest];
      if (!graph) {
        graph = std::make_shared<const SampleGraph>(
            decode_graph(recorded->bytes.bytes(), {}, trained_.model->ops()));
      }
      graphs.push_back(graph);
    }
    return [graphs = std::move(graphs), mode = trained_.job.autobatch] {
      return std::make_shared<const Plan>(join_graphs(graphs, mode), Plan::Purpose::inference);
    };
  }

 private:
  const TrainedModel& trained_;
  Recorder recorder_;
  std::map<std::int64_t, std::shared_ptr<const Plan>> by_rows_;  // two at most
  static constexpr std::size_t most_graphs = 4096;
  std::unordered_map<Digest, std::shared_ptr<const SampleGraph>, DigestHash> by_digest_;
};

}  // namespace

Graph graph_of_one(const TrainedModel& trained) {
  if (!trained.model->by_sample()) {
    return trained.model->record(trained.parameters, 1, Tape::Mode::inference);
  }
  Recorder recorder(trained.model, {trained.data});
  const auto recorded = recorder(0, 0, Tape::Mode::inference, trained.parameters).graph;
  return decode_graph(recorded->bytes.bytes(), {}, trained.model->ops());
}

LoadedCheckpoint checkpoint_of(const fs::path& run, const fs::path& file) {
  (void)open_run(run);
  if (!file.empty()) {
    LoadedCheckpoint named{.checkpoint = read_checkpoint(file), .file = file, .skipped = {}};
    check_finite(named);
    return named;
  }
  std::optional<LoadedCheckpoint> loaded = newest_checkpoint(run / run_files::checkpoints);
  if (!loaded) {
    throw InputError({run.string()}, "has no checkpoint yet",
                     "wait for the first one, or train with a shorter 'checkpoint.every'");
  }
  for (const SkippedCheckpoint& skipped : loaded->skipped) {
    print_failure("passed over " + skipped.file.string() + ": " + skipped.reason);
  }
  check_finite(*loaded);
  return std::move(*loaded);
}

TrainedModel open_trained(const fs::path& run, const fs::path& checkpoint, const fs::path& manifest,
                          Targets targets, Programs programs) {
  LoadedCheckpoint loaded = checkpoint_of(run, checkpoint);
  TrainedModel trained;
  trained.trained_on = training_data_of(run);
  std::optional<Manifest> given;
  if (!manifest.empty()) {
    given = taken_for(read_manifest(manifest), trained.trained_on, targets,
                      "the model was trained on", trained.notes);
  }
  trained.checkpoint = loaded.file;
  trained.step = loaded.checkpoint.step;
  trained.job = job_of(run, programs);
  if (given) {
    trained.data = std::make_shared<const Dataset>(
        std::move(*given), DatasetOptions{.cache_bytes = trained.job.data_cache_bytes});
  }
  const SampleSchema& schema = trained.trained_on.schema;
  trained.model =
      std::make_shared<const Model>(model_for(trained.job.model, schema), row_of_features(schema),
                                    row_of_targets(schema), trained.parameters);
  check_origin(trained, loaded.checkpoint, trained.trained_on);
  take_parameters(trained, loaded.checkpoint);
  return trained;
}

namespace {

/// Whatever running a trained model over its data takes.
class DataRun {
 public:
  DataRun(const TrainedModel& trained, Purpose purpose, int threads)
      : trained_(trained),
        purpose_(purpose),
        compute_(threads > 0 ? threads : usable_cores()),
        executor_(compute_, buffers_, [this] { bell_.ring(); }),
        plans_(trained),
        source_(source_of(trained.data)) {
    for (const Parameter& parameter : trained.parameters.all()) {
      parameters_.push_back(parameter.value);
    }
  }

  using Take = FunctionRef<void(const Snippet&, const SnippetStats&)>;

  /// All samples in order, each for itself.
  void in_order(std::int64_t rows, Take take) {
    const std::int64_t all = trained_.data->size();
    std::vector<Snippet> pieces = cut_batch(all, (all + rows - 1) / rows);
    const RowReader reader = [source = source_](const Snippet& snippet, const RowViews& to) {
      std::vector<std::int64_t> samples(static_cast<std::size_t>(snippet.rows));
      for (std::size_t i = 0; i < samples.size(); ++i) {
        samples[i] = snippet.first + static_cast<std::int64_t>(i);
      }
      return source(samples, to);
    };
    const auto group = static_cast<std::size_t>(8 * compute_.threads());
    for (std::size_t first = 0; first < pieces.size(); first += group) {
      const std::size_t count = std::min(group, pieces.size() - first);
      const std::span<const Snippet> some = std::span(pieces).subspan(first, count);
      for (const auto& [index, stats] : run(some, pieces.size(), reader, {})) {
        take(pieces[index], stats);
      }
    }
  }

  /// Lanes side by side, window by window, with the state that goes on.
  /// @param pieces_of cuts a step of so many rows
  void in_streams(std::int64_t lanes, FunctionRef<std::vector<Snippet>(std::int64_t)> pieces_of,
                  Take take) {
    const Sampler sampler{
        .size = trained_.data->size(), .batch = lanes, .order = SampleOrder::streams};
    const std::int64_t width = trained_.model->carried();
    Tensor left({DType::f32, {lanes, width}});
    for (std::int64_t step = 0; step < sampler.steps_per_epoch(); ++step) {
      const std::vector<std::int64_t> samples = sampler.batch_at(step);
      const std::vector<Snippet> pieces = pieces_of(static_cast<std::int64_t>(samples.size()));
      std::vector<Tensor> states;
      for (const Snippet& piece : pieces) {
        Tensor state({DType::f32, {piece.rows, width}});
        for (std::int64_t row = 0; row < piece.rows; ++row) {
          const std::int64_t lane = piece.first + row;
          if (trained_.data->begins_sequence(samples[static_cast<std::size_t>(lane)])) continue;
          std::copy_n(std::as_const(left).view().f32() + lane * width, width,
                      state.view().f32() + row * width);
        }
        states.push_back(std::move(state));
      }
      // By value: when a piece fails, others may still be at work.
      const RowReader reader = [source = source_, samples](const Snippet& snippet,
                                                           const RowViews& to) {
        return source(std::span(samples).subspan(static_cast<std::size_t>(snippet.first),
                                                 static_cast<std::size_t>(snippet.rows)),
                      to);
      };
      for (const auto& [index, stats] : run(pieces, pieces.size(), reader, std::move(states))) {
        const Snippet& piece = pieces[index];
        std::copy_n(stats.state.view().f32(), stats.state.count(),
                    left.view().f32() + piece.first * width);
        take(piece, stats);
      }
    }
  }

 private:
  /// Neighbouring pieces of `all`, by number.
  std::map<std::uint32_t, SnippetStats> run(std::span<const Snippet> pieces, std::size_t all,
                                            const RowReader& reader, std::vector<Tensor> states) {
    SnippetBatch batch{.work = 1,
                       .purpose = purpose_,
                       .node = {pieces.front().index, static_cast<std::uint32_t>(pieces.size())},
                       .root = {0, static_cast<std::uint32_t>(all)},
                       .snippets = {pieces.begin(), pieces.end()},
                       .plans = {},
                       .parameters = parameters_,
                       .key = {.seed = trained_.job.train.seed},
                       .read_rows = reader,
                       .states = std::move(states)};
    for (const Snippet& piece : pieces) batch.plans.push_back(plans_.of(piece));
    executor_.start(std::move(batch));
    return results_of(executor_, bell_);
  }

  const TrainedModel& trained_;
  Purpose purpose_;
  ComputePool compute_;
  BufferPool buffers_;
  Bell bell_;
  Executor executor_;
  PlanStock plans_;
  SampleSource source_;
  std::vector<Tensor> parameters_;
};

}  // namespace

void run_over_data(const TrainedModel& trained, Purpose purpose, std::int64_t batch, int threads,
                   FunctionRef<void(const Snippet&, const SnippetStats&)> take) {
  DataRun run(trained, purpose, threads);
  const TrainSpec& train = trained.job.train;
  if (trained.model->carried() == 0) {
    return run.in_order(batch > 0 ? batch : evaluation_rows(train), take);
  }
  // What is predicted is wanted in the data's order, so that there is one lane.
  if (purpose == Purpose::predict) {
    return run.in_streams(
        1, [](std::int64_t rows) { return cut_batch(rows, 1); }, take);
  }
  run.in_streams(
      train.batch,
      [&](std::int64_t rows) {
        return cut_batch(rows, batch > 0 ? (rows + batch - 1) / batch : train.snippets);
      },
      take);
}

}  // namespace raven
