#include "cli/train.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <thread>
#include <utility>

#include "cli/console.hpp"
#include "cli/processes.hpp"
#include "cli/report_run.hpp"
#include "cli/run_directory.hpp"
#include "raven/cli/app.hpp"
#include "raven/cluster/checkpoint_writer.hpp"
#include "raven/cluster/drive.hpp"
#include "raven/job/build.hpp"
#include "raven/tensor/bench.hpp"
#include "raven/tensor/fingerprint.hpp"
#include "raven/transport/both.hpp"
#include "raven/transport/local.hpp"
#include "raven/transport/mpi.hpp"

namespace raven {
namespace {

// A signal handler can reach nothing but a global: which signal asked this process to stop, 0 for
// none.
volatile std::sig_atomic_t stop_signal = 0;

/// SIGTERM, SIGINT and SIGUSR1 ask for a stop; a second SIGINT or SIGTERM ends the process the
/// ordinary way.
void listen_for_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { stop_signal = signal; };
  for (const int signal : {SIGTERM, SIGINT}) {
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(signal, &action, nullptr);
  }
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

std::string node_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

Hello hello_of(int threads) {
  return {.fingerprint = numerics_fingerprint(),
          .core = openblas_core_name(),
          .node = node_name(),
          .pid = static_cast<std::uint64_t>(getpid()),
          .threads = static_cast<std::uint32_t>(threads)};
}

/// A contributor inside the master's own process: spare cores, no copies.
class InnerContributor {
 public:
  InnerContributor(LocalHub& hub, const Training& training, ComputePool& compute,
                   BufferPool& buffers)
      : thread_([this, &hub, &training, &compute, &buffers] {
          ContributorSetup setup{.hello = hello_of(compute.threads()),
                                 .open_dataset = [&](const DatasetOffer& offer, std::uint64_t) {
                                   const bool is_train =
                                       offer.identity == training.train->manifest().identity();
                                   return source_of(is_train ? training.train : training.valid);
                                 }};
          const std::unique_ptr<Transport> transport = hub.join();
          drive_contributor(std::move(setup), *transport, compute, buffers,
                            [this] { return leaving_.load(); });
        }) {}
  /// A run that was complete when it began never answers its greeting, so it is also told to leave.
  ~InnerContributor() {
    leaving_ = true;
    thread_.join();
  }
  InnerContributor(const InnerContributor&) = delete;
  InnerContributor& operator=(const InnerContributor&) = delete;

 private:
  std::atomic<bool> leaving_ = false;
  std::thread thread_;  // after all that it uses
};

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::vector<PeerId> ranks_above_zero(int world_size) {
  std::vector<PeerId> ranks;
  for (int rank = 1; rank < world_size; ++rank) ranks.push_back({static_cast<std::uint32_t>(rank)});
  return ranks;
}

/// Tells the ranks that never came to say hello that there is nothing to do.
void dismiss_strangers(Transport& transport, const Roster& roster, int world_size) {
  std::vector<PeerId> strangers = ranks_above_zero(world_size);
  std::erase_if(strangers, [&](PeerId peer) {
    return std::any_of(roster.all().begin(), roster.all().end(),
                       [&](const Member& member) { return member.peer == peer; });
  });
  if (!strangers.empty()) dismiss(transport, strangers, "the run is over");
}

class MasterRun {
 public:
  MasterRun(const TrainOptions& options, const JobSpec& job)
      : options_(options),
        job_(job),
        training_(build_training(job)),
        directory_(options.run.empty() ? default_run_folder(job.name) : options.run, options.job,
                   options.overrides, options.fresh) {}

