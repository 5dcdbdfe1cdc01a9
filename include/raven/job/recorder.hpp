#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "raven/data/dataset.hpp"
#include "raven/nn/model.hpp"
#include "raven/snippet/assembly.hpp"

namespace raven {

/// What a recorder keeps at most. It changes how often models are run, never what they give.
struct RecorderLimits {
  std::size_t kept_bytes = std::size_t{256} << 20;  ///< of graphs kept by number, as encoded
  /// Names of graphs, whether kept or gone, at which those of the gone are forgotten.
  std::size_t sweep_at = 1024;
};

/// Records the graph of a sample, or finds the one that it recorded before: for samples of equal
/// sizes where the graph follows from them, else by the sample's number. Equal graphs are kept
/// once, and of those kept by number the oldest are let go when they take too much. One thread at a
/// time.
class Recorder {
 public:
  /// @param datasets train, then valid if there is one
  Recorder(std::shared_ptr<const Model> model, std::vector<std::shared_ptr<const Dataset>> datasets,
           RecorderLimits limits = {});

  /// @throws InputError when the sample can't be read, or is not what the model is for
  [[nodiscard]] Recording operator()(std::uint32_t dataset, std::int64_t sample, Tape::Mode mode,
                                     const ParameterStore& now);

  /// Digests of graphs, kept or gone, that it goes by.
  [[nodiscard]] std::size_t names() const { return known_.size(); }

 private:
  using Kept = std::shared_ptr<const RecordedSample>;
  struct Sizes {
    std::int64_t tokens;
    std::int64_t nodes;
    bool training;
    bool operator==(const Sizes&) const = default;
  };
  struct SizesHash {
    std::size_t operator()(const Sizes& sizes) const {
      return static_cast<std::size_t>(sizes.tokens * 1000003 + sizes.nodes * 2) +
             (sizes.training ? 1 : 0);
    }
  };
  /// Memory for a sample's parts.
  struct Parts {
    std::vector<std::byte> bytes[5];
  };

  Kept record(const SampleData& sample, Tape::Mode mode, const ParameterStore& now, bool* values);
  SampleData read(const Dataset& from, std::int64_t sample, const SampleExtent& extent);

  std::shared_ptr<const Model> model_;
  std::vector<std::shared_ptr<const Dataset>> datasets_;
  RecorderLimits limits_;
  std::unordered_map<Sizes, Kept, SizesHash> by_sizes_;
  std::vector<std::vector<Kept>> by_sample_[2];  // by mode, data set and number
  std::deque<Kept*> oldest_first_;               // of those
  /// How many samples keep each graph: what many share takes memory once.
  std::unordered_map<const RecordedSample*, std::size_t> holders_;
  std::size_t kept_bytes_ = 0;  // of their encodings
  std::size_t sweep_at_;        // size of known_ at which the gone are forgotten
  std::unordered_map<Digest, std::weak_ptr<const RecordedSample>, DigestHash> known_;
  Parts parts_;
};

/// Types of the parts of a sample of these sizes, without data.
[[nodiscard]] SampleData parts_of(const SampleSchema& schema, const SampleExtent& extent);
/// What the model is told of the data: vocabulary, classes, what a row is.
[[nodiscard]] ModelSpec model_for(const ModelSpec& model, const SampleSchema& schema);
/// Types of a row of features and of targets.
[[nodiscard]] ValueType row_of_features(const SampleSchema& schema);
[[nodiscard]] ValueType row_of_targets(const SampleSchema& schema);

}  // namespace raven
