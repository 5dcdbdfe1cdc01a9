#include "raven/cluster/metrics.hpp"

#include <algorithm>
#include <optional>

namespace raven {
namespace {

using Sums = std::vector<std::pair<std::string, double>>;

std::optional<double> find(const Sums& sums, const std::string& name) {
  const auto found = std::find_if(sums.begin(), sums.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == sums.end()) return std::nullopt;
  return found->second;
}

}  // namespace

Sums told_metrics(const Sums& sums, std::int64_t samples) {
  Sums told;
  for (const auto& [name, sum] : sums) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos) {
      const double rows = find(sums, name + "/rows")
                              .value_or(static_cast<double>(std::max<std::int64_t>(samples, 1)));
      told.emplace_back(name, rows > 0 ? sum / rows : 0.0);
    } else if (name.substr(slash) == "/hits") {
      const std::string measure = name.substr(0, slash);
      const double all =
          find(sums, measure + "/told").value_or(0) + find(sums, measure + "/true").value_or(0);
      told.emplace_back(measure, all > 0 ? 2 * sum / all : 0.0);
    }
  }
  return told;
}

}  // namespace raven
