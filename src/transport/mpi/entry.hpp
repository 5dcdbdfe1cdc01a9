#pragma once

#include <mpi.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raven/transport/relay.hpp"

namespace raven {

/// Makes communicators with newcomers, one at a time, on a thread of its own, because the calls
/// for it block, perhaps for ever. Nobody ever waits for that thread.
///
/// Threads: the gateway's. `woken` is called on another one.
/// @pre MPI was initialised for several threads
class Entry {
 public:
  /// What came of one call.
  struct Outcome {
    std::uint64_t ticket = 0;
    MPI_Comm comm = MPI_COMM_NULL;  ///< with the newcomers, who are its remote group
    int newcomers = 0;
    std::string failure;  ///< why there are none
  };

  explicit Entry(std::function<void()> woken);
  ~Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  /// Starts processes. @param command a program, which exists, and its arguments  @pre !busy()
  void spawn(std::uint64_t ticket, const std::vector<std::string>& command,
             const SpawnOrder& order);
  /// Waits for one process to connect. @param tell_port is called there with the name of the port
  /// @pre !busy()
  void accept(std::uint64_t ticket, std::function<void(const std::string& port)> tell_port);

  [[nodiscard]] bool busy() const;
  /// When the call under way began. @pre busy()
  [[nodiscard]] std::chrono::steady_clock::time_point since() const { return since_; }
  /// What came of the call, once it has returned.
  [[nodiscard]] std::optional<Outcome> take();

 private:
  struct Shared;
  void run(std::function<Outcome()> call);

  std::shared_ptr<Shared> shared_;  ///< outlives this with a thread that never returns
  std::chrono::steady_clock::time_point since_{};
};

}  // namespace raven
