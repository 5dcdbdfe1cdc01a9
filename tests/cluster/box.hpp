#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raven/cluster/drive.hpp"
#include "raven/data/dataset.hpp"
#include "raven/nn/model.hpp"
#include "raven/transport/local.hpp"

namespace raven {

/// A whole cluster in one process: a small job, a master, and contributors on threads over the
/// local transport.
class ClusterBox {
 public:
  /// Digits have one graph for so many rows, sentences one for each sample; windows of a text are
  /// learnt with a state that goes on from each to the next.
  enum class Data { digits, sentences, text };

  explicit ClusterBox(Data data = Data::digits);
  ~ClusterBox();

  struct Contribution {
    int threads = 1;
    bool reads_shards = true;
    /// Dies (its endpoint vanishes, no goodbye) after so many messages; 0 for never.
    int dies_after = 0;
  };

  struct Result {
    Digest weights;
    std::vector<EpochResult> history;
    std::optional<Checkpoint> checkpoint;  ///< the last one
    std::vector<RunEvent> events;
    bool stopped_early = false;
  };

  /// What a test may change of the job before it runs.
  TrainSpec train;
  ContributorSpec contributors;
  Digest session;
  bool others_may_come = true;
  bool batch_norm = false;
  Autobatch autobatch = Autobatch::on;
  bool records_ahead = true;
  std::size_t most_sample_graphs = 16384;
  std::size_t most_sample_graph_bytes = std::size_t{256} << 20;
  using RecordSample =
      std::function<Recording(std::uint32_t, std::int64_t, Tape::Mode, const ParameterStore&)>;
  /// Puts something around what the master records samples with.
  std::function<RecordSample(const RecordSample&)> wraps_recording = {};
  const ProgramDef* program = nullptr;  ///< in place of layers; sentences only
  bool carries = true;                  ///< text only
  int gateways = 0;  ///< contributors come in through so many, in turn; 0: they know the master

  /// Trains with these contributors until the run ends.
  /// @param stop_after ask for a stop once so many steps are done; 0 for never
  /// @param intrusion what one more peer has sent before anybody else begins
  Result run(const std::vector<Contribution>& contributions, const Checkpoint* resume = nullptr,
             std::uint64_t stop_after = 0, const std::vector<Message>& intrusion = {});

  /// The pieces, for tests that drive a master by hand.
  [[nodiscard]] MasterSetup setup() const;
  [[nodiscard]] ParameterStore fresh_parameters() const;
  [[nodiscard]] ModelSpec model_spec() const;
  [[nodiscard]] std::shared_ptr<const Dataset> training() const { return training_; }
  [[nodiscard]] std::shared_ptr<const Dataset> validation() const { return validation_; }

 private:
  std::filesystem::path folder_;
  Data data_;
  std::shared_ptr<const Dataset> training_;
  std::shared_ptr<const Dataset> validation_;
};

}  // namespace raven
