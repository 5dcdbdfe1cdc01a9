#include "cli/bench_train.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "cli/bench_models.hpp"
#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/processes.hpp"
#include "cli/train.hpp"
#include "raven/cli/app.hpp"
#include "raven/core/new_file.hpp"
#include "raven/graph/plan.hpp"
#include "raven/job/build.hpp"
#include "raven/tensor/bench.hpp"

namespace raven {
namespace {

/// A folder that goes with this object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "raven-bench-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      throw InputError(pattern + ": can't make a folder there",
                       "set TMPDIR to a folder with space");
    }
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What one training step of `job` is, whoever computes it.
struct StepWork {
  double flops = 0;
  double parameter_bytes = 0;
};

/// What recording the graphs of steps costs the master.
struct RecordingCost {
  double ns_per_call = 0;     ///< of graphs that are new
  double seconds_a_step = 0;  ///< of steps whose samples' graphs were recorded before
};

/// Of the processor, so that others on the machine do not count; one thread runs meanwhile.
double seconds_since(std::clock_t begin) {
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

Graph graph_of(const Training& training, const RecordedSample& recorded) {
  return decode_graph(recorded.bytes.bytes(), {}, training.model->ops());
}

/// Asks for the graphs of the first steps' samples twice.
RecordingCost cost_of_recording(const Training& training, std::int64_t batch) {
  const MasterSetup& setup = training.setup;
  RecordingCost cost;
  if (!setup.record_sample) {
    std::size_t calls = 0;
    const std::clock_t begin = std::clock();
    for (int i = 0; i < 20; ++i) {
      calls += setup.record(batch, Tape::Mode::training).nodes.size();
    }
    cost.ns_per_call = seconds_since(begin) * 1e9 / static_cast<double>(calls);
    return cost;  // recorded once for a number of rows
  }
  const std::int64_t steps =
      std::max<std::int64_t>(1, std::min<std::int64_t>(20, training.train->size() / batch));
  const std::int64_t samples = std::min(steps * batch, training.train->size());
  std::size_t calls = 0;
  std::vector<std::shared_ptr<const RecordedSample>> recordings;
  std::clock_t begin = std::clock();
  for (std::int64_t i = 0; i < samples; ++i) {
    recordings.push_back(
        setup.record_sample(0, i, Tape::Mode::training, training.parameters).graph);
  }
  const double seconds = seconds_since(begin);
  // A program runs for each sample, a list of layers for each graph that is new.
  std::unordered_set<const RecordedSample*> known;
  for (const auto& recorded : recordings) {
    if (known.insert(recorded.get()).second || !training.model->by_size()) {
      calls += graph_of(training, *recorded).nodes.size();
    }
  }
  cost.ns_per_call = seconds * 1e9 / static_cast<double>(calls);
  begin = std::clock();
  for (std::int64_t i = 0; i < samples; ++i) {
    (void)setup.record_sample(0, i, Tape::Mode::training, training.parameters);
  }
  cost.seconds_a_step = seconds_since(begin) / static_cast<double>(steps);
  return cost;
}

JobSpec bench_spec(const TrainOptions& options, Programs programs) {
  std::vector<InputError> errors;
  std::optional<JobSpec> job = read_job(options.job, options.overrides, errors, programs);
  if (!job) throw errors.front();
  return std::move(*job);
}

StepWork work_of(const Training& training, std::int64_t batch) {
  const MasterSetup& setup = training.setup;
  Graph graph;
  double batches = 1;
  if (setup.record_sample) {
    // All samples are one batch, of which a step is a part.
    std::vector<std::shared_ptr<const SampleGraph>> samples;
    for (std::int64_t i = 0; i < training.train->size(); ++i) {
      const Recording recorded =
          setup.record_sample(0, i, Tape::Mode::training, training.parameters);
      samples.push_back(std::make_shared<const SampleGraph>(graph_of(training, *recorded.graph)));
    }
    batches = static_cast<double>(samples.size()) / static_cast<double>(batch);
    graph = join_graphs(samples, Autobatch::on);
  } else {
    graph = setup.record(batch, Tape::Mode::training);
  }
  const Plan plan(std::move(graph), Plan::Purpose::training);
  StepWork work{.flops = plan.flops() / batches};
  for (const ParameterId id : plan.gradients()) {
    work.parameter_bytes += static_cast<double>(training.parameters[id].value.type().bytes());
  }
  return work;
}

/// Cuts the time after the warm-up into windows; the best one counts, as in the peers' scripts.
/// Where each sample has a graph of its own, the first epoch is timed apart: it meets graphs that
/// nobody has seen, later ones do not.
class Stopwatch {
 public:
  /// @param first_rows samples of the first epoch where it is to be timed apart, else 0
  Stopwatch(double seconds, std::int64_t first_rows)
      : seconds_(seconds),
        window_(seconds / windows),
        first_rows_(static_cast<std::uint64_t>(first_rows)) {}

  bool operator()(const TrainPulse& pulse) {
    if (!start_) start_ = pulse;
    if (first_end_ == std::nullopt) {
      if (pulse.rows < first_rows_) {
        return pulse.wall_seconds - start_->wall_seconds < patience * seconds_;
      }
      first_end_ = pulse;
    }
    if (!begin_) {
      const bool warm = pulse.step >= first_end_->step + 5 &&
                        pulse.wall_seconds - first_end_->wall_seconds > seconds_ * 0.1;
      if (warm) begin_ = window_begin_ = pulse;
      return true;
    }
    const double passed = pulse.wall_seconds - window_begin_->wall_seconds;
    if (passed >= window_) {
      rates_.push_back(static_cast<double>(pulse.rows - window_begin_->rows) / passed);
      window_begin_ = pulse;
    }
    last_ = pulse;
    return pulse.wall_seconds - begin_->wall_seconds < seconds_ || rates_.empty();
  }

  [[nodiscard]] bool measured() const { return !rates_.empty(); }
  /// Samples a second of the first epoch, after its first step; 0 where it is like any other.
  [[nodiscard]] double first_epoch() const {
    if (first_rows_ == 0 || first_end_->rows == start_->rows) return 0;
    return static_cast<double>(first_end_->rows - start_->rows) /
           (first_end_->wall_seconds - start_->wall_seconds);
  }
  [[nodiscard]] double best() const { return *std::max_element(rates_.begin(), rates_.end()); }
  [[nodiscard]] double mean() const {
    return static_cast<double>(last_.rows - begin_->rows) / wall();
  }
  [[nodiscard]] double wall() const { return last_.wall_seconds - begin_->wall_seconds; }
  [[nodiscard]] double steps() const { return static_cast<double>(last_.step - begin_->step); }
  /// Of one core, while training.
  [[nodiscard]] double master_share() const {
    return (last_.master_cpu_seconds - begin_->master_cpu_seconds) / wall();
  }
  [[nodiscard]] double bytes_per_step() const {
    const Traffic& from = begin_->traffic;
    return static_cast<double>(last_.traffic.bytes_sent - from.bytes_sent +
                               last_.traffic.bytes_received - from.bytes_received) /
           steps();
  }
  [[nodiscard]] int contributors() const { return last_.contributors; }

 private:
  static constexpr double windows = 5;
  /// So many times as long as it is to measure may the first epoch take.
  static constexpr double patience = 10;
  double seconds_;
  double window_;
  std::uint64_t first_rows_;
  std::optional<TrainPulse> start_;
  std::optional<TrainPulse> first_end_;
  std::optional<TrainPulse> begin_;
  std::optional<TrainPulse> window_begin_;
  TrainPulse last_;
  std::vector<double> rates_;
};

}  // namespace

