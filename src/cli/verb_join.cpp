
#include "cli/join.hpp"
#include "cli/verb.hpp"

namespace raven {
namespace {

constexpr const char* examples = R"(Examples:
  raven join runs/digits_cnn
  raven join runs/digits_cnn --threads 4
  mpirun -n 2 --enable-recovery -mca pmix_server_uri file:server.uri raven join runs/digits_cnn

The master must have been started with gateways, and with the address of an ompi-server:
  ompi-server --no-daemonize -r server.uri &
  mpirun -n 2 --oversubscribe --enable-recovery --bind-to none -mca pmix_server_uri file:server.uri \
    raven train jobs/digits_cnn.yaml --gateways 1

The run directory must be readable here. Contributors may come and go at any time; the weights at the end are the
same bits whoever was there.)";

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<JoinOptions>();
  Command verb = parent.add_subcommand("join", "Contribute to a run that is under way");
  verb.add_option("run", options->run, "the run directory").required();
  verb.add_option("--threads", options->threads, "compute threads; default: all cores")
      .range(1, 4096);
  verb.add_option("--wait", options->wait_s,
                  "seconds to wait for a run that has not begun; default: 60")
      .range(0, 1'000'000);
  verb.add_option("--wait-again", options->wait_again_s,
                  "seconds to wait for a run whose master has gone to come back; default: 3600")
      .range(0, 1'000'000);
  verb.add_flag(
      "--stay", options->stay,
      "wait (as long as --wait-again says) when the run is stopped, too, until it is complete");
  // What gateways start; the empty group hides it.
  verb.add_flag("--spawned", options->spawned).group("");
  verb.footer(examples);
  verb.callback([options, &chosen] {
    chosen = [options](Programs programs) { return join(*options, programs); };
  });
}

}  // namespace

const VerbDef join_verb{.declare = declare};

}  // namespace raven
