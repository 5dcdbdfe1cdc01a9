#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "raven/data/schema.hpp"

namespace raven {

/// Mean and standard deviation of a stream of numbers in one pass (Welford, Technometrics 1962),
/// with their range.
class Moments {
 public:
  void add(double value) {
    ++count_;
    const double before = value - mean_;
    mean_ += before / static_cast<double>(count_);
    squares_ += before * (value - mean_);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] double mean() const { return mean_; }
  /// Of the whole, not of a sample: divided by the count.
  [[nodiscard]] double std() const {
    return count_ == 0 ? 0 : std::sqrt(squares_ / static_cast<double>(count_));
  }
  [[nodiscard]] double min() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] double max() const { return count_ == 0 ? 0 : max_; }

 private:
  std::int64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
  double min_ = std::numeric_limits<double>::infinity();
  double max_ = -std::numeric_limits<double>::infinity();
};

/// How many means and standard deviations such features have: one per column of a table, per
/// channel of an image of few channels, else one for everything.
[[nodiscard]] std::size_t normalised_channels(const SampleSchema& schema);

/// Gathers what an importer needs to normalise its training rows.
class NormalisationCollector {
 public:
  explicit NormalisationCollector(const SampleSchema& schema);

  /// @param row one sample as stored
  void add(ByteSpan row);
  /// For u8 the scale is 1 / 255. A column that never varies keeps std 1. Token ids give the
  /// default.
  [[nodiscard]] Normalisation result() const;

 private:
  FeatureType type_;
  std::vector<Moments> channels_;
};

}  // namespace raven
