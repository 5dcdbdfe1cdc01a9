#include "cli/process_tree.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "raven/core/error.hpp"

namespace raven {
namespace {

std::string text_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// State and parent of a process, from the words after its name, which may hold anything.
struct Standing {
  char state = 'X';
  pid_t parent = 0;
};
Standing standing_of(pid_t pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  Standing standing;
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return standing;
  std::istringstream(stat.substr(name_end + 1)) >> standing.state >> standing.parent;
  return standing;
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  // execvp() changes none of them; it is older than const.
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Child::Child(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  const std::vector<char*> words = pointers_to(command);
  const pid_t here = ::getpid();
  int failure[2] = {-1, -1};
  if (::pipe2(failure, O_CLOEXEC) != 0) {
    throw InputError("no pipe can be made", "look at the limit of open files (ulimit -n)");
  }
  pid_ = ::fork();
  if (pid_ == 0) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != here) ::_exit(127);
    for (const std::string& entry : environment) {
      const std::size_t equals = entry.find('=');
      if (equals == std::string::npos) {
        ::unsetenv(entry.c_str());
        continue;
      }
      ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
    }
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(words.front(), words.data());
    const int error = errno;
    [[maybe_unused]] const ssize_t told = ::write(failure[1], &error, sizeof error);
    ::_exit(127);
  }
  ::close(failure[1]);
  int error = pid_ < 0 ? errno : 0;
  if (pid_ > 0) [[maybe_unused]]
    const ssize_t got = ::read(failure[0], &error, sizeof error);
  ::close(failure[0]);
  if (error == 0) return;
  if (pid_ > 0) ::waitpid(pid_, &wait_status_, 0);
  throw InputError(command.front() + " can't be started: " + std::strerror(error),
                   "is it installed, and on PATH?");
}

bool Child::is_over() {
  if (!is_over_) is_over_ = ::waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  return is_over_;
}

std::vector<pid_t> descendants_of(pid_t ancestor) {
  std::multimap<pid_t, pid_t> children;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    const Standing standing = standing_of(pid);
    if (standing.state != 'Z' && standing.state != 'X') children.emplace(standing.parent, pid);
  }
  std::vector<pid_t> found;
  std::vector<pid_t> next{ancestor};
  while (!next.empty()) {
    const pid_t parent = next.back();
    next.pop_back();
    const auto [from, to] = children.equal_range(parent);
    for (auto at = from; at != to; ++at) {
      found.push_back(at->second);
      next.push_back(at->second);
    }
  }
  return found;
}

bool is_alive(pid_t pid) {
  const char state = standing_of(pid).state;
  return state != 'Z' && state != 'X';
}

std::optional<std::string> environment_of(pid_t pid, const std::string& name) {
  std::istringstream all(text_of("/proc/" + std::to_string(pid) + "/environ"));
  for (std::string entry; std::getline(all, entry, '\0');) {
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  }
  return std::nullopt;
}

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

void kill_descendants() {
  // Again until none is left, since a process may make another while it is killed.
  for (;;) {
    const std::vector<pid_t> left = descendants_of(::getpid());
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (left.empty()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace raven
