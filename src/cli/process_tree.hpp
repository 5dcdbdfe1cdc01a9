#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace raven {

/// A program that this process started, in a session of its own, so that a terminal's Ctrl-C
/// reaches only whom it is passed on to. It is told to end when this process dies.
class Child {
 public:
  /// @param command searched for on PATH  @param environment NAME=VALUE on top of what is here,
  /// NAME alone for what is not to be passed on
  /// @throws InputError when it can't be started
  Child(const std::vector<std::string>& command, const std::vector<std::string>& environment);

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Looks; never waits.
  [[nodiscard]] bool is_over();
  /// As waitpid() tells it. @pre is_over()
  [[nodiscard]] int wait_status() const { return wait_status_; }

 private:
  pid_t pid_ = -1;
  bool is_over_ = false;
  int wait_status_ = 0;
};

/// All descendants of a process that still run, children before their own.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t ancestor);
/// Whether it is there and not merely waiting to be buried.
[[nodiscard]] bool is_alive(pid_t pid);
/// What a process of this user was started with under a name; none when it has ended.
[[nodiscard]] std::optional<std::string> environment_of(pid_t pid, const std::string& name);

/// Orphans of descendants become children of this process, so that none is lost sight of.
void adopt_orphans();
/// Kills all descendants and buries them. @pre no Child is used afterwards
void kill_descendants();

}  // namespace raven
