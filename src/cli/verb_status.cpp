#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/figures.hpp"
#include "cli/run_files.hpp"
#include "cli/status_file.hpp"
#include "cli/verb.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

struct StatusOptions {
  std::filesystem::path run;
  bool json = false;
  bool watch = false;
};

constexpr const char* examples = R"(Examples:
  raven status runs/digits_cnn
  raven status runs/digits_cnn --watch      # until the run ends, or Ctrl-C
  raven status runs/digits_cnn --json | jq .step

What it shows is at most about a second old while the master lives. See docs/formats/run.md, status.json.)";

std::string headline(const RunStatus& status, bool at_work) {
  if (at_work) return fmt::format("{}, master {} on {}", status.state, status.pid, status.node);
  if (status.state == "finished") return "finished";
  if (status.state == "stopped") return "stopped; the same command goes on";
  return fmt::format("its master is gone, last seen {} ago; the same command goes on",
                     time_in_words(status.age_s));
}

std::string in_words(const RunStatus& status, bool at_work) {
  std::string text = fmt::format("{}: {}\n", status.job, headline(status, at_work));
  text += fmt::format("  step {} of {}, epoch {} of {}", count_in_words(status.step),
                      count_in_words(status.steps), status.epoch, status.epochs);
  if (status.loss) text += fmt::format(", loss {:.4g}", *status.loss);
  if (at_work && status.samples_per_s) {
    text += fmt::format(", {}samples/s", with_prefix(*status.samples_per_s));
  }
  if (at_work && status.left_s) text += ", " + time_in_words(*status.left_s) + " left";
  text += "\n";
  if (at_work && !status.disk.empty()) {
    text += "  the disk refuses checkpoints: " + status.disk + "\n";
  }
  if (status.contributors.empty()) return text + "  no contributor so far\n";
  text += fmt::format("  {:>10}  {:<8} {:<20} {:>8} {:>7} {:>9} {:>9}  {}\n", "peer", "state",
                      "node", "pid", "threads", "samples/s", "snippets", "last heard");
  for (const RunStatus::Contributor& one : status.contributors) {
    const double silent = one.last_heard_s + (at_work ? status.age_s : 0);
    text += fmt::format(
        "  {:>10}  {:<8} {:<20} {:>8} {:>7} {:>9} {:>9}  {}\n", one.peer, one.state, one.node,
        one.pid, one.threads, one.samples_per_s ? fmt::format("{:.0f}", *one.samples_per_s) : "",
        one.snippets, one.state == "gone" ? "" : fmt::format("{:.1f} s ago", silent));
  }
  return text;
}

std::optional<RunStatus> status_or_complaint(const std::filesystem::path& run) {
  const std::optional<Folder> folder = Folder::find(run);
  if (!folder || !folder->has(run_files::lock)) {
    throw InputError({run.string()}, "is not a run directory",
                     "name the folder that the master writes to (runs/<name of the job>)");
  }
  return read_status(run);
}

int show(const StatusOptions& options) {
  const std::optional<RunStatus> status = status_or_complaint(options.run);
  if (!status) {
    throw InputError({options.run.string()}, "nothing is known of this run (yet)",
                     "wait until its master is at work");
  }
  print(options.json ? status_text(options.run).value_or("")
                     : in_words(*status, master_is_at_work(options.run)));
  return exit_done;
}

int watch(const StatusOptions& options) {
  listen_for_signals();
  const bool redraw = is_terminal(stdout);
  for (;;) {
    // Asked first: what a master writes last is read after it has gone.
    const bool at_work = master_is_at_work(options.run);
    if (const auto status = status_or_complaint(options.run)) {
      if (redraw) clear_screen();
      print(in_words(*status, at_work));
      if (!flush_output()) return exit_failure;
    }
    if (!at_work) return exit_done;
    std::this_thread::sleep_for(StatusFile::interval);
    if (asked_to_stop() != 0) return asked_to_stop() == SIGINT ? exit_interrupted : exit_done;
  }
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<StatusOptions>();
  Command verb = parent.add_subcommand(
      "status", "Show how a run is going: step, loss, pace, and each contributor");
  verb.add_option("run", options->run, "the run directory").required();
  const Option json = verb.add_flag("--json", options->json, "status.json as it is");
  verb.add_flag("--watch", options->watch, "show it again every second until the run ends")
      .excludes(json);
  verb.footer(examples);
  verb.callback([options, &chosen] {
    chosen = [options](Programs) { return options->watch ? watch(*options) : show(*options); };
  });
}

}  // namespace

const VerbDef status_verb{.declare = declare};

}  // namespace raven
