#include "cli/train.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>
#include <utility>

#include "cli/another_job.hpp"
#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/disk_watch.hpp"
#include "cli/inner_contributor.hpp"
#include "cli/launch.hpp"
#include "cli/newcomers.hpp"
#include "cli/processes.hpp"
#include "cli/report_run.hpp"
#include "cli/resumed_data.hpp"
#include "cli/run_directory.hpp"
#include "cli/status_file.hpp"
#include "cli/token_figures.hpp"
#include "cli/way_in.hpp"
#include "raven/cli/app.hpp"
#include "raven/cluster/checkpoint_writer.hpp"
#include "raven/cluster/drive.hpp"
#include "raven/cluster/gateway_sums.hpp"
#include "raven/core/mac.hpp"
#include "raven/job/build.hpp"
#include "raven/transport/both.hpp"
#include "raven/transport/gateway.hpp"
#include "raven/transport/local.hpp"
#include "raven/transport/mpi.hpp"
#include "raven/transport/relay.hpp"

namespace raven {
namespace {

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The master's way to the other ranks, if there are any.
struct MasterRemote {
  std::unique_ptr<Transport> transport;  ///< null when alone
  RelayTransport* relay = nullptr;       ///< the same, when there are gateways
  std::vector<PeerId> contributors;      ///< ranks that are no gateways

  MasterRemote(int world_size, int gateways) {
    for (int rank = gateways + 1; rank < world_size; ++rank) {
      contributors.push_back({static_cast<std::uint32_t>(rank)});
    }
    if (world_size > 1) transport = make_mpi_transport();
    if (gateways == 0) return;
    auto with_gateways = make_relay_transport(
        std::move(transport),
        {.gateways = gateways, .first_newcomer = static_cast<std::uint32_t>(world_size)});
    relay = with_gateways.get();
    transport = std::move(with_gateways);
  }

  void dismiss_all(const std::string& reason) {
    if (transport) dismiss(*transport, contributors, reason);
  }
};

/// Tells the ranks that never came to say hello that there is nothing to do.
void dismiss_strangers(Transport& transport, const Roster& roster, std::vector<PeerId> strangers) {
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
                   options.overrides, options.fresh),
        report_(options.quiet, job, directory_.path(),
                tells_tokens(job, training_.train->schema())) {}

