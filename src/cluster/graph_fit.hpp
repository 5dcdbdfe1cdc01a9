#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "raven/data/schema.hpp"
#include "raven/graph/graph.hpp"

namespace raven {

// Whether a graph that somebody sent can be run on a run's data and parameters, whose types are
// given by ParameterId.

/// Calls, inputs and parameters of a snippet's graphs together: a few bytes must not ask for all
/// memory. Honest snippets have thousands.
constexpr std::uint64_t most_joined_nodes = std::uint64_t{1} << 20;

/// Graphs and assemblies that are kept at a time: more than any master has use for.
constexpr std::size_t most_graphs = std::size_t{1} << 18;
constexpr std::size_t most_assemblies = std::size_t{1} << 16;

/// The inputs must be exactly what the data set gives for so many rows, and the numbers of state
/// that go on from window to window those of the run.
[[nodiscard]] bool batch_fits(const Graph& graph, std::int64_t rows, const SampleSchema& schema,
                              std::span<const ValueType> parameters, std::int64_t carried);

/// A sample's graph must read what the data set gives; how many rows that is, whoever reads them
/// knows.
[[nodiscard]] bool sample_fits(const Graph& graph, const SampleSchema& schema,
                               std::span<const ValueType> parameters);

}  // namespace raven
