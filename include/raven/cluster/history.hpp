#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace raven {

/// Means over all samples of one pass.
struct PassResult {
  std::int64_t samples = 0;
  double loss = 0;
  std::vector<std::pair<std::string, double>> metrics;
};

/// One finished epoch, or the part of one that a run ends in.
struct EpochResult {
  std::int64_t epoch = 0;  ///< from 1
  std::uint64_t step = 0;  ///< its last one; `valid` is of the weights after it
  PassResult train;        ///< mean over its steps, each with its own weights
  std::optional<PassResult> valid;
};

/// The finished epochs of a run in a form that does not grow with the run: their number, the last
/// and the best one, and some evenly spread ones. All of them are in history.jsonl
/// (docs/formats/run.md), whose lines are the text of one epoch each.
///
/// A pure function of the epochs that were added: a run that was killed and went on has the same.
class History {
 public:
  /// Epochs that are kept at most. When there are more, every second one of those goes.
  static constexpr std::size_t most_kept = 256;

  /// @pre the epochs come in order, from 1
  void add(EpochResult epoch);

  [[nodiscard]] std::int64_t epochs() const { return epochs_; }
  [[nodiscard]] bool empty() const { return epochs_ == 0; }
  /// One of this many epochs is kept, the first among them: a power of two.
  [[nodiscard]] std::int64_t every() const { return every_; }
  /// Those that are kept, in order.
  [[nodiscard]] const std::vector<EpochResult>& kept() const { return kept_; }
  /// @pre not empty
  [[nodiscard]] const EpochResult& last() const { return *last_; }
  /// The first of those with the lowest loss: in validation if there is one, else in training.
  /// None while no loss was a number.
  [[nodiscard]] const std::optional<EpochResult>& best() const { return best_; }

  /// For checkpoints: docs/formats/checkpoint.md.
  [[nodiscard]] std::string to_json() const;
  /// @param steps_per_epoch for epochs of older checkpoints, which did not say their step
  /// @param listed takes all epochs of an older checkpoint, which has no history.jsonl beside it
  /// @throws InputError when the text is no history
  [[nodiscard]] static History from_json(const std::string& text, std::uint64_t steps_per_epoch,
                                         std::vector<EpochResult>* listed = nullptr);

 private:
  std::int64_t epochs_ = 0;
  std::int64_t every_ = 1;
  std::vector<EpochResult> kept_;
  std::optional<EpochResult> best_;
  std::optional<EpochResult> last_;
};

/// A line of history.jsonl, without its end.
[[nodiscard]] std::string history_line(const EpochResult& epoch);
/// None for what is no such line.
[[nodiscard]] std::optional<EpochResult> epoch_in(const std::string& line);

}  // namespace raven