  /// @param remote null when alone; taken over once nothing but training itself can fail any more
  int train(MasterRemote& remote, const CoreShare& share) {
    std::optional<LoadedCheckpoint> loaded = newest_checkpoint(directory_.checkpoints());
    const std::optional<Manifest> began = directory_.training_data();
    if (loaded && began) {
      check_same_meaning(training_.train->manifest(), *began, directory_.path());
    }
    if (loaded && loaded->checkpoint.training_digest != training_.setup.training_digest) {
      refuse_another_job(directory_.path(), {directory_.job_text(), options_.overrides},
                         training_.train->manifest());
    }
    print_notes(training_.notes);
    // The master's own sums and updates never wait for the snippets computed beside it.
    ComputePool compute(share.threads, 1);
    BufferPool buffers;
    prepare_setup(remote.transport != nullptr);
    const auto started = Clock::now();
    Master master(training_.setup, std::move(training_.parameters), compute, buffers,
                  loaded ? &loaded->checkpoint : nullptr, started);
    master_ = &master;
    started_ = started;
    begin(loaded ? &*loaded : nullptr, began);
    loaded.reset();
    warn_of_the_place(share.threads);
    bool was_lost = false;
    bool told_of_idle = false;
    CheckpointWriter writer(directory_.checkpoints(), job_.checkpoint.keep,
                            [this] { directory_.sync_history(); });
    std::unique_ptr<Transport> transport;
    Newcomers newcomers(remote.relay, job_, directory_.path(),
                        {.log = [&](RunEvent event) { log_now(std::move(event)); },
                         .warn = [&](const std::string& text) { report_.warn(text); },
                         .let_go = [&](PeerId peer) { master.request_leave(peer); }});
    DiskWatch disk(trains_on * job_.checkpoint.every,
                   {.log =
                        [&](std::string kind, auto fields) {
                          log_now({std::move(kind), std::move(fields)});
                        },
                    .warn = [&](const std::string& text) { report_.warn(text); },
                    .hold = [&](bool held) { master.hold(held); }});
    const auto watch_step = watch(started, transport);
    StatusFile status(directory_.path(), job_.name, job_.train.epochs);
    const MasterHooks hooks{
        .on_event =
            [&](const RunEvent& event) {
              log(event);
              report_.event(event);
            },
        .on_epoch = [&](const EpochResult& epoch) { directory_.log_epoch(epoch); },
        .on_checkpoint = [&](Checkpoint checkpoint) { writer.write(std::move(checkpoint)); },
        .on_progress =
            [&](const MasterProgress& progress) {
              // The last line tells how it ended.
              if (!master.finished()) log_written(writer);
              look_at_disk(writer, disk);
              newcomers.look(progress);
              if (std::string idle = idle_contributors(progress.contributors, job_.train.snippets);
                  !idle.empty() && !std::exchange(told_of_idle, true)) {
                report_.warn(idle);
              }
              report_.progress(progress);
              if (!changes_nothing_)
                status.update(master, disk.reason(), disk.holds(), Clock::now());
            },
        .stop_requested =
            [&] {
              const bool lost = directory_.lock().lost();
              if (lost && !std::exchange(was_lost, true)) {
                report_.warn(
                    "another master has taken this run over, while this one was paused; "
                    "this one ends");
              }
              return lost || asked_to_stop() != 0;
            },
        .after_step =
            [&](const MasterProgress& progress) {
              newcomers.look(progress);
              return !watch_step || watch_step(progress);
            }};
    LocalHub hub;
    if (!remote.transport) {
      transport = hub.master();
    } else if (share.master_computes) {
      transport = make_both_transport(hub.master(), std::move(remote.transport));
    } else {
      transport = std::move(remote.transport);
    }
    {
      std::optional<InnerContributor> inner;
      if (share.master_computes) inner.emplace(hub, training_, compute, buffers);
      try {
        drive_master(master, *transport, hooks);
        dismiss_strangers(*transport, master.roster(), remote.contributors);
      } catch (...) {
        dismiss_strangers(*transport, master.roster(), remote.contributors);
        transport.reset();  // the inner contributor sees its master go
        throw;
      }
    }
    const double wall = master.seconds(Clock::now());
    const RunOutcome outcome{.master = &master,
                             .traffic = transport->traffic(),
                             .wall_seconds = changes_nothing_ ? wall_before_ : wall,
                             .session_seconds = wall - wall_before_};
    await_disk(writer, disk, status, outcome);
    if (!options_.watch) report_.finished(outcome);  // whoever watches reports
    return master.stopped_early() && asked_to_stop() == SIGINT ? exit_interrupted : exit_done;
  }

 private:
  using Clock = std::chrono::steady_clock;
  /// Without a checkpoint training goes on for this many times the time between two.
  static constexpr int trains_on = 10;

  /// What is unlike elsewhere: locks, processor time, kernels.
  void warn_of_the_place(int threads) {
    for (const std::string& trouble :
         {directory_.lock().remark(), threads_trouble(threads, cores_here()),
          kernel_name_trouble(std::getenv("OPENBLAS_CORETYPE"), training_.setup.numerics.core)}) {
      if (!trouble.empty()) report_.warn(trouble);
    }
  }

  void prepare_setup(bool others_may_come) {
    training_.setup.session = unguessable();
    training_.setup.node = node_name();
    training_.setup.pid = static_cast<std::uint64_t>(::getpid());
    training_.setup.others_may_come = others_may_come;
    training_.setup.seconds_before = directory_.seconds_told();
  }

  /// Once it is sure that the run goes on with this job.
  /// @param began what the run was trained on so far, if that is known
  void begin(const LoadedCheckpoint* loaded, const std::optional<Manifest>& began) {
    wall_before_ = master_->seconds(started_);
    changes_nothing_ =
        master_->was_complete() && directory_.has_summary_of(master_->parameters().digest());
    directory_.write_job();
    if (!changes_nothing_ || !began) {
      directory_.write_training_data(with_known(training_.train->manifest(), began));
    }
    if (!changes_nothing_) {
      directory_.cut_history(loaded ? loaded->checkpoint.step : 0, master_->history().epochs());
    }
    if (loaded == nullptr) return;
    if (!changes_nothing_) log_resumption(*loaded);
    report_.resumed(*loaded);
    if (const auto gap = numerics_gap(training_.setup, loaded->checkpoint)) {
      report_.warn("this machine's arithmetic may give other bits than the run began with (" +
                   gap->difference + ")");
    }
    // It was killed when only its last words were missing.
    if (!changes_nothing_ && master_->was_complete()) {
      log_now({"finished", {{"step", static_cast<std::int64_t>(loaded->checkpoint.step)}}});
    }
  }

