#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "raven/transport/transport.hpp"

namespace raven {

/// True when an MPI launcher started this process. Asks the environment only: a process that was
/// started alone never has to initialise MPI.
[[nodiscard]] bool running_under_mpirun();

/// Initialises MPI for the calling thread, the only one that may use it, and finalizes it at the
/// end.
///
/// One a process, made and destroyed by the thread that uses every MpiTransport; it outlives them.
/// MPI_Finalize may hang when a peer has died, so it runs under a watch: after `finalize_patience`
/// the process leaves with _exit(), standard streams flushed. Write what must not be lost before.
class MpiSession {
 public:
  /// `several` is for gateways, which let newcomers in from a thread of their own.
  enum class Threads : std::uint8_t { one, several };

  /// @throws InputError when MPI can't be initialised.
  explicit MpiSession(std::chrono::milliseconds finalize_patience = std::chrono::seconds(3),
                      Threads threads = Threads::one);
  /// As finish(), with EXIT_FAILURE if an exception is on its way and EXIT_SUCCESS otherwise.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }

  /// Finalizes MPI. If that hangs the process ends here, with `exit_code`.
  void finish(int exit_code);

 private:
  std::chrono::milliseconds finalize_patience_;
  int rank_ = 0;
  int size_ = 1;
  bool finished_ = false;
};

/// What a message to the user about MPI may need to say.
struct MpiEnvironment {
  std::string library;  ///< "Open MPI v4.1.4"
  std::string node;
  int rank = 0;
  int world_size = 1;
  /// Without it (`mpirun --enable-recovery`) the death of one process kills all of them.
  bool recovery_enabled = false;
};

/// @pre an MpiSession lives
[[nodiscard]] MpiEnvironment describe_mpi();

struct MpiOptions {
  /// A peer that announces a body above this is lost, before anything is allocated for it.
  std::size_t max_body_bytes = std::size_t{4} << 30;
  /// Bodies above this travel in pieces, because MPI counts with int. The same in all processes.
  std::size_t piece_bytes = std::size_t{1} << 30;
  /// Bodies up to this ride in the same MPI message as their head. The same in all processes is not
  /// needed.
  std::size_t inline_body_bytes = 8 * 1024;
};

/// Connects the ranks of MPI_COMM_WORLD: rank 0 is the master, a peer's id is its rank,
/// contributors know only the master.
///
/// Only nonblocking point-to-point calls, in send() and poll(). At most four messages are on their
/// way to a peer, synchronous ones, so that a dead peer can hold up nothing but its own queue;
/// further ones wait here. MPI tells of no death; a TCP connection beside it does (life_line.hpp),
/// where one can be made. Without, a dead peer is merely silent until it is dropped.
/// A malformed or oversize message makes its sender lost. A dropped or lost rank does not come
/// back. Bodies received lie in recycled buffers, aligned to 64 bytes.
///
/// poll() spins for tens of microseconds after the last sign of life, then sleeps 50 to 200 us at a
/// time. docs: the bytes on the wire are described in src/transport/mpi/envelope.hpp.
/// @pre an MpiSession lives in this thread
[[nodiscard]] std::unique_ptr<Transport> make_mpi_transport(MpiOptions options = {});

}  // namespace raven
