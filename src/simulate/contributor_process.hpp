#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "raven/cluster/contributor.hpp"
#include "simulate/world.hpp"

namespace raven::simulated {

/// A machine that contributes.
struct ContributorTraits {
  std::string name;
  double rows_per_second = 1;
  std::uint32_t threads = 1;
  bool reads_shards = true;
};

/// What a contributor's process does to the world around it.
struct ContributorHooks {
  std::function<void(Message)> send;
  enum class End : std::uint8_t { over, died };
  /// Called once, when the process is gone.
  std::function<void(End, const std::string& why)> ended;
};

/// A contributor's process: the real state machine, a pretended loop around it, and snippets that
/// are really computed, at the speed of a pretended machine.
class ContributorProcess {
 public:
  ContributorProcess(World& world, ContributorTraits traits, ContributorSetup setup,
                     ContributorHooks hooks);
  ContributorProcess(const ContributorProcess&) = delete;
  ContributorProcess& operator=(const ContributorProcess&) = delete;

  void begin();
  void receive(const Event& event);

  /// Gone at once, without a word.
  void die();
  void die_before_computing() { dies_before_ = true; }
  void die_after_results(std::uint32_t count) { results_left_ = count; }
  void leave();
  void sleep_until(Instant moment);
  void slow_down(double factor, Instant until);

  [[nodiscard]] bool alive() const { return contributor_ != nullptr; }
  [[nodiscard]] const std::string& name() const { return traits_.name; }

 private:
  void tick();
  void carry_out(ContributorActions& actions);
  void compute_next();
  /// The next result is there.
  void hand_in();
  void end(ContributorHooks::End how, const std::string& why);
  /// Runs `what` then, or once the process is awake again; never when it's gone.
  void at(Instant when, std::function<void()> what);

  World& world_;
  ContributorTraits traits_;
  ContributorHooks hooks_;
  std::unique_ptr<Contributor> contributor_;
  std::deque<SnippetBatch> waiting_;
  /// What comes out of the batch that is being computed, in order, whatever pauses do to the times.
  std::deque<ComputeEvent> results_;
  std::uint64_t computed_work_ = 0;
  std::uint64_t oldest_work_ = 0;
  Instant sleeps_until_{};
  Instant slow_until_{};
  double slowness_ = 1;
  bool dies_before_ = false;
  std::optional<std::uint32_t> results_left_;
};

}  // namespace raven::simulated