  void log(const RunEvent& event) {
    if (directory_.log(event)) {
      log_is_short_ = false;
    } else if (!std::exchange(log_is_short_, true)) {
      report_.warn("events.jsonl could not be written; its lines wait until there is room");
    }
  }

  /// Of an event that does not say when it happened.
  void log_now(RunEvent event) {
    event.fields.insert(event.fields.begin(), {"t", master_->seconds(Clock::now())});
    log(event);
  }

  void log_resumption(const LoadedCheckpoint& loaded) {
    for (const SkippedCheckpoint& skipped : loaded.skipped) {
      log({"passed_over",
           {{"t", wall_before_},
            {"file", skipped.file.filename().string()},
            {"reason", skipped.reason}}});
    }
    log({"resumed",
         {{"t", wall_before_},
          {"step", static_cast<std::int64_t>(loaded.checkpoint.step)},
          {"file", loaded.file.filename().string()}}});
  }

  void log_written(CheckpointWriter& writer) {
    for (const CheckpointCost& cost : writer.take_written()) {
      log_now({"checkpoint_written",
               {{"step", static_cast<std::int64_t>(cost.step)},
                {"seconds", cost.seconds},
                {"cpu_seconds", cost.cpu_seconds}}});
    }
  }

  void look_at_disk(CheckpointWriter& writer, DiskWatch& disk) {
    disk.look(writer.refusal(), Clock::now());
    (void)directory_.flush_lines();
  }

  /// Writes what is left to be written, however long it takes until there is room, unless somebody
  /// asks once more to stop. @throws InputError then
  void await_disk(CheckpointWriter& writer, DiskWatch& disk, StatusFile& status,
                  const RunOutcome& outcome) {
    constexpr std::chrono::milliseconds look_interval{50};
    const int asked_before = asked_to_stop();
    const auto give_up_if_asked = [&](const std::string& reason) {
      if (asked_to_stop() == asked_before) return;
      throw InputError(reason, "make room or choose another disk, then run the same command again");
    };
    while (!writer.wait(look_interval)) {
      look_at_disk(writer, disk);
      if (disk.reason().empty()) continue;
      status.update(*outcome.master, disk.reason(), true, Clock::now());
      give_up_if_asked(disk.reason());
    }
    look_at_disk(writer, disk);
    if (changes_nothing_) return;
    bool told = false;
    for (std::string refusal = write_last(outcome); !refusal.empty();
         refusal = write_last(outcome)) {
      if (!std::exchange(told, true)) {
        report_.warn("the run's last figures can't be written: " + refusal +
                     "; it waits until there is room");
      }
      give_up_if_asked(refusal);
      std::this_thread::sleep_for(look_interval);
    }
    status.finish(*outcome.master, Clock::now());
  }

