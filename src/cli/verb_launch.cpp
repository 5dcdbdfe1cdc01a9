
#include "cli/launch.hpp"
#include "cli/samples_option.hpp"
#include "cli/verb.hpp"

namespace raven {
namespace {

constexpr const char* examples = R"(Examples:
  raven launch jobs/digits_cnn.yaml
  raven launch jobs/digits_cnn.yaml -n 3 --gateways 2
  raven launch jobs/digits_cnn.yaml --hostfile hosts.txt
  sbatch -N 4 --wrap 'raven launch jobs/digits_cnn.yaml'

Starts ompi-server and mpirun with all that a run needs so that contributors may come, go and die: 'raven join',
'raven spawn', 'raven leave' and 'raven status' work on it. A master that crashes is started again and goes on from
its newest checkpoint; contributors that outlive it come back by themselves. On several nodes (the first is this
one) each has an mpirun of its own, so that a lost node takes along nobody else. The exit code is the master's own,
and nothing that was started is left running.)";

void declare(Command parent, Action& chosen) {
  struct Words {
    LaunchOptions options;
    std::vector<std::string> overrides;
    bool fresh = false;
    bool quiet = false;
    bool samples = false;
  };
  const auto given = std::make_shared<Words>();
  LaunchOptions& options = given->options;
  Command verb = parent.add_subcommand(
      "launch", "Train a job with contributors that may come, go and die, on one node or many");
  verb.add_option("job", options.job, "the job, a YAML file (see jobs/README.md)").required();
  verb.add_option("--run", options.run, "run directory; default: runs/<name of the job>");
  verb.add_option("-n,--contributors", options.contributors,
                  "contributors to start beside the master; default: one on each other node")
      .range(0, 1024);
  verb.add_option("--gateways", options.gateways,
                  "processes that let others in while training runs; default: 1")
      .range(0, 64);
  verb.add_option("--hostfile", options.hostfile,
                  "nodes, one a line, this one first; default: those of Slurm's allocation");
  verb.add_option("--agent", options.agent,
                  "program that runs a command on a node ('AGENT NODE COMMAND'); default: ssh, or "
                  "srun in a Slurm allocation");
  verb.add_option("--restarts", options.restarts,
                  "times that a master is started again without a new checkpoint; default: 5")
      .range(0, 1'000'000);
  verb.add_option("--threads", options.threads,
                  "compute threads of each process; default: share the machine's cores")
      .range(1, 4096);
  verb.add_option("--set", given->overrides,
                  "instead of what the file says; several may follow, or repeat it")
      .settings();
  verb.add_option("--mpirun", options.mpirun, "one more word for mpirun; may be repeated")
      .type_name("WORD")
      .allow_extra_args(false);
  verb.add_flag("--samples", given->samples, samples_help);
  verb.add_flag("--fresh", given->fresh,
                "begin anew: delete what an earlier run left in the run directory");
  verb.add_flag("--quiet", given->quiet, "only the result, no progress");
  verb.footer(examples);
  verb.callback([given, &chosen] {
    if (given->samples) given->overrides.emplace_back(samples_setting);
    for (const std::string& text : given->overrides) {
      given->options.train.insert(given->options.train.end(), {"--set", text});
    }
    if (given->fresh) given->options.train.emplace_back("--fresh");
    if (given->quiet) given->options.train.emplace_back("--quiet");
    chosen = [given](Programs programs) { return launch(given->options, programs); };
  });
}

}  // namespace

const VerbDef launch_verb{.declare = declare};

}  // namespace raven
