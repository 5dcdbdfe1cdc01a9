#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "raven/cluster/master.hpp"
#include "raven/core/folder.hpp"
#include "raven/job/job_spec.hpp"
#include "raven/transport/relay.hpp"

namespace raven {

/// The master's part in letting newcomers in: has them started when the job says so, tells the log
/// what gateways tell, and leaves in the run directory what `raven join` and `raven spawn` need.
///
/// Threads: the master's.
class Newcomers {
 public:
  /// `log` gets events without their time, `warn` sentences for a person, `let_go` the peers that
  /// somebody wants to leave.
  struct Hooks {
    std::function<void(RunEvent)> log;
    std::function<void(const std::string&)> warn;
    std::function<void(PeerId)> let_go;
  };

  /// @param relay null when there are no gateways; outlives this
  Newcomers(RelayTransport* relay, const JobSpec& job, const std::filesystem::path& run,
            Hooks hooks);
  /// Takes away what it left in the run directory.
  ~Newcomers();
  Newcomers(const Newcomers&) = delete;
  Newcomers& operator=(const Newcomers&) = delete;

  /// To be called often: when is a matter of steps and of time.
  void look(const MasterProgress& progress);

 private:
  void note(const GatewayNote& note);
  void write_door();

  RelayTransport* relay_;
  Folder run_;
  Hooks hooks_;
  std::vector<JobSpec::Spawn> waiting_;
  std::vector<GatewayNote> doors_;  ///< of gateways that let newcomers in
  std::chrono::steady_clock::time_point started_;
};

}  // namespace raven