int bench_train(const BenchTrainOptions& options, Programs programs) {
  const BenchModel* const known = find_bench_model(options.model);
  const LaunchPlace place = launch_place();
  const ScratchFolder folder;
  TrainOptions train_options{.job = (folder.path() / "job.yaml").string(),
                             .run = folder.path() / "run",
                             .overrides = {},
                             .quiet = true,
                             .threads = options.threads};
  // The data comes from rank 0's folder: another rank has nothing to prepare.
  if (place.rank > 0) return train(train_options, programs);

  if (known != nullptr) {
    BenchModel model = *known;
    if (options.batch > 0) model.batch = options.batch;
    model.rows = std::max(model.rows, model.batch);
    write_bench_data(model, folder.path());
    write_whole_file(train_options.job,
                     bench_job(model, options.snippets > 0 ? options.snippets : model.snippets));
  } else {
    train_options.job = options.model;
    train_options.overrides = {"train.epochs=100000", "checkpoint.every=24 h"};
    for (const auto& [key, value] : {std::pair{"train.batch=", options.batch},
                                     std::pair{"train.snippets=", options.snippets}}) {
      if (value > 0) train_options.overrides.push_back(key + std::to_string(value));
    }
  }
  if (options.one_by_one) train_options.overrides.emplace_back("autobatch=false");
  const JobSpec job = bench_spec(train_options, programs);
  const std::string name = known != nullptr ? known->name : job.name;
  const std::int64_t batch = job.train.batch;
  const std::int64_t context = known != nullptr ? known->context : 0;
  StepWork work;
  RecordingCost recording;
  std::int64_t first_rows = 0;
  {
    const Training training = build_training(job);
    if (training.setup.record_sample) first_rows = training.train->size();
    recording = cost_of_recording(training, batch);
    work = work_of(training, batch);
  }
  Stopwatch stopwatch(options.seconds, first_rows);
  train_options.watch = [&](const TrainPulse& pulse) { return stopwatch(pulse); };
  const int result = train(train_options, programs);
  if (result != exit_done) return result;
  if (!stopwatch.measured()) {
    throw InputError(
        "nothing was measured: the first epoch takes too long, and is no measure of "
        "later ones, whose graphs were seen before",
        "give it more --seconds, or fewer samples");
  }

  const auto peak = bench_kernels({.threads = 1, .filter = "gemm serial peak"});
  const double flops_per_second = stopwatch.best() / static_cast<double>(batch) * work.flops;
  const double tokens_per_second = stopwatch.best() * static_cast<double>(context);
  const double step_seconds = static_cast<double>(batch) / stopwatch.best();
  const double machine = peak.front().rate * 1e9 * usable_cores();
  const double whole = 2 * work.parameter_bytes * stopwatch.contributors();
  const nlohmann::ordered_json json{
      {"model", name},
      {"openblas_kernels", openblas_core_name()},
      {"contributors", stopwatch.contributors()},
      {"batch", batch},
      {"snippets", job.train.snippets},
      {"samples_per_s", stopwatch.best()},
      {"samples_per_s_mean", stopwatch.mean()},
      {"samples_per_s_first_epoch",
       first_rows > 0 ? nlohmann::ordered_json(stopwatch.first_epoch()) : nullptr},
      {"tokens_per_s", tokens_per_second},
      {"gflop_per_s", flops_per_second * 1e-9},
      {"share_of_gemm_peak", flops_per_second / machine},
      {"master_share_of_core", stopwatch.master_share()},
      {"bytes_per_step", stopwatch.bytes_per_step()},
      {"whole_bytes_per_step", whole},
      {"recording_ns_per_call", recording.ns_per_call},
      {"recording_share_of_step", recording.seconds_a_step / step_seconds}};
  if (options.json) {
    print(json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return exit_done;
  }
  const std::string tokens = context > 0 ? fmt::format(", {:.0f} tokens/s", tokens_per_second) : "";
  const std::string first = first_rows > 0
                                ? fmt::format(
                                      "first epoch, of graphs never seen: {:.0f} samples/s; the "
                                      "figures above are of later ones\n",
                                      stopwatch.first_epoch())
                                : "";
  print(fmt::format(
      "{}: {:.0f} samples/s (mean {:.0f}){}, batch {} in {} snippets, {}\n"
      "{:.1f} GFLOP/s, {:.0f} % of {} x {:.1f} GFLOP/s serial GEMM, OpenBLAS kernels {}\n"
      "master's thread {:.1f} % of a core; {} a step moved, {} with whole tensors (parameters and "
      "gradients, "
      "once per contributor)\n"
      "recording {:.0f} ns a call; graphs that are known {:.2f} % of a step\n{}",
      name, stopwatch.best(), stopwatch.mean(), tokens, batch, job.train.snippets,
      plural(stopwatch.contributors(), "contributor"), flops_per_second * 1e-9,
      100 * flops_per_second / machine, plural(usable_cores(), "core"), peak.front().rate,
      openblas_core_name(), 100 * stopwatch.master_share(),
      size_in_words(stopwatch.bytes_per_step()), size_in_words(whole), recording.ns_per_call,
      100 * recording.seconds_a_step / step_seconds, first));
  return exit_done;
}

}  // namespace raven
