#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <vector>

#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/prediction_csv.hpp"
#include "cli/prediction_kind.hpp"
#include "cli/processes.hpp"
#include "cli/progress.hpp"
#include "cli/use_model.hpp"
#include "cli/verb.hpp"
#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"
#include "raven/tensor/export.hpp"
#include "raven/tensor/finite.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {
namespace {

struct PredictOptions {
  std::string run;
  std::string data;
  std::string out;
  std::string checkpoint;
  std::optional<PredictionKind> kind{};  ///< none: what suits the file
  int threads = 0;
  std::int64_t batch = 0;
};

bool is_of_classes(const JobSpec& job) { return job.model.loss.type == "cross_entropy"; }
bool is_of_logits(const JobSpec& job) { return job.model.loss.type == "bce_with_logits"; }

void check_kind(PredictionKind kind, const JobSpec& job) {
  const bool fits = kind == PredictionKind::output || is_of_classes(job) ||
                    (kind == PredictionKind::probability && is_of_logits(job));
  if (fits) return;
  const std::string model = job.model.loss.type.empty()
                                ? "a program, which brings a loss of its own,"
                                : "a model trained with the loss " + job.model.loss.type;
  throw InputError(
      model + " has no " + (kind == PredictionKind::probability ? "probabilities" : "classes"),
      "leave --kind out to get what it puts out");
}

/// What a row of the predictions belongs to. Of ragged data it may be a token or a node, as the
/// model likes; which of them, the numbers of rows tell.
class RowsOfSamples {
 public:
  explicit RowsOfSamples(const Dataset& data) : data_(data) {}

  /// Notes the rows of samples `first` .. `first + samples - 1`.
  void note(std::int64_t first, std::int64_t samples, std::int64_t rows) {
    SampleExtent all{.tokens = 0, .nodes = 0};
    for (std::int64_t i = first; i < first + samples; ++i) all += data_.extent(i);
    by_sample_ = by_sample_ && rows == samples;
    by_token_ = by_token_ && data_.schema().ragged() && rows == all.tokens;
    by_node_ = by_node_ && data_.schema().ragged() && rows == all.nodes;
  }

  [[nodiscard]] bool one_each() const { return by_sample_; }
  /// In words; empty when it is none of these.
  [[nodiscard]] std::string_view unit() const {
    if (by_sample_) return "sample";
    return by_token_ ? "token" : by_node_ ? "node" : "";
  }
  /// Of each sample. @pre !unit().empty()
  [[nodiscard]] std::vector<std::int64_t> counts() const {
    std::vector<std::int64_t> counts;
    for (std::int64_t i = 0; i < data_.size(); ++i) {
      const SampleExtent extent = data_.extent(i);
      counts.push_back(by_sample_ ? 1 : by_token_ ? extent.tokens : extent.nodes);
    }
    return counts;
  }

