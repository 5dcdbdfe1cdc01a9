#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace raven {

/// One process of a node, so that it is known again: its number may be another one's by now.
struct ProcessIdentity {
  std::string host;
  std::string boot;  ///< Linux's names for this boot and for the space of process numbers
  long pid = 0;
  unsigned long start = 0;  ///< in clock ticks after that boot

  bool operator==(const ProcessIdentity&) const = default;
};
[[nodiscard]] ProcessIdentity this_process();

/// What a lock takes from the system, so that tests can make others.
struct LockSystem {
  std::function<int(int handle, int operation)> flock;  ///< as flock(2)
  ProcessIdentity self;
  /// Whether a process of this host and this boot lives.
  std::function<bool(const ProcessIdentity&)> is_alive;
  std::function<void(const std::string&)> tell = {};  ///< words for a person who waits
  /// After which a new holder looks whether the file is still its own: who found a dead one's file
  /// at the same moment may have taken the new one away, and puts it back within less.
  std::chrono::milliseconds settle{200};
  std::chrono::milliseconds beat{2000};    ///< between two signs of life
  std::chrono::milliseconds stale{30000};  ///< silence after which a holder on another host is dead
};
[[nodiscard]] LockSystem real_lock_system();

/// Keeps a run directory for one master at a time, with flock(2) on `.lock`. The system takes that
/// lock away when the process ends, whatever ends it.
///
/// On a file system without flock the file `.lock.holder` says who holds the run (host, boot, pid,
/// start) and is touched every two seconds by a thread. A holder on this host is dead when there is
/// no such process; one on another host when its file is not touched for half a minute. Whoever
/// comes takes a dead one's file away and makes its own, which
/// only one can do. A holder that was paused for so long finds another name in the file and is
/// told by lost().
class RunLock {
 public:
  /// What the holder file says, and when it was last touched.
  struct HolderFile {
    std::string text;
    timespec touched{};
  };

  /// Waits for `stale` when the holder is on another host and does not stir.
  /// @throws InputError when another master is at work, or the files can't be made
  explicit RunLock(std::filesystem::path folder, LockSystem system = real_lock_system());
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// What a person should know of this file system; empty when flock works.
  [[nodiscard]] const std::string& remark() const { return remark_; }
  /// True once another process has taken the run. Threads: any.
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  void hold_by_file();
  /// @return false when it has to be tried again
  bool try_to_hold();
  /// @return false when the file changed meanwhile  @throws InputError when its holder lives
  [[nodiscard]] bool is_dead(const HolderFile& found) const;
  void beat();

  std::filesystem::path folder_;
  LockSystem system_;
  std::string remark_;
  int handle_ = -1;
  bool by_file_ = false;
  std::string mine_;  ///< what the holder file says while it is this lock's
  std::mutex mutex_;
  std::condition_variable ends_;
  bool over_ = false;
  std::atomic<bool> lost_ = false;
  std::thread thread_;  // last, because it uses the others
};

/// Whether a master holds the run, as far as can be seen without waiting.
[[nodiscard]] bool is_held(const std::filesystem::path& folder,
                           const LockSystem& system = real_lock_system());

/// Whether flock works in a folder. @return why not; empty when it does
[[nodiscard]] std::string flock_trouble(const std::filesystem::path& folder);

}  // namespace raven
