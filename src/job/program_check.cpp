#include "job/program_check.hpp"

#include "raven/data/dataset.hpp"
#include "raven/job/recorder.hpp"

namespace raven {
namespace {

/// What a program makes of a data set's first sample: it is run on it, with the parameters as they
/// begin, in training and in validation.
struct Tried {
  Graph training;
  Graph validation;
};

/// None, and an error at the program's place in the job, when it refuses the sample.
std::optional<Tried> try_program(const std::shared_ptr<const Model>& model,
                                 const Manifest& manifest, const ParameterStore& store,
                                 const JobSpec& job, std::vector<InputError>& errors) {
  if (manifest.rows() == 0) return std::nullopt;
  try {
    const auto data = std::make_shared<const Dataset>(manifest, DatasetOptions{});
    Recorder recorder(model, {data});
    const auto graph_in = [&](Tape::Mode mode) {
      const Recording recorded = recorder(0, 0, mode, store);
      return decode_graph(recorded.graph->bytes.bytes(), {}, model->ops());
    };
    return Tried{graph_in(Tape::Mode::training), graph_in(Tape::Mode::inference)};
  } catch (const InputError& error) {
    // A shard that can't be read knows its place better.
    const bool of_data = !error.place().file.empty();
    errors.emplace_back(of_data ? error.place() : job.model.program_place,
                        of_data
                            ? error.problem()
                            : std::string(job.model.program->name) + ", on the first sample of " +
                                  manifest.file.string() + ": " + error.problem(),
                        error.remedy());
    return std::nullopt;
  }
}

/// What a program gives each sample must be the same kind of thing.
std::string given_in_words(const Graph& graph) {
  std::string text = "no prediction";
  if (graph.prediction) {
    const Shape& shape = type_of(graph, *graph.prediction).shape;
    text = "a prediction of rows " + to_string(shape.rank() > 0 ? shape.without_first() : shape);
  }
  text += graph.losses ? ", a loss" : ", no loss";
  for (const Metric& metric : graph.metrics) {
    if (!metric.name.ends_with("/rows")) text += ", '" + metric.name + "'";
  }
  return text;
}

}  // namespace

void check_program(const JobSpec& job, const std::shared_ptr<const Model>& model,
                   const Manifest& train, const std::optional<Manifest>& valid,
                   const ParameterStore& store, std::vector<InputError>& errors) {
  const auto first = try_program(model, train, store, job, errors);
  if (!first) return;
  const auto compare_with = [&](const Graph& other, const std::string& where) {
    const std::string expected = given_in_words(first->training);
    const std::string given = given_in_words(other);
    if (given == expected) return;
    errors.emplace_back(job.model.program_place,
                        std::string(job.model.program->name) + " gives " + where + " " + given +
                            ", but one to train on " + expected,
                        "give every sample a loss, the same metrics, and a prediction of as many "
                        "columns");
  };
  compare_with(first->validation, "the same sample in validation");
  if (!valid) return;
  if (const auto other = try_program(model, *valid, store, job, errors)) {
    compare_with(other->validation, "the first sample of " + valid->file.string());
  }
}

}  // namespace raven
