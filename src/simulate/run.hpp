#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raven/cluster/master.hpp"
#include "raven/simulate/simulator.hpp"
#include "simulate/contributor_process.hpp"
#include "simulate/disk.hpp"
#include "simulate/link.hpp"

namespace raven::simulated {

/// What all runs of a simulator have in common.
struct Stock {
  Stock(Training training_in, std::filesystem::path scratch_in)
      : training(std::move(training_in)), scratch(std::move(scratch_in)) {}

  Training training;
  std::filesystem::path scratch;
  ComputePool compute{1};
  BufferPool buffers;
  Executor executor{compute, buffers, [] {}};
};

/// A process that contributes, or did, and its connection with the master of its time.
struct Peer {
  PeerId id;
  int place = 0;  ///< that it fills; negative for a visitor, whom nobody replaces
  std::uint64_t master = 0;
  bool end_is_seen = false;  ///< when one side is gone the other is told, not left in silence
  std::shared_ptr<bool> shards_readable = std::make_shared<bool>(true);
  std::unique_ptr<Lane> up;
  std::unique_ptr<Lane> down;
  std::unique_ptr<ContributorProcess> process;
};

/// One simulated run: a master, contributors, the links between them and a disk, until the model is
/// trained and everybody is home.
class Run {
 public:
  Run(Stock& stock, const SimulationPlan& plan);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  [[nodiscard]] SimulationResult to_the_end();

  // What faults are made of.
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] Disk& disk() { return disk_; }
  /// Those whose processes live.
  [[nodiscard]] std::vector<Peer*> alive();
  [[nodiscard]] bool has_master() const { return master_ != nullptr; }
  [[nodiscard]] bool trained() const { return trained_; }
  void crash_master();
  void stop_master();
  void pause_master(Duration time);
  /// Starts a contributor. @param place negative for a visitor
  void join(int place);

 private:
  void start_master();
  void tick_master(std::uint64_t number);
  void tell_master(Peer& peer, Event event);
  void carry_out();
  void after_master();
  /// Contributors of this master are left alone.
  void abandon(bool in_order);
  void contributor_ended(Peer& peer, ContributorHooks::End how, const std::string& why);
  /// As long as messages arrive as sent, nobody has a reason to call anybody a liar.
  void judge(const RunEvent& event);
  void blame(const std::string& what);
  [[nodiscard]] ContributorSetup contributor_setup(const ContributorTraits& traits,
                                                   std::shared_ptr<const bool> readable) const;
  [[nodiscard]] double usual_speed() const;
  [[nodiscard]] bool everybody_is_home() const;

  Stock& stock_;
  const SimulationPlan& plan_;
  World world_;
  Disk disk_;
  MasterSetup setup_;
  std::unique_ptr<Master> master_;
  std::uint64_t masters_ = 0;
  Instant master_sleeps_until_{};
  MasterActions actions_;
  std::vector<std::unique_ptr<Peer>> peers_;
  bool trained_ = false;
  SimulationResult result_;
};

}  // namespace raven::simulated