  /// @param remote null when alone; taken over once nothing but training itself can fail any more
  int train(std::unique_ptr<Transport>& remote, const CoreShare& share, int world_size) {
    std::optional<LoadedCheckpoint> loaded = newest_checkpoint(directory_.checkpoints());
    RunReport report(options_.quiet, job_, directory_.path());

    ComputePool compute(share.threads);
    BufferPool buffers;
    const auto started = std::chrono::steady_clock::now();
    const double wall_before = loaded ? loaded->checkpoint.wall_seconds : 0;
    Master master(training_.setup, std::move(training_.parameters), compute, buffers,
                  loaded ? &loaded->checkpoint : nullptr, started);
    directory_.write_job();
    directory_.write_training_data(training_.train->manifest());
    if (loaded) {
      log_resumption(*loaded);
      report.resumed(*loaded);
    }
    loaded.reset();
    CheckpointWriter writer(directory_.checkpoints(), job_.checkpoint.keep);
    std::unique_ptr<Transport> transport;
    bool log_is_short = false;
    const MasterHooks hooks{
        .on_event =
            [&](const RunEvent& event) {
              if (!directory_.log(event) && !std::exchange(log_is_short, true)) {
                report.warn("events.jsonl could not be written; the run goes on without");
              }
              report.event(event);
            },
        .on_checkpoint = [&](Checkpoint checkpoint) { writer.write(std::move(checkpoint)); },
        .on_progress =
            [&](const MasterProgress& progress) {
              if (std::string complaint = writer.take_complaint(); !complaint.empty()) {
                report.warn("a checkpoint could not be written: " + complaint);
              }
              report.progress(progress);
            },
        .stop_requested = [] { return stop_signal != 0; },
        .after_step = watch(started, transport)};
    LocalHub hub;
    if (!remote) {
      transport = hub.master();
    } else if (share.master_computes) {
      transport = make_both_transport(hub.master(), std::move(remote));
    } else {
      transport = std::move(remote);
    }
    {
      std::optional<InnerContributor> inner;
      if (share.master_computes) inner.emplace(hub, training_, compute, buffers);
      try {
        drive_master(master, *transport, hooks);
        dismiss_strangers(*transport, master.roster(), world_size);
      } catch (...) {
        dismiss_strangers(*transport, master.roster(), world_size);
        transport.reset();  // the inner contributor sees its master go
        throw;
      }
    }
    writer.finish();
    const double wall =
        wall_before +
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const RunOutcome outcome{.master = &master,
                             .traffic = transport->traffic(),
                             .wall_seconds = wall,
                             .session_seconds = wall - wall_before};
    directory_.write_summary(report.summary_json(outcome));
    if (!options_.watch) report.finished(outcome);  // whoever watches reports
    return master.stopped_early() && stop_signal == SIGINT ? exit_interrupted : exit_done;
  }

 private:
  void log_resumption(const LoadedCheckpoint& loaded) {
    const double seconds = loaded.checkpoint.wall_seconds;
    for (const SkippedCheckpoint& skipped : loaded.skipped) {
      directory_.log({"passed_over",
                      {{"t", seconds},
                       {"file", skipped.file.filename().string()},
                       {"reason", skipped.reason}}});
    }
    directory_.log({"resumed",
                    {{"t", seconds},
                     {"step", static_cast<std::int64_t>(loaded.checkpoint.step)},
                     {"file", loaded.file.filename().string()}}});
  }

  [[nodiscard]] std::function<bool(const MasterProgress&)> watch(
      std::chrono::steady_clock::time_point started,
      const std::unique_ptr<Transport>& transport) const {
    if (!options_.watch) return {};
    return [this, started, &transport](const MasterProgress& progress) {
      const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
      return options_.watch({.step = progress.step,
                             .rows = progress.rows,
                             .contributors = progress.contributors,
                             .wall_seconds = wall.count(),
                             .master_cpu_seconds = thread_cpu_seconds(),
                             .traffic = transport->traffic()});
    };
  }

  const TrainOptions& options_;
  const JobSpec& job_;
  Training training_;  // before the directory: what can't be built must not touch an earlier run
  RunDirectory directory_;
};

int contribute(MpiSession& session, const CoreShare& share) {
  ComputePool compute(share.threads);
  BufferPool buffers;
  const std::unique_ptr<Transport> transport = make_mpi_transport();
  const std::string complaint = drive_contributor(
      {.hello = hello_of(share.threads), .open_dataset = open_offered_dataset}, *transport, compute,
      buffers, [] { return stop_signal == SIGTERM || stop_signal == SIGINT; });
  if (!complaint.empty()) {
    print_failure("contributor on rank " + std::to_string(session.rank()) + " ends: " + complaint);
  }
  return exit_done;
}

}  // namespace

int train(const TrainOptions& options) {
  listen_for_signals();
  const bool launched = running_under_mpirun();
  const LaunchPlace place = launch_place();
  std::optional<MpiSession> session;
  if (launched) session.emplace();

  std::vector<InputError> errors;
  const bool is_master = !launched || session->rank() == 0;
  if (!is_master) {
    // Only for `threads` and `master_computes`; a contributor that can't read the job does without.
    const std::optional<JobSpec> job = read_job(options.job, options.overrides, errors);
    const int threads = options.threads > 0 ? options.threads : job ? job->threads : 0;
    return contribute(*session, share_cores(place, allowed_cores(), online_cores(),
                                            job ? job->master_computes : std::nullopt, threads));
  }

  const int world_size = launched ? session->size() : 1;
  std::unique_ptr<Transport> remote;
  if (world_size > 1) remote = make_mpi_transport();
  try {
    const std::optional<JobSpec> job = read_job(options.job, options.overrides, errors);
    if (!job) {
      print_mistakes(errors);
      if (remote) dismiss(*remote, ranks_above_zero(world_size), "the job has mistakes");
      return exit_mistake;
    }
    CoreShare share = share_cores(place, allowed_cores(), online_cores(), job->master_computes,
                                  options.threads > 0 ? options.threads : job->threads);
    if (world_size == 1) share.master_computes = true;
    MasterRun run(options, *job);
    return run.train(remote, share, world_size);
  } catch (const InputError& error) {
    if (remote) dismiss(*remote, ranks_above_zero(world_size), "the master could not begin");
    throw;
  }
}

}  // namespace raven
