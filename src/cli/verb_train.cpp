
#include "cli/samples_option.hpp"
#include "cli/train.hpp"
#include "cli/verb.hpp"

namespace raven {
namespace {

constexpr const char* examples = R"(Examples:
  raven train jobs/digits_cnn.yaml
  raven train jobs/digits_cnn.yaml --run runs/wide --set model.0.conv2d.channels=64
  mpirun -n 3 --oversubscribe --enable-recovery --bind-to none raven train jobs/digits_cnn.yaml

The same command goes on where it was stopped or killed. SIGTERM, SIGUSR1 and Ctrl-C end the step under way,
write a checkpoint and leave. The weights at the end are the same bits for any number of threads, ranks, kills and resumes.

The run directory holds job.yaml, events.jsonl, checkpoints/ and, at the end, summary.json.)";

void declare(Command parent, Action& chosen) {
  struct Words {
    TrainOptions options;
    bool samples = false;
  };
  const auto given = std::make_shared<Words>();
  const std::shared_ptr<TrainOptions> options(given, &given->options);
  Command verb =
      parent.add_subcommand("train", "Train a job: alone, or as the ranks that mpirun starts");
  verb.add_option("job", options->job, "the job, a YAML file (see jobs/README.md)").required();
  verb.add_option("--run", options->run, "run directory; default: runs/<name of the job>");
  verb.add_option("--set", options->overrides,
                  "instead of what the file says; several may follow, or repeat it")
      .settings();
  verb.add_flag("--samples", given->samples, samples_help);
  verb.add_flag("--fresh", options->fresh,
                "begin anew: delete what an earlier run left in the run directory");
  verb.add_flag("--quiet", options->quiet, "only the result, no progress");
  verb.add_option("--threads", options->threads,
                  "compute threads of each process; default: share the machine's cores")
      .range(1, 4096);
  verb.add_option("--gateways", options->gateways,
                  "ranks 1 to GATEWAYS let contributors come while training runs (raven join, "
                  "raven spawn, contributors.spawn) and compute nothing themselves; default: 0")
      .range(0, 64);
  // For 'raven launch'; the empty group hides them.
  verb.add_option("--others", options->others).range(0, 1024).group("");
  verb.add_option("--result-file", options->result_file).group("");
  verb.footer(examples);
  verb.callback([given, options, &chosen] {
    if (given->samples) options->overrides.emplace_back(samples_setting);
    chosen = [options](Programs programs) { return train(*options, programs); };
  });
}

}  // namespace

const VerbDef train_verb{.declare = declare};

}  // namespace raven
