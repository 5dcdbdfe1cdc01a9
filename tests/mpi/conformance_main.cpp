// Plays one scenario of the transport's conformance suite under mpirun: mpi_conformance SCENARIO.
//
// mpirun --enable-recovery ends with 0 whatever happens, so each rank says "passed" or "FAILED" and
// the test counts the words.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "raven/transport/mpi.hpp"
#include "transport/conformance.hpp"

namespace {

constexpr std::size_t mib = 1024 * 1024;

void say(int rank, const std::string& what) {
  // One write per line: lines of several ranks then don't mix.
  const std::string line = "rank " + std::to_string(rank) + " " + what + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

int play(const raven::conformance::Scenario& scenario) {
  raven::MpiSession session;
  try {
    // Small limits, so that bodies in pieces and oversize ones need no gigabytes.
    const raven::MpiOptions options{.max_body_bytes = 20 * mib, .piece_bytes = 3 * mib};
    const auto transport = raven::make_mpi_transport(options);
    raven::conformance::World world{.transport = *transport,
                                    .index = session.rank(),
                                    .contributors = session.size() - 1,
                                    .max_body_bytes = options.max_body_bytes,
                                    .window = 4,
                                    .deaths_are_seen = true,
                                    .die = [] { std::raise(SIGKILL); }};
    scenario.play(world);
    say(session.rank(), "passed");
  } catch (const std::exception& error) {
    say(session.rank(), std::string("FAILED: ") + error.what());
    session.finish(1);
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& scenario : raven::conformance::scenarios()) {
    if (argc == 2 && std::strcmp(argv[1], scenario.name) == 0) return play(scenario);
  }
  std::fputs("FAILED: no such scenario\n", stdout);
  return 2;
}
