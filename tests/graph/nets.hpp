#pragma once

#include "raven/graph/parameter_store.hpp"
#include "raven/graph/tape.hpp"

namespace raven::test {

/// A parameter of zeros under a name of its own.
[[nodiscard]] ParameterId add_parameter(ParameterStore& store, const Shape& shape,
                                        bool trainable = true);

/// Two linear layers with relu and cross entropy: x [rows, 6] in slot 0, classes [rows] in slot 1.
[[nodiscard]] Graph small_classifier(std::int64_t rows = 8);

/// Images through every kind of layer: conv2d, batch_norm, all pools, residual, dropout, embedding,
/// layer_norm, concat, slice, activations fused and not, sums, a shared weight, metrics and
/// statistics.
[[nodiscard]] Graph every_layer(std::int64_t rows = 6);

/// Sequences of tokens through everything that is for them: a tied table, both kinds of positions,
/// attention, cells in both directions, slices along the sequence, a loss for each token.
[[nodiscard]] Graph sequence_layers(std::int64_t rows = 5);

/// A graph put together at random: values used once, often or never, shapes changed, operands
/// repeated.
[[nodiscard]] Graph random_graph(std::uint64_t seed, int calls);

}  // namespace raven::test
