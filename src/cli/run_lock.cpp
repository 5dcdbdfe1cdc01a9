#include "cli/run_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/process_tree.hpp"
#include "raven/core/error.hpp"
#include "raven/core/mac.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* lock_name = ".lock";
constexpr const char* holder_name = ".lock.holder";
constexpr std::size_t longest_holder = 4096;
constexpr std::chrono::milliseconds look_interval{100};

/// What a file system answers that can't lock, and one whose lock server is away.
bool is_unsupported(int error) {
  return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP || error == EINVAL;
}

InputError at_work(const fs::path& folder, const std::string& who) {
  return {{folder.string()},
          "another master is at work in this run directory" + who,
          "wait for it, stop it, or choose another folder with --run"};
}

std::string first_line_of(const fs::path& file) {
  std::string line;
  std::ifstream in(file);
  std::getline(in, line);
  return line;
}

/// When a process began, in ticks after boot: the 22nd word of its stat, proc(5). 0: there is none.
unsigned long start_of(long pid) {
  const std::string stat = first_line_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream words(stat.substr(name_end + 1));
  std::string skipped;
  for (int word = 3; word < 22; ++word) words >> skipped;
  unsigned long start = 0;
  words >> start;
  return start;
}

std::string text_of(const ProcessIdentity& holder, const std::string& unique) {
  const nlohmann::ordered_json json{{"host", holder.host},
                                    {"boot", holder.boot},
                                    {"pid", holder.pid},
                                    {"start", holder.start},
                                    {"unique", unique}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// None for what nobody wrote whole: its age alone says whether somebody still writes it.
std::optional<ProcessIdentity> identity_in(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  try {
    return ProcessIdentity{.host = json.at("host").get<std::string>(),
                           .boot = json.at("boot").get<std::string>(),
                           .pid = json.at("pid").get<long>(),
                           .start = json.at("start").get<unsigned long>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

using HolderFile = RunLock::HolderFile;

/// None when it is missing, or nothing that may be read.
std::optional<HolderFile> read_holder(const fs::path& file) {
  const int handle = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (handle < 0) return std::nullopt;
  HolderFile holder{.text = std::string(longest_holder, '\0')};
  struct stat status {};
  const bool is_plain = ::fstat(handle, &status) == 0 && S_ISREG(status.st_mode);
  const ssize_t got = is_plain ? ::read(handle, holder.text.data(), holder.text.size()) : 0;
  ::close(handle);
  holder.text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  holder.touched = status.st_mtim;
  return holder;
}

/// Makes a file that was not there. @return 0, or the errno
int make_new(const fs::path& file, const std::string& text) {
  const int handle =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (handle < 0) return errno;
  const bool done = ::write(handle, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = done ? 0 : errno == 0 ? EIO : errno;
  ::close(handle);
  if (!done) ::unlink(file.c_str());
  return error;
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

ProcessIdentity this_process() {
  std::error_code ignored;
  return {.host = node_name(),
          .boot = first_line_of("/proc/sys/kernel/random/boot_id") + " " +
                  std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string(),
          .pid = static_cast<long>(::getpid()),
          .start = start_of(::getpid())};
}

LockSystem real_lock_system() {
  return {.flock = [](int handle, int operation) { return ::flock(handle, operation); },
          .self = this_process(),
          .is_alive =
              [](const ProcessIdentity& holder) {
                return is_alive(static_cast<pid_t>(holder.pid)) &&
                       start_of(holder.pid) == holder.start;
              },
          .tell = [](const std::string& text) { print_failure(text); }};
}

RunLock::RunLock(fs::path folder, LockSystem system)
    : folder_(std::move(folder)), system_(std::move(system)) {
  const fs::path file = folder_ / lock_name;
  handle_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
  const int open_error = errno;
  struct stat status {};
  if (handle_ < 0 || ::fstat(handle_, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (handle_ >= 0) ::close(handle_);
    const std::string why =
        handle_ >= 0 || open_error == ELOOP ? "it is no plain file" : std::strerror(open_error);
    throw InputError({file.string()}, "can't be opened to lock the run (" + why + ")",
                     "check the rights of the folder, or choose another with --run");
  }
  try {
    int error = 0;
    do {
      error = system_.flock(handle_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    } while (error == EINTR);
    if (error == 0) return;
    if (error == EWOULDBLOCK) throw at_work(folder_, {});
    if (!is_unsupported(error)) {
      throw InputError({file.string()},
                       std::string("can't be locked (flock: ") + std::strerror(error) + ")",
                       "choose another folder with --run");
    }
    remark_ = "the file system of " + folder_.string() +
              " can't lock files (flock: " + std::strerror(error) + "); " + holder_name +
              " keeps the run for this master instead";
    hold_by_file();
  } catch (...) {
    ::close(handle_);
    throw;
  }
}

RunLock::~RunLock() {
  if (by_file_) {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    ends_.notify_one();
    thread_.join();
    const auto holder = read_holder(folder_ / holder_name);
    if (holder && holder->text == mine_) ::unlink((folder_ / holder_name).c_str());
  }
  ::close(handle_);
}

void RunLock::hold_by_file() {
  mine_ = text_of(system_.self, to_hex(unguessable()).substr(0, 16));
  // Others may be busy with the file as well, for moments.
  constexpr int most_tries = 50;
  for (int tries = 1; !try_to_hold(); ++tries) {
    if (tries == most_tries) {
      throw InputError(
          {(folder_ / holder_name).string()},
          "can be neither made nor taken over, so the run can't be kept for one master",
          "look what it is, delete it, or choose another folder with --run");
    }
    std::this_thread::sleep_for(look_interval);
  }
  by_file_ = true;
  thread_ = std::thread([this] { beat(); });
}

bool RunLock::try_to_hold() {
  const fs::path file = folder_ / holder_name;
  const int error = make_new(file, mine_);
  if (error == 0) {
    std::this_thread::sleep_for(system_.settle);
    const std::optional<HolderFile> settled = read_holder(file);
    return settled && settled->text == mine_;
  }
  if (error != EEXIST) {
    throw InputError({file.string()}, std::string("can't be made (") + std::strerror(error) + ")",
                     "check the rights of the folder, and its free space");
  }
  const std::optional<HolderFile> found = read_holder(file);
  if (!found) return false;
  if (!is_dead(*found)) return false;
  // Only one can take it away, and puts it back if meanwhile it became another's.
  const fs::path taken =
      folder_ / (std::string(holder_name) + ".dead-" + to_hex(unguessable()).substr(0, 16));
  if (::rename(file.c_str(), taken.c_str()) != 0) return false;
  const std::optional<HolderFile> moved = read_holder(taken);
  if (moved && moved->text != found->text) {
    [[maybe_unused]] const int put_back = ::link(taken.c_str(), file.c_str());
  }
  ::unlink(taken.c_str());
  return false;
}

bool RunLock::is_dead(const HolderFile& found) const {
  const auto who = identity_in(found.text);
  const std::string name =
      who ? " (process " + std::to_string(who->pid) + " on " + who->host + ")" : std::string();
  if (who && who->host == system_.self.host && who->boot == system_.self.boot) {
    if (system_.is_alive(*who)) throw at_work(folder_, name);
    return true;
  }
  // By this process's own clock: those of two machines, and of a file server, need not agree.
  if (system_.tell) system_.tell("waiting to see whether the master" + name + " still lives");
  const auto deadline = Clock::now() + system_.stale;
  while (Clock::now() < deadline) {
    const std::optional<HolderFile> now = read_holder(folder_ / holder_name);
    if (!now || now->text != found.text) return false;
    if (!same_time(now->touched, found.touched) || asked_to_stop() != 0) {
      throw at_work(folder_, name);
    }
    std::this_thread::sleep_for(look_interval);
  }
  return true;
}

void RunLock::beat() {
  const fs::path file = folder_ / holder_name;
  std::unique_lock lock(mutex_);
  while (!ends_.wait_for(lock, system_.beat, [this] { return over_; })) {
    const auto holder = read_holder(file);
    // A file server that is away for a moment takes nothing from anybody.
    if (holder && holder->text != mine_) lost_ = true;
    if (holder && holder->text == mine_) ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0);
  }
}

bool is_held(const fs::path& folder, const LockSystem& system) {
  const int handle =
      ::open((folder / lock_name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (handle < 0) return false;
  const int error = system.flock(handle, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
  ::close(handle);
  if (!is_unsupported(error)) return error != 0;
  const std::optional<HolderFile> holder = read_holder(folder / holder_name);
  if (!holder) return false;
  const auto who = identity_in(holder->text);
  if (who && who->host == system.self.host && who->boot == system.self.boot) {
    return system.is_alive(*who);
  }
  const auto touched = std::chrono::seconds(holder->touched.tv_sec);
  return std::chrono::system_clock::now().time_since_epoch() - touched < system.stale;
}

std::string flock_trouble(const fs::path& folder) {
  const fs::path probe = folder / (".doctor-lock-" + std::to_string(::getpid()));
  const int handle = ::open(probe.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (handle < 0) return {};  // what can't be written is told elsewhere
  const int error = ::flock(handle, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  ::close(handle);
  ::unlink(probe.c_str());
  return error == 0 ? std::string() : std::strerror(error);
}

}  // namespace raven
