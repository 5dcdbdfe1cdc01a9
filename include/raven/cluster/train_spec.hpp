#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "raven/core/option.hpp"
#include "raven/optim/optimizer.hpp"

namespace raven {

/// How a job trains: everything about it that decides the bits of the result, apart from model and
/// data.
struct TrainSpec {
  std::uint64_t seed = 1;
  std::int64_t epochs = 1;
  /// Stop after this many steps even in mid-epoch; 0 means no limit.
  std::int64_t max_steps = 0;
  std::int64_t batch = 32;    ///< samples per step; the last batch of an epoch may be smaller
  std::int64_t snippets = 8;  ///< pieces a batch is cut into, whoever is there
  bool shuffle = true;
  /// Batches whose samples are put in order of length together (LengthGroups); 0: not at all.
  std::int64_t group_by_length = 0;
  Choice optimizer;  ///< checked against optimizer_table()
  Choice schedule;   ///< checked against schedule_table()
  Clip clip;
};

/// Rows of one piece of an evaluation: enough to be worth a message, and about as many as a
/// training snippet has, which is known to fit memory. Decides in which order losses are added up.
[[nodiscard]] inline std::int64_t evaluation_rows(const TrainSpec& train) {
  return std::max<std::int64_t>((train.batch + train.snippets - 1) / train.snippets, 32);
}

/// Who may contribute, and when the master gives one up. None of it changes the bits.
struct ContributorSpec {
  enum class Numerics : std::uint8_t { strict, any };
  int min = 0;  ///< the master waits until so many are there
  int max = 0;  ///< further ones are sent away; 0 means no limit
  /// Deaths, of late, after which a node's contributors are sent away; see Flakiness.
  int bar_after = 8;
  Numerics numerics = Numerics::strict;
  std::chrono::milliseconds heartbeat{
      500};  ///< a contributor says at least this often that it lives
  std::chrono::milliseconds lost_after{4000};  ///< silence after which it is given up
  std::chrono::milliseconds lease{
      60000};  ///< time for a lease before it is handed to another as well
};

}  // namespace raven
