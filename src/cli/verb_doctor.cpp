#include <fmt/format.h>
#include <algorithm>

#include "cli/console.hpp"
#include "cli/doctor.hpp"
#include "cli/verb.hpp"

namespace raven {
namespace {

struct DoctorOptions {
  std::filesystem::path run = "runs";
  std::filesystem::path probe;
};

constexpr const char* examples = R"(Examples:
  raven doctor
  raven doctor --run runs

Takes less than 5 s. Starts an mpirun, kills one of its processes and watches what becomes of the others; measures OpenBLAS's kernels
against what the CPU can do; looks for CPU quotas, locks, networks and space. Given the directory of a run under way it also compares this
machine's addresses with the gateway's. Inside another mpirun or a Slurm step it leaves their variables out. Exit code 0 when a run
can begin here, 1 when something has to be mended first; each fault comes with its mend.)";

std::string_view word_for(Finding::Verdict verdict) {
  switch (verdict) {
    case Finding::Verdict::good:
      return "good";
    case Finding::Verdict::doubtful:
      return "doubtful";
    case Finding::Verdict::bad:
      break;
  }
  return "BAD";
}

int consult(const DoctorOptions& options) {
  if (!options.probe.empty()) return die_or_watch(options.probe);
  const std::vector<Finding> findings = examine(options.run);
  for (const Finding& finding : findings) {
    print(fmt::format("{:<9} {:<12} {}\n", word_for(finding.verdict), finding.what, finding.found));
    if (!finding.mend.empty()) print(fmt::format("{:<22} mend: {}\n", "", finding.mend));
  }
  const bool ill = std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.verdict == Finding::Verdict::bad; });
  return ill ? exit_failure : exit_done;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<DoctorOptions>();
  Command verb =
      parent.add_subcommand("doctor", "Look whether runs can begin here, and outlive deaths");
  verb.add_option("--run", options->run, "folder where runs are to be kept; default: runs");
  // For the processes that it starts itself; the empty group hides it.
  verb.add_option("--probe", options->probe).group("");
  verb.footer(examples);
  verb.callback([options, &chosen] { chosen = [options](Programs) { return consult(*options); }; });
}

}  // namespace

const VerbDef doctor_verb{.declare = declare};

}  // namespace raven