  /// @return why that failed; empty when it did not
  std::string write_last(const RunOutcome& outcome) {
    std::string refusal = directory_.flush_lines();
    if (!refusal.empty()) return refusal;
    try {
      directory_.write_summary(report_.summary_json(outcome));
    } catch (const InputError& error) {
      return error.what();
    }
    return {};
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
  RunReport report_;
  const Master* master_ = nullptr;  ///< while it trains
  Clock::time_point started_{};
  double wall_before_ = 0;        ///< seconds of training before this process
  bool changes_nothing_ = false;  ///< the run was complete, and all that there is to tell is told
  bool log_is_short_ = false;
};

int contribute_as_rank(MpiSession& session, const std::filesystem::path& run, int threads,
                       Programs programs) {
  WayIn way(run, {}, mpi_server_of_environment());
  Workplace workplace(threads, programs);
  const ContributorEnd end = way.contribute(workplace, make_mpi_transport());
  if (!end.why.empty()) {
    print_failure("contributor on rank " + std::to_string(session.rank()) + " ends: " + end.why);
  }
  return exit_done;
}

int be_gateway(MpiSession& session, const std::filesystem::path& run, int threads) {
  const std::unique_ptr<Passage> sums = make_gateway_sums();
  GatewayOptions gateway{.spawn_command = {std::filesystem::read_symlink("/proc/self/exe").string(),
                                           "join", run.string(), "--spawned"},
                         .passage = sums.get()};
  if (threads > 0) {
    gateway.spawn_command.insert(gateway.spawn_command.end(),
                                 {"--threads", std::to_string(threads)});
  }
  const std::string complaint = run_gateway(session, gateway);
  if (!complaint.empty()) {
    print_failure("gateway on rank " + std::to_string(session.rank()) + " ends: " + complaint);
  }
  return exit_done;
}

/// Before MPI is finalized, since that may end the process.
void leave_result(const TrainOptions& options, int code) {
  if (options.result_file.empty() || launch_place().rank != 0) return;
  std::ofstream(options.result_file) << code << '\n';
}

int train_here(const TrainOptions& options, Programs programs) {
  // One alone needs no MPI, whatever the launcher that left its words.
  const bool launched = is_one_of_several();
  LaunchPlace place = launch_place();
  const bool is_gateway = launched && place.rank >= 1 && place.rank <= options.gateways;
  std::optional<MpiSession> session;
  if (launched) {
    session.emplace(std::chrono::seconds(3),
                    is_gateway ? MpiSession::Threads::several : MpiSession::Threads::one);
  }
  if (!options.result_file.empty() && place.rank == 0) {
    std::ofstream(sign_of_beginning(options.result_file)) << ::getpid() << '\n';
  }
  const int world_size = launched ? session->size() : 1;
  const bool is_master = !launched || session->rank() == 0;
  if (options.gateways >= world_size && options.gateways > 0) {
    if (!is_master) return exit_mistake;
    throw InputError("--gateways " + std::to_string(options.gateways) + " takes " +
                         std::to_string(options.gateways + 1) + " processes and there are " +
                         std::to_string(world_size),
                     "start it under 'mpirun -n " + std::to_string(options.gateways + 1) + "'");
  }
  // Gateways leave their cores to others. Where mpirun fills node by node they are beside rank 0.
  if (place.rank == place.local_rank) {
    place.local_size = std::max(1, place.local_size - options.gateways) + options.others;
  }

  std::vector<InputError> errors;
  if (!is_master) {
    // Only for `threads` and `master_computes`; a contributor that can't read the job does without.
    const std::optional<JobSpec> job = read_job(options.job, options.overrides, errors, programs);
    const int threads = options.threads > 0 ? options.threads : job ? job->threads : 0;
    const std::filesystem::path run = std::filesystem::absolute(
        options.run.empty() ? default_run_folder(job ? job->name : "run") : options.run);
    if (is_gateway) return be_gateway(*session, run, threads);
    return contribute_as_rank(
        *session, run,
        share_cores(place, cores_here(), job ? job->master_computes : std::nullopt, threads)
            .threads,
        programs);
  }

  MasterRemote remote(world_size, options.gateways);
  try {
    const std::optional<JobSpec> job = read_job(options.job, options.overrides, errors, programs);
    if (!job) {
      print_mistakes(errors);
      leave_result(options, exit_mistake);
      remote.dismiss_all("the job has mistakes");
      return exit_mistake;
    }
    CoreShare share = share_cores(place, cores_here(), job->master_computes,
                                  options.threads > 0 ? options.threads : job->threads);
    if (world_size == 1) share.master_computes = true;
    MasterRun run(options, *job);
    const int code = run.train(remote, share);
    leave_result(options, code);
    return code;
  } catch (const InputError&) {
    leave_result(options, exit_mistake);
    remote.dismiss_all("the master could not begin");
    throw;
  }
}

}  // namespace

int train(const TrainOptions& options, Programs programs) {
  listen_for_signals();
  try {
    return train_here(options, programs);
  } catch (const InputError&) {
    leave_result(options, exit_mistake);
    throw;
  } catch (...) {
    leave_result(options, exit_failure);
    throw;
  }
}

}  // namespace raven
