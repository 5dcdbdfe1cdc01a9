#include <mpi.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <thread>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/mpi.hpp"
#include "transport/mpi/avert_abort.hpp"
#include "transport/mpi/broken_socket.hpp"

namespace raven {
namespace {

/// Ends the process unless it is destroyed in time.
class Watchdog {
 public:
  Watchdog(std::chrono::milliseconds patience, int exit_code)
      : thread_([this, patience, exit_code] {
          std::unique_lock lock(mutex_);
          if (done_.wait_for(lock, patience, [this] { return over_; })) return;
          std::fflush(nullptr);
          ::_exit(exit_code);
        }) {}

  ~Watchdog() {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    done_.notify_one();
    thread_.join();
  }

  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool over_ = false;
  std::thread thread_;  // last, because it uses the others
};

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

bool running_under_mpirun() {
  // Open MPI, then whatever starts processes by PMIx (srun --mpi=pmix, prun), then MPICH and its
  // kin.
  return is_set("OMPI_COMM_WORLD_SIZE") || is_set("PMIX_RANK") || is_set("PMI_RANK");
}

MpiSession::MpiSession(std::chrono::milliseconds finalize_patience, Threads threads)
    : finalize_patience_(finalize_patience) {
  int already = 0;
  MPI_Initialized(&already);
  expects(already == 0, "a process has one MpiSession");
  // One thread calls MPI, so MPI_THREAD_FUNNELED would be the word. But then Open MPI 4.1 takes its
  // locks, and its TCP code locks itself out for good when a peer dies in the middle of a transfer
  // to it: the error handler, holding the connection's send lock, sends on that connection. 4 of 6
  // masters were lost that way, none of 14 without the locks. To Open MPI the two levels differ in
  // nothing else.
  const int wanted = threads == Threads::one ? MPI_THREAD_SINGLE : MPI_THREAD_MULTIPLE;
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(nullptr, nullptr, wanted, &provided) != MPI_SUCCESS) {
    throw InputError("MPI can't be initialised",
                     "run without mpirun, or see what MPI itself says above");
  }
  if (provided < wanted) {
    throw InputError("this MPI library can't be used by several threads, which a gateway needs",
                     "run without --gateways, or with Open MPI");
  }
  // Communicators made later inherit this; an error is then a return value and never the end.
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  // Open MPI writes to its sockets with writev(), and a peer's death would end this process by a
  // signal.
  std::signal(SIGPIPE, SIG_IGN);
  avert_aborts(true);
  defer_broken_writes();
}

MpiSession::~MpiSession() { finish(std::uncaught_exceptions() > 0 ? EXIT_FAILURE : EXIT_SUCCESS); }

void MpiSession::finish(int exit_code) {
  if (finished_) return;
  finished_ = true;
  std::fflush(nullptr);
  const Watchdog watchdog(finalize_patience_, exit_code);
  MPI_Finalize();
}

MpiEnvironment describe_mpi() {
  MpiEnvironment found;
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  // "Open MPI v4.1.4, package: ..., ident: ...": the first part says enough.
  const std::string_view version(text, static_cast<std::size_t>(length));
  found.library = version.substr(0, version.find_first_of(",\n"));
  char node[MPI_MAX_PROCESSOR_NAME] = {};
  MPI_Get_processor_name(node, &length);
  found.node.assign(node, static_cast<std::size_t>(length));
  MPI_Comm_rank(MPI_COMM_WORLD, &found.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &found.world_size);
  // mpirun hands its MCA parameters to the ranks in the environment.
  const char* recovery = std::getenv("OMPI_MCA_orte_enable_recovery");
  found.recovery_enabled = recovery != nullptr && std::string_view(recovery) != "0" &&
                           std::string_view(recovery) != "false";
  return found;
}

}  // namespace raven
