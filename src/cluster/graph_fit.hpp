#pragma once

#include <cstdint>
#include <span>

#include "raven/data/schema.hpp"
#include "raven/graph/graph.hpp"

namespace raven {

// Whether a graph that somebody sent can be run on a run's data and parameters, whose types are
// given by ParameterId.

/// The inputs must be exactly what the data set gives for so many rows, and the numbers of state
/// that go on from window to window those of the run.
[[nodiscard]] bool batch_fits(const Graph& graph, std::int64_t rows, const SampleSchema& schema,
                              std::span<const ValueType> parameters, std::int64_t carried);

/// A sample's graph must read what the data set gives; how many rows that is, whoever reads them
/// knows.
[[nodiscard]] bool sample_fits(const Graph& graph, const SampleSchema& schema,
                               std::span<const ValueType> parameters);

}  // namespace raven