 private:
  const Dataset& data_;
  bool by_sample_ = true;
  bool by_token_ = true;
  bool by_node_ = true;
};

/// Beside "tags.npy": "tags.rows.npy".
std::filesystem::path file_of_counts(std::filesystem::path out) {
  return out.replace_extension(".rows.npy");
}

/// Type of what is written, for a model's output of this type: classes lose the last dimension.
NpyType npy_type(PredictionKind kind) {
  return kind == PredictionKind::class_number ? NpyType::i64 : NpyType::f32;
}
Shape shape_written(const Shape& output, PredictionKind kind) {
  return kind == PredictionKind::class_number ? Shape(output.dims().first(output.rank() - 1))
                                              : output;
}

void append(NpyWriter& out, const Tensor& output, PredictionKind kind, bool of_classes) {
  switch (kind) {
    case PredictionKind::output:
      return out.append(output.bytes());
    case PredictionKind::probability:
      return out.append(probabilities(output, of_classes).bytes());
    case PredictionKind::class_number: {
      const std::vector<std::int64_t> classes = likeliest(output);
      return out.append(std::as_bytes(std::span(classes)));
    }
  }
}

/// Of numbers that are none no class is the likeliest, and no mean means anything.
void check_finite(const TrainedModel& trained, const Snippet& piece, const Tensor& output) {
  if (is_finite(output)) return;
  const auto values = output.values();
  const auto wrong =
      std::ranges::find_if(values, [](float value) { return !std::isfinite(value); });
  const std::int64_t row = (wrong - values.begin()) / (output.count() / output.shape()[0]);
  const bool one_each = output.shape()[0] == piece.rows;
  throw InputError(
      {trained.data->manifest().file.string()},
      "the model at step " + std::to_string(trained.step) +
          " makes a number that is not finite of sample " +
          (one_each ? std::to_string(piece.first + row)
                    : std::to_string(piece.first) + " or one of the " +
                          std::to_string(piece.rows - 1) + " after it") +
          " (from 0)",
      "look for values far beyond those that it was trained on, or take an earlier checkpoint "
      "with --checkpoint");
}

/// Which kind of file a name asks for. @throws InputError when its ending is none of those
bool is_csv(const std::string& out) {
  const std::string ending = std::filesystem::path(out).extension().string();
  if (ending == ".csv") return true;
  if (ending == ".npy") return false;
  throw InputError({out},
                   ending.empty() ? "has no ending that says what to write"
                                  : "ends with " + ending + ", which predict can't write",
                   "name a file that ends with .csv (ids, class names and numbers) or .npy (a "
                   "NumPy array)");
}

/// What suits a table: names of tokens alone, probabilities where there are any, else numbers.
PredictionKind usual_kind(const TrainedModel& trained, bool csv) {
  if (!csv) return PredictionKind::output;
  if (is_of_classes(trained.job) && trained.trained_on.schema.of_sequences()) {
    return PredictionKind::class_number;
  }
  const bool chances = is_of_classes(trained.job) || is_of_logits(trained.job);
  return chances ? PredictionKind::probability : PredictionKind::output;
}

PredictionNames names_of(const TrainedModel& trained, std::int64_t width) {
  const Manifest& manifest = trained.trained_on;
  PredictionNames names{.classes = {}, .target = manifest.target_name};
  if (!is_of_classes(trained.job)) return names;
  names.classes = manifest.schema.of_sequences() && manifest.vocabulary
                      ? manifest.vocabulary->texts()
                      : manifest.class_names;
  if (static_cast<std::int64_t>(names.classes.size()) == width) return names;
  names.classes.clear();
  for (std::int64_t i = 0; i < width; ++i) names.classes.push_back(std::to_string(i));
  return names;
}

/// Runs the model over the data. @param take gets each piece's output
void predict_all(const PredictOptions& options, const TrainedModel& trained,
                 FunctionRef<void(const Snippet&, const Tensor&)> take) {
  ComputePool compute(1);
  Progress progress(stderr, "predicting", "sample");
  std::int64_t done = 0;
  run_over_data(trained, Purpose::predict, options.batch, options.threads,
                [&](const Snippet& piece, const SnippetStats& stats) {
                  check_finite(trained, piece, stats.prediction);
                  compute.run([&] { take(piece, stats.prediction); });
                  progress.update({.done = done += piece.rows, .total = trained.data->size()});
                });
  progress.finish();
}

void predict_csv(const PredictOptions& options, const TrainedModel& trained, PredictionKind kind,
                 const std::filesystem::path& place, const Shape& row) {
  PredictionCsv out(place, *trained.data, kind, names_of(trained, row.rank() == 0 ? 1 : row.back()),
                    row);
  predict_all(options, trained, [&](const Snippet& piece, const Tensor& output) {
    out.append(piece.first, piece.rows, output);
  });
  out.commit();
  print(options.out + ": " + plural(out.rows(), "prediction") + " of " +
        plural(trained.data->size(), "sample") + ", by the model at step " +
        std::to_string(trained.step) + "\n");
}

void predict_npy(const PredictOptions& options, const TrainedModel& trained, PredictionKind kind,
                 const std::filesystem::path& place, const Shape& output) {
  const std::int64_t samples = trained.data->size();
  const Shape row = shape_written(output, kind).without_first();
  NpyWriter out(place, npy_type(kind), row);
  RowsOfSamples rows(*trained.data);
  predict_all(options, trained, [&](const Snippet& piece, const Tensor& prediction) {
    append(out, prediction, kind, is_of_classes(trained.job));
    rows.note(piece.first, piece.rows, prediction.shape()[0]);
  });
  const std::int64_t written = out.rows();
  out.commit();
  std::string counts;
  if (!rows.one_each() && !rows.unit().empty()) {
    counts = file_of_counts(options.out);
    const std::vector<std::int64_t> of_each = rows.counts();
    NpyWriter file(output_place(counts), NpyType::i64, Shape{});
    file.append(std::as_bytes(std::span(of_each)));
    file.commit();
  }
  const std::string whose =
      rows.one_each() ? ""
                      : (rows.unit().empty() ? "" : ", one for each " + std::string(rows.unit())) +
                            " of " + plural(samples, "sample");
  print(options.out + ": " + plural(written, "prediction") + whose + ", each " +
        (row.rank() == 0 ? "a number" : "of shape " + to_string(row)) + ", by the model at step " +
        std::to_string(trained.step) + "\n" +
        (counts.empty() ? "" : counts + ": how many of them each sample has\n"));
}

int predict(const PredictOptions& options, Programs programs) {
  const bool csv = is_csv(options.out);
  const std::filesystem::path place = output_place(options.out);
  const TrainedModel trained =
      open_trained(options.run, options.checkpoint, options.data, Targets::unused, programs);
  print_notes(trained.notes);
  const PredictionKind kind = options.kind.value_or(usual_kind(trained, csv));
  check_kind(kind, trained.job);
  const Graph graph = graph_of_one(trained);
  const Shape output = type_of(graph, graph.prediction.value()).shape;
  if (csv) {
    predict_csv(options, trained, kind, place, output.without_first());
  } else {
    predict_npy(options, trained, kind, place, output);
  }
  return exit_done;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<PredictOptions>();
  Command verb = parent.add_subcommand("predict", "Write what a trained model makes of some data");
  verb.add_option("run", options->run, "run directory").required();
  verb.add_option("--data", options->data, "manifest of the samples").required();
  verb.add_option("--out", options->out,
                  "file to write, one row a sample, or a token or node of it, in the data's order: "
                  "FILE.csv with ids and names, or FILE.npy, a NumPy array")
      .required();
  const std::map<std::string, std::optional<PredictionKind>> kinds{
      {"output", PredictionKind::output},
      {"probability", PredictionKind::probability},
      {"class", PredictionKind::class_number}};
  verb.add_choice("--kind", options->kind, kinds,
                  "output: numbers as the last layer gives them (default of .npy); probability: of "
                  "each class (default of .csv where there are any); class: the likeliest one")
      .type_name("output|probability|class");
  verb.add_option("--checkpoint", options->checkpoint, "this one instead of the newest");
  verb.add_option("--threads", options->threads, "compute threads; default: all cores")
      .range(1, 4096);
  verb.add_option("--batch", options->batch,
                  "samples computed at a time by a thread; default: as the run's own validation")
      .range(1, 1 << 24);
  verb.footer(R"(Examples:
  raven predict runs/digits_cnn --data data/digits/valid.yaml --out digits.csv
  raven predict runs/digits_cnn --data data/digits/valid.yaml --out digits.npy --kind class
  python3 -c 'import numpy; print(numpy.load("digits.npy")[:10])'

Data imported with --no-target will do. The file is written whole or not at all; samples pass through in pieces, so it may be larger than memory.)");
  verb.callback([options, &chosen] {
    chosen = [options](Programs programs) { return predict(*options, programs); };
  });
}

}  // namespace

const VerbDef predict_verb{.declare = declare};

}  // namespace raven
