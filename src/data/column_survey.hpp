#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "data/moments.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// What a column of float64 numbers would lose in float32, whose 24 bits can't tell 1700000001 from
/// 1700000002.
class ColumnSurvey {
 public:
  /// @param train the row is trained on: only those decide offset and scale
  void add(double value, bool train);

  /// Float32's numbers are so far apart at the column's largest one that its variation drowns.
  [[nodiscard]] bool drowns() const;
  /// Offset and scale, the mean and standard deviation of the training rows, for a column that
  /// drowns, or lies far from 0 with numbers above 2^24 that float32 rounds; else the default.
  [[nodiscard]] ColumnOrigin origin() const;
  /// Distance between float32's numbers at the column's largest one.
  [[nodiscard]] double spacing() const;
  [[nodiscard]] const Moments& training() const { return training_; }
  [[nodiscard]] const Moments& all() const { return all_; }

 private:
  /// Centring and scaling makes room for digits: the numbers lie on one side of 0, or are tiny.
  [[nodiscard]] bool gains() const;

  Moments training_;
  Moments all_;
  bool inexact_ = false;        // float32 rounds a value
  bool inexact_large_ = false;  // it rounds one above 2^24
};

/// As it is stored: (value - offset) / scale, in float64 before the one rounding to float32.
[[nodiscard]] float stored_value(double value, const ColumnOrigin& origin);

/// Tells a float64 number from all others.
[[nodiscard]] std::uint64_t key_of(double value);

/// Counts values that differ in the input and are equal as stored. Bounded memory: of each column
/// it looks at so many different values.
class CollapseSurvey {
 public:
  explicit CollapseSurvey(std::size_t columns);

  /// @param key tells the original value from all others
  void add(std::size_t column, std::uint64_t key, float stored);
  /// For the user, naming the columns; empty when all values stay different.
  [[nodiscard]] std::string note(const std::vector<std::string>& columns) const;

 private:
  struct Column {
    std::unordered_set<std::uint64_t> values{};
    std::unordered_set<std::uint32_t> stored{};
    bool full = false;
  };
  std::size_t most_;
  std::vector<Column> columns_;
};

}  // namespace raven
