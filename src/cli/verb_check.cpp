#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/samples_option.hpp"
#include "cli/verb.hpp"
#include "raven/job/check.hpp"

namespace raven {
namespace {

struct CheckOptions {
  std::string job;
  std::vector<std::string> overrides;
  bool skip_data = false;
  bool json = false;
  bool samples = false;
};

constexpr const char* examples = R"(Examples:
  raven check jobs/digits_cnn.yaml
  raven check jobs/digits_cnn.yaml --set train.batch=256 --set model.0.conv2d.channels=64
  raven check my.yaml --no-data                    # before there is any data

Every mistake is reported in one go, each with its line and column, and the exit code is then 2.
--set puts a value into the job as if the file had said so: keys joined by '.', list items by number from 0.)";

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("  {:<9} {}\n", label, text);
}

std::string notes(const JobSummary& sum) {
  std::string text;
  for (const std::string& note : sum.notes) text += line("note", note);
  return text;
}

std::string in_words(const JobSpec& job, const JobSummary& sum) {
  std::string text = job.file.string() + ": no mistakes\n";
  text += line("data", fmt::format("{} to train on, {} to validate; {} to {}",
                                   plural(sum.train_samples, "sample"),
                                   count_in_words(sum.valid_samples), sum.features, sum.targets));
  text +=
      line("model",
           fmt::format("{}, {} ({}), {}",
                       job.model.program != nullptr
                           ? "program " + std::string(job.model.program->name)
                           : plural(static_cast<std::int64_t>(job.model.layers.size()), "layer"),
                       plural(sum.parameters, "parameter"),
                       size_in_words(static_cast<double>(sum.parameter_bytes)),
                       job.model.program != nullptr ? "its own loss" : job.model.loss.type));
  text += line("training", fmt::format("{} an epoch, {} in all; {}, {} more on rank 0",
                                       plural(sum.steps_per_epoch, "step"),
                                       count_in_words(sum.steps), job.train.optimizer.type,
                                       size_in_words(static_cast<double>(sum.optimizer_bytes))));
  if (job.model.program != nullptr) return text + notes(sum);  // its work shows with all samples
  text +=
      line("step", fmt::format("{} in {} of at most {}, {}FLOP",
                               plural(std::min(job.train.batch, sum.train_samples), "sample"),
                               plural(job.train.snippets, "snippet"),
                               count_in_words(sum.snippet_rows), with_prefix(sum.flops_per_step)));
  text += line("snippet", size_in_words(static_cast<double>(sum.workspace_bytes)) +
                              " of memory while it is computed");
  return text + notes(sum);
}

std::string as_json(const JobSpec& job, const JobSummary& sum) {
  const nlohmann::ordered_json json{
      {"job", job.file.string()},
      {"name", job.name},
      {"features", sum.features},
      {"targets", sum.targets},
      {"train_samples", sum.train_samples},
      {"valid_samples", sum.valid_samples},
      {"layers", job.model.layers.size()},
      {"parameters", sum.parameters},
      {"statistics", sum.statistics},
      {"parameter_bytes", sum.parameter_bytes},
      {"optimizer_bytes", sum.optimizer_bytes},
      {"workspace_bytes", sum.workspace_bytes},
      {"steps_per_epoch", sum.steps_per_epoch},
      {"steps", sum.steps},
      {"batch", job.train.batch},
      {"snippets", job.train.snippets},
      {"snippet_rows", sum.snippet_rows},
      {"flops_per_step", sum.flops_per_step},
      {"notes", sum.notes},
  };
  // Paths may hold any bytes; JSON may not.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int check(const CheckOptions& options, Programs programs) {
  std::vector<InputError> errors;
  const std::optional<JobSpec> job = read_job(options.job, options.overrides, errors, programs);
  std::optional<JobSummary> summary;
  if (job && !options.skip_data) summary = check_job(*job, errors);
  if (!errors.empty()) {
    print_mistakes(errors);
    return exit_mistake;
  }
  if (!summary) {
    print(job->file.string() + ": no mistakes (data and shapes not looked at)\n");
  } else {
    print(options.json ? as_json(*job, *summary) : in_words(*job, *summary));
  }
  return exit_done;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<CheckOptions>();
  Command verb = parent.add_subcommand(
      "check", "Tell every mistake in a job, and what it amounts to, without training");
  verb.add_option("job", options->job, "the job, a YAML file (see jobs/README.md)").required();
  verb.add_option("--set", options->overrides,
                  "instead of what the file says; several may follow, or repeat it")
      .settings();
  verb.add_flag("--samples", options->samples, samples_help);
  const Option no_data =
      verb.add_flag("--no-data", options->skip_data, "leave out data and shapes");
  verb.add_flag("--json", options->json, "one JSON object instead of words").excludes(no_data);
  verb.footer(examples);
  verb.callback([options, &chosen] {
    if (options->samples) options->overrides.emplace_back(samples_setting);
    chosen = [options](Programs programs) { return check(*options, programs); };
  });
}

}  // namespace

const VerbDef check_verb{.declare = declare};

}  // namespace raven
