#include "data/column_survey.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "data/line_reader.hpp"

namespace raven {
namespace {

constexpr double first_gap = 0x1p24;  // above it float32 can't hold every whole number
/// A column whose standard deviation is less than so many steps of float32 drowns.
constexpr double least_steps = 4096;
constexpr double too_small = 0x1p-102;  // float32's numbers below have fewer digits, or are 0
constexpr std::size_t most_values = std::size_t{1} << 18;  // of all columns together
constexpr std::size_t least_values = 1024;                 // of one of many columns

}  // namespace

void ColumnSurvey::add(double value, bool train) {
  all_.add(value);
  if (train) training_.add(value);
  if (static_cast<double>(static_cast<float>(value)) == value) return;
  inexact_ = true;
  inexact_large_ = inexact_large_ || std::abs(value) > first_gap;
}

double ColumnSurvey::spacing() const {
  const auto largest = static_cast<float>(std::max(std::abs(all_.min()), std::abs(all_.max())));
  // Below it float32's numbers lie as far apart as above, or half as far: there is always one.
  return static_cast<double>(largest) - static_cast<double>(std::nextafter(largest, -1.0F));
}

bool ColumnSurvey::gains() const {
  const double largest = std::max(std::abs(all_.min()), std::abs(all_.max()));
  return std::abs(all_.mean()) > all_.std() || largest < too_small;
}

bool ColumnSurvey::drowns() const {
  return inexact_ && all_.min() < all_.max() && spacing() * least_steps > all_.std() && gains();
}

ColumnOrigin ColumnSurvey::origin() const {
  const bool large = inexact_large_ && all_.min() < all_.max() && gains();
  if (!large && !drowns()) return {};
  const double std = training_.std();
  const bool varies = std > 1e-14 * std::abs(training_.mean()) && std::isnormal(std);
  return {.offset = training_.mean(), .scale = varies ? std : 1.0};
}

float stored_value(double value, const ColumnOrigin& origin) {
  if (origin == ColumnOrigin{}) return static_cast<float>(value);
  return static_cast<float>((value - origin.offset) / origin.scale);
}

CollapseSurvey::CollapseSurvey(std::size_t columns)
    : most_(std::max(least_values, most_values / std::max<std::size_t>(1, columns))),
      columns_(columns) {}

std::uint64_t key_of(double value) {
  // +0 and -0 are one value.
  return std::bit_cast<std::uint64_t>(value + 0.0);
}

void CollapseSurvey::add(std::size_t column, std::uint64_t key, float stored) {
  Column& seen = columns_[column];
  if (seen.full) return;
  seen.values.insert(key);
  seen.stored.insert(std::bit_cast<std::uint32_t>(stored + 0.0F));
  seen.full = seen.values.size() == most_;
}

std::string CollapseSurvey::note(const std::vector<std::string>& columns) const {
  constexpr std::size_t most_named = 5;
  std::string named;
  std::size_t count = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Column& seen = columns_[i];
    const std::size_t lost = seen.values.size() - seen.stored.size();
    if (lost == 0 || ++count > most_named) continue;
    named += (count == 1 ? "" : ", ") + std::string("column ") +
             (i < columns.size() ? shown(columns[i]) : std::to_string(i + 1));
    named += " (" + std::to_string(lost) + " of " + (seen.full ? "the first " : "") +
             std::to_string(seen.values.size()) + " different values)";
  }
  if (count == 0) return {};
  if (count > most_named) named += " and " + std::to_string(count - most_named) + " more columns";
  return "values that differ are stored as equal, since float32 has about 7 digits: " + named;
}

}  // namespace raven
