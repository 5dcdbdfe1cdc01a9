#include "cli/doctor.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "cli/doctor_machine.hpp"
#include "cli/door_file.hpp"
#include "cli/figures.hpp"
#include "cli/launchers.hpp"
#include "cli/process_tree.hpp"
#include "raven/cli/app.hpp"
#include "raven/core/error.hpp"
#include "raven/core/mac.hpp"
#include "raven/data/digits.hpp"
#include "raven/data/verify.hpp"
#include "raven/transport/mpi.hpp"

namespace raven {
namespace {

using Clock = std::chrono::steady_clock;
using Verdict = Finding::Verdict;

constexpr int watchers = 2;
constexpr std::chrono::milliseconds look_interval{10};
/// It is over in two seconds where processes start as they should; a machine that is busy with
/// other work is not called broken for that.
constexpr std::chrono::seconds experiment_time{20};

Finding good(std::string what, std::string found) {
  return {Verdict::good, std::move(what), std::move(found), {}};
}
Finding bad(std::string what, std::string found, std::string mend) {
  return {Verdict::bad, std::move(what), std::move(found), std::move(mend)};
}
Finding doubtful(std::string what, std::string found, std::string mend) {
  return {Verdict::doubtful, std::move(what), std::move(found), std::move(mend)};
}

std::string first_line_said_by(const char* command) {
  std::FILE* pipe = ::popen(command, "r");
  if (pipe == nullptr) return {};
  char line[256] = {};
  const bool got = std::fgets(line, sizeof line, pipe) != nullptr;
  ::pclose(pipe);
  std::string text = got ? line : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Finding look_at_mpi() {
  const std::string said = first_line_said_by("mpirun --version 2>/dev/null");
  if (said.empty()) {
    return bad("mpi", "there is no mpirun", "apt-get install openmpi-bin, or load an MPI module");
  }
  if (said.find("Open MPI") == std::string::npos) {
    return bad("mpi", said, "use Open MPI 4.1; others end all processes when one dies");
  }
  if (said.find(" 4.") == std::string::npos) {
    return doubtful("mpi", said, "raven is measured with Open MPI 4.1; use that if deaths spread");
  }
  return good("mpi", said);
}

Finding look_at_server() {
  if (first_line_said_by("command -v ompi-server").empty()) {
    return bad("ompi-server", "it is not on PATH, so nobody can join from another mpirun",
               "apt-get install openmpi-bin; 'raven spawn' works without");
  }
  return good("ompi-server", "is there");
}

/// Kills a rank of an mpirun and looks whether the others live on.
class Experiment {
 public:
  explicit Experiment(const std::filesystem::path& folder) : folder_(folder) {
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    // More processes than cores, so that oversubscription is tried, too.
    const std::vector<std::string> command{"mpirun",
                                           "-n",
                                           std::to_string(watchers + 1),
                                           "--oversubscribe",
                                           "--enable-recovery",
                                           "--bind-to",
                                           "none",
                                           "-mca",
                                           "pml",
                                           "ob1",
                                           program,
                                           "doctor",
                                           "--probe",
                                           folder.string()};
    try {
      child_ = std::make_unique<Child>(
          command,
          std::vector<std::string>{"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"});
    } catch (const InputError&) {
    }
  }

  Finding outcome() {
    if (!child_) {
      return bad("recovery", "no mpirun could be started", "see mpi above");
    }
    const auto deadline = Clock::now() + experiment_time;
    const auto living = [this] {
      int count = 0;
      for (int rank = 0; rank < watchers; ++rank) {
        if (std::filesystem::exists(folder_ / ("lives-" + std::to_string(rank)))) ++count;
      }
      return count;
    };
    while (living() < watchers && !child_->is_over() && Clock::now() < deadline) {
      std::this_thread::sleep_for(look_interval);
    }
    const bool outlived = living() == watchers;
    const bool killed = std::filesystem::exists(folder_ / "dies");
    for (const pid_t pid : descendants_of(child_->pid())) ::kill(pid, SIGKILL);
    ::kill(child_->pid(), SIGKILL);
    while (!child_->is_over()) std::this_thread::sleep_for(look_interval);
    if (outlived) {
      return good("recovery",
                  fmt::format("a child was killed under 'mpirun --enable-recovery --oversubscribe' "
                              "and {} others lived on",
                              watchers));
    }
    if (killed) {
      return bad("recovery", "a child's death took the others along under --enable-recovery",
                 "look for orte_enable_recovery in ~/.openmpi/mca-params.conf, and use Open MPI "
                 "4.1");
    }
    return bad("recovery", "mpirun did not start its processes in time",
               "run 'mpirun -n 2 --oversubscribe hostname' and see what it says");
  }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Child> child_;
};

Finding look_at_hdf5(const std::filesystem::path& folder) {
  try {
    const ImportReport report = make_digits(16, {.folder = folder / "digits", .name = "probe"});
    const VerifyReport verified = verify(read_manifest(report.train));
    if (verified.problems.empty()) return good("hdf5", "a shard was written and read back");
    return bad("hdf5", verified.problems.front().what(), "check the disk of TMPDIR");
  } catch (const InputError& error) {
    return bad("hdf5", error.what(), "check the disk of TMPDIR");
  }
}

Finding look_at_disk(const std::filesystem::path& run) {
  struct statvfs room {};
  const std::filesystem::path file = run / ".doctor";
  const int handle = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (handle < 0 || ::statvfs(run.c_str(), &room) != 0) {
    return bad("disk", run.string() + " can't be written", "name a folder that can, with --run");
  }
  const std::string block(1 << 20, 'r');
  const auto start = Clock::now();
  const bool written =
      ::write(handle, block.data(), block.size()) == static_cast<ssize_t>(block.size()) &&
      ::fsync(handle) == 0;
  const std::chrono::duration<double, std::milli> taken = Clock::now() - start;
  struct stat now {};
  ::fstat(handle, &now);
  ::close(handle);
  ::unlink(file.c_str());
  const double free = static_cast<double>(room.f_bavail) * static_cast<double>(room.f_frsize);
  const std::string found = fmt::format("{} free in {}, {:.0f} ms to write 1 MiB for good",
                                        size_in_words(free), run.string(), taken.count());
  if (!written || free < 64e6) return bad("disk", found, "make room, or name another with --run");
  if (free < 1e9 || taken.count() > 500) {
    return doubtful("disk", found, "checkpoints go there: make room, or choose a faster disk");
  }
  return good("disk", found);
}

Finding look_at_clock(const std::filesystem::path& run) {
  const std::filesystem::path file = run / ".doctor-clock";
  std::ofstream(file) << "now\n";
  struct stat written {};
  const bool there = ::stat(file.c_str(), &written) == 0;
  ::unlink(file.c_str());
  const std::time_t now = std::time(nullptr);
  constexpr std::time_t start_of_2024 = 1'704'067'200;
  if (now < start_of_2024) {
    return bad("clock", "it is before 2024 here",
               "set the time, best by NTP (timedatectl set-ntp true)");
  }
  const long apart = there ? std::labs(static_cast<long>(written.st_mtime - now)) : 0;
  if (apart > 2) {
    return doubtful("clock", fmt::format("{} s apart from the file server's", apart),
                    "let both follow NTP (timedatectl set-ntp true)");
  }
  return good("clock", "agrees with the disk's");
}

Finding look_at_limits() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  rlimit memory{};
  ::getrlimit(RLIMIT_AS, &memory);
  struct statvfs shared {};
  const bool has_shared = ::statvfs("/dev/shm", &shared) == 0;
  const double room = static_cast<double>(shared.f_bavail) * static_cast<double>(shared.f_frsize);
  const std::string found = fmt::format("{} open files, {} of shared memory", files.rlim_cur,
                                        has_shared ? size_in_words(room) : "no room");
  if (files.rlim_cur < 256) return bad("limits", found, "ulimit -n 4096");
  if (memory.rlim_cur != RLIM_INFINITY) {
    return doubtful(
        "limits",
        found + fmt::format(", {} of memory", size_in_words(static_cast<double>(memory.rlim_cur))),
        "ulimit -v unlimited");
  }
  if (files.rlim_cur < 1024) return doubtful("limits", found, "ulimit -n 4096");
  if (!has_shared || room < 64e6) {
    return doubtful("limits", found,
                    "give /dev/shm more room (docker run --shm-size=1g), or use "
                    "'raven launch --mpirun -mca --mpirun btl --mpirun self,tcp'");
  }
  return good("limits", found);
}

bool can_call(in_addr address, in_port_t port) {
  const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{0, 500'000};
  ::setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr = address;
  to.sin_port = port;
  const bool done = ::connect(handle, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  ::close(handle);
  return done;
}

Finding look_at_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof here;
  auto* generic = reinterpret_cast<sockaddr*>(&here);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 64) != 0 ||
      ::getsockname(listener, generic, &size) != 0) {
    ::close(listener);
    return bad("join port", "no TCP port can be opened", "see whether a sandbox forbids it");
  }
  ifaddrs* first = nullptr;
  int reached = 0;
  std::string unreached;
  if (::getifaddrs(&first) != 0) first = nullptr;
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    const in_addr address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr;
    char text[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &address, text, sizeof text);
    if (can_call(address, here.sin_port)) {
      ++reached;
    } else {
      unreached += std::string(" ") + text;
    }
  }
  if (first != nullptr) ::freeifaddrs(first);
  ::close(listener);
  if (!unreached.empty() || reached == 0) {
    return bad("join port",
               "nobody is reached at" + (unreached.empty() ? " any address" : unreached),
               "let the firewall pass TCP ports above 32767 between nodes");
  }
  return good("join port", fmt::format("reached at {} of this machine's addresses", reached));
}

