#pragma once

#include <cstddef>
#include <memory>

#include "raven/transport/transport.hpp"

namespace raven {

struct LocalOptions {
  /// A body above this loses its sender, as it would between processes.
  std::size_t max_body_bytes = std::size_t{4} << 30;
};

/// Where endpoints inside one process meet: one master and any number of contributors, on any
/// threads.
///
/// Bodies travel as handles, without a copy. An endpoint's destructor is its death: after the
/// messages it had sent, the other side sees Event::lost. Each contributor has an id that is never
/// used again; all of them know the master as peer 0 and nobody else.
///
/// Threads: any may call the hub. An endpoint belongs to one thread, as every Transport does.
/// Endpoints outlive the hub without harm.
class LocalHub {
 public:
  explicit LocalHub(LocalOptions options = {});
  ~LocalHub();
  LocalHub(const LocalHub&) = delete;
  LocalHub& operator=(const LocalHub&) = delete;

  /// The master's endpoint. After its death another may be had: contributors of the first stay lost
  /// and join again. @pre no master's endpoint lives
  [[nodiscard]] std::unique_ptr<Transport> master();

  /// A contributor's endpoint. It may come before the master's: what it sends is kept until that is
  /// there.
  [[nodiscard]] std::unique_ptr<Transport> join();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace raven
