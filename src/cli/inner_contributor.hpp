#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "cli/contribute.hpp"
#include "raven/cluster/drive.hpp"
#include "raven/job/build.hpp"
#include "raven/transport/local.hpp"

namespace raven {

/// A contributor inside the master's own process: spare cores, no copies.
class InnerContributor {
 public:
  InnerContributor(LocalHub& hub, const Training& training, ComputePool& compute,
                   BufferPool& buffers)
      : thread_([this, &hub, &training, &compute, &buffers] {
          const OpRows ops = training.model->ops();
          ContributorSetup setup{.hello = hello_of(compute.threads()),
                                 .ops = {ops.begin(), ops.end()},
                                 .open_dataset = [&](const DatasetOffer& offer, std::uint64_t) {
                                   const bool is_train =
                                       offer.identity == training.train->manifest().identity();
                                   return source_of(is_train ? training.train : training.valid);
                                 }};
          const std::unique_ptr<Transport> transport = hub.join();
          drive_contributor(std::move(setup), *transport, compute, buffers,
                            [this] { return leaving_.load(); });
        }) {}
  /// A run that was complete when it began never answers its greeting, so it is also told to leave.
  ~InnerContributor() {
    leaving_ = true;
    thread_.join();
  }
  InnerContributor(const InnerContributor&) = delete;
  InnerContributor& operator=(const InnerContributor&) = delete;

 private:
  std::atomic<bool> leaving_ = false;
  std::thread thread_;  // after all that it uses
};

}  // namespace raven
