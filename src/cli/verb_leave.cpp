#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "cli/console.hpp"
#include "cli/door_file.hpp"
#include "cli/status_file.hpp"
#include "cli/verb.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/gateway.hpp"

namespace raven {
namespace {

using Clock = std::chrono::steady_clock;

struct LeaveOptions {
  std::filesystem::path run;
  std::vector<std::int64_t> peers;
  std::string node;
};

/// How long a contributor may take to hand in what it holds before nobody waits for it any more.
constexpr std::chrono::seconds handing_in{30};
constexpr std::chrono::milliseconds look_interval{100};

constexpr const char* examples = R"(Examples:
  raven leave runs/digits_cnn 3
  raven leave runs/digits_cnn --node n2

'raven status' tells the numbers. Whoever leaves is given nothing new, hands in what it holds, is credited for it, and
ends with exit code 0; the others take over. It ends when they are gone. A contributor leaves by itself on SIGTERM, SIGUSR1
and Ctrl-C.)";

bool is_here(const RunStatus::Contributor& one) { return one.state != "gone"; }

/// The peers that are meant, all of them here. @throws InputError when one is not
std::vector<std::int64_t> peers_in(const LeaveOptions& options, const RunStatus& status) {
  std::vector<std::int64_t> peers;
  for (const RunStatus::Contributor& one : status.contributors) {
    const bool named = std::ranges::find(options.peers, one.peer) != options.peers.end();
    const bool there = !options.node.empty() && one.node == options.node;
    if (is_here(one) && (named || there)) peers.push_back(one.peer);
  }
  const std::string remedy = "see 'raven status " + options.run.string() + "'";
  for (const std::int64_t peer : options.peers) {
    if (std::ranges::find(peers, peer) == peers.end()) {
      throw InputError("no contributor " + std::to_string(peer) + " is here", remedy);
    }
  }
  if (peers.empty()) throw InputError("no contributor is on node " + options.node, remedy);
  return peers;
}

/// The status is about a second old: who is not in it may have come since.
std::vector<std::int64_t> wanted(const LeaveOptions& options, RunStatus status) {
  const auto deadline = Clock::now() + 2 * StatusFile::interval;
  for (;;) {
    try {
      return peers_in(options, status);
    } catch (const InputError&) {
      if (Clock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(look_interval);
    if (auto newer = read_status(options.run)) status = std::move(*newer);
  }
}

void ask(const DoorFile& doors, std::int64_t peer) {
  std::string failure;
  for (const DoorFile::Gateway& gateway : doors.gateways) {
    failure = order_leave({gateway.address, gateway.port, doors.token},
                          {static_cast<std::uint32_t>(peer)}, std::chrono::seconds(10));
    if (failure.empty()) return;
  }
  throw InputError("no gateway takes the order: " + failure, "try again");
}

int leave(const LeaveOptions& options) {
  const std::optional<RunStatus> status = read_status(options.run);
  const std::optional<DoorFile> doors = read_door(options.run);
  if (!status || !doors || !master_is_at_work(options.run)) {
    throw InputError({options.run.string()},
                     "nobody can be asked: the run is over, or has no gateways",
                     "send SIGUSR1 to the contributor itself");
  }
  const std::vector<std::int64_t> peers = wanted(options, *status);
  for (const std::int64_t peer : peers) ask(*doors, peer);
  const auto deadline = Clock::now() + handing_in;
  while (Clock::now() < deadline) {
    if (!master_is_at_work(options.run)) return exit_done;
    const auto now = read_status(options.run);
    const bool all_gone =
        now && std::ranges::none_of(now->contributors, [&](const auto& one) {
          return is_here(one) && std::ranges::find(peers, one.peer) != peers.end();
        });
    if (all_gone) return exit_done;
    std::this_thread::sleep_for(look_interval);
  }
  print_failure("they were asked, and still hand in what they hold");
  return exit_failure;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<LeaveOptions>();
  Command verb = parent.add_subcommand("leave", "Let contributors of a run go, work handed in");
  verb.add_option("run", options->run, "the run directory").required();
  const Option peers =
      verb.add_option("peers", options->peers, "contributors, as 'raven status' numbers them");
  verb.add_option("--node", options->node, "all contributors on this node").excludes(peers);
  verb.footer(examples);
  verb.callback([options, &chosen] {
    if (options->peers.empty() && options->node.empty()) {
      throw InputError("nobody is named", "name a contributor, or a node with --node");
    }
    chosen = [options](Programs) { return leave(*options); };
  });
}

}  // namespace

const VerbDef leave_verb{.declare = declare};

}  // namespace raven
