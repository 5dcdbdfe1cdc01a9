
#include "cli/join.hpp"
#include "cli/verb.hpp"
#include "raven/transport/relay.hpp"

namespace raven {
namespace {

constexpr const char* examples = R"(Examples:
  raven spawn runs/digits_cnn
  raven spawn runs/digits_cnn -n 2 --host n3

The new contributors belong to the run's own mpirun, which must have been told '--oversubscribe' or have slots to spare.
The order is taken at once; events.jsonl tells when they have come.)";

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<SpawnOptions>();
  Command verb =
      parent.add_subcommand("spawn", "Have a run that is under way start more contributors");
  verb.add_option("run", options->run, "the run directory").required();
  verb.add_option("-n,--count", options->count, "how many; default: 1")
      .range(std::uint32_t{1}, SpawnOrder::most);
  verb.add_option("--host", options->host, "the node; default: where there is room");
  verb.footer(examples);
  verb.callback([options, &chosen] { chosen = [options](Programs) { return spawn(*options); }; });
}

}  // namespace

const VerbDef spawn_verb{.declare = declare};

}  // namespace raven
