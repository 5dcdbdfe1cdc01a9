#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/progress.hpp"
#include "cli/token_figures.hpp"
#include "cli/use_model.hpp"
#include "cli/verb.hpp"
#include "raven/cluster/metrics.hpp"
#include "raven/core/error.hpp"
#include "raven/job/fit.hpp"

namespace raven {
namespace {

struct EvaluateOptions {
  std::string run;
  std::string data;
  std::string checkpoint;
  int threads = 0;
  std::int64_t batch = 0;
  bool json = false;
};

/// Sums over all samples.
void check_finite(const TrainedModel& trained, double loss, double weight,
                  const std::vector<std::pair<std::string, double>>& metrics) {
  const auto check = [&](const std::string& name, double sum) {
    if (std::isfinite(sum)) return;
    throw InputError({trained.data->manifest().file.string()},
                     "the " + name + " of the model at step " + std::to_string(trained.step) +
                         " on these samples is not a finite number",
                     "look for values far beyond those that it was trained on, or take an earlier "
                     "checkpoint with --checkpoint");
  };
  check("loss", loss);
  check("loss's weight", weight);
  for (const auto& [name, sum] : metrics) check(name, sum);
}

int evaluate(const EvaluateOptions& options, Programs programs) {
  const TrainedModel trained =
      open_trained(options.run, options.checkpoint, options.data, Targets::needed, programs);
  print_notes(trained.notes);
  if (const auto error = target_error(trained.job, *trained.data)) throw *error;
  const std::int64_t samples = trained.data->size();
  const Graph graph = graph_of_one(trained);
  double loss = 0;
  double weight = 0;
  std::vector<std::pair<std::string, double>> metrics;
  for (const Metric& metric : graph.metrics) metrics.emplace_back(metric.name, 0.0);
  Progress progress(stderr, "evaluating", "sample");
  std::int64_t done = 0;
  // In the order of the run's own validation, so that both add up the same.
  run_over_data(trained, Purpose::evaluate, options.batch, options.threads,
                [&](const Snippet& piece, const SnippetStats& stats) {
                  loss += stats.loss;
                  weight += stats.weight;
                  for (std::size_t m = 0; m < metrics.size(); ++m) {
                    metrics[m].second += stats.metrics[m];
                  }
                  progress.update({.done = done += piece.rows, .total = samples});
                });
  progress.finish();

  check_finite(trained, loss, weight, metrics);
  nlohmann::ordered_json json{{"step", trained.step},
                              {"checkpoint", trained.checkpoint.string()},
                              {"samples", samples},
                              {"loss", weight > 0 ? loss / weight : 0.0}};
  std::string words = fmt::format("{} at step {}: loss {:.6g}", plural(samples, "sample"),
                                  trained.step, weight > 0 ? loss / weight : 0.0);
  for (const auto& [name, value] : told_metrics(metrics, samples)) {
    json[name] = value;
    words += fmt::format(", {} {:.4f}", name, value);
  }
  if (tells_tokens(trained.job, trained.trained_on.schema)) {
    for (const auto& [name, value] : token_figures(weight > 0 ? loss / weight : 0.0)) {
      json[name] = value;
      words += fmt::format(", {} {:.4f}", name, value);
    }
  }
  if (!trained.notes.empty()) json["notes"] = trained.notes;
  // Paths may hold any bytes; JSON may not.
  const std::string text =
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  print((options.json ? text : words) + "\n");
  return exit_done;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<EvaluateOptions>();
  Command verb = parent.add_subcommand("evaluate", "Tell how good a trained model is on some data");
  verb.add_option("run", options->run, "run directory").required();
  verb.add_option("--data", options->data, "manifest of the samples").required();
  verb.add_option("--checkpoint", options->checkpoint, "this one instead of the newest");
  verb.add_option("--threads", options->threads, "compute threads; default: all cores")
      .range(1, 4096);
  verb.add_option("--batch", options->batch,
                  "samples computed at a time by a thread; default: as the run's own validation")
      .range(1, 1 << 24);
  verb.add_flag("--json", options->json, "one JSON object instead of words");
  verb.footer(R"(Examples:
  raven evaluate runs/digits_cnn --data data/digits/valid.yaml
  raven evaluate runs/digits_cnn --data data/digits/valid.yaml --json

With the job's own validation data it gives the run's own figures, to the last bit; another --batch adds
up in another order, which may change the last digits. It may be used while the run goes on.)");
  verb.callback([options, &chosen] {
    chosen = [options](Programs programs) { return evaluate(*options, programs); };
  });
}

}  // namespace

const VerbDef evaluate_verb{.declare = declare};

}  // namespace raven