Finding look_at_token(const std::filesystem::path& run) {
  struct stat token {};
  const std::filesystem::path real = run / "join.token";
  if (::lstat(real.c_str(), &token) == 0) {
    if (!S_ISREG(token.st_mode)) {
      return bad("token", real.string() + " is no plain file", "move it away");
    }
    if ((token.st_mode & 077) == 0) return good("token", "only its owner may read join.token");
    return bad("token", "others may read " + real.string(), "chmod 600 " + real.string());
  }
  // Under a name that nothing had before, so that nobody's files are written or deleted.
  std::string probe = (run / ".doctor-token-XXXXXX").string();
  if (::mkdtemp(probe.data()) == nullptr) {
    return bad("token", "no folder can be made in " + run.string(), "check its rights");
  }
  const Folder folder(probe);
  write_token(folder, unguessable());
  const bool there = ::fstatat(folder.handle(), "join.token", &token, AT_SYMLINK_NOFOLLOW) == 0;
  remove_door(folder);
  ::rmdir(probe.c_str());
  if (there && (token.st_mode & 077) == 0) return good("token", "files can be kept from others");
  return bad("token", "this file system lets others read what is not theirs",
             "keep runs elsewhere (--run), or let nobody else on this machine");
}

}  // namespace

std::vector<Finding> examine(const std::filesystem::path& run) {
  std::error_code error;
  std::filesystem::create_directories(run, error);
  if (error) {
    throw InputError({run.string()}, "can't be made: " + error.message(),
                     "name another with --run");
  }
  std::string name = (std::filesystem::temp_directory_path() / "raven-doctor-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw InputError("no temporary folder can be made", "set TMPDIR to a folder with room");
  }
  const std::filesystem::path folder = name;
  // Whoever asks inside an mpirun or a Slurm step asks about another mpirun.
  leave_launchers();
  const Finding cores = look_at_cores();  // measures, so before others have work to do
  Experiment experiment(folder);          // takes a second or two, in which the others are done
  std::vector<Finding> findings{look_at_mpi(),        look_at_server(),     cores,
                                look_at_quota(),      look_at_hdf5(folder), look_at_disk(run),
                                look_at_locks(run),   look_at_limits(),     look_at_clock(run),
                                look_at_network(run), look_at_port(),       look_at_token(run)};
  findings.insert(findings.begin() + 1, experiment.outcome());
  std::filesystem::remove_all(folder, error);
  return findings;
}

int die_or_watch(const std::filesystem::path& folder) {
  MpiSession session(std::chrono::milliseconds(200));
  const std::filesystem::path mark = folder / "dies";
  if (session.rank() == watchers) {
    std::ofstream(folder / "dies.part") << ::getpid() << '\n';
    std::filesystem::rename(folder / "dies.part", mark);
    ::raise(SIGKILL);
  }
  const auto deadline = Clock::now() + experiment_time;
  pid_t victim = 0;
  while (Clock::now() < deadline) {
    std::ifstream(mark) >> victim;
    if (victim != 0 && !is_alive(victim)) break;
    std::this_thread::sleep_for(look_interval);
  }
  // An mpirun that ends everybody has done so by then: it takes a second or less.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  std::ofstream(folder / ("lives-" + std::to_string(session.rank()))) << "yes\n";
  return exit_done;
}

}  // namespace raven
