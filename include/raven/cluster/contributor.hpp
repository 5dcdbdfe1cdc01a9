#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raven/cluster/protocol.hpp"
#include "raven/cluster/roster.hpp"
#include "raven/snippet/executor.hpp"

namespace raven {

/// Reads samples of one data set. @return why they can't be had; empty when they were written
using SampleSource =
    std::function<std::string(std::span<const std::int64_t> samples, const RowViews& to)>;

/// What a contributor wants done. Filled by its calls, emptied by the loop that drives it.
struct ContributorActions {
  std::vector<Message> sends;  ///< to the master
  std::vector<SnippetBatch> starts;
  std::optional<std::uint64_t> forget_before;
};

/// What a contributor has been sent, for when it loses its master and finds it again: graphs are
/// known by their digest, parameters by their version within one life of a master.
class ContributorMemory {
 public:
  ContributorMemory();
  ~ContributorMemory();
  ContributorMemory(const ContributorMemory&) = delete;
  ContributorMemory& operator=(const ContributorMemory&) = delete;

 private:
  friend class Contributor;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a contributor takes from a master at most: few bytes must not ask for all memory. Honest
/// masters stay far below.
struct ContributorLimits {
  std::size_t graphs = std::size_t{1} << 18;              ///< kept at a time
  std::size_t graph_bytes = std::size_t{1} << 30;         ///< of those, as they came
  std::size_t assemblies = std::size_t{1} << 16;          ///< kept at a time
  std::size_t samples = std::size_t{1} << 25;             ///< of those, all together
  std::uint64_t nodes = std::uint64_t{1} << 22;           ///< of the graphs of a snippet's samples
  std::uint64_t edges = std::uint64_t{1} << 24;           ///< inputs of those
  std::uint64_t value_bytes = GraphLimits{}.value_bytes;  ///< of all that they make
};

struct ContributorSetup {
  Hello hello;
  /// Shared by one contributor after the other; null: it begins with nothing.
  std::shared_ptr<ContributorMemory> memory = {};
  /// That graphs may have beside raven's: of programs that this executable has.
  std::vector<const OpDef*> ops = {};
  ContributorLimits limits = {};
  /// Opens a data set's shards here; empty when that can't be done, then rows come with the work.
  std::function<SampleSource(const DatasetOffer& offer, std::uint64_t cache_bytes)> open_dataset;
  /// Takes sentences for whoever lends this machine; may be empty.
  std::function<void(const std::string& remark)> tell = {};
};

/// What there is to say where contributors outnumber a step's snippets; empty when they don't.
[[nodiscard]] std::string idle_contributors(std::int64_t contributors, std::int64_t snippets);

/// How a contributor's part came to its end.
struct ContributorEnd {
  enum class Kind : std::uint8_t {
    over,     ///< the run is over, or was stopped
    left,     ///< it was asked to leave, by whomever
    refused,  ///< the master does not want it
    lost      ///< the way to the master is lost; another contributor may find another way
  };
  Kind kind = Kind::over;
  std::string why;  ///< empty for Kind::over and for a leave that ended well
};

/// A contributor as a state machine without I/O. It computes nothing itself: batches are started by
/// whoever drives it, and what comes out is given back to on_computed(). What the master sends is
/// checked like anybody's bytes, since a contributor lends its machine to strangers.
class Contributor {
 public:
  explicit Contributor(ContributorSetup setup, Instant now);
  ~Contributor();
  Contributor(const Contributor&) = delete;
  Contributor& operator=(const Contributor&) = delete;

  /// Says hello. Call once, first.
  void begin(ContributorActions& actions);
  void on(const Event& event, Instant now, ContributorActions& actions);
  void on_computed(ComputeEvent event, Instant now, ContributorActions& actions);
  /// Asks the master to let it go: it hands in what it holds, for at most `patience`, and finishes.
  void leave(std::chrono::milliseconds patience, Instant now, ContributorActions& actions);
  /// To be called at least every 100 ms.
  void tick(Instant now, ContributorActions& actions);

  [[nodiscard]] bool finished() const;
  /// How it finished. @pre finished()
  [[nodiscard]] const ContributorEnd& ending() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace raven
