#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace raven {

/// What is told of sums of metrics over a pass: each divided by the samples, or, where there is a
/// sum "NAME/rows", NAME by that. "NAME/hits", "NAME/told" and "NAME/true" make the F1 measure
/// NAME, 2 hits / (told + true). Names with a slash are not told themselves.
[[nodiscard]] std::vector<std::pair<std::string, double>> told_metrics(
    const std::vector<std::pair<std::string, double>>& sums, std::int64_t samples);

}  // namespace raven
