#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "raven/graph/graph.hpp"

namespace raven {

/// Rows of a value of the joined graph.
struct Run {
  ValueRef value;
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// Puts runs that follow each other together.
[[nodiscard]] inline std::vector<Run> merge_runs(std::span<const Run> runs) {
  std::vector<Run> out;
  for (const Run& run : runs) {
    if (!out.empty() && out.back().value == run.value &&
        out.back().first + out.back().count == run.first) {
      out.back().count += run.count;
    } else {
      out.push_back(run);
    }
  }
  return out;
}

}  // namespace raven
