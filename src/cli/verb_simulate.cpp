#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/verb.hpp"
#include "raven/simulate/simulator.hpp"

namespace raven {
namespace {

struct SimulateOptions {
  std::string job;
  std::vector<std::string> overrides;
  std::uint64_t seed = 1;
  std::string seeds;
  std::string faults = "all";
  int contributors = 4;
  bool trace = false;
  bool quiet = false;
};

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

std::string kinds_in_words() {
  std::string text;
  for (const FaultDef& def : fault_table()) {
    text += fmt::format("  {:<12} {}{}\n", def.name, def.help,
                        def.promised ? def.attack ? " (attack)" : ""
                                     : " (attack; not in `all`: nobody can notice it yet)");
  }
  return text;
}

std::string examples() {
  return R"(Examples:
  raven simulate jobs/tabular.yaml --set train.epochs=2 --seeds 1..100
  raven simulate jobs/tabular.yaml --set train.epochs=2 --seed 17 --faults crash,torn --trace

Trains the job once undisturbed, then once for each seed in a made-up world where faults happen. The real master
and contributors run, on one thread and without a clock, so a seed replays to the same trace. Every run must end
with the same weights, losses and counts of samples, bit for bit; exit code 1 when one does not.
The data is read and the gradients are computed for real: take a small job.

Without attacks (`honest`) nobody may be given up as a liar either.

Faults:
)" + kinds_in_words();
}

Seeds seeds_of(const SimulateOptions& options) {
  if (options.seeds.empty()) return {options.seed, options.seed};
  Seeds seeds;
  const std::size_t dots = options.seeds.find("..");
  const auto number = [](const std::string& text, std::uint64_t& to) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, to);
    return error == std::errc() && stop == end;
  };
  if (dots == std::string::npos || !number(options.seeds.substr(0, dots), seeds.first) ||
      !number(options.seeds.substr(dots + 2), seeds.last) || seeds.first > seeds.last) {
    throw InputError("--seeds " + options.seeds + " is no range of seeds",
                     "write the first and the last one, as in 1..100");
  }
  return seeds;
}

/// A new folder, in memory if there is a place for that: a run syncs dozens of checkpoints.
std::filesystem::path new_scratch_folder() {
  const std::filesystem::path memory = "/dev/shm";
  const std::filesystem::path temporary = std::filesystem::temp_directory_path();
  for (const std::filesystem::path& place : {memory, temporary}) {
    std::string pattern = (place / "raven-simulate-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) return pattern;
  }
  throw InputError({temporary.string()}, "no folder can be made here for checkpoints",
                   "point TMPDIR to a folder that you may write to");
}

std::string line(std::uint64_t seed, const SimulationResult& result) {
  return fmt::format("seed {}: {}; {}, {}, {}, {:.1f} s simulated\n", seed,
                     result.same() ? "the same bits" : "DIFFERENT: " + result.difference,
                     plural(static_cast<std::int64_t>(result.faults), "fault"),
                     plural(static_cast<std::int64_t>(result.masters), "master"),
                     plural(static_cast<std::int64_t>(result.contributors), "contributor"),
                     result.virtual_seconds);
}

std::string replay(const SimulateOptions& options, std::uint64_t seed) {
  std::string command = "  raven simulate " + options.job;
  for (const std::string& text : options.overrides) command += " --set " + text;
  return command + fmt::format(" --seed {} --faults {} --contributors {} --trace\n", seed,
                               options.faults, options.contributors);
}

int simulate(const SimulateOptions& options, Programs programs) {
  const Seeds seeds = seeds_of(options);
  const FaultSet faults = FaultSet::named(options.faults);
  std::vector<InputError> errors;
  const std::optional<JobSpec> job = read_job(options.job, options.overrides, errors, programs);
  if (!job) {
    print_mistakes(errors);
    return exit_mistake;
  }
  Simulator simulator(build_training(*job), new_scratch_folder());
  const auto started = std::chrono::steady_clock::now();
  std::int64_t runs = 0;
  std::int64_t different = 0;
  for (std::uint64_t seed = seeds.first;; ++seed) {
    SimulationPlan plan{.seed = seed, .faults = faults, .contributors = options.contributors};
    if (options.trace) plan.trace = [](std::string_view text) { print(std::string(text) + "\n"); };
    const SimulationResult result = simulator.run(plan);
    ++runs;
    if (!options.quiet || !result.same()) print(line(seed, result));
    if (!result.same()) {
      ++different;
      print(replay(options, seed));
    }
    if (seed == seeds.last) break;
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started;
  if (runs > 1) {
    print(fmt::format("{} in {:.1f} s, {} different; weights_sha256: {}\n", plural(runs, "run"),
                      time.count(), different, to_hex(simulator.undisturbed().weights)));
  }
  return different == 0 ? exit_done : exit_failure;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<SimulateOptions>();
  Command verb = parent.add_subcommand(
      "simulate", "Train a job in made-up worlds full of faults, and compare the bits");
  verb.add_option("job", options->job, "the job, a YAML file (see jobs/README.md)").required();
  verb.add_option("--set", options->overrides,
                  "instead of what the file says; several may follow, or repeat it")
      .settings();
  const Option seed =
      verb.add_option("--seed", options->seed, "which world; the same seed gives the same one");
  verb.add_option("--seeds", options->seeds, "many worlds, one after the other: FIRST..LAST")
      .type_name("A..B")
      .excludes(seed);
  verb.add_option("--faults", options->faults,
                  "all, honest, none, or the kinds that may happen, with commas between")
      .type_name("KINDS")
      .capture_default_str();
  verb.add_option("--contributors", options->contributors, "how many work at a time")
      .range(1, 1000)
      .capture_default_str();
  verb.add_flag("--trace", options->trace, "tell everything that happens");
  verb.add_flag("--quiet", options->quiet, "only runs that differ, and the sum");
  verb.footer(examples());
  verb.callback([options, &chosen] {
    chosen = [options](Programs programs) { return simulate(*options, programs); };
  });
}

}  // namespace

const VerbDef simulate_verb{.declare = declare};

}  // namespace raven
