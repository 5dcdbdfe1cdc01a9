#pragma once

#include <functional>
#include <memory>
#include <string>

#include "raven/cluster/contributor.hpp"
#include "raven/cluster/master.hpp"
#include "raven/data/dataset.hpp"
#include "raven/transport/transport.hpp"

namespace raven {

/// What the loop around a master does with what the master says. Called on the loop's thread.
struct MasterHooks {
  std::function<void(const RunEvent&)> on_event;
  std::function<void(const EpochResult&)> on_epoch{};  ///< before a checkpoint that knows of it
  std::function<void(Checkpoint)> on_checkpoint;
  std::function<void(const MasterProgress&)> on_progress;  ///< about every 20 ms
  std::function<bool()> stop_requested;                    ///< asked about every 20 ms
  /// After each step: false asks for a stop. May be empty.
  std::function<bool(const MasterProgress&)> after_step{};
};

/// Runs a master over a transport until it has finished and its last words have left.
/// @throws InputError as Master::on; contributors are told to go first
void drive_master(Master& master, Transport& transport, const MasterHooks& hooks);

/// Runs a contributor over a transport until the master says it's over.
/// @param leave_requested asked about every 20 ms: when true the contributor takes no new work,
/// hands in what it holds, and goes
ContributorEnd drive_contributor(ContributorSetup setup, Transport& transport, ComputePool& compute,
                                 BufferPool& buffers, const std::function<bool()>& leave_requested);

/// Tells peers that there is nothing (more) to do.
void dismiss(Transport& transport, const std::vector<PeerId>& peers, const std::string& reason);

/// Opens the data set that an offer names, if this machine sees the same files.
[[nodiscard]] SampleSource open_offered_dataset(const DatasetOffer& offer,
                                                std::uint64_t cache_bytes);
/// A source over a data set that is open already.
[[nodiscard]] SampleSource source_of(std::shared_ptr<const Dataset> dataset);

}  // namespace raven
