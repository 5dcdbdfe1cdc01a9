#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "raven/cluster/contributor.hpp"
#include "raven/core/digest.hpp"
#include "raven/job/job_spec.hpp"
#include "raven/tensor/parallel.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// From now on SIGTERM, SIGINT and SIGUSR1 ask for a stop; another SIGINT or SIGTERM seconds after
/// the first ends the process the ordinary way.
void listen_for_signals();
/// The signal that asked this process to stop; 0 for none.
[[nodiscard]] int asked_to_stop();

/// This machine, as it calls itself.
[[nodiscard]] std::string node_name();

/// What this process says of itself when it contributes with so many threads.
[[nodiscard]] Hello hello_of(int threads);

/// What a contributing process computes with. It outlives transports: whoever loses its master and
/// finds it again has its threads, its shards still open, and the graphs and parameters that it was
/// sent.
class Workplace {
 public:
  /// @param programs whose ops it may be sent  @param tell is told what a person should know, once
  explicit Workplace(int threads, Programs programs = {},
                     std::function<void(const std::string&)> tell = {});

  /// Contributes over `transport`, whose peer 0 is the master or a gateway, until the master says
  /// it's over, the way to it is lost, or SIGTERM, SIGINT or SIGUSR1 comes.
  [[nodiscard]] ContributorEnd contribute(Transport& transport);
  [[nodiscard]] const Hello& hello() const { return hello_; }

 private:
  SampleSource open(const DatasetOffer& offer, std::uint64_t cache_bytes);

  Hello hello_;
  std::function<void(const std::string&)> tell_;
  bool told_ = false;
  std::vector<const OpDef*> ops_;
  ComputePool compute_;
  BufferPool buffers_;
  std::shared_ptr<ContributorMemory> memory_ = std::make_shared<ContributorMemory>();
  std::map<std::string, SampleSource> opened_;  ///< by manifest and identity
};

}  // namespace raven
